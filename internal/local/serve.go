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
)

// routes: PutEvents at the root, receive below /receive/, the API everywhere
// else. On loopback no web page reaches them; receive, which anybody may post
// to, judges by signatures and may stand behind a tunnel with a name of its own.
func (r *Runner) routes(q queues) http.Handler {
	putEvents := &eventBridge{q.completions, r.options.Key, time.Now, rand.Text, r.options.Log}
	calls := r.api(q)
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

func (r *Runner) api(q queues) http.Handler {
	return api.New(api.Deps{
		Store: r.db,
		Publisher: &deliver.Publisher{
			Acceptor: q.completions, Store: r.db, Completions: q.completions, Token: rand.Text,
		},
		Rejected: rejected{q.rejected}, Now: time.Now, Random: rand.Reader, Token: rand.Text,
		Seal: r.vault.seal, Open: r.vault.open,
		AllowLoopback: r.options.AllowLoopback, Rules: r.options.rules(), ReservedHeaders: r.options.reserved(),
		CallbackProfile: r.options.Profile, SendTimeout: r.options.SendTimeout, RetryAfterMax: deliver.DefaultRetryAfterMax,
		Key: r.options.Key, Log: r.options.Log,
	})
}

// rejected lists the completions that could not be used.
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
