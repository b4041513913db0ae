package deliver_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/webhook"
)

var errFault = errors.New("internal error")

// mode is how a write goes wrong.
type mode string

const (
	lost    mode = "lost"                           // not applied, and the caller is told
	landed  mode = "landed, but the answer is lost" // applied, and the caller is told it was not
	crashed mode = "lost, and the process dies"     // nothing after it happens in this invocation
	died    mode = "landed, and the process dies"
)

// faults breaks the n-th write of all (from 1), or, in a storm, any. All
// writes pass through at.
type faults struct {
	mu      sync.Mutex
	n       int
	mode    mode
	storm   func() (mode, bool)
	refuse  func(what string) bool // refuses for as long as it says so
	count   int
	dead    bool
	hit     string          // which write it was
	records map[string]bool // records of POSTs that a dying process did not see land
}

func (f *faults) at(what string, write func() error) error {
	f.mu.Lock()
	record := strings.HasPrefix(what, "record")
	if f.refuse != nil && f.refuse(what) {
		f.mu.Unlock()
		return fmt.Errorf("%s: %w", what, errFault)
	}
	if !f.dead {
		f.count++
	}
	how, broken := f.mode, f.count == f.n
	if f.storm != nil {
		how, broken = f.storm()
	}
	if f.dead {
		how, broken = crashed, true
	}
	if broken && !f.dead {
		f.hit = what + " " + string(how)
		f.dead = how == crashed || how == died
	}
	if f.dead && record {
		if f.records == nil {
			f.records = map[string]bool{}
		}
		f.records[what] = true
	}
	f.mu.Unlock()
	if broken && (how == lost || how == crashed) {
		return fmt.Errorf("%s: %w", what, errFault)
	}
	err := write()
	if broken {
		return fmt.Errorf("%s: %w", what, errFault)
	}
	return err
}

// revive is a new invocation of a function.
func (f *faults) revive() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead = false
}

// faultyStore breaks writes, each change by itself, and counts calls.
type faultyStore struct {
	*embedded.DB
	w *world

	mu     sync.Mutex
	writes []int // changes of each call of Write
	reads  int
	stuck  bool   // what it is asked ends with its context, as a throttled database does
	panics bool   // when a delivery is recorded
	poison string // message id of what cannot be read

	healths int // writes of health
}

func (f *faultyStore) SetHealth(ctx context.Context, account, id string, h webhook.Health) error {
	f.mu.Lock()
	f.healths++
	f.mu.Unlock()
	return f.w.faults.at("health", func() error { return f.DB.SetHealth(ctx, account, id, h) })
}

func (f *faultyStore) Write(ctx context.Context, changes ...webhook.Change) []error {
	f.mu.Lock()
	f.writes = append(f.writes, len(changes))
	f.mu.Unlock()
	errs := make([]error, len(changes))
	if f.panics && changes[0].Delivery != nil {
		f.panics = false
		panic("boom")
	}
	if f.stuck {
		<-ctx.Done()
		for i := range errs {
			errs[i] = ctx.Err()
		}
		return errs
	}
	for i, c := range changes {
		errs[i] = f.w.faults.at(nameOf(c), func() error { return f.DB.Write(ctx, c)[0] })
	}
	return errs
}

func nameOf(c webhook.Change) string {
	switch {
	case c.Event != nil && c.From == "":
		return "insert event"
	case c.Event != nil:
		return "lease event"
	case !c.Delivery.Lease.Until.IsZero():
		return "claim attempt"
	}
	return "record " + c.Delivery.EndpointID + " " + c.Delivery.Rev
}

func (f *faultyStore) read() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
}

func (f *faultyStore) Arrivals(ctx context.Context, ids, accounts []string) ([]*webhook.Event, []int64, error) {
	f.read()
	if slices.Contains(ids, f.poison) {
		return nil, nil, errFault
	}
	return f.DB.Arrivals(ctx, ids, accounts)
}

