package deliver_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/webhook"
)

// hangs lets POSTs to a host take that long and then time out.
func (w *world) hangs(host string, d time.Duration) {
	w.net.answers[host] = func(int) sender.Answer {
		return sender.Answer{Reason: webhook.ReasonTimeout, Duration: d}
	}
	w.net.during = func(h string) {
		if h == host {
			time.Sleep(d)
		}
	}
}

func job(n int) string {
	return strings.Replace(completion, `"id":"1"`, fmt.Sprintf(`"id":"%d"`, n), 1)
}

func idOf(n int) string {
	return webhook.MessageID("acme", fmt.Sprint(n), fmt.Sprintf("translate.success/%d/success", n))
}

// After two timeouts within a minute, first attempts and retries alike go over
// the slow queue, and nothing of the endpoint's is posted from the others.
func TestASlowEndpointLeavesTheFastLane(t *testing.T) {
	bubble(t, "endpoint", func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.endpoint("ep_b", nil)
		w.hangs("ep_a.example", 10*time.Second)
		w.complete(job(1))
		w.complete(job(2))
		w.step()
		e, err := w.db.Endpoint(t.Context(), "acme", "ep_a")
		if err != nil || !e.Health.SlowUntil.After(time.Now()) {
			t.Fatalf("not slow by its record: %+v (%v)", e.Health, err)
		}
		w.complete(job(3))
		w.step()
		posts := len(w.net.to("ep_a.example"))
		_, ds := w.load(idOf(3))
		if d := ds["ep_a"]; posts > 3 || d.Reason != webhook.ReasonEndpointSlow && len(d.Attempts) == 0 {
			t.Errorf("%d posts; the third delivery is %s %q", posts, d.Status, d.Reason)
		}
		if ds["ep_b"].Status != webhook.Delivered {
			t.Errorf("the neighbour's is %s", ds["ep_b"].Status)
		}
		if w.retries.Len() != 0 || w.slow.Len() != 3 {
			t.Errorf("%d messages on the retry queue, %d on the slow one; want 0 and 3", w.retries.Len(), w.slow.Len())
		}
		w.run()
		for n := 1; n <= 3; n++ {
			if _, ds := w.load(idOf(n)); ds["ep_a"].Status != webhook.Failed || len(ds["ep_a"].Attempts) != 4 {
				t.Errorf("delivery %d ended %s after %d attempts", n, ds["ep_a"].Status, len(ds["ep_a"].Attempts))
			}
		}
	})
	bubble(t, "another process knows by the record", func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = recoversAfter(1)
		w.complete(job(1))
		w.step()
		if err := w.db.SetHealth(t.Context(), "acme", "ep_a", webhook.Health{SlowUntil: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
		w.complete(job(2))
		for w.step() {
		}
		if _, ds := w.load(idOf(2)); ds["ep_a"].Status != webhook.Delivered || w.log.count("delivery.postponed") != 1 {
			t.Errorf("a first attempt: %s, postponed %d times", ds["ep_a"].Status, w.log.count("delivery.postponed"))
		}
		w.run()
		if _, ds := w.load(idOf(1)); ds["ep_a"].Status != webhook.Delivered {
			t.Errorf("a retry ended %s", ds["ep_a"].Status)
		}
	})
	bubble(t, "what waits on the slow queue stays there", func(t *testing.T) {
		w := newWorld(t)
		m := webhook.RetryMessage{
			Version: webhook.Layout, MessageID: idOf(1), Account: "acme", EndpointID: "ep_a",
			AcceptedAt: time.Now(), Attempt: 2, Due: time.Now().Add(time.Hour),
		}
		w.retrier.Retry(t.Context(), []deliver.Message{{ID: "1", Body: webhook.Encode(m), Slow: true}})
		if w.slow.Len() != 1 || w.retries.Len() != 0 {
			t.Errorf("%d messages on the slow queue, %d on the retry queue", w.slow.Len(), w.retries.Len())
		}
	})
	bubble(t, "it recovers", func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.hangs("ep_a.example", 10*time.Second)
		w.complete(job(1))
		w.complete(job(2))
		w.step()
		w.net.during, w.net.answers["ep_a.example"] = nil, nil
		w.run()
		time.Sleep(time.Hour)
		for n := 3; n <= 8; n++ {
			w.complete(job(n))
			w.step()
			if _, ds := w.load(idOf(n)); ds["ep_a"].Status != webhook.Delivered || w.log.count("delivery.postponed") != 0 {
				t.Errorf("delivery %d is %s", n, ds["ep_a"].Status)
			}
		}
	})
}

// Of jobs' own URLs each server is slow by itself.
func TestASlowServerOfJobs(t *testing.T) {
	bubble(t, "host", func(t *testing.T) {
		w := newWorld(t)
		w.hangs("slow.example", 10*time.Second)
		to := func(n int, host string) {
			w.complete(strings.Replace(job(n), `{`, fmt.Sprintf(`{"callback_url":"https://%s/%d",`, host, n), 1))
		}
		to(1, "slow.example")
		to(2, "slow.example")
		w.step()
		to(3, "slow.example")
		to(4, "quick.example")
		began := time.Now()
		w.step()
		if posts := w.net.to("quick.example"); len(posts) != 1 || posts[0].at.Sub(began) > 0 {
			t.Errorf("the quick server got %v", posts)
		}
		if n := w.log.count("delivery.postponed"); n != 1 {
			t.Errorf("%d deliveries took the slow lane, want the third", n)
		}
	})
}

