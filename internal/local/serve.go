package local

import (
	"context"
	"crypto/rand"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/jobhook/jobhook/functions/receive/endpoint"
	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/receiving"
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
	var reserved []string // headers that endpoints may not set because of an option
	if name := r.options.Wire.AntiniumHeader; name != "" {
		reserved = append(reserved, name)
	}
	return api.New(api.Deps{
		Store: r.db,
		Publisher: &deliver.Publisher{
			Acceptor: q.completions, Store: r.db, Completions: q.completions, Token: rand.Text,
		},
		Rejected: rejected{q.rejected}, Now: time.Now, Random: rand.Reader, Token: rand.Text,
		Seal: r.vault.seal, Open: r.vault.open,
		AllowLoopback: r.options.AllowLoopback, Rules: intake.Rules{Retention: r.options.Retention}, ReservedHeaders: reserved,
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

// sourcesFile stands in for receive's secret: docs/receiving.md has its form.
const sourcesFile = "sources.json"

// sourcesCache is short: who edits the file by hand tries it at once.
const sourcesCache = 2 * time.Second

// receive serves /receive/{source} through receive's own Lambda handler.
func (r *Runner) receive(inbox *embedded.Queue) http.Handler {
	path := filepath.Join(r.options.Dir, sourcesFile)
	receiver := &receiving.Receiver{Deps: receiving.Deps{
		Sources: sources{path, receiving.NewCache(receiving.File(path), sourcesCache, time.Now, r.options.Log)},

		Receipts: r.db.Receipts(),
		Inbox:    receiving.QueueInbox{Queue: inbox},
		Log:      r.options.Log, Now: time.Now, Token: rand.Text,
	}}
	function := handler{endpoint.Endpoint{Receiver: receiver}.Handle}
	return http.StripPrefix("/receive", endpoint.HTTP(function))
}

// sources are those of the file. That there is no file is no fault: there are
// no sources then.
type sources struct {
	path string
	file *receiving.Cache
}

// Source finds a source by name.
func (s sources) Source(ctx context.Context, name string) (receiving.Source, error) {
	if missing(s.path) {
		return receiving.Source{}, receiving.ErrUnknownSource
	}
	return s.file.Source(ctx, name)
}