func (f *faultyStore) Load(ctx context.Context, keys ...webhook.DeliveryKey) ([]webhook.Loaded, error) {
	f.read()
	if slices.ContainsFunc(keys, func(k webhook.DeliveryKey) bool { return k.MessageID == f.poison }) {
		return nil, errFault
	}
	return f.DB.Load(ctx, keys...)
}

func (f *faultyStore) AccountEndpoints(ctx context.Context, account string) ([]webhook.Endpoint, error) {
	f.read()
	return f.DB.AccountEndpoints(ctx, account)
}

func (f *faultyStore) ReplaceEndpoint(ctx context.Context, rev string, e webhook.Endpoint) error {
	return f.w.faults.at("disable endpoint", func() error { return f.DB.ReplaceEndpoint(ctx, rev, e) })
}

// faultyQueue breaks sends, each message by itself, and counts calls.
type faultyQueue struct {
	w *world
	deliver.Queue
}

func (f faultyQueue) Send(ctx context.Context, ms ...webhook.Message) []error {
	errs := make([]error, len(ms))
	if f.w.stuckQueue {
		<-ctx.Done()
		for i := range errs {
			errs[i] = ctx.Err()
		}
		return errs
	}
	for i, m := range ms {
		errs[i] = f.w.faults.at("send", func() error { return f.Queue.Send(ctx, m)[0] })
	}
	return errs
}

// Accept breaks as a write of the event and its message together.
func (f faultyQueue) Accept(ctx context.Context, e webhook.Event, m webhook.Message) error {
	return f.w.faults.at("accept", func() error { return f.w.completions.Accept(ctx, e, m) })
}

// scenario is a world to break: what is published, and what must come of it.
type scenario struct {
	name    string
	prepare func(w *world)
	want    map[string]webhook.Status
	posts   map[string]int // to each host, when nothing breaks
	check   func(w *world)
}

var scenarios = []scenario{
	{
		name: "recovers after two failures",
		prepare: func(w *world) {
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = recoversAfter(2)
			w.complete(completion)
		},
		want:  map[string]webhook.Status{"ep_a": webhook.Delivered},
		posts: map[string]int{"ep_a.example": 3},
	},
	{
		name: "never recovers",
		prepare: func(w *world) {
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = always(500)
			w.complete(completion)
		},
		want:  map[string]webhook.Status{"ep_a": webhook.Failed},
		posts: map[string]int{"ep_a.example": 4},
	},
	{
		name: "two endpoints and the job's own URL, published by the API",
		prepare: func(w *world) {
			w.endpoint("ep_a", nil)
			w.endpoint("ep_b", nil)
			w.net.answers["ep_b.example"] = recoversAfter(1)
			w.publishRepeatedly(`{"id":"1","status":"success","type":"translate","callback_url":"https://job.example/x"}`)
		},
		want:  map[string]webhook.Status{"ep_a": webhook.Delivered, "ep_b": webhook.Delivered, webhook.JobTarget: webhook.Delivered},
		posts: map[string]int{"ep_a.example": 1, "ep_b.example": 2, "job.example": 1},
	},
	{
		name: "published by the API, and handed over in memory",
		prepare: func(w *world) {
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = recoversAfter(1)
			w.publisher.Acceptor = faultyQueue{w, w.completions}
			w.publishRepeatedly(`{"id":"1","status":"success","type":"translate","callback_url":"https://job.example/x"}`)
		},
		want:  map[string]webhook.Status{"ep_a": webhook.Delivered, webhook.JobTarget: webhook.Delivered},
		posts: map[string]int{"ep_a.example": 2, "job.example": 1},
	},
	{
		name: "more targets than dispatch itself posts to",
		prepare: func(w *world) {
			for _, id := range []string{"ep_a", "ep_b", "ep_c", "ep_d"} {
				w.endpoint(id, nil)
			}
			w.net.answers["ep_d.example"] = recoversAfter(1)
			w.complete(completion)
		},
		want: map[string]webhook.Status{
			"ep_a": webhook.Delivered, "ep_b": webhook.Delivered, "ep_c": webhook.Delivered, "ep_d": webhook.Delivered,
		},
		posts: map[string]int{"ep_a.example": 1, "ep_b.example": 1, "ep_c.example": 1, "ep_d.example": 2},
	},
	{
		name: "slow by its record, and later by its answers",
		prepare: func(w *world) {
			e := w.endpoint("ep_a", nil)
			if err := w.db.SetHealth(context.Background(), e.Account, e.ID, webhook.Health{SlowUntil: time.Now().Add(time.Minute)}); err != nil {
				w.t.Fatal(err)
			}
			w.net.answers["ep_a.example"] = func(n int) sender.Answer {
				if n <= 3 {
					return sender.Answer{Reason: webhook.ReasonTimeout, Duration: 10 * time.Second}
				}
				return sender.Answer{StatusCode: 204}
			}
			w.complete(completion)
		},
		want:  map[string]webhook.Status{"ep_a": webhook.Delivered},
		posts: map[string]int{"ep_a.example": 4},
	},
	{
		name: "gone",
		prepare: func(w *world) {
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = always(410)
			w.complete(completion)
		},
		want:  map[string]webhook.Status{"ep_a": webhook.Failed},
		posts: map[string]int{"ep_a.example": 1},
		check: func(w *world) {
			e, err := w.db.Endpoint(context.Background(), "acme", "ep_a")
			if err != nil || e.Enabled || e.DisabledReason != webhook.Gone {
				w.t.Errorf("the endpoint that is gone is %+v (%v), want it disabled", e, err)
			}
		},
	},
	{
		name: "gone at the second attempt",
		prepare: func(w *world) {
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = func(n int) sender.Answer { return failing(map[bool]int{true: 500, false: 410}[n == 1]) }
			w.complete(completion)
		},
		want:  map[string]webhook.Status{"ep_a": webhook.Failed},
		posts: map[string]int{"ep_a.example": 2},
		check: func(w *world) {
			if e, _ := w.db.Endpoint(context.Background(), "acme", "ep_a"); e.Enabled {
				w.t.Error("the endpoint that is gone is still enabled")
			}
		},
	},
}

