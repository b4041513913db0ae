package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

const visibility = 75 * time.Second

// world is jobhook over the embedded store, with a clock of its own, a network
// of its own, and faults on demand.
type world struct {
	t           *testing.T
	db          *embedded.DB
	completions *embedded.Queue
	retries     *embedded.Queue
	rejected    *embedded.Queue
	dead        *embedded.Queue
	net         *network
	faults      *faults
	dispatcher  *deliver.Dispatcher
	retrier     *deliver.Retrier
	publisher   *deliver.Publisher
	secrets     *staticSecrets

	mu     sync.Mutex
	time   time.Time
	tokens int
}

type change func(*deliver.Config)

func newWorld(t *testing.T, changes ...change) *world {
	t.Helper()
	w := &world{t: t, time: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), faults: &faults{}, secrets: &staticSecrets{}}
	w.net = &network{world: w, answers: map[string]func(int) sender.Answer{}, posts: map[string][]post{}}
	db, err := embedded.Open(embedded.Config{Dir: t.TempDir(), Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.db = db
	working := embedded.QueueConfig{Visibility: visibility, MaxReceives: 50, DeadLetters: "dead"}
	w.completions, w.retries = w.queue("completions", working), w.queue("retries", working)
	kept := embedded.QueueConfig{Visibility: visibility}
	w.rejected, w.dead = w.queue("rejected", kept), w.queue("dead", kept)
	cfg := deliver.Config{
		Schedule: schedule.Schedule{time.Minute, 5 * time.Minute, 15 * time.Minute}, SendTimeout: 10 * time.Second,
		RetryAfterMax: time.Hour, Concurrency: 64, Intake: intake.Rules{Retention: 30 * 24 * time.Hour},
	}
	for _, c := range changes {
		c(&cfg)
	}
	deps := deliver.Deps{
		Events: faultyEvents{w}, Deliveries: faultyDeliveries{w}, Loader: db, Endpoints: db, Replacer: faultyReplacer{w},
		Retries: faultyQueue{w, w.retries}, Rejected: faultyQueue{w, w.rejected}, Secrets: w.secrets, Sender: w.net,
		Log: slog.New(slog.DiscardHandler), Now: w.now, Chance: func() float64 { return 0 }, Token: w.token,
	}
	w.dispatcher, w.retrier = deliver.NewDispatcher(deps, cfg), deliver.NewRetrier(deps, cfg)
	words := faultyQueue{w, w.completions}
	w.publisher = &deliver.Publisher{
		Acceptor: deliver.InSteps{Events: faultyEvents{w}, Completions: words}, Completions: words, Token: w.token,
	}
	return w
}

func (w *world) queue(name string, cfg embedded.QueueConfig) *embedded.Queue {
	q, err := w.db.Queue(name, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return q
}

func (w *world) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.time
}

func (w *world) advance(to time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if to.After(w.time) {
		w.time = to
	}
}

func (w *world) token() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens++
	return fmt.Sprintf("rev-%d", w.tokens)
}

func (w *world) endpoint(id string, more func(*webhook.Endpoint)) webhook.Endpoint {
	w.t.Helper()
	e := webhook.Endpoint{
		ID: id, Account: "acme", URL: "https://" + id + ".example/hook", Events: []string{"*"},
		Profile: payload.Standard, IncludeResult: true, Enabled: true, CreatedAt: w.now(), UpdatedAt: w.now(), Rev: w.token(),
	}
	if more != nil {
		more(&e)
	}
	if err := w.db.InsertEndpoint(context.Background(), e); err != nil {
		w.t.Fatal(err)
	}
	return e
}

func (w *world) complete(body string) {
	w.t.Helper()
	if err := w.completions.Send(context.Background(), queue.Message{Body: []byte(body)}); err != nil {
		w.t.Fatal(err)
	}
}

const completion = `{"id":"1","status":"success","type":"translate","account":"acme","result":{"text":"x"}}`

var completionID = webhook.MessageID("acme", "translate.success/1/success")

