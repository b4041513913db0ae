package deliver_test

import (
	"context"
	cryptorand "crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/webhook"
)

func deadlineOf(ctx context.Context) time.Time {
	deadline, _ := ctx.Deadline()
	return deadline
}

// The lease of an owner that died is its own message's first: another one, a
// double or a redriven one, waits until that must have come.
func TestAnotherMessageWaitsForTheOwner(t *testing.T) {
	for name, c := range map[string]struct {
		id    string
		after time.Duration // the end of the lease
		posts int
	}{
		"its own message":       {"owner", time.Second, 2},
		"another one":           {"another", time.Second, 1},
		"another one, the next": {"another", 6 * time.Minute, 2},
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = always(500)
			w.complete(completion)
			w.step()
			w.advance(time.Now().Add(2 * time.Minute))
			_, deliveries := w.load(completionID)
			d := deliveries["ep_a"]
			body := webhook.Encode(d.Retry())
			_, claim := d.Claim(d.URL, webhook.Lease{Message: "owner", Until: time.Now().Add(time.Second)}, "claimed")
			if err := w.db.Write(t.Context(), claim)[0]; err != nil {
				t.Fatal(err)
			}
			w.advance(time.Now().Add(time.Second + c.after))
			before := w.retries.Len()
			if err := w.retry(t.Context(), deliver.Message{ID: c.id, Body: body}); err != nil {
				t.Fatal(err)
			}
			if posts := len(w.net.to("ep_a.example")); posts != c.posts || w.retries.Len() != before+1 {
				t.Errorf("%d posts, want %d; %d messages follow, want 1", posts, c.posts, w.retries.Len()-before)
			}
		})
	}
}

// An attempt that is left to another invocation for want of time is no attempt
// in the log either.
func TestAPostponedAttemptIsLoggedAsSuch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		m := w.secondAttempt()
		ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
		defer cancel()
		if err := w.retry(ctx, m); err != nil {
			t.Fatal(err)
		}
		if a, p := w.log.count("delivery.attempted"), w.log.count("delivery.postponed"); a != 1 || p != 1 {
			t.Errorf("%d attempts and %d postponed ones are logged, want 1 and 1", a, p)
		}
	})
}

// A hiccup long after acceptance postpones the attempt: the day in which no
// attempt can be made counts from its first failure.
func TestALateHiccupOfASecretEndsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *deliver.Config) { c.Schedule = schedule.Schedule{30 * time.Hour} })
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = recoversAfter(1)
		w.complete(completion)
		w.step()
		for time.Since(w.began) < 30*time.Hour+time.Minute {
			w.secrets.setBroken(time.Since(w.began) > 29*time.Hour)
			next, ok := w.nextVisible()
			if !ok {
				t.Fatal("no message answers for it")
			}
			w.advance(next)
			w.step()
		}
		_, deliveries := w.load(completionID)
		if d := deliveries["ep_a"]; d.Status != webhook.Retrying || d.Reason != webhook.ReasonSecretUnreadable || d.PostponedSince.IsZero() {
			t.Fatalf("it is %s for %q", d.Status, d.Reason)
		}
		w.secrets.setBroken(false)
		w.run()
		_, deliveries = w.load(completionID)
		if d := deliveries["ep_a"]; d.Status != webhook.Delivered || len(d.Attempts) != 2 || !d.PostponedSince.IsZero() {
			t.Errorf("%s after %d attempts", d.Status, len(d.Attempts))
		}
	})
}

// An endpoint that its owner has enabled again is not disabled by a copy of the
// message whose attempt had disabled it.
func TestAnOldGoneDisablesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = func(n int) sender.Answer { return failing([]int{500, 410}[min(n, 2)-1]) }
		w.complete(completion)
		w.step()
		next, _ := w.retries.NextVisible()
		w.advance(next)
		got, err := w.retries.Receive(t.Context(), 1)
		if err != nil || len(got) != 1 {
			t.Fatal(err)
		}
		enabled := func() webhook.Endpoint {
			t.Helper()
			if err := w.retry(t.Context(), deliver.Message{ID: got[0].ID, Body: got[0].Body}); err != nil {
				t.Fatal(err)
			}
			e, err := w.db.Endpoint(t.Context(), "acme", "ep_a")
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		e := enabled()
		if e.Enabled {
			t.Fatal("410 did not disable it")
		}
		w.advance(time.Now().Add(24 * time.Hour))
		w.change(e, func(e *webhook.Endpoint) {
			e.Enabled, e.DisabledReason, e.UpdatedAt = true, "", time.Now().Truncate(time.Millisecond)
		})
		if e := enabled(); !e.Enabled {
			t.Error("a copy of the message disabled it again")
		}
	})
}

