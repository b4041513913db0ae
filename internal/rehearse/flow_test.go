//go:build rehearse

package rehearse_test

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/internal/rehearse"
	"github.com/jobhook/jobhook/internal/rehearse/gate"
	"github.com/jobhook/jobhook/shared/sqsqueue"
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
	expired(p)
	handedOver(p)
	outages(p)
	slowLane(p)
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
	p.posts("/fails/2/own", 3, p.jobSecret("acme"))
	p.posts("/fails/1/sealed", 2, sealedText)
	p.posts("/fails/1/named", 2, namedText)
	p.ends(p.put("", "job-1", "/ok/default"), webhook.JobTarget, webhook.Delivered, 1)
	p.posts("/ok/default", 1, p.stackSecret())

	// The same completion again: no further POST.
	p.put("acme", "job-1", "/fails/2/own")
	p.put("acme", "job-2", "/ok/after") // comes after it in the same queue
	p.await(func() error { return p.came("/ok/after", 1) })
	p.posts("/fails/2/own", 3, p.jobSecret("acme"))
}

// publishing: an event that the API stored, of which the queue has the id alone.
func publishing(p *play) {
	p.ends(p.accept("globex", "job-3", "/ok/api"), webhook.JobTarget, webhook.Delivered, 1)
}

// rejecting: another event is not for jobhook; a completion that cannot be used
// is rejected with its reason.
func rejecting(p *play) {
	sent, err := p.cloud.PutEvent(p.Context(), p.bus, map[string]any{"detail-type": "Something Else", "detail": map[string]any{}})
	if err != nil || len(sent) != 0 {
		p.Errorf("an event that is no completion went to %d targets: %v", len(sent), err)
	}
	bad := map[string]any{"detail-type": "Job Completed", "source": "x", "detail": map[string]any{"status": "success"}}
	if sent, err := p.cloud.PutEvent(p.Context(), p.bus, bad); err != nil || len(sent) != 1 {
		p.Errorf("a bad completion went to %d targets: %v", len(sent), err)
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
	noGroup(p)
}

// noGroup: a completion whose account SQS takes as no message group waits among
// the dead letters. Redriven, it is rejected like any other that cannot be used.
func noGroup(p *play) {
	bad := map[string]any{"id": "job-9", "status": "success", "type": "fine_tune", "account": "two words"}
	if sent, err := p.cloud.PutEvent(p.Context(), p.bus, rehearse.Completion("no-group", bad)); err != nil || len(sent) != 1 {
		p.Errorf("a completion of no account went to %d targets: %v", len(sent), err)
	}
	dead, queue := aws.String(p.stack.Physical("CompletionsDeadLetters")), aws.String(p.stack.Physical("CompletionsQueue"))
	for _, m := range p.holds(*dead, 1) {
		_, err := p.cloud.SQS.SendMessage(p.Context(), &sqs.SendMessageInput{QueueUrl: queue, MessageBody: m.Body})
		if err == nil {
			_, err = p.cloud.SQS.DeleteMessage(p.Context(), &sqs.DeleteMessageInput{QueueUrl: dead, ReceiptHandle: m.ReceiptHandle})
		}
		if err != nil {
			p.Fatal(err)
		}
	}
	p.await(func() error {
		if n := strings.Count(strings.Join(p.cloud.Log(p.stack.Physical("DispatchLogs")), ""), "completion.rejected"); n != 2 {
			return fmt.Errorf("%d completions were rejected, want 2", n)
		}
		return nil
	})
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
		groups, err := p.cloud.PutEvent(p.Context(), "default", event)
		if err != nil || len(groups) > 1 || len(groups) == 1 && groups[0] != webhook.DefaultAccount {
			p.Errorf("%s went to targets with the groups %q: %v", filepath.Base(path), groups, err)
		}
		ended += len(groups)
	}
	if ended < len(samples)/2 {
		p.Errorf("of %d jobs only %d are completions", len(samples), ended)
	}
	p.await(func() error { return p.came("/ok/aws", ended) })
}

// expired: a completion whose event has expired, but is not deleted yet, is new.
func expired(p *play) {
	old := p.parse([]byte(`{"id":"job-5","status":"success","type":"fine_tune","account":"globex"}`))
	old.AcceptedAt, old.ExpiresAt = old.AcceptedAt.Add(-48*time.Hour), time.Now().Add(-time.Hour)
	claimed, change := old.Claim([]string{}, webhook.Lease{Message: "long ago"}, rand.Text())
	p.writes(change)
	e := p.put("globex", "job-5", "/ok/expired")
	if e.MessageID != claimed.MessageID {
		p.Fatalf("the expired event is %s, its completion %s", claimed.MessageID, e.MessageID)
	}
	p.ends(e, webhook.JobTarget, webhook.Delivered, 1)
}

