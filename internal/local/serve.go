package local

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/webhook"
)

// routes: PutEvents at the root, receive below /receive/, the API everywhere
// else. On loopback no web page reaches them; receive, which anybody may post
// to, judges by signatures and may stand behind a tunnel with a name of its own.
func (r *Runner) routes(q queues, ring *secrets.Ring) http.Handler {
	putEvents := &eventBridge{q.completions, r.options.Key, time.Now, rand.Text, r.options.Log}
	calls := r.api(q, ring)
	inbox := inboxList{q.inbox, r.options.Key, r.options.Log}
	var managed http.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch {
		case req.Method == http.MethodPost && req.URL.Path == "/":
			putEvents.ServeHTTP(w, req)
		case req.URL.Path == inboxPath:
			inbox.ServeHTTP(w, req)
		default:
			calls.ServeHTTP(w, req)
		}
	})
	if r.options.onLoopback() {
		managed = api.LoopbackOnly(managed)
	}
	received := r.receive(q.inbox)
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if strings.HasPrefix(req.URL.Path, "/receive/") {
			received.ServeHTTP(w, req)
			return
		}
		managed.ServeHTTP(w, req)
	})
}

func (r *Runner) api(q queues, ring *secrets.Ring) http.Handler {
	return api.New(api.Deps{
		Store: r.db,
		Publisher: &deliver.Publisher{
			Acceptor: acceptor{r.db, q.completions}, Completions: q.completions, Token: rand.Text,
		},
		Rejected: rejected{q.rejected}, Now: time.Now, Random: rand.Reader, Token: rand.Text,
		Seal: vault{ring}.seal, Open: vault{ring}.open,
		AllowLoopback: r.options.AllowLoopback, Rules: r.options.rules(), ReservedHeaders: r.options.reserved(),
		Key: r.options.Key, Log: r.options.Log,
	})
}

// acceptor stores an event and sends word of it in one write.
type acceptor struct {
	db    *embedded.DB
	queue *embedded.Queue
}

// Accept does both or neither.
func (a acceptor) Accept(ctx context.Context, e webhook.Event, word queue.Message) (webhook.Event, error) {
	return a.db.Accept(ctx, e, a.queue, word)
}

// rejected lists the completions that were set aside.
type rejected struct{ queue *embedded.Queue }

// List is a page of them, oldest first.
func (l rejected) List(ctx context.Context, limit int, cursor string) ([]api.Rejected, string, error) {
	found, next, err := l.queue.List(ctx, limit, cursor)
	list := make([]api.Rejected, len(found))
	for i, m := range found {
		list[i] = api.Rejected{ID: m.ID, Reason: m.Reason, At: m.SentAt, Body: m.Body}
	}
	return list, next, err
}
