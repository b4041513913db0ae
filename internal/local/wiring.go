package local

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"path/filepath"
	"runtime"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/sqsbatch"
)

// open opens the directory: the secrets first, so that there is never a
// database without them.
func open(ctx context.Context, o Options) (*Runner, error) {
	ring, err := openSecrets(o.Dir)
	if err != nil {
		return nil, err
	}
	db, err := embedded.Open(embedded.Config{Dir: o.Dir})
	if err != nil {
		return nil, err
	}
	r := &Runner{options: o, db: db, vault: vault{ring}, failed: make(chan error, 1)}
	if err := r.assemble(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return r, nil
}

// assemble wires the functions' handlers and the API over the embedded store.
func (r *Runner) assemble(ctx context.Context) error {
	if err := r.check(ctx); err != nil {
		return fmt.Errorf("%s: %w", filepath.Join(r.options.Dir, keysFile), err)
	}
	q, err := r.queues(ctx)
	if err != nil {
		return err
	}
	// All slots may be of one endpoint.
	r.sender = sender.New(sender.Config{
		Timeout: r.options.SendTimeout, AllowLoopback: r.options.AllowLoopback, MaxIdleConnsPerHost: laneSlots().most(),
	})
	r.functions(q)
	r.server = &http.Server{
		Handler: r.routes(q), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second,
		WriteTimeout: 90 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(r.options.Log.Handler(), slog.LevelError),
	}
	return nil
}

// queues are the stack's, in one file.
type queues struct{ completions, retries, slow, rejected, inbox *embedded.Queue }

func (r *Runner) queues(ctx context.Context) (q queues, err error) {
	if q.completions, err = r.workQueue(ctx, "completions"); err != nil {
		return q, err
	}
	if q.retries, err = r.workQueue(ctx, "retries"); err != nil {
		return q, err
	}
	if q.slow, err = r.workQueue(ctx, "slow"); err != nil {
		return q, err
	}
	if q.rejected, err = r.db.Queue("rejected", embedded.QueueConfig{Visibility: visibility}); err != nil { //nolint:contextcheck // one short write
		return q, err
	}
	q.inbox, err = r.db.Queue("inbox", embedded.QueueConfig{Visibility: visibility}) //nolint:contextcheck // one short write
	r.aging = []*embedded.Queue{q.rejected, q.inbox}
	return q, err
}

// workQueue opens a queue that a function works on, with what was given up of
// it at earlier starts.
func (r *Runner) workQueue(ctx context.Context, name string) (*embedded.Queue, error) {
	letters := name + "-dead"
	q, err := r.db.Queue(name, embedded.QueueConfig{Visibility: visibility, MaxReceives: maxReceives, DeadLetters: letters}) //nolint:contextcheck // one short write
	if err != nil {
		return nil, err
	}
	dead, err := r.db.Queue(letters, embedded.QueueConfig{Visibility: visibility}) //nolint:contextcheck // one short write
	if err != nil {
		return nil, err
	}
	moved, err := redrive(ctx, dead, q)
	if moved > 0 {
		r.options.Log.Warn("letters.redriven", "queue", name, "messages", moved)
	}
	return q, err
}

// turnsPerCPU is how many deliveries of one account each processor works on, beside
// others'. It leaves a processor idle now and then: only then does Go look at
// the network at once.
const turnsPerCPU = 1

// laneSlots are those of one of the three queues that functions work on.
func laneSlots() *slots { return newSlots(3, openFiles()) }

func (r *Runner) functions(q queues) {
	deps := deliver.Deps{
		Store: r.db, Retries: q.retries, Slow: q.slow, Rejected: q.rejected, Secrets: r.vault.ring, Sender: r.sender, Log: r.options.Log,
		Now: time.Now, Chance: mathrand.Float64, Token: rand.Text,
	}
	o := r.options
	config := deliver.Config{
		Schedule: o.Schedule, SendTimeout: o.SendTimeout, RetryAfterMax: deliver.DefaultRetryAfterMax,
		Concurrency: laneSlots().most(), Turns: deliver.NewTurns(turnsPerCPU * runtime.GOMAXPROCS(0)),
		CallbackProfile: o.Profile, EndpointCache: endpointCache, Intake: intake.Rules{Retention: o.Retention}, Wire: o.Wire,
	}
	dispatcher := deliver.NewDispatcher(deps, config)
	config.Concurrency *= 2 // of the retry queue and the slow one
	retrier := deliver.NewRetrier(deps, config)
	slow := func(ctx context.Context, ms []deliver.Message) []error {
		for i := range ms {
			ms[i].Slow = true
		}
		return retrier.Retry(ctx, ms)
	}
	r.pollers = []*poller{
		r.poller("completions", q.completions, dispatcher.Dispatch), r.poller("retries", q.retries, retrier.Retry), r.poller("slow", q.slow, slow),
	}
}

// poller works on a queue as the Lambda function does.
func (r *Runner) poller(name string, q *embedded.Queue, work sqsbatch.Work) *poller {
	return &poller{name: name, queue: q, slots: laneSlots(), worker: sqsbatch.Worker{Work: work, Chance: mathrand.Float64, Log: r.options.Log}}
}

// handler serves many invocations at once, each through a handler of its own:
// one of aws-lambda-go answers from a buffer that its next invocation writes,
// which in Lambda is never under way before the answer has been sent.
type handler struct{ function any }

// Invoke calls the function with an event in JSON.
func (h handler) Invoke(ctx context.Context, event []byte) ([]byte, error) {
	return lambda.NewHandler(h.function).Invoke(ctx, event) //nolint:wrapcheck // it stands for that handler
}
