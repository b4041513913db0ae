package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/sealing"
	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/sqsbatch"
	"github.com/jobhook/jobhook/shared/webhook"
)

// keysFile stands in for Secrets Manager: the runner's own secrets.
const keysFile = "secrets.json"

// sweepEvery is how often expired events are removed: little at a time.
const sweepEvery = time.Minute

// Runner is a started runner.
type Runner struct {
	URL           string // where it serves
	SigningSecret string // signs job-level URLs and endpoints without a secret of their own

	options Options
	db      *embedded.DB
	sender  *sender.Sender
	server  *http.Server
	pollers []*poller
	stop    context.CancelFunc
	work    sync.WaitGroup
	failed  chan error
}

// Start opens the data directory, listens and begins to work. Stop ends it.
func Start(o Options) (*Runner, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	listener, err := listen(o.Listen)
	if err != nil {
		return nil, err
	}
	r, err := open(o)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	r.URL = "http://" + listener.Addr().String()
	r.run(listener)
	return r, nil
}

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w (is another program there? choose another address with --listen)", err)
	}
	return listener, nil
}

func open(o Options) (*Runner, error) {
	db, err := embedded.Open(embedded.Config{Dir: o.Dir})
	if err != nil {
		return nil, err
	}
	r := &Runner{options: o, db: db, failed: make(chan error, 1)}
	if err := r.assemble(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

// queues are the stack's, in one file.
type queues struct{ completions, retries, rejected, inbox *embedded.Queue }

func (r *Runner) queues() (q queues, err error) {
	working := func(letters string) embedded.QueueConfig {
		return embedded.QueueConfig{Visibility: visibility, MaxReceives: maxReceives, DeadLetters: letters}
	}
	for _, open := range []struct {
		queue **embedded.Queue
		name  string
		cfg   embedded.QueueConfig
	}{
		{&q.completions, "completions", working("completions-dead")},
		{&q.retries, "retries", working("retries-dead")},
		{&q.rejected, "rejected", embedded.QueueConfig{Visibility: visibility}},
		{&q.inbox, "inbox", embedded.QueueConfig{Visibility: visibility}},
	} {
		if *open.queue, err = r.db.Queue(open.name, open.cfg); err != nil {
			return q, err
		}
	}
	return q, nil
}

// assemble wires the functions' handlers and the API over the embedded store.
func (r *Runner) assemble() error {
	source, err := secrets.OpenFile(filepath.Join(r.options.Dir, keysFile), rand.Reader)
	if err != nil {
		return err
	}
	ring := secrets.NewRing(source, secrets.LocalNames)
	if r.SigningSecret, err = signingSecret(ring); err != nil {
		return fmt.Errorf("%s: %w", keysFile, err)
	}
	q, err := r.queues()
	if err != nil {
		return err
	}
	r.sender = sender.New(sender.Config{
		Timeout: r.options.SendTimeout, AllowLoopback: r.options.AllowLoopback, MaxIdleConnsPerHost: 128,
	})
	r.functions(q, ring)
	handler := r.routes(q, ring)
	r.server = &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(r.options.Log.Handler(), slog.LevelError),
	}
	return nil
}

// routes: PutEvents at the root, receive below /receive/, the API everywhere
// else. On loopback no web page reaches them; receive, which anybody may post
// to, judges by signatures and may stand behind a tunnel with a name of its own.
func (r *Runner) routes(q queues, ring *secrets.Ring) http.Handler {
	putEvents := &eventBridge{q.completions, r.options.Key, time.Now, rand.Text, r.options.Log}
	calls := r.api(q, ring)
	var managed http.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodPost && req.URL.Path == "/" {
			putEvents.ServeHTTP(w, req)
			return
		}
		calls.ServeHTTP(w, req)
	})
	if loopback, _ := r.options.onLoopback(); loopback {
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

func signingSecret(ring *secrets.Ring) (string, error) {
	found, err := ring.For(context.Background(), nil, time.Now())
	if err != nil {
		return "", err
	}
	return found[0].Reveal(), nil
}

func (r *Runner) functions(q queues, ring *secrets.Ring) {
	deps := deliver.Deps{
		Events: r.db, Deliveries: r.db, Loader: r.db, Endpoints: r.db, Replacer: r.db,
		Retries: q.retries, Rejected: q.rejected, Secrets: ring, Sender: r.sender, Log: r.options.Log,
		Now: time.Now, Chance: mathrand.Float64, Token: rand.Text,
	}
	config := r.options.config()
	r.pollers = []*poller{
		{"completions", q.completions, r.function(deliver.NewDispatcher(deps, config).Dispatch), r.options.Log},
		{"retries", q.retries, r.function(deliver.NewRetrier(deps, config).Retry), r.options.Log},
	}
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

func (a acceptor) Accept(ctx context.Context, e webhook.Event, word queue.Message) (webhook.Event, error) {
	return a.db.Accept(ctx, e, a.queue, word)
}

// vault seals and opens the endpoints' secrets for the API.
type vault struct{ ring *secrets.Ring }

func (v vault) seal(account, endpointID, text string) (string, error) {
	secret, err := signing.ParseSecret(text)
	if err != nil {
		return "", err
	}
	owner := sealing.Owner{Account: account, EndpointID: endpointID}
	sealed, err := v.ring.Seal(context.Background(), rand.Reader, owner, secret, time.Now())
	return sealed.Sealed, err
}

func (v vault) open(account, endpointID, sealed string) (string, error) {
	found, err := v.ring.For(context.Background(), &webhook.Endpoint{
		ID: endpointID, Account: account, Secrets: []webhook.SealedSecret{{Sealed: sealed}},
	}, time.Now())
	if err != nil {
		return "", err
	}
	return found[0].Reveal(), nil
}

// rejected lists the completions that were set aside.
type rejected struct{ queue *embedded.Queue }

func (l rejected) List(ctx context.Context, limit int, cursor string) ([]api.Rejected, string, error) {
	found, next, err := l.queue.List(ctx, limit, cursor)
	list := make([]api.Rejected, len(found))
	for i, m := range found {
		list[i] = api.Rejected{ID: m.ID, Reason: m.Reason, At: m.SentAt, Body: m.Body}
	}
	return list, next, err
}

// function is the very handler that the Lambda function starts.
func (r *Runner) function(work sqsbatch.Work) lambda.Handler {
	return lambda.NewHandler(sqsbatch.Handler(work, r.options.Log))
}

func (r *Runner) run(listener net.Listener) {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	for _, p := range r.pollers {
		r.work.Go(func() { p.run(ctx) })
	}
	r.work.Go(func() { r.sweep(ctx) })
	go func() {
		if err := r.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			r.failed <- fmt.Errorf("serve: %w", err)
		}
	}()
}

// sweep removes what has expired, now and every minute.
func (r *Runner) sweep(ctx context.Context) {
	ticks := time.NewTicker(sweepEvery)
	defer ticks.Stop()
	for {
		if _, err := r.db.Sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
			r.options.Log.Error("sweep.failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
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

// Stop takes no more requests, lets the attempts under way finish, and closes
// the data file. What is due later stays there for the next start.
func (r *Runner) Stop(ctx context.Context) error {
	err := r.server.Shutdown(ctx)
	r.stop()
	done := make(chan struct{})
	go func() { r.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		// The file is durable as it is; what is under way is done again.
		return errors.Join(err, fmt.Errorf("stopped before all attempts were done: %w", ctx.Err()))
	}
	r.sender.CloseIdle()
	return errors.Join(err, r.db.Close())
}
