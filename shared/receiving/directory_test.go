package receiving_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/webhook"
)

// secret is a Fetcher.
type secret struct {
	value string
	err   error
	reads int
}

func (s *secret) Fetch(ctx context.Context) ([]byte, error) {
	s.reads++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return []byte(s.value), s.err
}

const oneSource = `{"sources":{"a":{"scheme":"github","secrets":["hush-hush-hush-hush"]}}}`

func TestCacheReadsOnceInAWhile(t *testing.T) {
	now := at
	s := &secret{value: oneSource}
	c := receiving.NewCache(s, time.Minute, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if s.reads != 0 {
		t.Error("it reads before it is asked")
	}
	for _, step := range []struct {
		after time.Duration
		name  string
		known bool
		reads int // in all
	}{
		{0, "a", true, 1},
		{59 * time.Second, "a", true, 1},
		{time.Minute, "a", true, 2},
		{time.Minute + 9*time.Second, "b", false, 2}, // a stranger's name, looked for a moment ago
		{time.Minute + 10*time.Second, "b", false, 3},
		{time.Minute + 11*time.Second, "c", false, 3},
	} {
		now = at.Add(step.after)
		_, err := c.Source(t.Context(), step.name)
		if (err == nil) != step.known || err != nil && !errors.Is(err, receiving.ErrUnknownSource) || s.reads != step.reads {
			t.Errorf("after %s, %s: %v and %d reads, want %d", step.after, step.name, err, s.reads, step.reads)
		}
	}
	s.value = strings.Replace(oneSource, `"a"`, `"b"`, 1)
	now = now.Add(10 * time.Second)
	if _, err := c.Source(t.Context(), "b"); err != nil {
		t.Errorf("a source just made: %v, want it found within 10 s", err)
	}
}

func TestCacheKeepsTheOldWhileTheNewIsBroken(t *testing.T) {
	now := at
	var log strings.Builder
	s := &secret{value: oneSource}
	c := receiving.NewCache(s, time.Minute, func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	find := func() error { _, err := c.Source(t.Context(), "a"); return err }
	if err := find(); err != nil {
		t.Fatal(err)
	}
	for _, fault := range []secret{{value: `{"sources":{"a":{"scheme":"nonsense"}}}`}, {err: errBroken}} {
		log.Reset()
		s.value, s.err, s.reads = fault.value, fault.err, 0
		now = now.Add(time.Minute)
		for range 3 {
			if err := find(); err != nil {
				t.Errorf("while it is broken: %v", err)
			}
		}
		if s.reads != 1 || !strings.Contains(log.String(), "level=ERROR msg=sources.unreadable") || !strings.Contains(log.String(), "old_ones_go_on=true") {
			t.Errorf("%d reads, logged %s", s.reads, log.String())
		}
	}
	s.value, s.err = oneSource, nil
	now = now.Add(5 * time.Second)
	if err := find(); err != nil || s.reads != 2 {
		t.Errorf("mended: %v, %d reads", err, s.reads)
	}
}

func TestCacheWithoutAnythingIsAFault(t *testing.T) {
	s := &secret{value: `{"sources":{"a":{}}}`}
	c := receiving.NewCache(s, time.Minute, func() time.Time { return at }, slog.New(slog.DiscardHandler))
	_, err := c.Source(t.Context(), "a")
	var mistakes *receiving.ConfigError
	if !errors.As(err, &mistakes) || errors.Is(err, receiving.ErrUnknownSource) {
		t.Errorf("got %v, want the mistakes", err)
	}
	w := newWorld()
	w.Sources = c
	if a := w.Receive(t.Context(), receiving.Request{Source: "a", Method: "POST"}); a.Status != 503 {
		t.Errorf("answered %d, want 503 so that the sender comes again", a.Status)
	}
}

// What is emptied is revoked, the template's first value included.
func TestCacheTakesNoneForAnAnswer(t *testing.T) {
	now := at
	var log strings.Builder
	s := &secret{value: oneSource}
	c := receiving.NewCache(s, time.Minute, func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	if _, err := c.Source(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	s.value = `{"sources":{}}`
	now = now.Add(time.Minute)
	if _, err := c.Source(t.Context(), "a"); !errors.Is(err, receiving.ErrUnknownSource) {
		t.Errorf("emptied: %v, want %v", err, receiving.ErrUnknownSource)
	}
	if !strings.Contains(log.String(), "level=WARN msg=sources.none") {
		t.Errorf("logged %s", log.String())
	}
	w := newWorld()
	w.Sources = receiving.NewCache(s, time.Minute, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	if a := w.Receive(t.Context(), receiving.Request{Source: "a", Method: "POST"}); a.Status != 404 {
		t.Errorf("answered %d, want 404", a.Status)
	}
}

func TestCacheDropsTheOldWhenTheNewStaysBroken(t *testing.T) {
	for name, fault := range map[string]secret{"broken": {value: `{"sources":{"a":{}}}`}, "unreadable": {err: errBroken}} {
		now := at
		var log strings.Builder
		s := &secret{value: oneSource}
		c := receiving.NewCache(s, time.Minute, func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
		find := func() error { _, err := c.Source(t.Context(), "a"); return err }
		if err := find(); err != nil {
			t.Fatal(err)
		}
		s.value, s.err = fault.value, fault.err
		now = at.Add(receiving.MaxOld - time.Second)
		if err := find(); err != nil || !strings.Contains(log.String(), "old_ones_go_on=true") {
			t.Errorf("%s, within the hour: %v, logged %s", name, err, log.String())
		}
		now = at.Add(receiving.MaxOld)
		if err := find(); err == nil || errors.Is(err, receiving.ErrUnknownSource) {
			t.Errorf("%s, after it: %v, want a fault", name, err)
		}
		log.Reset()
		now = now.Add(5 * time.Second)
		if err := find(); err == nil || !strings.Contains(log.String(), "old_ones_go_on=false") {
			t.Errorf("%s, later: %v, logged %s", name, err, log.String())
		}
		s.value, s.err = oneSource, nil
		now = now.Add(5 * time.Second)
		if err := find(); err != nil {
			t.Errorf("%s, mended: %v", name, err)
		}
	}
}

// slow is a Fetcher that takes its time.
type slow struct {
	took  time.Duration
	value string
}

func (s *slow) Fetch(ctx context.Context) ([]byte, error) {
	select {
	case <-time.After(s.took):
		return []byte(s.value), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func TestCacheDoesNotHoldRequestsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{time.Second, oneSource}
		c := receiving.NewCache(s, time.Minute, time.Now, slog.New(slog.DiscardHandler))
		took := func(name string) (time.Duration, error) {
			begun := time.Now()
			_, err := c.Source(t.Context(), name)
			return time.Since(begun), err
		}
		if d, err := took("a"); err != nil || d != time.Second {
			t.Errorf("the first: %s, %v; want it to wait for the reading", d, err)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		s.value = strings.Replace(oneSource, `"a"`, `"b"`, 1)
		if d, err := took("a"); err != nil || d != 300*time.Millisecond {
			t.Errorf("while the new is read: %s, %v; want the old after 300 ms", d, err)
		}
		if d, err := took("a"); err != nil || d != 0 {
			t.Errorf("another meanwhile: %s, %v; want the old at once", d, err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if d, err := took("b"); err != nil || d != 0 {
			t.Errorf("when it is read: %s, %v; want the new", d, err)
		}
		time.Sleep(2 * time.Hour) // a function that was asleep
		if d, err := took("b"); err != nil || d != time.Second {
			t.Errorf("too old: %s, %v; want it to wait", d, err)
		}
	})
}

func TestCacheBeginsWithoutARequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		s := &slow{time.Second, `{"sources":{"a":{}}}`}
		c := receiving.NewCache(s, time.Minute, time.Now, slog.New(slog.NewTextHandler(&log, nil)))
		begun := time.Now()
		c.Begin(t.Context())
		if time.Since(begun) != 0 {
			t.Error("it waits")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if !strings.Contains(log.String(), "scheme is missing") {
			t.Errorf("logged %s", log.String())
		}
	})
}

// A sender that hangs up must not leave the others without sources.
func TestCacheReadsOnWhenItsRequestIsGone(t *testing.T) {
	c := receiving.NewCache(&secret{value: oneSource}, time.Minute, func() time.Time { return at }, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Source(ctx, "a"); err != nil {
		t.Error(err)
	}
}

func TestTheLocalPartsReadAFileAndFillAQueue(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sources.json")
	if _, err := receiving.File(path).Fetch(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte(oneSource), 0o600); err != nil {
		t.Fatal(err)
	}
	if raw, err := receiving.File(path).Fetch(t.Context()); err != nil || string(raw) != oneSource {
		t.Errorf("%s, %v", raw, err)
	}
	var q oneQueue
	if err := (receiving.QueueInbox{Queue: &q}).Send(t.Context(), receiving.Message{Source: "a", Body: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if string(q.last.Body) != "{}" || q.last.Group != "a" || q.last.Delay != 0 {
		t.Errorf("sent %+v", q.last)
	}
}

// oneQueue is a receiving.Queue.
type oneQueue struct{ last webhook.Message }

func (q *oneQueue) Send(_ context.Context, ms ...webhook.Message) []error {
	q.last = ms[0]
	return []error{nil}
}
