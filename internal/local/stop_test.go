package local_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/local"
)

func TestStopLetsTheAttemptFinish(t *testing.T) {
	w, answer := run(t), make(chan struct{})
	r := receive(t, func(hit, int) int { <-answer; return 200 })
	w.endpoint(`{"url":"` + r.URL + `"}`)
	w.publish(job)
	r.next(t)
	stopped := make(chan struct{})
	go func() { w.stop(); close(stopped) }()
	refused(t, w.URL)
	select {
	case <-stopped:
		t.Error("it stopped with an attempt under way")
	default:
	}
	close(answer)
	<-stopped
	w.await("msg", "delivery.attempted", "status", "delivered")
	w = w.again()
	equal(t, "attempts", len(w.event("translate.success/j1/success").list("deliveries")[0].list("attempts")), 1)
	w.stop()
	r.none(t)
}

// refused waits until nobody listens any more.
func refused(t *testing.T, url string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("it still listens")
		}
	}
}

func TestStopIsBoundedByTheSendTimeout(t *testing.T) {
	w, forever := run(t, func(o *local.Options) { o.SendTimeout = 200 * time.Millisecond }), make(chan struct{})
	r := receive(t, func(hit, int) int { <-forever; return 200 })
	defer close(forever)
	w.endpoint(`{"url":"` + r.URL + `"}`)
	w.publish(job)
	r.next(t)
	w.stop() // within the test's patience; the next start sees the attempt
	e := w.await("msg", "delivery.attempted")
	equal(t, "status and reason", e["status"]+" "+e["reason"], "retrying timeout")
}

func TestStopGivesUpWhenItsContextEnds(t *testing.T) {
	w, answer := run(t), make(chan struct{})
	r := receive(t, func(hit, int) int { <-answer; return 200 })
	w.endpoint(`{"url":"` + r.URL + `"}`)
	w.publish(job)
	r.next(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Stop(ctx); err == nil || !strings.Contains(err.Error(), "at the next start") {
		t.Errorf("says %v", err)
	}
	close(answer)
	w.stop() // and it can be asked again
}

func TestARequestUnderWayIsAnswered(t *testing.T) {
	w, r := run(t), receive(t, always(200))
	w.endpoint(`{"url":"` + r.URL + `"}`)
	conn, finish := half(t, w.URL)
	defer conn.Close()
	stopped := make(chan struct{})
	go func() { w.stop(); close(stopped) }()
	refused(t, w.URL)
	finish()
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	equal(t, "status", answer.StatusCode, 202)
	_ = conn.Close()
	<-stopped
	r.none(t)
	w = w.again() // nobody polled any more: the next start delivers it
	r.next(t)
	w.await("msg", "delivery.attempted", "status", "delivered")
}

func TestASlowRequestHoldsUpNoStop(t *testing.T) {
	w := run(t)
	conn, _ := half(t, w.URL)
	defer conn.Close()
	w.stop() // hangs up after a few seconds
	w = w.again()
	w.do("GET", acme+"/events/translate.success%2Fj1%2Fsuccess", "").is(404)
}

// half sends half of a publish.
func half(t *testing.T, url string) (conn net.Conn, finish func()) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	must(t, err)
	fmt.Fprintf(conn, "POST %s/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", acme, len(job))
	// The handler has begun to read when it asks for the body.
	asked, err := bufio.NewReader(conn).ReadString('\n')
	must(t, err)
	if !strings.Contains(asked, "100 Continue") {
		t.Fatalf("it answers %q", asked)
	}
	fmt.Fprint(conn, job[:10])
	return conn, func() { fmt.Fprint(conn, job[10:]) }
}

func TestStopLeavesNoGoroutine(t *testing.T) {
	w, r := run(t), receive(t, always(200))
	w.endpoint(`{"url":"` + r.URL + `"}`)
	w.publish(job)
	w.await("msg", "delivery.attempted", "status", "delivered")
	w.stop()
	stacks := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
		if strings.Contains(stack, "github.com/jobhook/jobhook/") && !strings.Contains(stack, "TestStopLeavesNoGoroutine") && !strings.Contains(stack, "_test.") {
			t.Errorf("left behind:\n%s", stack)
		}
	}
}
