package api

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Store is what the API reads and writes. Every store that passes
// shared/storetest serves; the comments there are the contract.
type Store interface {
	EventLoader
	EndpointReader
	EndpointWriter
	DeliveryLog
}

// EventLoader reads an event with its deliveries, or answers webhook.ErrNotFound.
type EventLoader interface {
	LoadEvent(ctx context.Context, messageID string) (webhook.Event, []webhook.Delivery, error)
}

// EndpointReader reads an account's endpoints, or answers webhook.ErrNotFound
// or webhook.ErrCursor.
type EndpointReader interface {
	Endpoint(ctx context.Context, account, id string) (webhook.Endpoint, error)
	ListEndpoints(ctx context.Context, account string, limit int, cursor string) ([]webhook.Endpoint, string, error)
}

// EndpointWriter changes an account's endpoints, or answers webhook.ErrLost
// (insert, replace) or webhook.ErrNotFound (delete).
type EndpointWriter interface {
	InsertEndpoint(ctx context.Context, e webhook.Endpoint) error
	ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error
	DeleteEndpoint(ctx context.Context, account, id string) error
}

// DeliveryLog lists an endpoint's deliveries, newest first; an empty status is
// all of them. webhook.ErrCursor for a cursor that it never gave.
type DeliveryLog interface {
	EndpointDeliveries(ctx context.Context, account, endpointID string, status webhook.Status, limit int, cursor string) ([]webhook.Delivery, string, error)
}

// Publisher makes an event durable, once. deliver.ErrConflict: its id was used
// before with another content.
type Publisher interface {
	Publish(ctx context.Context, ev webhook.Event) (duplicate bool, err error)
}

// RejectedLister lists the completions that were set aside, and the cursor of
// what follows, empty at the end. webhook.ErrCursor for a cursor that it never
// gave.
type RejectedLister interface {
	List(ctx context.Context, limit int, cursor string) ([]Rejected, string, error)
}

// Rejected is a completion that could not be used.
type Rejected struct {
	ID     string
	Reason string // what is wrong with it and what would be right
	At     time.Time
	Body   []byte // as it came
}

// Deps is what the API works with. Store, Publisher, Seal and Open are
// required.
type Deps struct {
	Store     Store
	Publisher Publisher
	Rejected  RejectedLister // nil: there is no such call

	// Seal encrypts an endpoint's secret for the database, Open undoes it.
	// Open is asked only when a change of profile needs another kind of secret.
	Seal func(account, endpointID, secret string) (string, error)
	Open func(account, endpointID, sealed string) (string, error)

	Now    func() time.Time // time.Now when nil
	Random io.Reader        // cryptographically secure; crypto/rand's when nil
	Token  func() string    // a new Rev, or the id of a fault in the log; crypto/rand's when nil

	AllowLoopback   bool         // endpoints may be on this machine, over http too
	Rules           intake.Rules // of completions
	ReservedHeaders []string     // names that jobhook sets beside those it always does: a configured signature header
	Key             string       // bearer key; "" when none is needed
	Log             *slog.Logger // none when nil
}

type server struct {
	Deps
	routes   []route
	maxEvent int64
	reserved map[string]bool
	key      keyCheck
}

// New returns the API as a handler for all paths below /v1.
func New(d Deps) http.Handler {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Random == nil {
		d.Random = rand.Reader
	}
	if d.Token == nil {
		d.Token = rand.Text
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{Deps: d, key: newKeyCheck(d.Key), maxEvent: maxEventBody(d.Rules), reserved: reservedHeaders(d.ReservedHeaders)}
	s.routes = s.table()
	return s
}

func (s *server) table() []route {
	routes := []route{
		at("/v1/accounts/{}/events", methods{http.MethodPost: s.publish}),
		at("/v1/accounts/{}/events/{}", methods{http.MethodGet: s.showEvent}),
		at("/v1/accounts/{}/endpoints", methods{http.MethodGet: s.listEndpoints, http.MethodPost: s.createEndpoint}),
		at("/v1/accounts/{}/endpoints/{}", methods{
			http.MethodGet: s.showEndpoint, http.MethodPatch: s.patchEndpoint, http.MethodDelete: s.deleteEndpoint,
		}),
		at("/v1/accounts/{}/endpoints/{}/deliveries", methods{http.MethodGet: s.listDeliveries}),
	}
	if s.Rejected != nil {
		routes = append(routes, at("/v1/rejected", methods{http.MethodGet: s.listRejected}))
	}
	return routes
}
