package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/sqsbatch"
	"github.com/jobhook/jobhook/shared/telemetry"
	"github.com/jobhook/jobhook/shared/webhook"
)

// The lines that dispatch, sqsbatch and receiving really write are valid
// documents and count what happened.
func TestMetrics(t *testing.T) {
	fault := errors.New("no secret")
	for _, c := range []struct {
		name     string
		body     string
		answer   sender.Answer
		fault    error
		disabled bool
		want     string
	}{
		{
			name: "delivered", answer: sender.Answer{StatusCode: 204, Duration: 42 * time.Millisecond},
			want: "deliveries=1 duration_ms=42",
		},
		{
			name: "failed, with a retry", answer: sender.Answer{StatusCode: 500, Reason: webhook.ReasonHTTPStatus, Duration: time.Second},
			want: "duration_ms=1000 failures{reason=http_status}=1 retries_scheduled=1",
		},
		{
			name: "failed for good", answer: sender.Answer{Reason: webhook.ReasonAddressNotPublic},
			want: "deliveries_failed=1 duration_ms=0 failures{reason=address_not_public}=1",
		},
		{
			name: "gone", answer: sender.Answer{StatusCode: 410, Reason: webhook.ReasonHTTPStatus},
			want: "deliveries_failed=1 duration_ms=0 endpoints_disabled=1 failures{reason=http_status}=1",
		},
		{name: "held", disabled: true, want: "deliveries_held=1"},
		{name: "rejected", body: "{}", want: "rejected=1"},
		{name: "an internal error", fault: fault, want: "deliveries_postponed=1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "jobhook-Dispatch")
			log := telemetry.Logger(&out, slog.LevelInfo, "dispatch")
			body := c.body
			if body == "" {
				body = `{"id":"1","status":"success","type":"t","account":"acme"}`
			}
			run(t, log, body, c.answer, c.fault, !c.disabled)
			if got := totals(t, out.String(), "jobhook-Dispatch"); got != c.want {
				t.Errorf("counted\n%s\nwant\n%s\nin\n%s", got, c.want, out.String())
			}
		})
	}
}

// totals adds up the samples of all lines, without the dimension FunctionName,
// which each must have.
func totals(t *testing.T, lines, function string) string {
	t.Helper()
	var all []string
	for line := range strings.Lines(lines) {
		for _, s := range extract(t, line) {
			left, ok := strings.CutPrefix(s.Dimensions, "FunctionName="+function)
			if !ok {
				t.Errorf("%s lacks the function's name", s)
			}
			s.Dimensions = strings.TrimPrefix(left, ",")
			all = append(all, strings.Replace(s.String(), "{}", "", 1))
		}
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func run(t *testing.T, log *slog.Logger, body string, answer sender.Answer, fault error, enabled bool) {
	t.Helper()
	db, err := embedded.Open(embedded.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	queue, err := db.Queue("q", embedded.QueueConfig{Visibility: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(-time.Minute)
	if err := db.InsertEndpoint(t.Context(), webhook.Endpoint{
		ID: "ep_1", Account: "acme", URL: "https://a.example/", Events: []string{"*"},
		Profile: webhook.Standard, Enabled: enabled, CreatedAt: now, UpdatedAt: now, Rev: "1",
	}); err != nil {
		t.Fatal(err)
	}
	tokens := 0
	d := deliver.NewDispatcher(deliver.Deps{
		Store: db, Retries: queue, Rejected: queue,
		Secrets: keys{}, Sender: net{answer, fault}, Log: log, Now: time.Now, Chance: func() float64 { return 0 },
		Token: func() string { tokens++; return strings.Repeat("x", tokens) },
	}, deliver.Config{Schedule: schedule.Schedule{time.Minute}, SendTimeout: time.Second, Concurrency: 1})
	if _, err := sqsbatch.Handler(d.Dispatch, sqsbatch.Sources{Queue: queue}, func() float64 { return 0 }, log)(t.Context(), events.SQSEvent{Records: []events.SQSMessage{{MessageId: "m", Body: body}}}); err != nil {
		t.Fatal(err)
	}
}

type keys struct{}

func (keys) For(context.Context, webhook.Endpoint, time.Time) ([]signing.Secret, []string, error) {
	s, err := signing.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	return []signing.Secret{s}, nil, err
}

type net struct {
	answer sender.Answer
	fault  error
}

func (n net) Send(context.Context, sender.Request) (sender.Answer, error) { return n.answer, n.fault }

func TestReceiveCountsByOutcome(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(telemetry.Metrics(&out, slog.LevelInfo, "f"))
	r := receiving.Receiver{Deps: receiving.Deps{Sources: nobody{}, Log: log, Now: time.Now}}
	if a := r.Receive(t.Context(), receiving.Request{Source: "stranger"}); a.Status != http.StatusNotFound {
		t.Fatal(a)
	}
	if got, want := totals(t, out.String(), "f"), "duration_ms=0 received{outcome=refused}=1"; got != want {
		t.Errorf("counted %s, want %s", got, want)
	}
}

type nobody struct{}

func (nobody) Source(context.Context, string) (receiving.Source, error) {
	return receiving.Source{}, receiving.ErrUnknownSource
}

// Outside Lambda, in groups, and in lines that count nothing there is no block.
func TestNoMetrics(t *testing.T) {
	var out bytes.Buffer
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "")
	telemetry.Logger(&out, slog.LevelInfo, "dispatch").Info("delivery.held")
	t.Setenv("AWS_LAMBDA_FUNCTION_NAME", "f")
	log := telemetry.Logger(&out, slog.LevelInfo, "dispatch")
	log.WithGroup("g").Info("delivery.held")
	log.Info("message.returned", "error", "busy")
	log.Info("secret.unreadable")
	log.Debug("delivery.held")
	if strings.Contains(out.String(), "_aws") || strings.Count(out.String(), "\n") != 4 {
		t.Error(out.String())
	}
}

// A line that carries metrics takes less than 5 µs; the POST it tells of takes
// a thousand times as long.
func BenchmarkAttemptLine(b *testing.B) {
	for _, c := range []struct {
		name string
		h    slog.Handler
	}{
		{"plain", slog.NewJSONHandler(sink{}, nil)},
		{"with metrics", telemetry.Metrics(sink{}, slog.LevelInfo, "jobhook-DispatchFunction-0123456789AB")},
	} {
		b.Run(c.name, func(b *testing.B) {
			log := slog.New(c.h)
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(context.Background(), slog.LevelInfo, "delivery.attempted",
					slog.String("delivery_id", "msg_0123456789abcdef0123456789abcdef.ep_0123456789abcdef01234567"),
					slog.String("message_id", "msg_0123456789abcdef0123456789abcdef"), slog.String("event_id", "a/b/c"),
					slog.String("event_type", "content_translate.success"), slog.String("account", "acme"),
					slog.String("endpoint_id", "ep_0123456789abcdef01234567"), slog.String("host", "hooks.example.com"),
					slog.String("profile", "standard"), slog.String("status", "retrying"), slog.Int("attempt", 1),
					slog.String("outcome", "failed"), slog.Int("status_code", 500), slog.Int64("duration_ms", 42),
					slog.String("reason", "http_status"))
			}
		})
	}
}

type sink struct{}

func (sink) Write(p []byte) (int, error) { return len(p), nil }
