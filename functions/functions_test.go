package functions_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/jobhook/jobhook/shared/webhook"
)

// The real binaries, from a completion to its third retry.
func TestFromACompletionToItsThirdRetry(t *testing.T) {
	s := newStack(t)
	customer := newCustomer(t, 3)
	s.endpoint("ep_a", customer.URL+"/hook?tenant=7")
	s.send(s.completions, completion("1"))
	if taken, returned := s.pump(s.completions, s.dispatch); taken != 1 || returned != 0 {
		t.Fatalf("dispatch took %d messages and gave %d back", taken, returned)
	}
	for attempt := 2; attempt <= 4; attempt++ {
		if taken, returned := s.pump(s.retries, s.retry); taken != 1 || returned != 0 {
			t.Fatalf("for attempt %d retry took %d messages and gave %d back", attempt, taken, returned)
		}
	}
	_, deliveries := s.load("1")
	d := deliveries[0]
	if len(deliveries) != 1 || d.Status != webhook.Delivered || len(d.Attempts) != 4 {
		t.Fatalf("%d deliveries, the first %s after %d attempts", len(deliveries), d.Status, len(d.Attempts))
	}
	for i := 1; i < 4; i++ {
		if wait := d.Attempts[i].At.Sub(d.Attempts[i-1].At); wait.Seconds() < 1 {
			t.Errorf("attempt %d came after %s, early", i+1, wait)
		}
	}
	posts := customer.got(t)
	if len(posts) != 4 || posts[0] != messageID("1") || posts[3] != posts[0] || customer.bodies[3] != customer.bodies[0] {
		t.Errorf("posts %v: want four with one id and the same bytes", posts)
	}
	if line, err := s.retry.Logs().Await(t.Context(), `"attempt":4`); err != nil || !strings.Contains(line, d.ID()) {
		t.Errorf("no log line of the last attempt names the delivery: %s (%v)", line, err)
	}
	if logs := s.dispatch.Logs().String() + s.retry.Logs().String(); strings.Contains(logs, "tenant=7") || strings.Contains(logs, "Guten Morgen") {
		t.Error("a log line holds the URL's query or the payload")
	}
}

func TestDispatchKilledDuringThePostIsTakenOver(t *testing.T) {
	s := newStack(t)
	customer := newCustomer(t, 0)
	s.endpoint("ep_a", customer.URL)
	s.send(s.completions, completion("1"))
	customer.arrived = func() { s.dispatch.Crash() } // after the POST, before its record
	messages := s.receive(s.completions)
	if answer, err := s.dispatch.Invoke(t.Context(), event(t, messages)); err == nil {
		t.Fatalf("the killed function answered %s", answer)
	}
	customer.mu.Lock()
	customer.arrived = nil
	customer.mu.Unlock()
	// The lease of the dead owner is active still: the message comes back.
	answer, err := s.dispatch.Invoke(t.Context(), event(t, messages))
	if err != nil || s.settle(s.completions, messages, answer) != 1 {
		t.Fatalf("its twin was told %s (%v), want that the message comes back", answer, err)
	}
	if posts := customer.got(t); len(posts) != 1 {
		t.Errorf("%d posts while the lease holds, want the one", len(posts))
	}
}

func TestABadCompletionHoldsUpNobody(t *testing.T) {
	s := newStack(t)
	customer := newCustomer(t, 0)
	s.endpoint("ep_a", customer.URL)
	s.send(s.completions, "not JSON", completion("1"), `{"detail-type":"Job Completed","detail":{"id":"2","type":"t"}}`, completion("3"))
	if taken, returned := s.pump(s.completions, s.dispatch); taken != 4 || returned != 0 {
		t.Fatalf("dispatch took %d messages and gave %d back", taken, returned)
	}
	if posts := customer.got(t); len(posts) != 2 {
		t.Errorf("%d posts, want the two good ones", len(posts))
	}
	reasons := map[string]bool{}
	for _, m := range s.receive(s.rejected) {
		reasons[aws.ToString(m.MessageAttributes["jobhook-reason"].StringValue)] = true
	}
	for _, want := range []string{"not JSON", "status: is missing"} {
		found := false
		for reason := range reasons {
			found = found || strings.Contains(reason, want)
		}
		if !found {
			t.Errorf("no reason says %q: %v", want, reasons)
		}
	}
}

