package deliver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/webhook"
)

// A record that is refused for an hour repeats no POST: the outcome waits on
// the retry queue. Where the queue refuses too, the message comes back and the
// POST is repeated once, counted.
func TestARefusedRecordRepeatsNoPost(t *testing.T) {
	isRecord := func(what string) bool { return strings.HasPrefix(what, "record") }
	for name, c := range map[string]struct {
		failures int // answers of 500 before the 204
		refuse   func(began time.Time) func(what string) bool
		most     int // posts beyond failures+1
		lost     bool
	}{
		"delivered at once": {0, func(began time.Time) func(string) bool {
			return func(what string) bool { return isRecord(what) && time.Since(began) < time.Hour }
		}, 0, false},
		"delivered by the second attempt": {1, func(began time.Time) func(string) bool {
			return func(what string) bool { return isRecord(what) && time.Since(began) < time.Hour }
		}, 0, false},
		"never within a minute": {2, func(time.Time) func(string) bool {
			refused := map[string]time.Time{}
			return func(what string) bool {
				if !isRecord(what) {
					return false
				}
				if refused[what].IsZero() {
					refused[what] = time.Now()
				}
				return time.Since(refused[what]) < time.Minute
			}
		}, 0, false},
		"and the queue for a minute": {0, func(began time.Time) func(string) bool {
			return func(what string) bool { return (isRecord(what) || what == "send") && time.Since(began) < time.Minute }
		}, 1, true},
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = recoversAfter(c.failures)
			w.faults.refuse = c.refuse(time.Now())
			w.complete(completion)
			w.run()
			_, deliveries := w.load(completionID)
			if d := deliveries["ep_a"]; d.Status != webhook.Delivered || len(d.Attempts) != c.failures+1 {
				t.Errorf("%s after %d attempts, want delivered after %d", d.Status, len(d.Attempts), c.failures+1)
			}
			if posts, want := len(w.net.to("ep_a.example")), c.failures+1; posts < want || posts > want+c.most {
				t.Errorf("%d posts, want %d", posts, want)
			}
			if lost := w.log.count("record.lost") > 0; lost != c.lost {
				t.Errorf("record.lost is logged: %t, want %t", lost, c.lost)
			}
			checkAttempts(w, deliveries["ep_a"])
		})
	}
}

// A claim that the database throttles for long gives the messages back in
// seconds, and does not spend the invocation.
func TestAClaimThatIsThrottledComesBackSoon(t *testing.T) {
	for _, function := range []string{"dispatch", "retry"} {
		bubble(t, function, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			m, work := deliver.Message{ID: "m", Body: []byte(completion)}, w.dispatch
			if function == "retry" {
				m, work = w.secondAttempt(), w.retry
			}
			w.store.stuck = true
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began, posts := time.Now(), len(w.net.to("ep_a.example"))
			if err := work(ctx, m); err == nil || time.Since(began) > 10*time.Second || len(w.net.to("ep_a.example")) != posts {
				t.Errorf("after %s: %v", time.Since(began), err)
			}
		})
	}
}

// The reserve covers what settling may take: a POST that takes all its time and
// a record that is refused until the end still leave the outcome on the queue
// before the invocation's deadline.
func TestTheReserveCoversSettling(t *testing.T) {
	for name, deadline := range map[string]time.Duration{"just enough": 19*time.Second + 100*time.Millisecond, "a minute": time.Minute} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.during = func(string) { time.Sleep(10 * time.Second) }
			w.faults.refuse = func(what string) bool { return strings.HasPrefix(what, "record") }
			ctx, cancel := context.WithTimeout(t.Context(), deadline)
			defer cancel()
			if err := w.dispatch(ctx, deliver.Message{ID: "m", Body: []byte(completion)}); err != nil {
				t.Fatal(err)
			}
			if ctx.Err() != nil || len(w.net.to("ep_a.example")) != 1 || w.retries.Len() != 1 {
				t.Errorf("in time: %t, %d posts, %d outcomes queued", ctx.Err() == nil, len(w.net.to("ep_a.example")), w.retries.Len())
			}
			if left := time.Until(deadlineOf(ctx)); name == "a minute" && left > 5*time.Second {
				t.Errorf("the record was given up %s before the deadline", left)
			}
		})
	}
}