// step works on what both queues give out now; false when they gave nothing.
func (w *world) step() bool {
	w.t.Helper()
	ctx := context.Background()
	worked := false
	for _, q := range []struct {
		*embedded.Queue
		work func(context.Context, deliver.Message) error
	}{{w.completions, w.dispatcher.Dispatch}, {w.retries, w.retrier.Retry}} {
		got, err := q.Receive(ctx, 10)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, m := range got {
			worked = true
			err := q.work(ctx, deliver.Message{ID: m.ID, Body: m.Body})
			w.faults.revive()
			if err == nil {
				err = w.faults.at("acknowledge", func() error { return q.Delete(ctx, m.ID) })
				w.faults.revive()
			}
			if err != nil && !errors.Is(err, errFault) && !errors.Is(err, deliver.ErrBusy) && !errors.Is(err, errSecrets) {
				w.t.Errorf("unexpected error: %v", err)
			}
		}
	}
	return worked
}

// run works until both queues are empty, letting time pass as needed.
func (w *world) run() {
	w.t.Helper()
	for range 2000 {
		if w.step() {
			continue
		}
		next, waiting := w.nextVisible()
		if !waiting {
			return
		}
		w.advance(next)
	}
	w.t.Fatal("it never comes to an end")
}

func (w *world) nextVisible() (next time.Time, waiting bool) {
	for _, q := range []*embedded.Queue{w.completions, w.retries} {
		if at, ok := q.NextVisible(); ok && (!waiting || at.Before(next)) {
			next, waiting = at, true
		}
	}
	return next, waiting
}

func (w *world) load(messageID string) (webhook.Event, map[string]webhook.Delivery) {
	w.t.Helper()
	ev, list, err := w.db.LoadEvent(context.Background(), messageID)
	if err != nil {
		w.t.Fatal(err)
	}
	byTarget := map[string]webhook.Delivery{}
	for _, d := range list {
		byTarget[d.EndpointID] = d
	}
	return ev, byTarget
}

func (w *world) rejectedReasons() []string {
	w.t.Helper()
	list, _, err := w.rejected.List(context.Background(), 100, "")
	if err != nil {
		w.t.Fatal(err)
	}
	var reasons []string
	for _, m := range list {
		reasons = append(reasons, m.Reason)
	}
	return reasons
}

// post is one request that reached the network.
type post struct {
	at     time.Time
	id     string
	stamp  string
	body   string
	signed string
}

// network answers by host: the n-th post (from 1) gets what answers says.
type network struct {
	world   *world
	mu      sync.Mutex
	answers map[string]func(n int) sender.Answer
	posts   map[string][]post
	during  func(host string) // runs while a post is under way
}

func (n *network) Send(_ context.Context, r sender.Request) (sender.Answer, error) {
	host, _, _ := strings.Cut(strings.TrimPrefix(r.URL, "https://"), "/")
	n.mu.Lock()
	n.posts[host] = append(n.posts[host], post{
		n.world.now(), r.Header.Get("Webhook-Id"),
		r.Header.Get("Webhook-Timestamp"), string(r.Body), r.Header.Get("Webhook-Signature"),
	})
	count, answer, during := len(n.posts[host]), n.answers[host], n.during
	n.mu.Unlock()
	if during != nil {
		during(host)
	}
	if answer == nil {
		return sender.Answer{StatusCode: 200}, nil
	}
	return answer(count), nil
}

func (n *network) to(host string) []post {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.posts[host]
}

func failing(code int) sender.Answer {
	return sender.Answer{StatusCode: code, Reason: sender.ReasonHTTPStatus}
}

func recoversAfter(n int) func(int) sender.Answer {
	return func(i int) sender.Answer {
		if i <= n {
			return failing(503)
		}
		return sender.Answer{StatusCode: 204}
	}
}

func always(code int) func(int) sender.Answer {
	return func(int) sender.Answer { return failing(code) }
}

var errSecrets = errors.New("Secrets Manager is throttling")

type staticSecrets struct {
	mu     sync.Mutex
	broken bool
	during func() // runs while they are found
}

func (s *staticSecrets) setBroken(b bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = b
}

func (s *staticSecrets) For(context.Context, *webhook.Endpoint, time.Time) ([]signing.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken {
		return nil, errSecrets
	}
	if s.during != nil {
		s.during()
	}
	secret, err := signing.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	return []signing.Secret{secret}, err
}
