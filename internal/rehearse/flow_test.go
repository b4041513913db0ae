//go:build rehearse

package rehearse_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/webhook"
)

// flow runs all ways that a completion and a received webhook can take, so that
// every call that the functions make is made.
func flow(p *play) {
	sending(p)
	publishing(p)
	rejecting(p)
	awsJobs(p)
	receive(p)
	outage(p)
	p.settled()
}

// sending: one completion to its own URL and to endpoints with a sealed and a
// named secret, which fail once or twice, and to two that are gone: one at the
// first attempt, one at the second.
func sending(p *play) {
	sealed, sealedText := p.sealed("acme", "ep_sealed")
	named, namedText := p.named("acme")
	p.register("acme", "ep_sealed", "/fails/1/sealed", sealed)
	p.register("acme", "ep_named", "/fails/1/named", named)
	p.register("acme", "ep_gone", "/gone/0/first", webhook.SealedSecret{})
	p.register("acme", "ep_gone_later", "/gone/1/later", webhook.SealedSecret{})

	e := p.put("acme", "job-1", "/fails/2/own")
	p.ends(e, webhook.JobTarget, webhook.Delivered, 3)
	p.ends(e, "ep_sealed", webhook.Delivered, 2)
	p.ends(e, "ep_named", webhook.Delivered, 2)
	p.ends(e, "ep_gone", webhook.Failed, 1)
	p.ends(e, "ep_gone_later", webhook.Failed, 2)
	for _, id := range []string{"ep_gone", "ep_gone_later"} {
		p.await(func() error {
			gone, err := p.store.Endpoint(p.Context(), "acme", id)
			if err == nil && gone.Enabled {
				err = fmt.Errorf("%s answered 410 and is not disabled", id)
			}
			return err
		})
	}
	p.posts("/fails/2/own", 3, p.stackSecret())
	p.posts("/fails/1/sealed", 2, sealedText)
	p.posts("/fails/1/named", 2, namedText)

	// The same completion again: no further POST.
	p.put("acme", "job-1", "/fails/2/own")
	p.put("acme", "job-2", "/ok/after") // comes after it in the same queue
	p.await(func() error { return p.came("/ok/after", 1) })
	p.posts("/fails/2/own", 3, p.stackSecret())
}

// publishing: an event that the API stored, of which the queue only has word.
func publishing(p *play) {
	p.ends(p.accept("globex", "job-3", "/ok/api"), webhook.JobTarget, webhook.Delivered, 1)
}

// rejecting: another event is none of ours; a completion that is none is set
// aside with its reason.
func rejecting(p *play) {
	sent, err := p.cloud.PutEvent(p.Context(), p.bus, map[string]any{"detail-type": "Something Else", "detail": map[string]any{}})
	if err != nil || sent != 0 {
		p.Errorf("an event that is no completion went to %d targets: %v", sent, err)
	}
	bad := map[string]any{"detail-type": "Job Completed", "source": "x", "detail": map[string]any{"status": "success"}}
	if sent, err := p.cloud.PutEvent(p.Context(), p.bus, bad); err != nil || sent != 1 {
		p.Errorf("a bad completion went to %d targets: %v", sent, err)
	}
	p.await(func() error {
		group := strings.Join(p.cloud.Log(p.stack.Physical("DispatchLogs")), "\n")
		if !strings.Contains(group, "completion.rejected") {
			return fmt.Errorf("no completion was rejected; dispatch's log group:\n%s", group)
		}
		return nil
	})
	for _, m := range p.holds(p.stack.Physical("RejectedQueue"), 1) {
		if reason := aws.ToString(m.MessageAttributes["jobhook-reason"].StringValue); !strings.Contains(reason, "id") {
			p.Errorf("it was rejected because %q", reason)
		}
	}
}

// awsJobs: AWS's own events, as it documents them, come over the default bus;
// those of jobs that have ended reach the endpoint.
func awsJobs(p *play) {
	p.register("default", "ep_aws", "/ok/aws", webhook.SealedSecret{})
	samples, err := filepath.Glob(filepath.Join(root, "events", "aws-*.json"))
	if err != nil || len(samples) == 0 {
		p.Fatal("no samples of AWS's events", err)
	}
	ended := 0
	for _, path := range samples {
		text, err := os.ReadFile(path)
		if err != nil {
			p.Fatal(err)
		}
		var event map[string]any
		if err := json.Unmarshal(text, &event); err != nil {
			p.Fatal(err)
		}
		sent, err := p.cloud.PutEvent(p.Context(), "default", event)
		if err != nil || sent > 1 {
			p.Errorf("%s went to %d targets: %v", filepath.Base(path), sent, err)
		}
		ended += sent
	}
	if ended < len(samples)/2 {
		p.Errorf("of %d jobs only %d are completions", len(samples), ended)
	}
	p.await(func() error { return p.came("/ok/aws", ended) })
}