// An outcome whose attempt another message has made meanwhile is dropped.
func TestAnOutcomeOfALostClaimIsDropped(t *testing.T) {
	for name, from := range map[string]string{"a first record": "", "a later one": "a claim that was taken over"} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = always(500)
			w.complete(completion)
			w.step()
			_, before := w.load(completionID)
			m := before["ep_a"].Retry()
			m.Attempt = 1
			m.Outcome = &webhook.Outcome{From: from, Rev: "another", At: time.Now(), StatusCode: 200, URL: "https://ep_a.example/"}
			if err := w.retry(t.Context(), deliver.Message{ID: "late", Body: webhook.Encode(m)}); err != nil {
				t.Fatal(err)
			}
			if _, after := w.load(completionID); after["ep_a"].Rev != before["ep_a"].Rev {
				t.Errorf("it was applied: %+v", after["ep_a"])
			}
		})
	}
}

// What another has recorded meanwhile stands, and nothing follows from the
// attempt that was too late.
func TestALateRecordIsFollowedByNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		e := w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = always(500)
		w.net.during = func(string) {
			ev, _ := w.load(completionID)
			change := webhook.Begin(ev, e.ID, e).Settle(webhook.Attempt{Number: 1, At: time.Now(), StatusCode: 200}, time.Time{}, "another's")
			if err := w.db.Write(t.Context(), change)[0]; err != nil {
				t.Error(err)
			}
		}
		w.complete(completion)
		w.step()
		if n := w.retries.Len(); n != 0 {
			t.Errorf("%d messages follow from it", n)
		}
		if _, deliveries := w.load(completionID); deliveries["ep_a"].Rev != "another's" {
			t.Errorf("the record is %+v", deliveries["ep_a"])
		}
	})
}

// Neighbours of a record that waits on the retry queue, and duplicates of its
// completion or of its retry, make no further POST of it.
func TestAnOutcomeOnTheQueueIsNotAttemptedAgain(t *testing.T) {
	refuse := func(w *world) {
		w.faults.refuse = func(what string) bool {
			return (strings.HasPrefix(what, "record") || w.down && what == "lease event") && time.Since(w.began) < time.Hour
		}
	}
	for name, c := range map[string]struct {
		prepare func(w *world)
		during  func(w *world) // every two minutes of the hour in which the store refuses records
		target  string
		status  webhook.Status
	}{
		"beside a disabled endpoint": {func(w *world) {
			w.endpoint("ep_b", func(e *webhook.Endpoint) { e.Enabled = false })
		}, func(*world) {}, "ep_b", webhook.Held},
		"beside one without its secret": {func(w *world) {
			w.endpoint("ep_b", nil)
			w.secrets.without = "ep_b"
		}, func(w *world) {
			if time.Since(w.began) > 30*time.Minute {
				w.secrets.setWithout("")
			}
		}, "ep_b", webhook.Delivered},
		"beside a disabled endpoint, the store down": {func(w *world) {
			w.endpoint("ep_b", func(e *webhook.Endpoint) { e.Enabled = false })
			w.down = true
		}, func(*world) {}, "ep_b", webhook.Held},
		"duplicates of the completion": {func(*world) {}, func(w *world) { w.complete(completion) }, "", ""},
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			c.prepare(w)
			refuse(w)
			w.complete(completion)
			for time.Since(w.began) < time.Hour {
				for w.step() {
				}
				c.during(w)
				time.Sleep(2 * time.Minute)
			}
			w.run()
			_, deliveries := w.load(completionID)
			if d := deliveries["ep_a"]; d.Status != webhook.Delivered || len(d.Attempts) != 1 || len(w.net.to("ep_a.example")) != 1 {
				t.Errorf("%s after %d attempts and %d posts", d.Status, len(d.Attempts), len(w.net.to("ep_a.example")))
			}
			if c.target != "" && deliveries[c.target].Status != c.status {
				t.Errorf("%s is %q, want %q", c.target, deliveries[c.target].Status, c.status)
			}
		})
	}
}

