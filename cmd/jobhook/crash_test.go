package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// ledger is a receiver that answers 500 to every second event's first POST,
// and remembers what it said before and after the kill.
type ledger struct {
	*httptest.Server
	mu      sync.Mutex
	after   bool
	posts   map[string]int
	taken   map[string][2]int // 2xx before and after the kill
	total   int
	changed chan struct{}
}

func newLedger(t *testing.T) *ledger {
	l := &ledger{posts: map[string]int{}, taken: map[string][2]int{}, changed: make(chan struct{})}
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(l.judge(r.Header.Get("webhook-id")))
	}))
	t.Cleanup(l.Close)
	return l
}

func (l *ledger) judge(id string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	l.total++
	l.posts[id]++
	if half := id[len(id)-1]&1 == 0; half && l.posts[id] == 1 {
		return 500
	}
	taken := l.taken[id]
	if l.after {
		taken[1]++
	} else {
		taken[0]++
	}
	l.taken[id] = taken
	return 204
}

// until waits until the ledger is as wanted.
func (l *ledger) until(t *testing.T, what string, wanted func() bool) {
	t.Helper()
	late := time.After(patience)
	for {
		l.mu.Lock()
		done, changed := wanted(), l.changed
		l.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

const (
	published  = 500
	publishers = 8
)

// flood publishes until all is said or the runner is gone, and returns the
// message ids of what was accepted, by number.
func flood(p *process) map[int]string {
	accepted, numbers := map[int]string{}, make(chan int)
	var mu sync.Mutex
	var all sync.WaitGroup
	for range publishers {
		all.Go(func() {
			for n := range numbers {
				var answer struct {
					MessageID string `json:"message_id"`
				}
				body := fmt.Sprintf(`{"id":"job-%d","status":"success","type":"t","result":{"n":%d}}`, n, n)
				if status, err := p.call("POST", "/events", body, &answer); err == nil && status == 202 {
					mu.Lock()
					accepted[n] = answer.MessageID
					mu.Unlock()
				}
			}
		})
	}
	for n := range published {
		numbers <- n
	}
	close(numbers)
	all.Wait()
	return accepted
}

// Killed in the middle of 500 publishes: what it answered 202 to arrives, once,
// or twice where the kill fell between a POST and its record.
func TestKilledInTheMiddle(t *testing.T) {
	for _, at := range []int{40, 150, 330} {
		t.Run(strconv.Itoa(at)+" POSTs", func(t *testing.T) {
			dir, l := t.TempDir(), newLedger(t)
			p := serve(t, dir, "--schedule", "100ms,100ms,100ms", "--json")
			p.must("POST", "/endpoints", `{"url":"`+l.URL+`"}`, 201, nil)
			killed := make(chan struct{})
			go func() {
				defer close(killed)
				l.until(t, "the middle", func() bool { return l.total >= at })
				_ = p.cmd.Process.Kill()
				<-p.done
			}()
			accepted := flood(p)
			<-killed
			l.mu.Lock()
			l.after = true
			l.mu.Unlock()
			recorded := p.delivered()

			p = serve(t, dir, "--schedule", "100ms,100ms,100ms", "--quiet")
			l.until(t, "every accepted event has arrived", func() bool {
				for _, id := range accepted {
					if l.taken[id] == [2]int{} {
						return false
					}
				}
				return true
			})
			p.terminate() // whatever is under way is recorded
			t.Logf("%d recorded as delivered before the kill", len(recorded))
			for _, id := range recorded {
				if l.taken[id] != [2]int{1, 0} {
					t.Errorf("%s: was recorded as delivered before the kill, but delivered %v times before and after", id, l.taken[id])
				}
			}
			check(t, l, accepted, serve(t, dir, "--schedule", "100ms,100ms,100ms", "--quiet"))
		})
	}
}

// delivered lists the message ids whose record had landed: the log says so after it.
func (p *process) delivered() (ids []string) {
	for line := range strings.SplitSeq(p.said.String(), "\n") {
		var said struct {
			Msg, Status string
			DeliveryID  string `json:"delivery_id"`
		}
		_ = json.Unmarshal([]byte(line), &said)
		if said.Msg == "delivery.attempted" && said.Status == "delivered" {
			id, _, _ := strings.Cut(said.DeliveryID, ".")
			ids = append(ids, id)
		}
	}
	return ids
}

func check(t *testing.T, l *ledger, accepted map[int]string, p *process) {
	t.Helper()
	for n := range accepted {
		var e shownEvent
		p.must("GET", fmt.Sprintf("/events/t.success%%2Fjob-%d%%2Fsuccess", n), "", 200, &e)
		if len(e.Deliveries) != 1 || e.Deliveries[0].Status != "delivered" || len(e.Deliveries[0].Attempts) > 4 {
			t.Errorf("job %d: %+v", n, e)
		}
	}
	p.terminate()
	twice := 0
	for id, taken := range l.taken {
		if taken[0] > 1 || taken[1] > 1 {
			t.Errorf("%s: delivered %v times before and after the kill", id, taken)
		}
		if taken[0]+taken[1] == 2 {
			twice++
		}
		if l.posts[id] > 4+1 {
			t.Errorf("%s: %d POSTs", id, l.posts[id])
		}
	}
	t.Logf("%d of %d accepted, %d arrived, %d of them twice", len(accepted), published, len(l.taken), twice)
	if len(accepted) == 0 || len(accepted) == published {
		t.Error("the kill did not fall into the middle")
	}
}