// outage: the table takes no claim for a while. The message must come back: that
// needs the partial batch response, and the queue's visibility timeout to end.
func outage(p *play) {
	f := p.stack.Function("DispatchFunction")
	p.cloud.Gate.SetFault(func(role, action, _ string) bool { return role == f.Role && action == "dynamodb:PutItem" })
	e := p.put("initech", "job-4", "/ok/outage")
	p.await(func() error {
		if group := strings.Join(p.cloud.Log(p.stack.Physical("DispatchLogs")), "\n"); !strings.Contains(group, "message.returned") {
			return errors.New("an outage of the table was not noticed")
		}
		return nil
	})
	p.cloud.Gate.SetFault(nil)
	emulators.Advance(p, 400*time.Second)
	p.ends(e, webhook.JobTarget, webhook.Delivered, 1)
}

// receive: unsigned, signed, again, and one that the inbox doesn't take at
// first: the sender is told to come again, and can.
func receive(p *play) {
	inner := p.stack.Nested("Receiving")
	if inner == nil {
		p.Fatal("there is no stack within for receive")
	}
	f := inner.Function("ReceiveFunction")
	post := func(id, signature string, want int, body string) {
		p.Helper()
		e := events.LambdaFunctionURLRequest{Version: "2.0", RawPath: "/gh", Body: "Hello, World!", Headers: map[string]string{
			"x-hub-signature-256": signature, "x-github-delivery": id, "x-github-event": "push", "content-type": "text/plain",
		}}
		e.RequestContext.HTTP.Method, e.RequestContext.HTTP.SourceIP = "POST", "198.51.100.7"
		got, err := f.Request(p.Context(), e)
		if err != nil || got.StatusCode != want || !strings.Contains(got.Body, body) {
			p.Fatalf("receive answered %d %s (%v) to %s, want %d %s; refused: %v", got.StatusCode, got.Body, err, id, want, body, p.refused())
		}
	}
	sources := `{"sources":{"gh":{"scheme":"github","secrets":["It's a Secret to Everybody"]}}}`
	_, err := p.cloud.Secrets.PutSecretValue(p.Context(), &secretsmanager.PutSecretValueInput{
		SecretId: aws.String(inner.Physical("SourcesSecret")), SecretString: aws.String(sources),
	})
	if err != nil {
		p.Fatal(err)
	}
	const signed = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
	post("guid-0", "sha256="+strings.Repeat("0", 64), http.StatusUnauthorized, "")
	post("guid-1", signed, http.StatusOK, `"duplicate":false`)
	post("guid-1", signed, http.StatusOK, `"duplicate":true`)
	p.cloud.Gate.SetFault(func(role, action, _ string) bool { return role == f.Role && action == "sqs:SendMessage" })
	post("guid-2", signed, http.StatusServiceUnavailable, "")
	p.cloud.Gate.SetFault(nil)
	post("guid-2", signed, http.StatusOK, `"duplicate":false`)
	p.holds(inner.Physical("InboxQueue"), 2)
	p.holds(inner.Physical("InboxDeadLetters"), 0)
	if len(p.cloud.Log(inner.Physical("ReceiveLogs"))) == 0 {
		p.Error("receive's log group is empty")
	}
}

// settled: what is done has left the queues, nothing is among the dead letters,
// the logs came where the template says, and nothing that was asked was refused.
func (p *play) settled() {
	p.Helper()
	for _, queue := range []string{"CompletionsQueue", "RetryQueue", "CompletionsDeadLetters", "RetryDeadLetters"} {
		p.holds(p.stack.Physical(queue), 0)
	}
	for _, group := range []string{"DispatchLogs", "RetryLogs"} {
		if !slices.ContainsFunc(p.cloud.Log(p.stack.Physical(group)), func(l string) bool { return strings.Contains(l, "delivery.attempted") }) {
			p.Errorf("%s has no attempt in it", group)
		}
	}
	if lost := p.cloud.Lost(); len(lost) > 0 {
		p.Errorf("EventBridge lost %v", lost)
	}
	if refused := p.refused(); len(refused) > 0 {
		p.Errorf("the functions were refused what they need: %v", refused)
	}
}

func (p *play) came(path string, n int) error {
	if got := len(p.customer.to(path)); got != n {
		return fmt.Errorf("%s: %d posts, want %d", path, got, n)
	}
	return nil
}

// rehearsal is all that a template must stand: it is deployed, read back, run,
// and each role refuses what is none of its function's business. It returns the report.
func rehearsal(p *play) string {
	readBack(p)
	flow(p)
	journal := p.cloud.Gate.Journal()
	refused := refusals(p)
	overPlainHTTP(p)
	strangers(p)
	for logical, f := range p.stack.Functions() {
		for _, right := range unused(p, f, journal) {
			if spare[logical+" "+right] == "" {
				p.Errorf("%s may %s and never does: the role allows more than is needed", logical, right)
			}
		}
	}
	return report(p, journal, refused)
}

func TestRehearsal(t *testing.T) {
	p := deploy(t, load(t, translated, binaries(t)))
	write(t, "rights.txt", rehearsal(p))
}

// write keeps a report for `make rehearse` to print.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(translated, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