// A failed send of one target makes the message come back, soon, and does not
// repeat what waits on the queue for another.
func TestAnEventIsFreedWhenItsMessageComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = always(500)
		w.faults.refuse = func(what string) bool { return what == "send" && time.Since(w.began) < 3*time.Second }
		w.complete(completion)
		w.step()
		next, ok := w.completions.NextVisible()
		if !ok || time.Until(next) > 10*time.Second {
			t.Fatalf("the message is back in %s (%t)", time.Until(next), ok)
		}
		w.advance(next)
		w.step()
		if n := w.retries.Len(); n != 1 {
			t.Errorf("%d retries are queued when it is back, want 1", n)
		}
	})
}

// The note that an event's record waits on the retry queue may be refused too,
// and a sibling may answer 410 and not be disabled: while only the database
// refuses, nothing is posted more than twice.
func TestADatabaseInAStormRepeatsNoPost(t *testing.T) {
	for seed := range uint64(100) {
		bubble(t, fmt.Sprint(seed), func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.endpoint("ep_b", nil)
			w.net.answers["ep_b.example"] = always(410)
			chance := rand.New(rand.NewPCG(seed, 9))
			w.faults.refuse = func(what string) bool {
				switch {
				case time.Since(w.began) > 2*time.Hour || what == "send" || what == "acknowledge":
					return false
				case strings.HasPrefix(what, "record"):
					return strings.HasPrefix(what, "record ep_a")
				}
				return chance.IntN(2) == 0
			}
			w.complete(completion)
			w.run()
			for _, id := range []string{"ep_a", "ep_b"} {
				if posts := len(w.net.to(id + ".example")); posts < 1 || posts > 2 {
					t.Errorf("%d posts to %s", posts, id)
				}
			}
			if e, err := w.db.Endpoint(t.Context(), "acme", "ep_b"); err != nil || e.Enabled {
				t.Errorf("ep_b is not disabled (%v)", err)
			}
		})
	}
}

// What follows a record ends before the invocation does, so that it can still
// say what comes back.
func TestSettlingEndsInTime(t *testing.T) {
	for name, records := range map[string]bool{"the queue hangs": false, "and the store too": true} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = always(500)
			w.stuckQueue = true
			if records {
				w.faults.refuse = func(what string) bool { return strings.HasPrefix(what, "record") }
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			err := w.dispatch(ctx, deliver.Message{ID: "m", Body: []byte(completion)})
			if left := time.Until(deadlineOf(ctx)); err == nil || left < 400*time.Millisecond {
				t.Errorf("%v, with %s left to answer", err, left)
			}
		})
	}
}

// The message that carries an outcome stays under 1 KB.
func TestAnOutcomeIsSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = func(int) sender.Answer {
			return sender.Answer{StatusCode: 500, Reason: webhook.ReasonHTTPStatus, Response: strings.Repeat("\x01", 500)}
		}
		w.net.answers["job.example"] = w.net.answers["ep_a.example"]
		w.faults.refuse = func(what string) bool { return strings.HasPrefix(what, "record") }
		w.complete(strings.Replace(completion, `{`, `{"callback_url":"https://job.example/`+strings.Repeat("u", 1500)+`",`, 1))
		w.step()
		w.advance(time.Now().Add(10 * time.Second))
		got, err := w.retries.Receive(t.Context(), 10)
		if err != nil || len(got) != 2 {
			t.Fatalf("%d messages (%v), want two outcomes", len(got), err)
		}
		for _, one := range got {
			var m webhook.RetryMessage
			if err := json.Unmarshal(one.Body, &m); err != nil || m.Outcome == nil || len(one.Body) > 1024 {
				t.Errorf("%d bytes: %s (%v)", len(one.Body), one.Body, err)
			}
		}
	})
}
