package deliver

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// want is what asks for slots: n POSTs of a group's target that never end by
// themselves.
type want struct {
	group, name string
	n           int
}

// TestSlots: what each target has in flight, after all in turn have asked for
// slots of eight and a spare of two.
func TestSlots(t *testing.T) {
	for _, c := range []struct {
		name  string
		wants []want
		ends  int // POSTs of the first target that end then
		have  map[string]int
	}{
		{"a lone target may use every slot", []want{{"a", "a1", 20}}, 0, map[string]int{"a1": 8}},
		{"a newcomer does not wait for those of others", []want{{"a", "a1", 20}, {"b", "b1", 1}}, 0, map[string]int{"a1": 8, "b1": 1}},
		{"the spare is shared too", []want{{"a", "a1", 20}, {"b", "b1", 20}}, 0, map[string]int{"a1": 8, "b1": 2}},
		{"what is freed goes to whoever has less", []want{{"a", "a1", 20}, {"b", "b1", 20}}, 4, map[string]int{"a1": 4, "b1": 4}},
		{"then there is a balance", []want{{"a", "a1", 20}, {"b", "b1", 20}}, 8, map[string]int{"a1": 4, "b1": 4}},
		{"many targets are one group", []want{{"a", "a1", 4}, {"a", "a2", 4}, {"a", "a3", 4}, {"b", "b1", 9}}, 4, map[string]int{"a1": 0, "a2": 4, "a3": 0, "b1": 4}},
		{"within a group, targets share", []want{{"a", "a1", 20}, {"a", "a2", 20}}, 4, map[string]int{"a1": 4, "a2": 4}},
		{"surplus is handed over", []want{{"a", "a1", 20}, {"b", "b1", 3}}, 6, map[string]int{"a1": 5, "b1": 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				s, end := newSlots(8), make(chan struct{})
				for i, w := range c.wants {
					for range w.n {
						go func() {
							to := target{w.group, w.name}
							if !s.acquire(ctx, time.Time{}, w.group, to) {
								return
							}
							defer s.release(w.group, to)
							if i == 0 {
								select {
								case <-end:
								case <-ctx.Done():
								}
							} else {
								<-ctx.Done()
							}
						}()
					}
					synctest.Wait()
				}
				for range c.ends {
					end <- struct{}{}
					synctest.Wait()
				}
				for name, n := range c.have {
					got := 0
					if g := s.groups[name[:1]]; g != nil && g.lines[target{name[:1], name}] != nil {
						got = g.lines[target{name[:1], name}].used
					}
					if got != n {
						t.Errorf("%s has %d in flight, want %d", name, got, n)
					}
				}
				cancel()
				synctest.Wait()
				if s.used != 0 || len(s.groups) != 0 {
					t.Errorf("left behind: %+v", s)
				}
			})
		})
	}
}

// TestTurns: an account has a share of the turns as soon as another has one, or
// wants one, and for a while after; alone it has them all.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns, end := NewTurns(2), make(chan struct{})
		work := func(account string, n int) {
			for range n {
				go func() {
					turns.take(t.Context(), account)
					defer turns.leave(account)
					<-end
				}()
			}
			synctest.Wait()
		}
		finish := func(n int) {
			for range n {
				end <- struct{}{}
				synctest.Wait()
			}
		}
		used := func(want int) {
			t.Helper()
			if got := turns.slots.used; got != want {
				t.Errorf("%d are worked on, want %d", got, want)
			}
		}
		work("a", 5)
		used(5) // alone
		work("b", 3)
		used(7) // two of b's
		finish(7)
		used(1) // b's third
		work("a", 5)
		used(3) // two of a's
		finish(3)
		used(2)
		time.Sleep(aloneAfter)
		work("a", 1)
		used(4) // the rest of a's: alone again
		finish(4)
		if used(0); len(turns.slots.groups) != 0 {
			t.Errorf("left behind: %+v", turns.slots)
		}
	})
}
