package stale_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jobhook/jobhook/shared/stale"
)

var (
	start   = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	errDown = errors.New("down")
)

// origin is what is cached: it counts its loads, and can fail or take its time.
type origin struct {
	mu    sync.Mutex
	value string
	err   error
	took  time.Duration
	loads map[string]int
}

func (o *origin) load(ctx context.Context, key string) (string, error) {
	o.mu.Lock()
	if o.loads == nil {
		o.loads = map[string]int{}
	}
	o.loads[key]++
	value, err, took := o.value, o.err, o.took
	o.mu.Unlock()
	if took > 0 {
		select {
		case <-time.After(took):
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	return value, err
}

// TestTimes walks through the life of a value: what is answered, and whether
// that took a load.
func TestTimes(t *testing.T) {
	type step struct {
		at    time.Duration
		value string // what a load gives; empty: it fails
		want  string // empty: its error
		loads int
	}
	for _, c := range []struct {
		name    string
		options stale.Options
		steps   []step
	}{
		{"all times set", stale.Options{TTL: 10 * time.Second, Stale: time.Minute, Pause: 3 * time.Second, Max: 1}, []step{
			{0, "", "", 1},
			{2999 * time.Millisecond, "one", "", 0}, // the failure is remembered
			{3 * time.Second, "one", "one", 1},
			{12999 * time.Millisecond, "two", "one", 0},
			{13 * time.Second, "two", "two", 1},
			{23 * time.Second, "", "two", 1}, // stands in
			{25999 * time.Millisecond, "three", "two", 0},
			{26 * time.Second, "", "two", 1},
			{72 * time.Second, "", "two", 1}, // until 73 s: a minute after it was loaded, not a pause longer
			{72999 * time.Millisecond, "", "two", 0},
			{73 * time.Second, "", "", 1},
			{75 * time.Second, "three", "", 0},
			{76 * time.Second, "three", "three", 1},
		}},
		{"for ever, failures not remembered", stale.Options{Max: 1}, []step{
			{0, "", "", 1},
			{0, "", "", 1},
			{0, "one", "one", 1},
			{0, "two", "one", 0},
			{1000 * time.Hour, "two", "one", 0},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &origin{}
			cache := stale.New(c.options, o.load)
			for _, s := range c.steps {
				o.value, o.err = s.value, nil
				if s.value == "" {
					o.err = errDown
				}
				before := o.loads["k"]
				got, err := cache.Get(t.Context(), "k", start.Add(s.at))
				if got != s.want || (s.want == "") != errors.Is(err, errDown) {
					t.Errorf("at %s: got %q, %v; want %q", s.at, got, err, s.want)
				}
				if loads := o.loads["k"] - before; loads != s.loads {
					t.Errorf("at %s: %d loads, want %d", s.at, loads, s.loads)
				}
			}
		})
	}
}

// TestBound: the least recently used goes, one at a time.
func TestBound(t *testing.T) {
	o := &origin{value: "v"}
	cache := stale.New(stale.Options{Max: 3}, o.load)
	get := func(keys ...string) {
		for _, key := range keys {
			if got, err := cache.Get(t.Context(), key, start); err != nil || got != "v" {
				t.Fatalf("%s: got %q, %v", key, got, err)
			}
		}
	}
	get("a", "b", "c", "a", "d") // b goes
	get("a", "c", "d")
	for key, want := range map[string]int{"a": 1, "b": 1, "c": 1, "d": 1} {
		if o.loads[key] != want {
			t.Errorf("%s was loaded %d times, want %d", key, o.loads[key], want)
		}
	}
	get("b") // a goes
	get("c", "d", "b", "a")
	if o.loads["b"] != 2 || o.loads["c"] != 1 || o.loads["d"] != 1 || o.loads["a"] != 2 {
		t.Errorf("loads %v, want 2 of a and b, 1 of c and d", o.loads)
	}
	for n := range 1000 {
		get(strconv.Itoa(n))
	}
	get("999", "998", "997")
	if o.loads["997"] != 1 {
		t.Error("the newest three were not kept")
	}
}

// TestAtOnce: many callers of a key share a load; other keys don't wait for it.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "v", took: time.Second}
		cache := stale.New(stale.Options{TTL: time.Minute, Max: 2}, o.load)
		began := time.Now()
		var all sync.WaitGroup
		for n := range 100 {
			all.Go(func() {
				if got, err := cache.Get(t.Context(), "key "+strconv.Itoa(n%2), began); err != nil || got != "v" {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		all.Wait()
		if o.loads["key 0"] != 1 || o.loads["key 1"] != 1 || time.Since(began) != time.Second {
			t.Errorf("loads %v in %s, want 1 each in 1s", o.loads, time.Since(began))
		}
	})
}

// TestDroppedWhileLoading: more keys at once than the cache holds: each gets
// its value all the same.
func TestDroppedWhileLoading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "v", took: time.Second}
		cache := stale.New(stale.Options{TTL: time.Minute, Max: 1}, o.load)
		var all sync.WaitGroup
		for n := range 50 {
			all.Go(func() {
				if got, err := cache.Get(t.Context(), strconv.Itoa(n), time.Now()); err != nil || got != "v" {
					t.Errorf("got %q, %v", got, err)
				}
			})
		}
		all.Wait()
	})
}

// TestCallerGivesUp: that ends neither the others' wait nor the load.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "v", took: 2 * time.Second}
		cache := stale.New(stale.Options{Max: 1}, o.load)
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if got, err := cache.Get(short, "k", time.Now()); got != "" || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %q, %v, want %v", got, err, context.DeadlineExceeded)
			}
		})
		synctest.Wait()
		if got, err := cache.Get(t.Context(), "k", time.Now()); err != nil || got != "v" || o.loads["k"] != 1 {
			t.Errorf("got %q, %v after %d loads, want v after 1", got, err, o.loads["k"])
		}
		all.Wait()
	})
}

// TestTimeout: a load ends with it, and the old value stands in.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &origin{value: "v"}
		cache := stale.New(stale.Options{TTL: time.Second, Stale: time.Hour, Timeout: 5 * time.Second, Max: 1}, o.load)
		if _, err := cache.Get(t.Context(), "k", time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // of the bubble's clock
		o.took = time.Minute
		began := time.Now()
		if got, err := cache.Get(t.Context(), "k", began); err != nil || got != "v" || time.Since(began) != 5*time.Second {
			t.Errorf("got %q, %v after %s; want v after 5s", got, err, time.Since(began))
		}
		fresh := stale.New(stale.Options{TTL: time.Second, Timeout: 5 * time.Second, Max: 1}, o.load)
		if _, err := fresh.Get(t.Context(), "k", time.Now()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without an old value: got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func BenchmarkGet(b *testing.B) {
	cache := stale.New(stale.Options{Max: 1000}, (&origin{value: "v"}).load)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cache.Get(b.Context(), "k", start); err != nil {
			b.Fatal(err)
		}
	}
}
