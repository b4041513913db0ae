package deliver_test

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/sqsbatch"
	"github.com/jobhook/jobhook/shared/webhook"
)

const visibility = 75 * time.Second

// world is jobhook over the embedded store, with a network of its own, and
// faults on demand. It lives in a synctest bubble, whose clock is everybody's.
type world struct {
	t           *testing.T
	db          *embedded.DB
	completions *embedded.Queue
	retries     *embedded.Queue
	slow        *embedded.Queue
	rejected    *embedded.Queue
	dead        *embedded.Queue
	net         *network
	faults      *faults
	store       *faultyStore
	dispatcher  *deliver.Dispatcher
	retrier     *deliver.Retrier
	publisher   *deliver.Publisher
	secrets     *staticSecrets
	log         *lines
	chance      func() float64
	returned    map[string]int // how often each message came back
	began       time.Time
	down        bool // the store refuses more than records
	stuckQueue  bool // what the retry queue is asked ends with its context
}

type change func(*deliver.Config)

func newWorld(t *testing.T, changes ...change) *world {
	t.Helper()
	w := &world{t: t, faults: &faults{}, secrets: &staticSecrets{}, log: &lines{}, chance: func() float64 { return 0 }, returned: map[string]int{}, began: time.Now()}
	w.net = &network{world: w, answers: map[string]func(int) sender.Answer{}, posts: map[string][]post{}}
	db, err := embedded.Open(embedded.Config{Dir: t.TempDir(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.db = db
	working := embedded.QueueConfig{Visibility: visibility, MaxReceives: 100, DeadLetters: "dead"}
	w.completions, w.retries, w.slow = w.queue("completions", working), w.queue("retries", working), w.queue("slow", working)
	kept := embedded.QueueConfig{Visibility: visibility}
	w.rejected, w.dead = w.queue("rejected", kept), w.queue("dead", kept)
	cfg := deliver.Config{
		FanOut:   3,
		Schedule: schedule.Schedule{time.Minute, 5 * time.Minute, 15 * time.Minute}, SendTimeout: 10 * time.Second,
		RetryAfterMax: time.Hour, Concurrency: 64, Intake: intake.Rules{Retention: 30 * 24 * time.Hour},
	}
	for _, c := range changes {
		c(&cfg)
	}
	w.store = &faultyStore{DB: db, w: w}
	deps := deliver.Deps{
		Store: w.store, Retries: faultyQueue{w, w.retries}, Slow: faultyQueue{w, w.slow}, Rejected: faultyQueue{w, w.rejected}, Secrets: w.secrets, Sender: w.net,
		Log: slog.New(slog.NewJSONHandler(w.log, nil)), Now: time.Now, Chance: func() float64 { return w.chance() }, Token: rand.Text,
	}
	w.dispatcher, w.retrier = deliver.NewDispatcher(deps, cfg), deliver.NewRetrier(deps, cfg)
	completions := faultyQueue{w, w.completions}
	w.publisher = &deliver.Publisher{
		Acceptor: deliver.InSteps{Store: w.store, Completions: completions}, Store: w.store, Completions: completions, Token: rand.Text,
	}
	return w
}

// lines are the log's.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) count(message string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), `"msg":"`+message+`"`)
}

// bubble runs a test in a bubble of its own, beside others.
func bubble(t *testing.T, name string, test func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, test)
	})
}

