package local

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net/http"
	"path/filepath"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

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
	receiver := &receiving.Receiver{Deps: receiving.Deps{
		Sources:  receiving.NewCache(sources{receiving.File(filepath.Join(r.options.Dir, sourcesFile))}, sourcesCache, time.Now, r.options.Log),
		Receipts: r.db.Receipts(),
		Inbox:    receiving.QueueInbox{Queue: inbox},
		Log:      r.options.Log, Now: time.Now, Token: rand.Text,
	}}
	function := lambda.NewHandler(endpoint.Endpoint{Receiver: receiver}.Handle)
	return http.StripPrefix("/receive", endpoint.HTTP(function))
}

// sources are those of the file; without one there are none.
type sources struct{ file receiving.File }

// Fetch returns the file's text.
func (s sources) Fetch(ctx context.Context) ([]byte, error) {
	text, err := s.file.Fetch(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return []byte(`{"sources":{}}`), nil
	}
	return text, err
}
