package endpoint_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/jobhook/jobhook/functions/receive/endpoint"
	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/storetest"
)

// fixed is a Fetcher of a configuration.
type fixed string

func (f fixed) Fetch(context.Context) ([]byte, error) { return []byte(f), nil }

// inbox is a queue in memory.
type inbox struct {
	mu       sync.Mutex
	messages []receiving.Message
}

func (q *inbox) Send(_ context.Context, m receiving.Message) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages = append(q.messages, m)
	return nil
}

func (q *inbox) last(t testing.TB) (e receiving.Envelope) {
	t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.messages) == 0 {
		t.Fatal("nothing is queued")
	}
	if err := json.Unmarshal(q.messages[len(q.messages)-1].Body, &e); err != nil {
		t.Fatal(err)
	}
	return e
}

// receive is the function over stores in memory.
func receive(config string, now func() time.Time) (endpoint.Endpoint, *inbox) {
	q := &inbox{}
	log := slog.New(slog.DiscardHandler)
	var mu sync.Mutex
	n := 0
	return endpoint.Endpoint{Receiver: &receiving.Receiver{Deps: receiving.Deps{
		Sources: receiving.NewCache(fixed(config), 0, now, log), Receipts: &storetest.MemoryReceipts{}, Inbox: q, Log: log, Now: now,
		Token: func() string { mu.Lock(); defer mu.Unlock(); n++; return fmt.Sprint(n) },
	}}}, q
}

// serve serves it as `jobhook local` does.
func serve(t *testing.T, e endpoint.Endpoint) string {
	t.Helper()
	server := httptest.NewServer(http.StripPrefix("/receive", endpoint.HTTP(lambda.NewHandler(e.Handle))))
	t.Cleanup(server.Close)
	return server.URL + "/receive"
}

const github = `{"sources":{"gh":{"scheme":"github","secrets":["It's a Secret to Everybody"],"allow_ips":["127.0.0.1","198.51.100.7"]}}}`

const helloSignature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

func helloEvent() events.LambdaFunctionURLRequest {
	e := events.LambdaFunctionURLRequest{
		RawPath: "/gh", Headers: map[string]string{"x-hub-signature-256": helloSignature, "x-github-delivery": "guid"},
		Body: "Hello, World!",
	}
	e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = "POST", "198.51.100.7"
	return e
}

func TestHandleReadsTheEvent(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*events.LambdaFunctionURLRequest)
		want   int
	}{
		{"as it comes", func(*events.LambdaFunctionURLRequest) {}, 200},
		{"a slash at the end", func(e *events.LambdaFunctionURLRequest) { e.RawPath = "/gh/" }, 200},
		{"base64", func(e *events.LambdaFunctionURLRequest) {
			e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(e.Body)), true
		}, 200},
		{"broken base64", func(e *events.LambdaFunctionURLRequest) { e.IsBase64Encoded = true }, 400},
		{"base64 that nobody said is base64", func(e *events.LambdaFunctionURLRequest) {
			e.Body = base64.StdEncoding.EncodeToString([]byte(e.Body))
		}, 401},
		{"names in capitals", func(e *events.LambdaFunctionURLRequest) {
			e.Headers = map[string]string{"X-HUB-SIGNATURE-256": helloSignature}
		}, 200},
		{"a name in two cases", func(e *events.LambdaFunctionURLRequest) { e.Headers["X-Hub-Signature-256"] = helloSignature }, 400},
		{"the header twice, as the gateway joins it", func(e *events.LambdaFunctionURLRequest) {
			e.Headers["x-hub-signature-256"] = helloSignature + "," + helloSignature
		}, 400},
		{"another path", func(e *events.LambdaFunctionURLRequest) { e.RawPath = "/gh/x" }, 404},
		{"no path", func(e *events.LambdaFunctionURLRequest) { e.RawPath = "/" }, 404},
		{"GET", func(e *events.LambdaFunctionURLRequest) { e.RequestContext.HTTP.Method = "GET" }, 405},
		{"another address", func(e *events.LambdaFunctionURLRequest) { e.RequestContext.HTTP.SourceIP = "198.51.100.8" }, 403},
		{"another address that claims to be the right one", func(e *events.LambdaFunctionURLRequest) {
			e.RequestContext.HTTP.SourceIP = "198.51.100.8"
			e.Headers["x-forwarded-for"] = "198.51.100.7"
		}, 403},
		{"no body", func(e *events.LambdaFunctionURLRequest) { e.Body = "" }, 401},
		{"empty", func(e *events.LambdaFunctionURLRequest) { *e = events.LambdaFunctionURLRequest{} }, 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := helloEvent()
			c.change(&e)
			function, q := receive(github, time.Now)
			got, err := function.Handle(t.Context(), e)
			if err != nil || got.StatusCode != c.want || (c.want == 200) != (len(q.messages) == 1) {
				t.Errorf("got %d %s, %v, %d queued; want %d", got.StatusCode, got.Body, err, len(q.messages), c.want)
			}
			if got.Headers["Content-Type"] != "application/json" || !json.Valid([]byte(got.Body)) {
				t.Errorf("the answer is %v %s, want JSON", got.Headers, got.Body)
			}
		})
	}
}

