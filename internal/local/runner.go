package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/sender"
)

// requestsEnd is how long Stop waits for the API's callers before it hangs up:
// an answer takes milliseconds, but a client may be slow to ask.
const requestsEnd = 3 * time.Second

// Runner is a started runner.
type Runner struct {
	URL string // where it serves

	options Options
	db      *embedded.DB
	vault   vault
	sender  *sender.Sender
	server  *http.Server
	pollers []*poller
	aging   []*embedded.Queue // whose old messages are removed
	stop    context.CancelFunc
	work    sync.WaitGroup
	failed  chan error
}

// Start opens the data directory, listens and begins to work. Stop ends it;
// the end of ctx breaks off the opening alone.
func Start(ctx context.Context, o Options) (*Runner, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	listener, err := o.listen(ctx)
	if err != nil {
		return nil, err
	}
	r, err := open(ctx, o)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	r.URL = "http://" + listener.Addr().String()
	if at, ok := listener.Addr().(*net.TCPAddr); ok && at.IP.IsUnspecified() { // a client on this machine finds it so
		r.URL = fmt.Sprintf("http://localhost:%d", at.Port)
	}
	r.run(context.WithoutCancel(ctx), listener)
	return r, nil
}

func (r *Runner) run(ctx context.Context, listener net.Listener) {
	ctx, stop := context.WithCancel(ctx)
	r.stop = stop
	for _, p := range r.pollers {
		r.work.Go(func() { p.run(ctx) })
	}
	r.work.Go(func() { r.upkeep(ctx) })
	r.work.Go(func() {
		if err := r.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			r.failed <- fmt.Errorf("serve: %w", err)
		}
	})
}

// Wait returns when ctx ends, or with what ended the server.
func (r *Runner) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-r.failed:
		return err
	}
}

// Stop takes no more requests and begins no more attempts, lets those under
// way finish, and closes the data file. What is due later stays there for the
// next start, and so does what was published meanwhile. It takes as long as an
// attempt may, Options.SendTimeout, and a little for its record.
func (r *Runner) Stop(ctx context.Context) error {
	r.stop()
	polite, cancel := context.WithTimeout(ctx, requestsEnd)
	defer cancel()
	if r.server.Shutdown(polite) != nil {
		_ = r.server.Close() // its error is about connections that end anyway
	}
	done := make(chan struct{})
	go func() { r.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		// The file is durable as it is; what is under way is done again.
		return fmt.Errorf("stopped before all attempts were done; they are made again at the next start: %w", ctx.Err())
	}
	r.sender.CloseIdle()
	return r.db.Close()
}
