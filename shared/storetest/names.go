package storetest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

var nameChecks = checks{"names/every completion by all of its names": everyName}

// accepting is a generator of completions and what must be found of them.
type accepting struct {
	random     *rand.Rand
	changes    []webhook.Change
	events     map[string]webhook.Event // by message id
	deliveries map[string]webhook.Delivery
	rev        int
}

// everyName is a property: whatever is accepted, and whatever becomes of its
// deliveries, is found by message id, by job, by event id and, each delivery,
// by key, in its endpoint's log and, failed or held, among the recoverable.
func everyName(t *testing.T, f *fixture) {
	g := &accepting{
		random: rand.New(rand.NewPCG(4, 2)), //nolint:gosec // the same completions each time
		events: map[string]webhook.Event{}, deliveries: map[string]webhook.Delivery{},
	}
	for range 400 {
		g.accept()
	}
	for changes := g.changes; len(changes) > 0; {
		n := min(1+g.random.IntN(60), len(changes))
		f.write(t, changes[:n]...)
		changes = changes[n:]
	}
	g.rejectSecond(t, f)
	g.byID(t, f)
	g.byJob(t, f)
	g.byEndpoint(t, f)
}

func pick[T any](g *accepting, of ...T) T { return of[g.random.IntN(len(of))] }

// accept claims one completion and begins its deliveries, as dispatch does; some
// of them are then retried.
func (g *accepting) accept() {
	n := len(g.events)
	e := webhook.Event{
		Type: pick(g, "content_translate", "document.parse"), Account: pick(g, "default", account, account+"#job", "Ünï/1"),
		Job:        webhook.Job{ID: fmt.Sprintf(pick(g, "job-%d", "a/b/%d", "x#%d é"), g.random.IntN(40)), Status: pick(g, "success", "failed"), Type: "t"},
		OccurredAt: Start.Add(time.Duration(g.random.Int64N(int64(day)))), AcceptedAt: tick(n / 4), ExpiresAt: expiry(),
		Result: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)), Hash: fmt.Sprint("hash-", n), CallbackURL: "https://example.com/cb",
	}
	e.EventID = pick(g, webhook.DefaultEventID(e.Type, e.Job.ID, e.Job.Status), fmt.Sprintf("evt#%d", g.random.IntN(1000)))
	e.MessageID = webhook.MessageID(e.Account, e.Job.ID, e.EventID)
	if _, twice := g.events[e.MessageID]; twice {
		return
	}
	targets := []string{endpointID(1), endpointID(2), endpointID(3), webhook.JobTarget}
	g.random.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	e, change := e.Claim(targets[:g.random.IntN(len(targets)+1)], webhook.Lease{Message: "m", Until: tick(n)}, g.newRev())
	g.changes, g.events[e.MessageID] = append(g.changes, change), e
	for _, target := range e.Targets {
		g.take(webhook.Begin(e, target, webhook.Endpoint{URL: "https://example.com/" + target, Profile: webhook.Standard, Enabled: true}))
	}
}

// take makes the delivery's next steps until chance ends them.
func (g *accepting) take(c webhook.Claimed) {
	at := tick(g.random.IntN(500))
	a := webhook.Attempt{Number: c.NextNumber(), At: at, Duration: 20 * time.Millisecond, StatusCode: pick(g, 200, 204, 410, 500, 503)}
	if webhook.Judge(a) != webhook.Success {
		a.Reason = webhook.ReasonHTTPStatus
	}
	change := pick(g,
		c.Settle(a, time.Time{}, g.newRev()), c.Settle(a, at.Add(hour), g.newRev()), c.Settle(a, at.Add(hour), g.newRev()),
		c.Hold(at, g.newRev()), c.Cancel(g.newRev()), c.Fail(webhook.ReasonSecretUnreadable, at, g.newRev()))
	d := *change.Delivery
	d = in(d, d.Status, d.SettledAt, d.Rev)
	change.Delivery = &d
	g.changes, g.deliveries[d.ID()+d.Account] = append(g.changes, change), d
	if d.Status != webhook.Delivered && d.Status != webhook.Canceled && g.random.IntN(2) == 0 {
		claimed, claim := d.Claim(d.URL, webhook.Lease{Message: "m-2", Until: at}, g.newRev())
		g.changes = append(g.changes, claim)
		g.take(claimed)
	}
}

func (g *accepting) newRev() string {
	g.rev++
	return fmt.Sprint("rev-", g.rev)
}

// rejectSecond: each completion that comes again loses, and changes nothing.
func (g *accepting) rejectSecond(t *testing.T, f *fixture) {
	var changes []webhook.Change
	var want []error
	for _, e := range g.events {
		e.Rev, e.Hash, e.Targets = g.newRev(), "again", nil
		changes, want = append(changes, insertEvent(e)), append(want, webhook.ErrLost)
	}
	f.verdicts(t, "completions that come again", changes, want)
}

func (g *accepting) byID(t *testing.T, f *fixture) {
	var ids []string
	var keys []webhook.DeliveryKey
	var wantEvents []webhook.Event
	var wantDeliveries []*webhook.Delivery
	for _, e := range g.events {
		jobID := e.Job.ID
		if job, ok := webhook.JobOfEventID(e.EventID); ok { // as a lookup by event id alone does
			jobID = job
		}
		ids, wantEvents = append(ids, webhook.MessageID(e.Account, jobID, e.EventID)), append(wantEvents, e)
		for _, key := range e.Keys() {
			d := g.deliveries[key.ID()+key.Account]
			keys, wantDeliveries = append(keys, key), append(wantDeliveries, &d)
		}
	}
	for i, got := range f.events(t, ids...) {
		if got == nil {
			t.Fatalf("event %q of job %q is not found", wantEvents[i].EventID, wantEvents[i].Job.ID)
		}
		sameEvent(t, "by message id", *got, wantEvents[i])
	}
	same(t, "by key", f.deliveries(t, keys...), wantDeliveries)
}

func (g *accepting) byJob(t *testing.T, f *fixture) {
	type job struct{ account, id string }
	jobs := map[job][]webhook.Event{}
	for _, e := range g.events {
		jobs[job{e.Account, e.Job.ID}] = append(jobs[job{e.Account, e.Job.ID}], e)
	}
	for job, want := range jobs {
		slices.SortFunc(want, func(a, b webhook.Event) int { return a.OccurredAt.Compare(b.OccurredAt) })
		same(t, fmt.Sprintf("job %q", job.id), f.job(t, job.account, job.id), want)
	}
}

func (g *accepting) byEndpoint(t *testing.T, f *fixture) {
	logs := map[webhook.LogQuery][]webhook.Delivery{}
	kept := map[webhook.LogQuery][]webhook.Delivery{}
	for _, d := range g.deliveries {
		q := webhook.LogQuery{Account: d.Account, EndpointID: d.EndpointID}
		logs[q] = append(logs[q], d)
		if recoverable(d.Status) {
			all := webhook.LogQuery{Account: d.Account}
			kept[q], kept[all] = append(kept[q], d), append(kept[all], d)
		}
	}
	for q, want := range logs {
		f.logs(t, cmp.Or(q.EndpointID, "all"), q, 50, want)
	}
	for q, want := range kept {
		f.recovers(t, "recoverable, "+q.EndpointID, q, 50, want)
	}
}