// The URL of a job of account acme is signed with that account's secret, and so
// is its retry; the stack's own is of account default.
func TestAJobsOwnURLIsSignedForItsAccount(t *testing.T) {
	s := newStack(t)
	customer := newCustomer(t, 1)
	customer.secret = jobText
	s.send(s.completions, strings.Replace(completion("1"), `"account":"acme"`, `"account":"acme","callback_url":"`+customer.URL+`/own"`, 1))
	if taken, returned := s.pump(s.completions, s.dispatch); taken != 1 || returned != 0 {
		t.Fatalf("dispatch took %d messages and gave %d back", taken, returned)
	}
	if taken, returned := s.pump(s.retries, s.retry); taken != 1 || returned != 0 {
		t.Fatalf("retry took %d messages and gave %d back", taken, returned)
	}
	if posts := customer.got(t); len(posts) != 2 {
		t.Errorf("%d posts, want two", len(posts))
	}
}

// A message that dispatch returns is there again in seconds, not at the end of
// its visibility timeout of minutes.
func TestAReturnedMessageIsBackInSeconds(t *testing.T) {
	s := newStack(t, "ENDPOINTS_TABLE=not-there")
	s.send(s.completions, completion("1"))
	if taken, returned := s.pump(s.completions, s.dispatch); taken != 1 || returned != 1 {
		t.Fatalf("dispatch took %d messages and gave %d back", taken, returned)
	}
	if again := s.receive(s.completions); len(again) != 1 { // it waits for up to 10 s
		t.Errorf("%d messages are back", len(again))
	}
}

func TestAPrivateAddressIsRefusedByTheBinaries(t *testing.T) {
	s := newStack(t, "LOCAL_ADDRESSES=", "AWS_SAM_LOCAL=")
	customer := newCustomer(t, 0)
	s.endpoint("ep_a", strings.Replace(customer.URL, "http://", "https://", 1))
	s.send(s.completions, completion("1"))
	s.pump(s.completions, s.dispatch)
	_, deliveries := s.load("1")
	if a, _ := deliveries[0].Last(); deliveries[0].Status != webhook.Failed || a.Reason != "address_not_public" {
		t.Errorf("the delivery is %s for %q", deliveries[0].Status, a.Reason)
	}
	if posts := customer.got(t); len(posts) != 0 {
		t.Error("it was posted to a loopback address")
	}
}

// Full batches of the largest results in a 128 MB function.
func TestMemoryOfFullBatches(t *testing.T) {
	const limit = 128 << 20
	s := newStack(t, "SCHEDULE=0s,0s,0s")
	customer := newCustomer(t, 1000)
	s.endpoint("ep_a", customer.URL)
	large := strings.Repeat("0123456789abcde ", 250<<10/16)
	for batch := range 3 {
		for i := range 10 {
			s.send(s.completions, strings.Replace(completion(fmt.Sprint(batch, "-", i)), "Guten Morgen", large, 1))
		}
		s.pump(s.completions, s.dispatch)
		s.pump(s.retries, s.retry)
	}
	// Lambda takes 6 MB in one call: all of it in one batch.
	var batch []types.Message
	for i := range 23 {
		body := strings.Replace(completion(fmt.Sprint("large-", i)), "Guten Morgen", large, 1)
		batch = append(batch, types.Message{MessageId: aws.String(fmt.Sprint("m", i)), Body: &body})
	}
	if answer, err := s.dispatch.Invoke(t.Context(), event(t, batch)); err != nil || strings.Contains(string(answer), "itemIdentifier") {
		t.Errorf("a batch of 6 MB: %s (%v)", answer, err)
	}
	for name, f := range map[string]interface{ PeakRSS() (int64, error) }{"dispatch": s.dispatch, "retry": s.retry} {
		peak, err := f.PeakRSS()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s took %.0f MB at the peak", name, float64(peak)/1e6)
		if peak > limit {
			t.Errorf("%s took %d bytes, more than a 128 MB function has", name, peak)
		}
	}
	if len(customer.got(t)) == 0 {
		t.Error("nothing was posted")
	}
}
