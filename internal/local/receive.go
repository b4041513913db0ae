package local

import (
	"context"
	"crypto/rand"
	"net/http"
	"path/filepath"
	"time"

	"github.com/jobhook/jobhook/functions/receive/endpoint"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/receiving"
)

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
