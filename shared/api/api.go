// Package api is jobhook's HTTP API: publish a completion, manage endpoints,
// look at events and deliveries. It is a plain [net/http.Handler]; `jobhook
// local` and the console function serve the same one. docs/api.md shows every
// call with a real answer.
//
// What holds for every call:
//
//   - An error is an RFC 9457 problem. A 400 names the field and what would be
//     right, and nothing has been stored. A 500 says nothing but an id, under
//     which the log has the cause.
//   - A secret is in the answer that created it, and in no other, nor in a log
//     line or an error.
//   - POST and PATCH take JSON with a JSON content type only. That keeps web
//     pages out, whose simple cross-site requests have another or none; on a
//     loopback address [LoopbackOnly] does so for every method.
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

// Store is what the API uses of webhook.Store.
type Store interface {
	Events(ctx context.Context, messageIDs ...string) ([]*webhook.Event, error)
	JobEvents(ctx context.Context, account, jobID string) ([]webhook.Event, error)
	Deliveries(ctx context.Context, keys ...webhook.DeliveryKey) ([]*webhook.Delivery, error)
	EndpointDeliveries(ctx context.Context, q webhook.LogQuery) ([]webhook.Delivery, string, error)

	AccountEndpoints(ctx context.Context, account string) ([]webhook.Endpoint, error)
	Endpoint(ctx context.Context, account, id string) (webhook.Endpoint, error)
	ListEndpoints(ctx context.Context, account string, limit int, cursor string) ([]webhook.Endpoint, string, error)
	InsertEndpoint(ctx context.Context, e webhook.Endpoint) error
	ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error
	RemoveEndpoint(ctx context.Context, account, id string, at, expires time.Time) error
}

// Publisher makes an event durable, once. deliver.ErrConflict: its id was used
// before with another content.
type Publisher interface {
	Publish(ctx context.Context, ev webhook.Event) (duplicate bool, err error)
}

// RejectedLister lists rejected completions, and the cursor of what follows,
// empty at the end. webhook.ErrCursor for a cursor that it did not give out.
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

	// Seal encrypts an endpoint's secret for the database, bound to its time of
	// creation (in whole milliseconds); Open undoes it. Open is called only when
	// a change of profile may need another kind of secret.
	Seal func(account, endpointID, secret string, createdAt time.Time) (webhook.SealedSecret, error)
	Open func(account, endpointID string, sealed webhook.SealedSecret) (string, error)

	Now    func() time.Time // time.Now when nil
	Random io.Reader        // cryptographically secure; crypto/rand's when nil
	Token  func() string    // a new Rev, or the id of an internal error in the log; crypto/rand's when nil

	AllowLoopback   bool            // endpoints may be on this machine, over http too
	Rules           intake.Rules    // of completions
	CallbackProfile webhook.Profile // of job URLs whose account has none set; webhook.Standard when empty
	SendTimeout     time.Duration   // of an attempt: with RetryAfterMax it says how long a schedule
	RetryAfterMax   time.Duration   // can take, which must be less than Rules.Retention
	ReservedHeaders []string        // names that jobhook sets beside those it always does: a configured signature header
	Key             string          // bearer key; "" when none is needed
	Log             *slog.Logger    // none when nil
}

type server struct {
	Deps
	routes   []route
	reserved map[string]bool
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
	if d.CallbackProfile == "" {
		d.CallbackProfile = webhook.Standard
	}
	s := &server{Deps: d, reserved: reservedHeaders(d.ReservedHeaders)}
	s.routes = s.table()
	return s
}

// now is to the millisecond, as records hold it.
func (s *server) now() time.Time { return s.Now().UTC().Truncate(time.Millisecond) }

func (s *server) table() []route {
	routes := []route{
		at("/v1/accounts/{}/events", methods{http.MethodPost: s.publish}),
		at("/v1/accounts/{}/events/{}", methods{http.MethodGet: s.showEvent}),
		at("/v1/accounts/{}/jobs/{}", methods{http.MethodGet: s.showJob}),
		at("/v1/accounts/{}/deliveries/{}", methods{http.MethodGet: s.showDelivery}),
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
