package deliver_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/intake"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/webhook"
)

// dispatch and retry work on one message.
func (w *world) dispatch(ctx context.Context, m deliver.Message) error {
	return w.dispatcher.Dispatch(ctx, []deliver.Message{m})[0]
}

func (w *world) retry(ctx context.Context, m deliver.Message) error {
	return w.retrier.Retry(ctx, []deliver.Message{m})[0]
}

func isBusy(err error) bool {
	var busy *deliver.BusyError
	return errors.As(err, &busy)
}

func (w *world) parse(body string) webhook.Event {
	w.t.Helper()
	c, err := intake.Parse([]byte(body), "acme", time.Now(), intake.Rules{Retention: 30 * 24 * time.Hour})
	if err != nil {
		w.t.Fatal(err)
	}
	return c.Event
}

// The same completion a hundred times at once, and again an hour later: one
// delivery, whichever way it comes.
func TestAHundredTimesAtOnce(t *testing.T) {
	for name, failures := range map[string]int{"delivered at once": 0, "delivered after two retries": 2} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = recoversAfter(failures)
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					m := deliver.Message{ID: fmt.Sprint("m", i), Body: []byte(completion)}
					if err := w.dispatch(context.Background(), m); err != nil {
						t.Errorf("message %d: %v", i, err)
					}
				})
			}
			wg.Wait()
			if waiting := w.retries.Len(); waiting > 1 {
				t.Errorf("%d retry messages for one delivery", waiting)
			}
			w.run()
			w.advance(time.Now().Add(time.Hour))
			w.complete(completion)
			w.run()
			_, deliveries := w.load(completionID)
			if d := deliveries["ep_a"]; len(deliveries) != 1 || d.Status != webhook.Delivered || len(d.Attempts) != failures+1 {
				t.Errorf("%d deliveries, %s after %d attempts", len(deliveries), d.Status, len(d.Attempts))
			}
			if posts := w.net.to("ep_a.example"); len(posts) != failures+1 {
				t.Errorf("%d posts, want %d", len(posts), failures+1)
			}
		})
	}
}

// The very same message given out a hundred times at once, as SQS may: the
// others come back and find it done.
func TestOneMessageGivenOutTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				err := w.dispatch(context.Background(), deliver.Message{ID: "one", Body: []byte(completion)})
				if err != nil && !isBusy(err) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if posts := w.net.to("ep_a.example"); len(posts) != 1 {
			t.Errorf("%d posts, want 1", len(posts))
		}
	})
}

// The doubles of a retry message make no attempt, and wait until the next one
// has been made: each may be all that is left of its owner.
func TestADoubledRetryMessageMakesNoExtraAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = always(500)
		w.complete(completion)
		w.step()
		next, ok := w.retries.NextVisible()
		if !ok {
			t.Fatal("no retry is queued")
		}
		w.advance(next)
		got, err := w.retries.Receive(t.Context(), 10)
		if err != nil || len(got) != 1 {
			t.Fatalf("%d retry messages (%v), want 1", len(got), err)
		}
		var wg sync.WaitGroup
		for i := range 20 {
			id := got[0].ID + strings.Repeat("'", i) // the message itself and 19 doubles
			wg.Go(func() {
				if err := w.retry(context.Background(), deliver.Message{ID: id, Body: got[0].Body}); err != nil && !isBusy(err) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if err := w.retries.Delete(context.Background(), got[0].ID); err != nil {
			t.Fatal(err)
		}
		w.run()
		_, deliveries := w.load(completionID)
		if d := deliveries["ep_a"]; d.Status != webhook.Failed || len(d.Attempts) != 4 || len(w.net.to("ep_a.example")) != 4 {
			t.Errorf("%s after %d attempts and %d posts, want failed after 4", d.Status, len(d.Attempts), len(w.net.to("ep_a.example")))
		}
	})
}

func TestBadCompletionsAreRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *deliver.Config) { c.Intake.Oversize = intake.RejectResult })
		w.endpoint("ep_a", nil)
		for _, body := range []string{
			"not JSON", `{"status":"s","type":"t"}`,
			`{"id":"2","status":"s","type":"t","callback_url":"nowhere"}`, completion,
			`{"id":"3","status":"s","type":"t","result":"` + strings.Repeat("x", 300<<10) + `"}`,
		} {
			w.complete(body)
		}
		w.run()
		if posts := w.net.to("ep_a.example"); len(posts) != 1 {
			t.Errorf("the good one among them was posted %d times", len(posts))
		}
		reasons := strings.Join(w.rejectedReasons(), "\n")
		for _, want := range []string{"not JSON", "id: is missing", "callback_url: is not a URL", "262144"} {
			if !strings.Contains(reasons, want) {
				t.Errorf("no reason says %q:\n%s", want, reasons)
			}
		}
	})
}

func TestAConflictIsReportedAndTheFirstCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.complete(completion)
		w.run()
		w.complete(strings.Replace(completion, `"x"`, `"y"`, 1))
		w.run()
		if posts := w.net.to("ep_a.example"); len(posts) != 1 {
			t.Errorf("%d posts, want the first alone", len(posts))
		}
		if reasons := w.rejectedReasons(); len(reasons) != 1 || !strings.Contains(reasons[0], "event_id") {
			t.Errorf("set aside: %q", reasons)
		}
		if _, err := w.publisher.Publish(context.Background(), w.parse(strings.Replace(completion, `"x"`, `"z"`, 1))); !errors.Is(err, deliver.ErrConflict) {
			t.Errorf("the API says %v, want the conflict", err)
		}
		if duplicate, err := w.publisher.Publish(context.Background(), w.parse(completion)); err != nil || !duplicate {
			t.Errorf("the same again: duplicate %t, %v", duplicate, err)
		}
	})
}

// A secret that cannot be read consumes no attempt and blames nobody: the
// delivery is on record with the reason, and is tried again.
func TestASecretThatCannotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = recoversAfter(1)
		w.secrets.setBroken(true)
		w.complete(completion)
		w.step()
		_, deliveries := w.load(completionID)
		if d := deliveries["ep_a"]; d.Status != webhook.Pending || d.Reason != webhook.ReasonSecretUnreadable || len(d.Attempts) != 0 || d.NextAttemptAt.IsZero() {
			t.Fatalf("it is %s for %q after %d attempts, next at %s", d.Status, d.Reason, len(d.Attempts), d.NextAttemptAt)
		}
		if posts := w.net.to("ep_a.example"); len(posts) != 0 {
			t.Fatal("it was sent unsigned")
		}
		w.advance(time.Now().Add(time.Hour))
		for range 10 { // an hour later still, as long as the messages last
			w.step()
		}
		w.secrets.setBroken(false)
		w.run()
		_, deliveries = w.load(completionID)
		if d := deliveries["ep_a"]; d.Status != webhook.Delivered || len(d.Attempts) != 2 || d.Reason != "" {
			t.Errorf("%s after %d attempts, want delivered after 2", d.Status, len(d.Attempts))
		}
	})
}

// After a day it fails, recoverable; until then it is tried at most 15 minutes
// apart.
func TestASecretThatStaysUnreadable(t *testing.T) {
	for name, before := range map[string]int{"from the first attempt on": 0, "after a failed attempt": 1} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = always(500)
			w.secrets.setBroken(before == 0)
			accepted := time.Now()
			w.complete(completion)
			w.step()
			w.secrets.setBroken(true)
			for {
				_, deliveries := w.load(completionID)
				d := deliveries["ep_a"]
				if !d.Open() {
					break
				}
				if wait := time.Until(d.NextAttemptAt); wait > 15*time.Minute+time.Millisecond {
					t.Fatalf("the next try is %s away", wait)
				}
				next, ok := w.nextVisible()
				if !ok {
					t.Fatal("no message answers for it")
				}
				w.advance(next)
				w.step()
			}
			_, deliveries := w.load(completionID)
			d := deliveries["ep_a"]
			if d.Status != webhook.Failed || d.Reason != webhook.ReasonSecretUnreadable || len(d.Attempts) != before {
				t.Errorf("it ends %s for %q after %d attempts", d.Status, d.Reason, len(d.Attempts))
			}
			if age := d.SettledAt.Sub(accepted); age < 24*time.Hour || age > 24*time.Hour+16*time.Minute {
				t.Errorf("it was given up after %s", age)
			}
			list, _, err := w.db.Recoverable(t.Context(), webhook.LogQuery{Account: "acme", Limit: 10})
			if err != nil || len(list) != 1 {
				t.Errorf("%d recoverable deliveries (%v), want 1", len(list), err)
			}
		})
	}
}