func (w *world) queue(name string, cfg embedded.QueueConfig) *embedded.Queue {
	q, err := w.db.Queue(name, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return q
}

func (w *world) advance(to time.Time) { time.Sleep(time.Until(to)) }

func (w *world) endpoint(id string, more func(*webhook.Endpoint)) webhook.Endpoint {
	w.t.Helper()
	now := time.Now().UTC().Truncate(time.Millisecond)
	e := webhook.Endpoint{
		ID: id, Account: "acme", URL: "https://" + id + ".example/hook", Events: []string{"*"},
		Profile: webhook.Standard, IncludeResult: true, Enabled: true, CreatedAt: now, UpdatedAt: now, Rev: rand.Text(),
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
	if err := w.completions.Send(context.Background(), webhook.Message{Body: []byte(body)})[0]; err != nil {
		w.t.Fatal(err)
	}
}

const completion = `{"id":"1","status":"success","type":"translate","account":"acme","result":{"text":"x"}}`

var completionID = webhook.MessageID("acme", "1", "translate.success/1/success")

// step works on what both queues give out now, a batch each; false when they
// gave nothing. What comes back does so when the functions' handler says.
func (w *world) step() bool {
	w.t.Helper()
	ctx := context.Background()
	worked := false
	for _, q := range []struct {
		*embedded.Queue
		work sqsbatch.Work
	}{{w.completions, w.dispatcher.Dispatch}, {w.retries, w.retrier.Retry}, {w.slow, w.retrySlow}} {
		got, err := q.Receive(ctx, 10)
		if err != nil {
			w.t.Fatal(err)
		}
		if len(got) == 0 {
			continue
		}
		worked = true
		all := make([]sqsbatch.Received, len(got))
		for i, m := range got {
			all[i] = sqsbatch.Received{
				Message: deliver.Message{ID: m.ID, Body: m.Body, Group: m.Group, Event: m.Event}, Receipt: m.ID, Receives: m.Receives,
			}
		}
		worker := sqsbatch.Worker{Work: q.work, Chance: func() float64 { return 0 }, Log: slog.New(slog.NewJSONHandler(w.log, nil))}
		failed := map[string]bool{}
		for _, r := range worker.Process(ctx, q, all...) {
			failed[r.ID] = true
			w.returned[r.ID]++
		}
		w.faults.revive()
		for _, m := range got {
			if !failed[m.ID] {
				_ = w.faults.at("acknowledge", func() error { return q.Delete(ctx, m.ID) })
				w.faults.revive()
			}
		}
	}
	return worked
}

// secondAttempt brings a delivery to ep_a, which fails, to its second attempt, and
// returns the message that asks for it.
func (w *world) secondAttempt() deliver.Message {
	w.t.Helper()
	w.net.answers["ep_a.example"] = always(500)
	w.complete(completion)
	w.step()
	w.advance(time.Now().Add(2 * time.Minute))
	got, err := w.retries.Receive(w.t.Context(), 1)
	if err != nil || len(got) != 1 {
		w.t.Fatalf("%d messages (%v)", len(got), err)
	}
	return deliver.Message{ID: got[0].ID, Body: got[0].Body}
}

// retrySlow marks what came over the slow queue.
func (w *world) retrySlow(ctx context.Context, ms []deliver.Message) []error {
	for i := range ms {
		ms[i].Slow = true
	}
	return w.retrier.Retry(ctx, ms)
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
	for _, q := range []*embedded.Queue{w.completions, w.retries, w.slow} {
		if at, ok := q.NextVisible(); ok && (!waiting || at.Before(next)) {
			next, waiting = at, true
		}
	}
	return next, waiting
}

func (w *world) load(messageID string) (webhook.Event, map[string]webhook.Delivery) {
	w.t.Helper()
	found, err := w.db.Events(context.Background(), messageID)
	if err != nil || found[0] == nil {
		w.t.Fatalf("no event %s (%v)", messageID, err)
	}
	list, err := w.db.Deliveries(context.Background(), found[0].Keys()...)
	if err != nil {
		w.t.Fatal(err)
	}
	byTarget := map[string]webhook.Delivery{}
	for _, d := range list {
		if d != nil {
			byTarget[d.EndpointID] = *d
		}
	}
	return *found[0], byTarget
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
	during  func(host string) // runs while a post is in flight
}

func (n *network) Send(_ context.Context, r sender.Request) (sender.Answer, error) {
	host, _, _ := strings.Cut(strings.TrimPrefix(r.URL, "https://"), "/")
	n.mu.Lock()
	n.posts[host] = append(n.posts[host], post{
		time.Now(), r.Header.Get("Webhook-Id"),
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
	return sender.Answer{StatusCode: code, Reason: webhook.ReasonHTTPStatus}
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
	mu      sync.Mutex
	broken  bool
	without string // endpoint id whose secret cannot be read
	during  func() // runs while they are found
}

func (s *staticSecrets) setWithout(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.without = id
}

func (s *staticSecrets) setBroken(b bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = b
}

func (s *staticSecrets) For(_ context.Context, e webhook.Endpoint, _ time.Time) ([]signing.Secret, []string, error) {
	s.mu.Lock()
	broken, during := s.broken || s.without != "" && s.without == e.ID, s.during
	s.mu.Unlock()
	if broken {
		return nil, nil, errSecrets
	}
	if during != nil {
		during()
	}
	secret, err := signing.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	return []signing.Secret{secret}, []string{"0123abcd"}, err
}
