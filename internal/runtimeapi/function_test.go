package runtimeapi_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/runtimeapi"
)

const echo = "github.com/jobhook/jobhook/internal/runtimeapi/testdata/echo"

func newEcho(t *testing.T, env ...string) *runtimeapi.Function {
	t.Helper()
	return runtimeapi.New(t, runtimeapi.Options{
		Bootstrap: runtimeapi.Build(t, echo), Name: "echo", Env: env, Timeout: 20 * time.Second,
	})
}

func invoke(t *testing.T, f *runtimeapi.Function, do, text string) ([]byte, error) {
	t.Helper()
	payload, err := json.Marshal(map[string]string{"do": do, "text": text})
	if err != nil {
		t.Fatal(err)
	}
	return f.Invoke(t.Context(), payload)
}

func TestInvokeGivesTheHandlerWhatLambdaDoes(t *testing.T) {
	t.Parallel()
	f := newEcho(t, "GREETING=hello")
	response, err := invoke(t, f, "echo", "one")
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Text, Greeting, ARN string
		RequestID           string `json:"request_id"`
		LeftMS              int64  `json:"left_ms"`
	}
	if err := json.Unmarshal(response, &got); err != nil {
		t.Fatal(err)
	}
	if got.Text != "one" || got.Greeting != "hello" || got.RequestID == "" || !strings.HasSuffix(got.ARN, ":function:echo") {
		t.Errorf("got %+v", got)
	}
	if got.LeftMS <= 0 || got.LeftMS > 20_000 {
		t.Errorf("%d ms until the deadline; want at most the timeout of 20 s", got.LeftMS)
	}
	if _, err := f.Logs().Await(t.Context(), "echo: one"); err != nil {
		t.Error(err)
	}
	if f.Starts() != 1 {
		t.Errorf("%d cold starts; want one", f.Starts())
	}
}

func TestInvokeReturnsTheHandlersError(t *testing.T) {
	t.Parallel()
	f := newEcho(t)
	_, err := invoke(t, f, "fail", "no luck")
	var failed *runtimeapi.FunctionError
	if !errors.As(err, &failed) || failed.Message != "no luck" || failed.Type != "errorString" {
		t.Fatalf("a failing handler: %v; want its message and type", err)
	}
	if _, err := invoke(t, f, "echo", "again"); err != nil || f.Starts() != 1 {
		t.Errorf("after an error: %v, %d starts; want the same process to go on", err, f.Starts())
	}
}

func TestInvokeStartsAfreshAfterTheProcessDied(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		do    string
		check func(error) bool
	}{
		{"panic", func(err error) bool {
			var failed *runtimeapi.FunctionError
			return errors.As(err, &failed) && failed.Message == "boom"
		}},
		{"exit", func(err error) bool {
			var exited *runtimeapi.ExitError
			return errors.As(err, &exited) && exited.Status == "exit status 3"
		}},
	} {
		t.Run(test.do, func(t *testing.T) {
			t.Parallel()
			f := newEcho(t)
			if _, err := invoke(t, f, test.do, "boom"); !test.check(err) {
				t.Fatalf("%s: %v", test.do, err)
			}
			if _, err := invoke(t, f, "echo", "again"); err != nil || f.Starts() != 2 {
				t.Errorf("after %s: %v, %d starts; want a second process to answer", test.do, err, f.Starts())
			}
		})
	}
}

func TestCrashEndsAnInvocationInTheMiddle(t *testing.T) {
	t.Parallel()
	f := newEcho(t)
	ended := make(chan error, 1)
	go func() {
		_, err := f.Invoke(context.WithoutCancel(t.Context()), []byte(`{"do":"hang"}`))
		ended <- err
	}()
	if _, err := f.Logs().Await(t.Context(), "hanging"); err != nil {
		t.Fatal(err)
	}
	f.Crash()
	var exited *runtimeapi.ExitError
	if err := <-ended; !errors.As(err, &exited) || exited.Status != "signal: killed" {
		t.Fatalf("crashed in the middle: %v; want the signal", err)
	}
	if _, err := invoke(t, f, "echo", "again"); err != nil {
		t.Errorf("after a crash: %v; want a new process to answer", err)
	}
}

func TestInvokeKillsWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	f := runtimeapi.New(t, runtimeapi.Options{Bootstrap: runtimeapi.Build(t, echo), Timeout: 500 * time.Millisecond})
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := invoke(t, f, "hang", ""); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("past its timeout: %v; want DeadlineExceeded", err)
	}
	if err := f.Start(t.Context()); err != nil || f.Starts() != 2 {
		t.Errorf("after a timeout: %v, %d starts; want a new process", err, f.Starts())
	}
}

func TestAProcessThatRefusesToStartIsAnInitError(t *testing.T) {
	t.Parallel()
	f := newEcho(t, "GREETING=never")
	var failed *runtimeapi.InitError
	if err := f.Start(t.Context()); !errors.As(err, &failed) || failed.Message != "exit status 1" {
		t.Errorf("Start: %v; want an InitError", err)
	}
	if _, err := invoke(t, f, "echo", "x"); !errors.As(err, &failed) {
		t.Errorf("Invoke: %v; want an InitError", err)
	}
	if !slices.Contains(f.Logs().Lines(), "refusing to start") {
		t.Errorf("the log lacks the reason: %s", f.Logs())
	}
}

func TestConcurrentInvocationsTakeTurns(t *testing.T) {
	t.Parallel()
	f := newEcho(t)
	var all sync.WaitGroup
	for _, text := range []string{"a", "b", "c", "d"} {
		all.Go(func() {
			response, err := f.Invoke(t.Context(), []byte(`{"text":"`+text+`"}`))
			if err != nil || !strings.Contains(string(response), `"text":"`+text+`"`) {
				t.Errorf("%s: %s, %v", text, response, err)
			}
		})
	}
	all.Wait()
	if f.Starts() != 1 {
		t.Errorf("%d processes; want one", f.Starts())
	}
}

func TestPeakRSSIsTheProcesssOwn(t *testing.T) {
	t.Parallel()
	f := newEcho(t)
	if _, err := invoke(t, f, "echo", "small"); err != nil {
		t.Fatal(err)
	}
	before, err := f.PeakRSS()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := invoke(t, f, "grow", "large"); err != nil {
		t.Fatal(err)
	}
	after, err := f.PeakRSS()
	if err != nil {
		t.Fatal(err)
	}
	if grown := after - before; grown < 60<<20 || grown > 100<<20 {
		t.Errorf("peak memory went from %d to %d bytes; want 64 MiB more", before, after)
	}
}

func TestAClosedFunctionStaysClosed(t *testing.T) {
	t.Parallel()
	f := newEcho(t)
	f.Close()
	if _, err := invoke(t, f, "echo", "x"); err == nil || f.Starts() != 0 {
		t.Errorf("after Close: %v, %d starts; want an error and no process", err, f.Starts())
	}
}