func TestTheRetryReadsTheEndpointAfresh(t *testing.T) {
	ctx := context.Background()
	type outcome struct {
		status webhook.Status
		reason webhook.Reason
		moved  int // posts to the mended URL
	}
	for name, c := range map[string]struct {
		change func(w *world, e webhook.Endpoint) error
		want   outcome
	}{
		"the URL was mended": {func(w *world, e webhook.Endpoint) error {
			was := e.Rev
			e.URL, e.Profile, e.IncludeResult, e.Rev = "https://mended.example/", webhook.SharpAPI, false, rand.Text()
			return w.db.ReplaceEndpoint(ctx, was, e)
		}, outcome{webhook.Delivered, "", 1}},
		"it was disabled": {func(w *world, e webhook.Endpoint) error {
			was := e.Rev
			e.Enabled, e.Rev = false, rand.Text()
			return w.db.ReplaceEndpoint(ctx, was, e)
		}, outcome{webhook.Held, "endpoint_disabled", 0}},
		"it was removed": {func(w *world, e webhook.Endpoint) error {
			return w.db.RemoveEndpoint(ctx, "acme", e.ID, time.Now(), time.Now().Add(40*24*time.Hour))
		}, outcome{webhook.Canceled, "endpoint_removed", 0}},
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			e := w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = always(500)
			w.complete(completion)
			w.step()
			if err := c.change(w, e); err != nil {
				t.Fatal(err)
			}
			w.run()
			_, deliveries := w.load(completionID)
			d := deliveries["ep_a"]
			got := outcome{d.Status, d.Reason, len(w.net.to("mended.example"))}
			if got != c.want || len(w.net.to("ep_a.example")) != 1 {
				t.Errorf("it ends as %+v, want %+v", got, c.want)
			}
			if got.moved == 1 && w.net.to("mended.example")[0].body != w.net.to("ep_a.example")[0].body {
				t.Error("the body changed with the endpoint: every attempt carries the same bytes")
			}
		})
	}
}

func TestADisabledEndpointHoldsItsEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", func(e *webhook.Endpoint) { e.Enabled = false })
		w.endpoint("ep_b", func(e *webhook.Endpoint) { e.Events = []string{"other.*"} })
		w.complete(completion)
		w.run()
		ev, deliveries := w.load(completionID)
		if d := deliveries["ep_a"]; len(ev.Targets) != 1 || d.Status != webhook.Held || len(d.Attempts) != 0 {
			t.Errorf("targets %v, delivery %s: want it held", ev.Targets, d.Status)
		}
	})
}

func TestAnAddressThatIsNotPublicFailsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = func(int) sender.Answer { return sender.Answer{Reason: webhook.ReasonAddressNotPublic} }
		w.complete(completion)
		w.run()
		_, deliveries := w.load(completionID)
		d := deliveries["ep_a"]
		if a, _ := d.Last(); d.Status != webhook.Failed || len(d.Attempts) != 1 || a.Reason != "address_not_public" {
			t.Errorf("%s after %d attempts", d.Status, len(d.Attempts))
		}
	})
}