// handedOver: dispatch made two first attempts whose records were refused all
// the time that it had, so it left what came of them to retry. Of one delivery
// there is an expired record under the same key.
func handedOver(p *play) {
	retries := sqsqueue.New(p.cloud.SQS, p.stack.Physical("RetryQueue"))
	for _, job := range []string{"job-6", "job-7"} {
		url := p.customer.URL + "/ok/" + job
		e := p.parse([]byte(`{"id":"` + job + `","status":"success","type":"fine_tune","account":"globex","callback_url":"` + url + `"}`))
		e, change := e.Claim([]string{webhook.JobTarget}, webhook.Lease{Message: "dispatch's"}, rand.Text())
		p.writes(change)
		if job == "job-7" {
			earlier := e
			earlier.ExpiresAt = time.Now().Add(-time.Hour)
			p.writes(webhook.Begin(earlier, webhook.JobTarget, webhook.Endpoint{URL: url, Profile: webhook.Standard}).Cancel(rand.Text()))
		}
		key := e.Key(webhook.JobTarget)
		body := webhook.Encode(webhook.RetryMessage{
			Version: webhook.Layout, MessageID: key.MessageID, Account: key.Account, EndpointID: key.EndpointID,
			AcceptedAt: key.AcceptedAt, Attempt: 1, Due: time.Now().UTC(),
			Outcome: &webhook.Outcome{Rev: rand.Text(), At: time.Now().UTC(), DurationMS: 12, StatusCode: http.StatusOK, URL: url, Profile: webhook.Standard},
		})
		if err := errors.Join(retries.Send(p.Context(), webhook.Message{Body: body, Group: key.Account})...); err != nil {
			p.Fatal(err)
		}
		p.ends(e, webhook.JobTarget, webhook.Delivered, 1)
		p.posts("/ok/"+job, 0, p.jobSecret("globex")) // dispatch made the attempt
	}
}

// slowLane: dispatch hands the first attempt at a slow endpoint over to the slow
// queue, which retry takes over a mapping of its own. What an internal error
// holds up returns to that queue, and what is to be retried goes there too.
func slowLane(p *play) {
	p.register("umbrella", "ep_slow", "/fails/1/slow", webhook.SealedSecret{})
	if err := p.store.SetHealth(p.Context(), "umbrella", "ep_slow", webhook.Health{SlowUntil: time.Now().Add(10 * time.Minute)}); err != nil {
		p.Fatal(err)
	}
	p.fails(p.stack.Function("RetryFunction").Role, "dynamodb:BatchGetItem", 1000)
	e := p.put("umbrella", "job-8", "")
	p.await(func() error {
		if !slices.ContainsFunc(p.cloud.Gate.Journal(), func(d gate.Decision) bool {
			return d.Allowed && d.Action == "sqs:ChangeMessageVisibility" && d.Resource == p.stack.ARN("SlowQueue")
		}) {
			return errors.New("no message has returned to the slow queue")
		}
		return nil
	})
	p.cloud.Gate.SetFault(nil)
	emulators.Advance(p, 6*time.Second)
	p.ends(e, "ep_slow", webhook.Delivered, 2)
}

func (p *play) writes(change webhook.Change) {
	p.Helper()
	if err := errors.Join(p.store.Write(p.Context(), change)...); err != nil {
		p.Fatal(err)
	}
}

// outages: the tables refuse reads until a message has been returned, then
// writes for a few calls. A returned message is back in seconds, long before its
// visibility timeout ends: that needs the partial batch response and
// ChangeMessageVisibility. Refused writes are made again by the same invocation.
func outages(p *play) {
	for i, function := range []string{"Dispatch", "Retry"} {
		role, logs := p.stack.Function(function+"Function").Role, p.stack.Physical(function+"Logs")
		job, attempts := fmt.Sprint("job-unread-", i), i+1
		p.fails(role, "dynamodb:BatchGetItem", 1000)
		e := p.put("initech", job, fmt.Sprintf("/fails/%d/%s", i, job))
		p.await(func() error {
			if group := strings.Join(p.cloud.Log(logs), "\n"); !strings.Contains(group, "message.returned") {
				return fmt.Errorf("%s did not notice an outage of the tables", function)
			}
			return nil
		})
		p.cloud.Gate.SetFault(nil)
		emulators.Advance(p, 6*time.Second)
		p.ends(e, webhook.JobTarget, webhook.Delivered, attempts)

		job = fmt.Sprint("job-unwritten-", i)
		action := []string{"dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"}[i]
		failed := p.fails(role, action, 4)
		p.ends(p.put("initech", job, fmt.Sprintf("/fails/%d/%s", i, job)), webhook.JobTarget, webhook.Delivered, attempts)
		p.cloud.Gate.SetFault(nil)
		if failed.Load() < 4 {
			p.Errorf("%s met %d refused writes, want 4", function, failed.Load())
		}
	}
}

// fails has a role's next calls of an action fail, and counts them.
func (p *play) fails(role, action string, calls int32) *atomic.Int32 {
	var failed atomic.Int32
	p.cloud.Gate.SetFault(func(who, what, _ string) bool {
		return who == role && what == action && failed.Add(1) <= calls
	})
	return &failed
}

// receive: unsigned, signed, again, and one that the inbox doesn't take at
// first: the sender is told to try again, and can.
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
	for _, queue := range []string{"CompletionsQueue", "RetryQueue", "SlowQueue", "CompletionsDeadLetters", "RetryDeadLetters"} {
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
	p := deploy(t, rehearse.Source{Directory: translated, Binaries: binaries(t)})
	write(t, "rights.txt", rehearsal(p))
}

// write keeps a report for `make rehearse` to print.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(translated, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
