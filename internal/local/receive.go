package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/jobhook/jobhook/functions/receive/endpoint"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/receiving"
)

// sourcesFile stands in for receive's secret: docs/receiving.md has its form.
const sourcesFile = "sources.json"

// sourcesCache is short: who edits the file by hand tries it at once.
const sourcesCache = 2 * time.Second

// receive serves /receive/{source} through receive's own Lambda handler.
func (r *Runner) receive(inbox *embedded.Queue) http.Handler {
	receiver := &receiving.Receiver{Deps: receiving.Deps{
		Sources:  receiving.NewCache(sources{filepath.Join(r.options.Dir, sourcesFile)}, sourcesCache, time.Now, r.options.Log),
		Receipts: r.db.Receipts(),
		Inbox:    inboxQueue{inbox},
		Log:      r.options.Log, Now: time.Now, Token: rand.Text,
	}}
	function := lambda.NewHandler(endpoint.Endpoint{Receiver: receiver}.Handle)
	return http.StripPrefix("/receive", endpoint.HTTP(function))
}

// sources reads the sources' configuration from its file.
type sources struct{ path string }

// Fetch returns the file; without one there are no sources.
func (s sources) Fetch(context.Context) ([]byte, error) {
	text, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return []byte(`{"sources":{}}`), nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the sources: %w", err)
	}
	return text, nil
}

// inboxQueue puts what was received on the embedded inbox.
type inboxQueue struct{ queue *embedded.Queue }

func (q inboxQueue) Send(ctx context.Context, m receiving.Message) error {
	return q.queue.Send(ctx, queue.Message{Body: m.Body, Group: m.Source})
}