func TestRetryAfterLengthensWithinItsBound(t *testing.T) {
	for name, c := range map[string]struct{ asked, want time.Duration }{
		"shorter than the schedule": {time.Second, time.Minute},
		"longer":                    {20 * time.Minute, 20 * time.Minute},
		"beyond the bound":          {48 * time.Hour, time.Hour},
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t)
			w.endpoint("ep_a", nil)
			w.net.answers["ep_a.example"] = func(n int) sender.Answer {
				if n == 1 {
					return sender.Answer{StatusCode: 429, Reason: webhook.ReasonHTTPStatus, RetryAfter: c.asked}
				}
				return sender.Answer{StatusCode: 200}
			}
			w.complete(completion)
			w.run()
			posts := w.net.to("ep_a.example")
			if got := posts[1].at.Sub(posts[0].at); got < c.want || got > c.want+time.Second {
				t.Errorf("the second attempt came after %s, want %s", got, c.want)
			}
		})
	}
}

// Delays beyond what SQS takes are taken in hops, and none ends early.
func TestALongScheduleHops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *deliver.Config) {
			c.Schedule = schedule.Schedule{2*time.Hour + 500*time.Millisecond, 24 * time.Hour}
		})
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = always(503)
		w.complete(completion)
		w.run()
		posts := w.net.to("ep_a.example")
		if len(posts) != 3 {
			t.Fatalf("%d posts, want 3", len(posts))
		}
		for i, want := range []time.Duration{2*time.Hour + 500*time.Millisecond, 24 * time.Hour} {
			if got := posts[i+1].at.Sub(posts[i].at); got < want || got > want+2*time.Second {
				t.Errorf("attempt %d came after %s, want %s", i+2, got, want)
			}
		}
	})
}

// What there is no time left for is handed to the retry function, and none of
// it is lost.
func TestAnInvocationWithoutTimeHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // less than a POST and its record may take
		defer cancel()
		if err := w.dispatch(ctx, deliver.Message{ID: "m", Body: []byte(completion)}); err != nil {
			t.Fatal(err)
		}
		if posts := w.net.to("ep_a.example"); len(posts) != 0 {
			t.Error("it posted without the time to record it")
		}
		w.run()
		_, deliveries := w.load(completionID)
		if d := deliveries["ep_a"]; d.Status != webhook.Delivered || len(d.Attempts) != 1 || d.Attempts[0].Number != 1 {
			t.Errorf("%s after %d attempts, want delivered at the first", d.Status, len(d.Attempts))
		}
	})
}

func TestAPanicTakesNobodyElseAlong(t *testing.T) {
	errs := deliver.Each([]int{1, 2, 3}, func(i int) error {
		if i == 2 {
			panic("boom")
		}
		return nil
	})
	if errs[0] != nil || errs[1] == nil || errs[2] != nil {
		t.Errorf("errors are %v", errs)
	}
}

// What dispatch remembers of endpoints withholds nothing (rule 12): a change
// counts for the next event, whichever it is.
func TestTheEndpointCacheWithholdsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*webhook.Endpoint) // nil: there was no endpoint
		change func(*webhook.Endpoint)
		want   int // posts after the change
	}{
		"a first endpoint":                {nil, func(*webhook.Endpoint) {}, 1},
		"enabled again":                   {func(e *webhook.Endpoint) { e.Enabled = false }, func(e *webhook.Endpoint) { e.Enabled = true }, 1},
		"another event type":              {func(e *webhook.Endpoint) { e.Events = []string{"x.*"} }, func(e *webhook.Endpoint) { e.Events = []string{"*"} }, 1},
		"disabled":                        {func(*webhook.Endpoint) {}, func(e *webhook.Endpoint) { e.Enabled = false }, 0},
		"wants it no more":                {func(*webhook.Endpoint) {}, func(e *webhook.Endpoint) { e.Events = []string{"x.*"} }, 0},
		"a second one beside another one": {nil, func(*webhook.Endpoint) {}, 1},
	} {
		bubble(t, name, func(t *testing.T) {
			w := newWorld(t, func(c *deliver.Config) { c.EndpointCache = time.Hour })
			if name == "a second one beside another one" {
				w.endpoint("ep_other", nil)
			}
			var e webhook.Endpoint
			if c.before != nil {
				e = w.endpoint("ep_a", c.before)
			}
			w.complete(completion)
			w.run()
			already := len(w.net.to("ep_a.example"))
			if c.before == nil {
				w.endpoint("ep_a", c.change)
			} else {
				was := e.Rev
				c.change(&e)
				e.Rev = rand.Text()
				if err := w.db.ReplaceEndpoint(t.Context(), was, e); err != nil {
					t.Fatal(err)
				}
			}
			w.complete(strings.Replace(completion, `"id":"1"`, `"id":"2"`, 1))
			w.run()
			if got := len(w.net.to("ep_a.example")) - already; got != c.want {
				t.Errorf("%d posts of the next event, want %d", got, c.want)
			}
		})
	}
}