// One record that cannot be read holds up no neighbour of its batch.
func TestOneUnreadableRecordHoldsUpNobody(t *testing.T) {
	for _, function := range []string{"dispatch", "retry"} {
		bubble(t, function, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = always(500)
			var ids []string
			for i := range 3 {
				body := strings.Replace(completion, `"id":"1"`, fmt.Sprintf(`"id":"%d"`, i), 1)
				w.publishRepeatedly(body)
				ids = append(ids, w.parse(body).MessageID)
			}
			receive := func(q interface {
				Receive(ctx context.Context, most int) ([]embedded.Received, error)
			},
			) []deliver.Message {
				t.Helper()
				got, err := q.Receive(t.Context(), 10)
				if err != nil || len(got) != 3 {
					t.Fatalf("%d messages (%v)", len(got), err)
				}
				batch := make([]deliver.Message, 3)
				for i, m := range got {
					batch[i] = deliver.Message{ID: m.ID, Body: m.Body}
				}
				return batch
			}
			work, batch := w.dispatcher.Dispatch, receive(w.completions)
			if function == "retry" {
				work(t.Context(), batch)
				w.advance(time.Now().Add(2 * time.Minute))
				work, batch = w.retrier.Retry, receive(w.retries)
			}
			w.store.poison = ids[1]
			failed := 0
			for _, err := range work(t.Context(), batch) {
				if err != nil {
					failed++
				}
			}
			posts := len(w.net.to("ep_a.example")) - map[string]int{"dispatch": 0, "retry": 3}[function]
			if failed != 1 || posts != 2 {
				t.Errorf("%d of 3 messages come back after %d posts, want the unreadable one's and 2", failed, posts)
			}
		})
	}
}

// A panic in a joined call becomes the error of all whose call it was.
func TestAPanicInAJoinedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.store.panics = true
		var batch []deliver.Message
		for i := range 3 {
			body := strings.Replace(completion, `"id":"1"`, fmt.Sprintf(`"id":"%d"`, i), 1)
			batch = append(batch, deliver.Message{ID: fmt.Sprint("m", i), Body: []byte(body)})
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		w.dispatcher.Dispatch(ctx, batch)
		if took := time.Since(w.began); took > 5*time.Second || w.log.count("delivery.attempted") != 3 || len(w.net.to("ep_a.example")) != 3 {
			t.Errorf("after %s: %d records of %d posts", took, w.log.count("delivery.attempted"), len(w.net.to("ep_a.example")))
		}
	})
}

// 410 disables only the endpoint whose URL answered it, and never the account's
// settings for its jobs' own URLs.
func TestGoneDisablesOnlyWhoseURLAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		during func(w *world, e webhook.Endpoint) // while the POST is in flight
		target string
		want   bool // enabled afterwards
	}{
		"it did": {nil, "ep_a", false},
		"its URL was changed meanwhile": {func(w *world, e webhook.Endpoint) {
			w.change(e, func(e *webhook.Endpoint) { e.URL = "https://new.example/" })
		}, "ep_a", true},
		"its headers were changed":       {func(w *world, e webhook.Endpoint) { w.change(e, func(e *webhook.Endpoint) { e.Description = "x" }) }, "ep_a", false},
		"the job's own URL":              {nil, webhook.JobTarget, true},
		"the job's own URL, settings no": {nil, "job unset", true},
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			target, body := c.target, completion
			if target == "job unset" {
				target = webhook.JobTarget
			}
			var e webhook.Endpoint
			if target == webhook.JobTarget {
				body = `{"id":"1","status":"success","type":"translate","account":"acme","callback_url":"https://ep_a.example/"}`
			}
			if c.target != "job unset" {
				e = w.endpoint(target, nil)
			}
			w.net.answers["ep_a.example"] = always(410)
			if c.during != nil {
				w.net.during = func(string) { c.during(w, e) }
			}
			if target == webhook.JobTarget && c.target == webhook.JobTarget {
				w.change(e, func(e *webhook.Endpoint) { e.URL, e.Events = "", nil })
			}
			w.complete(body)
			w.run()
			_, deliveries := w.load(completionID)
			if d := deliveries[target]; d.Status != webhook.Failed || len(d.Attempts) != 1 {
				t.Errorf("%s after %d attempts, want failed at once", d.Status, len(d.Attempts))
			}
			if c.target == "job unset" {
				return
			}
			if now, err := w.db.Endpoint(t.Context(), "acme", target); err != nil || now.Enabled != c.want {
				t.Errorf("enabled: %t (%v), want %t", now.Enabled, err, c.want)
			}
		})
	}
}

func (w *world) change(e webhook.Endpoint, how func(*webhook.Endpoint)) {
	w.t.Helper()
	was := e.Rev
	how(&e)
	e.Rev = cryptorand.Text()
	if err := w.db.ReplaceEndpoint(context.Background(), was, e); err != nil {
		w.t.Fatal(err)
	}
}