// A 429 with Retry-After pauses its endpoint for all, up to a day after a
// delivery's acceptance: then its schedule runs regardless.
func TestAPauseEnds(t *testing.T) {
	bubble(t, "for good", func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.chance = rand.Float64
		w.net.answers["ep_a.example"] = func(int) sender.Answer {
			return sender.Answer{StatusCode: 429, Reason: webhook.ReasonHTTPStatus, RetryAfter: time.Hour}
		}
		w.complete(job(1))
		w.step()
		for n := 2; n <= 6; n++ {
			w.complete(job(n))
		}
		w.step()
		if w.slow.Len() != 6 || w.retries.Len() != 0 {
			t.Errorf("%d messages wait on the slow queue, %d on the other", w.slow.Len(), w.retries.Len())
		}
		if n := len(w.net.to("ep_a.example")); n != 1 || w.log.count("delivery.postponed") != 5 {
			t.Errorf("%d posts during the pause, %d postponed", n, w.log.count("delivery.postponed"))
		}
		w.run()
		for n := 1; n <= 6; n++ {
			_, ds := w.load(idOf(n))
			d := ds["ep_a"]
			if d.Status != webhook.Failed || len(d.Attempts) != 4 {
				t.Fatalf("delivery %d: %s after %d attempts", n, d.Status, len(d.Attempts))
			}
			if wait := d.Attempts[0].At.Sub(d.AcceptedAt); wait > 25*time.Hour {
				t.Errorf("delivery %d: its first attempt came after %s", n, wait)
			}
		}
		probes := 0
		for _, p := range w.net.to("ep_a.example") {
			if p.at.Sub(w.began) < 23*time.Hour {
				probes++
			}
		}
		if probes > 24 {
			t.Errorf("%d posts in the first 23 hours, want one an hour", probes)
		}
	})
}

// One account's endpoints take one account's share: a neighbour in the same
// batch posts at once.
func TestManyHangingEndpointsAreOneTenant(t *testing.T) {
	bubble(t, "500", func(t *testing.T) {
		w := newWorld(t, func(c *deliver.Config) { c.Concurrency = 32 })
		for n := range 500 {
			w.endpoint(fmt.Sprintf("ep_%d", n), nil)
		}
		w.net.during = func(host string) {
			if host != "neighbour.example" {
				time.Sleep(10 * time.Second)
			}
		}
		batch := []deliver.Message{{ID: "m0", Body: []byte(job(1))}}
		for n := range 9 {
			body := strings.Replace(job(n), `"acme"`, fmt.Sprintf(`"n%d","callback_url":"https://neighbour.example/"`, n), 1)
			batch = append(batch, deliver.Message{ID: fmt.Sprint("n", n), Body: []byte(body)})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		w.dispatcher.Dispatch(ctx, batch)
		if took := time.Since(began); took > 100*time.Millisecond { // 501 writes, and not a POST of its own
			t.Errorf("dispatch took %s", took)
		}
		posts := w.net.to("neighbour.example")
		if len(posts) != 9 {
			t.Fatalf("%d posts to the neighbours", len(posts))
		}
		for _, p := range posts {
			if wait := p.at.Sub(began); wait > 100*time.Millisecond {
				t.Errorf("a neighbour waited %s", wait)
			}
		}
	})
}

// Completions whose message group is not their account are counted, a line for
// each batch.
func TestUngroupedCompletionsAreCounted(t *testing.T) {
	bubble(t, "ungrouped", func(t *testing.T) {
		w := newWorld(t)
		w.dispatcher.Dispatch(t.Context(), []deliver.Message{
			{ID: "1", Body: []byte(job(1)), Group: "acme"},
			{ID: "2", Body: []byte(job(2))},
			{ID: "3", Body: []byte(job(3)), Group: "globex"},
			{ID: "4", Body: []byte("not a completion"), Group: "acme"},
		})
		w.dispatcher.Dispatch(t.Context(), []deliver.Message{{ID: "5", Body: []byte(job(5)), Group: "acme"}})
		if w.log.count("completions.ungrouped") != 1 || !strings.Contains(w.log.text.String(), `"ungrouped":2`) {
			t.Errorf("logged: %s", w.log.text.String())
		}
	})
}

// An endpoint's record says since when it fails, with a write a minute at most,
// and no longer after its first success.
func TestHealthIsRecorded(t *testing.T) {
	bubble(t, "failing", func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = recoversAfter(5)
		began := time.Now()
		for n := 1; n <= 5; n++ {
			w.complete(job(n))
		}
		w.step()
		failing, _, err := w.db.Failing(t.Context(), 10, "")
		if err != nil || len(failing) != 1 || !failing[0].Health.FailingSince.Equal(began) {
			t.Fatalf("failing: %+v (%v)", failing, err)
		}
		if n := w.store.healths; n != 1 {
			t.Errorf("%d writes of its health, want 1", n)
		}
		w.run()
		if failing, _, err = w.db.Failing(t.Context(), 10, ""); err != nil || len(failing) != 0 {
			t.Errorf("still failing: %+v (%v)", failing, err)
		}
		if n := w.store.healths; n != 2 {
			t.Errorf("%d writes of its health, want 2", n)
		}
	})
}