// Time that goes into finding the secrets comes off no delay.
func TestSlowSecretsMakeNoAttemptEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = recoversAfter(1)
		w.secrets.during = func() { w.advance(time.Now().Add(8 * time.Second)) }
		w.complete(completion)
		w.run()
		_, deliveries := w.load(completionID)
		posts, attempts := w.net.to("ep_a.example"), deliveries["ep_a"].Attempts
		if wait := posts[1].at.Sub(posts[0].at); wait < time.Minute {
			t.Errorf("the second attempt came after %s", wait)
		}
		if !attempts[0].At.Equal(posts[0].at) || posts[0].stamp != fmt.Sprint(posts[0].at.Unix()) {
			t.Error("the attempt's time is not that of its POST")
		}
	})
}

// What the secrets left too little time for is not begun, and not lost.
func TestNoPostWithoutTheTimeToRecordIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.endpoint("ep_a", nil)
		w.net.answers["ep_a.example"] = recoversAfter(1)
		within := func(work func(context.Context, deliver.Message) error, m deliver.Message) error {
			ctx, cancel := context.WithTimeout(t.Context(), 14*time.Second)
			defer cancel()
			return work(ctx, m)
		}
		w.secrets.during = func() { time.Sleep(2 * time.Second) }
		if err := within(w.dispatch, deliver.Message{ID: "m", Body: []byte(completion)}); err != nil {
			t.Fatal(err)
		}
		got, err := w.retries.Receive(t.Context(), 1)
		if err != nil || len(got) != 1 {
			t.Fatalf("%d messages hand the attempt over (%v)", len(got), err)
		}
		if err := within(w.retry, deliver.Message{ID: got[0].ID, Body: got[0].Body}); err != nil {
			t.Errorf("retry says %v, want the attempt left to another message", err)
		}
		if posts := w.net.to("ep_a.example"); len(posts) != 0 {
			t.Fatalf("%d posts without the time to record them", len(posts))
		}
		w.secrets.during = nil
		w.run()
		_, deliveries := w.load(completionID)
		if d := deliveries["ep_a"]; d.Status != webhook.Delivered || len(d.Attempts) != 2 || len(w.net.to("ep_a.example")) != 2 {
			t.Errorf("%s after %d attempts", d.Status, len(d.Attempts))
		}
	})
}

// A 410 disables the endpoint also when what dispatch knew of it is old.
func TestGoneByAnOldCopyOfTheEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *deliver.Config) { c.EndpointCache = 10 * time.Second })
		e := w.endpoint("ep_a", nil)
		w.complete(completion)
		w.run()
		was := e.Rev
		e.Description, e.Rev = "changed", rand.Text()
		if err := w.db.ReplaceEndpoint(context.Background(), was, e); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Now().Add(time.Second))
		w.net.answers["ep_a.example"] = always(410)
		w.complete(strings.Replace(completion, `"id":"1"`, `"id":"2"`, 1))
		w.run()
		if now, err := w.db.Endpoint(context.Background(), "acme", "ep_a"); err != nil || now.Enabled || now.Description != "changed" {
			t.Errorf("the endpoint that is gone is %+v (%v)", now, err)
		}
	})
}