// A retry message that went through the dead letters has a new id. Whenever it
// comes back, what its owner left undone is done: it is never dropped for being
// early.
func TestARedrivenRetryIsNotDropped(t *testing.T) {
	for name, after := range map[string]time.Duration{
		"at once": 0, "before the next attempt is due": time.Minute, "long after": time.Hour,
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = recoversAfter(2)
			w.complete(completion)
			w.step()
			next, _ := w.retries.NextVisible()
			w.advance(next)
			got, err := w.retries.Receive(t.Context(), 10)
			if err != nil || len(got) != 1 {
				t.Fatalf("%d messages (%v)", len(got), err)
			}
			w.faults.refuse = func(what string) bool { return what == "send" } // the second attempt's successor
			if err := w.retry(t.Context(), deliver.Message{ID: got[0].ID, Body: got[0].Body}); err == nil {
				t.Fatal("the message may go though the next one could not be sent")
			}
			w.faults.refuse = nil
			if err := w.retries.Delete(t.Context(), got[0].ID); err != nil { // to the dead letters
				t.Fatal(err)
			}
			w.advance(time.Now().Add(after))
			if err := w.retries.Send(t.Context(), webhook.Message{Body: got[0].Body})[0]; err != nil { // and back
				t.Fatal(err)
			}
			w.run()
			_, deliveries := w.load(completionID)
			if d := deliveries["ep_a"]; d.Status != webhook.Delivered || len(w.net.to("ep_a.example")) != 3 {
				t.Errorf("%s after %d posts, want delivered after 3", d.Status, len(w.net.to("ep_a.example")))
			}
		})
	}
}

// The same for a completion whose owner died before it sent the retry message.
func TestARedrivenCompletionIsNotDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = recoversAfter(1)
		w.faults.refuse = func(what string) bool { return what == "send" }
		if err := w.dispatch(t.Context(), deliver.Message{ID: "owner", Body: []byte(completion)}); err == nil {
			t.Fatal("the message may go though the retry could not be sent")
		}
		w.faults.refuse = nil
		w.advance(time.Now().Add(2 * time.Minute)) // its lease has run out
		w.complete(completion)
		w.run()
		_, deliveries := w.load(completionID)
		if d := deliveries["ep_a"]; d.Status != webhook.Delivered || len(w.net.to("ep_a.example")) != 2 {
			t.Errorf("%s after %d posts, want delivered after 2", d.Status, len(w.net.to("ep_a.example")))
		}
	})
}

// What a batch writes, reads and sends is joined.
func TestABatchJoinsItsCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *deliver.Config) { c.EndpointCache = time.Minute })
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = always(500)
		var batch []deliver.Message
		for i := range 10 {
			batch = append(batch, deliver.Message{
				ID: fmt.Sprint("m", i), Body: []byte(strings.Replace(completion, `"id":"1"`, fmt.Sprintf(`"id":"%d"`, i), 1)),
			})
		}
		for _, err := range w.dispatcher.Dispatch(t.Context(), batch) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(w.store.writes, []int{10, 10}) || w.store.reads != 2 { // the account is read once, cold
			t.Errorf("dispatch wrote %v and read %d times", w.store.writes, w.store.reads)
		}
		next, _ := w.retries.NextVisible()
		w.advance(next.Add(time.Second))
		got, err := w.retries.Receive(t.Context(), 10)
		if err != nil || len(got) != 10 {
			t.Fatalf("%d retry messages (%v)", len(got), err)
		}
		w.store.writes, w.store.reads = nil, 0
		for i, m := range got {
			batch[i] = deliver.Message{ID: m.ID, Body: m.Body}
		}
		for _, err := range w.retrier.Retry(t.Context(), batch) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(w.store.writes, []int{10, 10}) || w.store.reads != 1 {
			t.Errorf("retry wrote %v and read %d times", w.store.writes, w.store.reads)
		}
	})
}

// Endpoints, and accounts for their jobs' own URLs, have schedules of their own.
func TestSchedules(t *testing.T) {
	for name, c := range map[string]struct {
		endpoint string
		want     []time.Duration
	}{
		"the stack's": {"", []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute}},
		"its own":     {"1s,2s", []time.Duration{time.Second, 2 * time.Second}},
		"a named one": {"antinium", []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour}},
	} {
		for _, target := range []string{"ep_a", webhook.JobTarget} {
			bubble(t, name+" for "+target, func(t *testing.T) {
				w := newWorld(t)
				w.endpoint(target, func(e *webhook.Endpoint) {
					e.Schedule = c.endpoint
					if target == webhook.JobTarget {
						e.Events = nil
					}
				})
				w.net.answers["ep_a.example"] = always(500)
				body := completion
				if target == webhook.JobTarget {
					body = `{"id":"1","status":"success","type":"translate","account":"acme","callback_url":"https://ep_a.example/"}`
				}
				w.complete(body)
				w.run()
				posts := w.net.to("ep_a.example")
				if len(posts) != len(c.want)+1 {
					t.Fatalf("%d posts, want %d", len(posts), len(c.want)+1)
				}
				for i, want := range c.want {
					if got := posts[i+1].at.Sub(posts[i].at); got < want || got > want+want/10+2*time.Second {
						t.Errorf("attempt %d came after %s, want %s", i+2, got, want)
					}
				}
			})
		}
	}
}