// publishRepeatedly publishes as a client does that repeats what failed.
func (w *world) publishRepeatedly(body string) {
	w.t.Helper()
	ev := w.parse(body)
	for range 3 {
		_, err := w.publisher.Publish(context.Background(), ev)
		w.faults.revive()
		if err == nil {
			return
		}
		if !errors.Is(err, errFault) {
			w.t.Fatal(err)
		}
	}
	w.t.Fatal("publishing keeps failing")
}

// Every write of every scenario is broken once, in each way. After that all
// goes well, and so must the outcome.
func TestFaultAtEveryWrite(t *testing.T) {
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			writes := 0
			synctest.Test(t, func(t *testing.T) {
				whole := newWorld(t)
				s.prepare(whole)
				whole.run()
				checkScenario(whole, s)
				writes = whole.faults.count
			})
			if writes < 3 {
				t.Fatalf("only %d writes pass the faults", writes)
			}
			for n := 1; n <= writes; n++ {
				for _, m := range []mode{lost, landed, crashed, died} {
					bubble(t, fmt.Sprintf("write %d %s", n, m), func(t *testing.T) {
						w := newWorld(t)
						w.faults.n, w.faults.mode = n, m
						s.prepare(w)
						w.run()
						if w.faults.hit == "" {
							t.Fatal("nothing was broken")
						}
						checkScenario(w, s)
					})
				}
			}
		})
	}
}