func TestHTTPServesTheFunction(t *testing.T) {
	function, q := receive(github, time.Now)
	url := serve(t, function)
	for _, c := range []struct {
		name, method, path, contentType, body string
		want                                  int
	}{
		{"text", "POST", "/gh", "text/plain; charset=utf-8", "Hello, World!", 200},
		{"a form: base64 on its way", "POST", "/gh", "application/x-www-form-urlencoded", "Hello, World!", 200},
		{"no type", "POST", "/gh", "", "Hello, World!", 200},
		{"tampered", "POST", "/gh", "application/json", "Hello, World?", 401},
		{"unknown", "POST", "/nobody", "application/json", "Hello, World!", 404},
		{"GET", "GET", "/gh", "", "", 405},
		{"larger than a Function URL takes", "POST", "/gh", "application/json", strings.Repeat("x", endpoint.MaxPayload+1), 413},
		{"larger than a message", "POST", "/gh", "application/json", strings.Repeat("x", receiving.MaxMessage+1), 413},
	} {
		r, err := http.NewRequestWithContext(t.Context(), c.method, url+c.path, strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Hub-Signature-256", helloSignature)
		r.Header.Set("X-GitHub-Delivery", strings.ReplaceAll(c.name, " ", "-"))
		if c.contentType != "" {
			r.Header.Set("Content-Type", c.contentType)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", c.name, res.StatusCode, c.want)
		}
	}
	if e := q.last(t); len(q.messages) != 3 || *e.Body != "Hello, World!" {
		t.Errorf("%d queued, the last %+v", len(q.messages), e)
	}
}

// broken is an Invoker of a function that crashed.
type broken struct{}

func (broken) Invoke(context.Context, []byte) ([]byte, error) { return nil, context.DeadlineExceeded }

func TestHTTPAnswersForAFunctionThatFails(t *testing.T) {
	w := httptest.NewRecorder()
	endpoint.HTTP(broken{}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/gh", strings.NewReader("x")))
	if w.Code != http.StatusBadGateway {
		t.Errorf("%d, want 502 as a Function URL's", w.Code)
	}
}

func FuzzHandle(f *testing.F) {
	good, _ := json.Marshal(helloEvent())
	f.Add(good)
	f.Add([]byte(`{"rawPath":"/gh","isBase64Encoded":true,"body":"AA==","headers":{"a":""},"requestContext":{"http":{"method":"POST","sourceIp":"::1%eth0"}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		function, q := receive(github, time.Now)
		answer, err := lambda.NewHandler(function.Handle).Invoke(t.Context(), payload)
		if err != nil {
			return // no event at all: AWS sends none such
		}
		var response events.LambdaFunctionURLResponse
		if err := json.Unmarshal(answer, &response); err != nil || response.StatusCode < 200 || response.StatusCode > 499 {
			t.Errorf("answered %s (%v)", answer, err)
		}
		if len(q.messages) > 0 && !bytes.Contains(q.messages[0].Body, []byte("Hello, World!")) {
			t.Errorf("queued %s", q.messages[0].Body)
		}
	})
}