// Every third write breaks, in any way, for as long as it takes. The outcome
// is the same, and no POST is repeated but for one whose process died before it
// saw the record land: a record that is only refused repeats none.
func TestStormOfFaults(t *testing.T) {
	for _, s := range scenarios {
		for seed := range uint64(30) {
			bubble(t, fmt.Sprintf("%s, seed %d", s.name, seed), func(t *testing.T) {
				w := newWorld(t)
				s.prepare(w)
				modes := []mode{lost, landed, crashed, died}
				if seed%3 == 0 {
					modes = modes[:2] // nobody dies: not one POST too many
				}
				chance := rand.New(rand.NewPCG(seed, 7))
				w.faults.storm = func() (mode, bool) { return modes[chance.IntN(len(modes))], chance.IntN(3) == 0 }
				w.run()
				_, deliveries := w.load(completionID)
				for target, status := range s.want {
					if d := deliveries[target]; d.Status != status {
						t.Errorf("%s is %q, want %q", target, d.Status, status)
					}
				}
				posts, want := 0, 0
				for host, n := range s.posts {
					posts, want = posts+len(w.net.to(host)), want+n
				}
				if repeats := len(w.faults.records) + w.log.count("record.lost"); posts < want || posts > want+repeats {
					t.Errorf("%d posts, want %d and at most %d more", posts, want, repeats)
				}
			})
		}
	}
}

func checkScenario(w *world, s scenario) {
	w.t.Helper()
	ev, deliveries := w.load(completionID)
	if len(deliveries) != len(s.want) || len(ev.Targets) != len(s.want) {
		w.t.Errorf("%d deliveries to %v, want %d", len(deliveries), ev.Targets, len(s.want))
	}
	for target, status := range s.want {
		d := deliveries[target]
		if d.Status != status || !d.NextAttemptAt.IsZero() {
			w.t.Errorf("%s is %q, want %q", target, d.Status, status)
		}
		checkAttempts(w, d)
	}
	for host, want := range s.posts {
		checkPosts(w, host, want)
	}
	if s.check != nil {
		s.check(w)
	}
	if refused := w.log.count("record.refused"); refused > 0 && w.faults.records == nil {
		w.t.Errorf("a record that was refused once was left to the retry queue")
	}
	if letters, _, err := w.dead.List(context.Background(), 10, ""); err != nil || len(letters) > 0 {
		w.t.Errorf("%d dead letters (%v)", len(letters), err)
	}
}

// checkAttempts: numbered without a gap, never more than the schedule allows,
// none early.
func checkAttempts(w *world, d webhook.Delivery) {
	w.t.Helper()
	waits := []time.Duration{0, time.Minute, 5 * time.Minute, 15 * time.Minute}
	if len(d.Attempts) == 0 || len(d.Attempts) > len(waits) {
		w.t.Errorf("%s has %d attempts", d.EndpointID, len(d.Attempts))
		return
	}
	for i, a := range d.Attempts {
		if a.Number != i+1 {
			w.t.Errorf("attempt %d is numbered %d", i+1, a.Number)
		}
		if late := waits[i] + waits[i]/10 + 2*time.Minute; i > 0 && a.At.After(d.Attempts[i-1].At.Add(late)) && w.faults.refuse == nil {
			w.t.Errorf("attempt %d came %s after the one before, want at most %s", a.Number, a.At.Sub(d.Attempts[i-1].At), late)
		}
		if i > 0 && a.At.Before(d.Attempts[i-1].At.Add(waits[i])) {
			w.t.Errorf("attempt %d came %s after the one before, want at least %s", a.Number, a.At.Sub(d.Attempts[i-1].At), waits[i])
		}
	}
}

// checkPosts: one for each attempt; one more only where a process died before
// it saw the record of a POST land.
func checkPosts(w *world, host string, want int) {
	w.t.Helper()
	posts := w.net.to(host)
	allowed := want
	allowed += len(w.faults.records)
	if len(posts) < want || len(posts) > allowed {
		w.t.Errorf("%s got %d posts, want %d (fault: %s)", host, len(posts), want, w.faults.hit)
	}
	for _, p := range posts {
		if p.id != posts[0].id || p.body != posts[0].body {
			w.t.Errorf("%s got another id or other bytes at a later attempt", host)
		}
		if p.stamp != fmt.Sprint(p.at.Unix()) {
			w.t.Errorf("timestamp %s, want that of the attempt, %d", p.stamp, p.at.Unix())
		}
	}
}
