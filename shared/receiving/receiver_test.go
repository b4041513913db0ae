package receiving_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/webhook"
)

const eventBody = `{"id":"evt_1","type":"x"}`

func TestReceiveQueuesOnceAndAnswersDuplicates(t *testing.T) {
	s := sourceOf(t, "stripe", "", "hush-hush-hush-hush")
	w := newWorld(s)
	first := w.Receive(t.Context(), signedBy(t, s, "x", eventBody, at))
	if first.Status != 200 || string(first.Body) != `{"duplicate":false}` || w.inbox.count() != 1 || w.receipts.Calls() != 2 {
		t.Fatalf("%d %s, %d queued, %d writes; want 200, one and two", first.Status, first.Body, w.inbox.count(), w.receipts.Calls())
	}
	w.now = at.Add(time.Hour) // the sender tries again, signed anew
	again := w.Receive(t.Context(), signedBy(t, s, "x", eventBody, w.now))
	if again.Status != 200 || string(again.Body) != `{"duplicate":true}` || w.inbox.count() != 1 || w.receipts.Calls() != 3 {
		t.Errorf("%d %s, %d queued, %d writes; want 200, one and three", again.Status, again.Body, w.inbox.count(), w.receipts.Calls())
	}
	w.now = at.Add(receiving.DefaultWindow + 2*time.Second)
	if late := w.Receive(t.Context(), signedBy(t, s, "x", eventBody, w.now)); string(late.Body) != `{"duplicate":false}` || w.inbox.count() != 2 {
		t.Errorf("beyond the window: %s, %d queued", late.Body, w.inbox.count())
	}
}

func TestReceiveAnswersADuplicateInProgressWithComeAgain(t *testing.T) {
	s := sourceOf(t, "stripe", "", "hush-hush-hush-hush")
	w := newWorld(s)
	var during receiving.Answer
	w.inbox.fault = func() (bool, error) {
		w.inbox.fault = nil
		w.inbox.mu.Unlock()
		during = w.Receive(t.Context(), signedBy(t, s, "x", eventBody, at))
		w.inbox.mu.Lock()
		return true, nil
	}
	if a := w.Receive(t.Context(), signedBy(t, s, "x", eventBody, at)); a.Status != 200 {
		t.Fatalf("the first: %d %s", a.Status, a.Body)
	}
	if during.Status != 503 || during.Header["Retry-After"] == "" || string(during.Body) != `{"error":"in progress"}` {
		t.Errorf("the second, meanwhile: %d %v %s", during.Status, during.Header, during.Body)
	}
	if w.inbox.count() != 1 {
		t.Errorf("%d queued, want one", w.inbox.count())
	}
}

// A crash after the claim leaves a lease that ends; what comes then is queued.
func TestReceiveTakesOverWhenALeaseHasEnded(t *testing.T) {
	s := sourceOf(t, "stripe", "", "hush-hush-hush-hush")
	w := newWorld(s)
	dead := webhook.Receipt{
		Key: webhook.ReceiptKey{Source: "src", ID: "evt_1"}, State: webhook.ReceiptProcessing, Owner: "dead",
		Until: at.Add(12 * time.Second), ExpiresAt: at.Add(time.Hour),
	}
	if _, err := w.receipts.Claim(t.Context(), dead, at); err != nil {
		t.Fatal(err)
	}
	if a := w.Receive(t.Context(), signedBy(t, s, "x", eventBody, at)); a.Status != 503 || a.Header["Retry-After"] != "12" {
		t.Errorf("while it holds: %d %v, want 503 and 12 s", a.Status, a.Header)
	}
	w.now = at.Add(12 * time.Second)
	if a := w.Receive(t.Context(), signedBy(t, s, "x", eventBody, w.now)); a.Status != 200 || w.inbox.count() != 1 {
		t.Errorf("after it: %d %s, %d queued", a.Status, a.Body, w.inbox.count())
	}
}

var errBroken = errors.New("broken")

// Each write fails once, having been made or not. Then the sender tries again
// until it gets a 2xx: the inbox must have the webhook, and once the receipt is
// complete nothing more may come of it.
func TestReceiveSurvivesAFaultAtEachWrite(t *testing.T) {
	for _, c := range []struct {
		name, write string
		apply       bool
		first       int // the answer to the first try
		most        int // of what may be queued in all
	}{
		{"the claim is not made", "claim", false, 503, 1},
		{"the claim is made, its answer lost", "claim", true, 503, 1},
		{"the send is not made", "send", false, 503, 1},
		{"the send is made, its answer lost", "send", true, 503, 2}, // SQS has no way to tell
		{"the completion is not made", "complete", false, 200, 1},
		{"the completion is made, its answer lost", "complete", true, 200, 1},
	} {
		for _, release := range []string{"works", "is not made", "is made, its answer lost"} {
			t.Run(c.name+"/the release "+release, func(t *testing.T) {
				s := sourceOf(t, "stripe", "", "hush-hush-hush-hush")
				w := newWorld(s)
				broken := false
				w.receipts.Fault = func(write string) (bool, error) {
					if write == c.write && !broken {
						broken = true
						return c.apply, errBroken
					}
					if write == "release" && release != "works" {
						return release != "is not made", errBroken
					}
					return true, nil
				}
				w.inbox.fault = func() (bool, error) {
					if c.write == "send" && !broken {
						broken = true
						return c.apply, errBroken
					}
					return true, nil
				}
				checkRetries(t, w, s, c.first, c.most)
			})
		}
	}
}

func checkRetries(t *testing.T, w *world, s receiving.Source, first, most int) {
	t.Helper()
	a := w.Receive(t.Context(), signedBy(t, s, "x", eventBody, w.now))
	if a.Status != first {
		t.Errorf("the first try: %d %s, want %d", a.Status, a.Body, first)
	}
	tries := 1
	for ; a.Status != http.StatusOK; tries++ {
		if tries == 5 {
			t.Fatalf("no 2xx after %d tries", tries)
		}
		w.now = w.now.Add(8 * time.Second)
		a = w.Receive(t.Context(), signedBy(t, s, "x", eventBody, w.now))
	}
	if n := w.inbox.count(); n < 1 || n > most {
		t.Errorf("%d queued, want 1 to %d", n, most)
	}
	queued := w.inbox.count()
	r, _ := w.receipts.Get(webhook.ReceiptKey{Source: "src", ID: "evt_1"})
	w.now = w.now.Add(8 * time.Second)
	if a := w.Receive(t.Context(), signedBy(t, s, "x", eventBody, w.now)); r.State == webhook.ReceiptDone && (a.Status != 200 || w.inbox.count() != queued) {
		t.Errorf("after the completion: %d %s, %d queued, want no more than %d", a.Status, a.Body, w.inbox.count(), queued)
	}
	for _, m := range w.inbox.messages {
		if m.DedupID != w.inbox.messages[0].DedupID {
			t.Error("two messages of one delivery have two dedup ids")
		}
	}
}

// What must be written after the send is written, even when the request ends.
func TestReceiveSettlesWhenTheRequestIsCanceled(t *testing.T) {
	s := sourceOf(t, "stripe", "", "hush-hush-hush-hush")
	w := newWorld(s)
	ctx, cancel := context.WithCancel(t.Context())
	w.inbox.fault = func() (bool, error) { cancel(); return true, nil }
	w.Receive(ctx, signedBy(t, s, "x", eventBody, at))
	if r, _ := w.receipts.Get(webhook.ReceiptKey{Source: "src", ID: "evt_1"}); r.State != webhook.ReceiptDone {
		t.Errorf("the receipt is %q, want done", r.State)
	}
}

func TestTheLeaseOutlivesTheRequest(t *testing.T) {
	s := sourceOf(t, "stripe", "", "hush-hush-hush-hush")
	for _, limit := range []time.Duration{0, 3 * time.Second, time.Minute} {
		w := newWorld(s)
		ctx, cancel := context.WithCancel(t.Context())
		want := receiving.DefaultBudget
		if limit > 0 {
			ctx, cancel = context.WithTimeout(t.Context(), limit)
			want = limit
		}
		var held webhook.Receipt
		w.inbox.fault = func() (bool, error) {
			held, _ = w.receipts.Get(webhook.ReceiptKey{Source: "src", ID: "evt_1"})
			return true, nil
		}
		w.Receive(ctx, signedBy(t, s, "x", eventBody, at))
		cancel()
		if left := held.Until.Sub(at); left < want || left > want+5*time.Second {
			t.Errorf("with %s left the lease holds for %s", want, left)
		}
	}
}

// late is a Directory that takes 4 s.
type late struct {
	*world

	fixed fixed
}

func (l late) Source(ctx context.Context, name string) (receiving.Source, error) {
	l.now = l.now.Add(4 * time.Second)
	return l.fixed.Source(ctx, name)
}

// Slow sources must not eat of the lease: another request could begin while
// this one still sends.
func TestTheLeaseBeginsAfterTheSourcesAreRead(t *testing.T) {
	s := sourceOf(t, "stripe", "", "hush-hush-hush-hush")
	w := newWorld(s)
	w.Sources = late{w, fixed{"src": s}}
	var held webhook.Receipt
	w.inbox.fault = func() (bool, error) {
		held, _ = w.receipts.Get(webhook.ReceiptKey{Source: "src", ID: "evt_1"})
		return true, nil
	}
	w.Receive(t.Context(), signedBy(t, s, "x", eventBody, at))
	if left := held.Until.Sub(w.now); left < receiving.DefaultBudget {
		t.Errorf("with %s left to send the lease holds for %s", receiving.DefaultBudget, left)
	}
}

func TestReceiveAnswersAnUnknownSource(t *testing.T) {
	w := newWorld()
	a := w.Receive(t.Context(), receiving.Request{Source: "whsec_hush", Method: "POST"})
	if a.Status != 404 || string(a.Body) != `{"error":"not found"}` {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	if strings.Contains(w.log.String(), "hush-hush") {
		t.Errorf("a stranger's text is in the log: %s", w.log)
	}
}

func TestReceiveNamesTheMethodsThatAreAllowed(t *testing.T) {
	s := sourceOf(t, "github", "", "hush-hush-hush-hush")
	if a := newWorld(s).Receive(t.Context(), receiving.Request{Source: "src", Method: "GET"}); a.Status != 405 || a.Header["Allow"] != "POST" {
		t.Errorf("%d %v", a.Status, a.Header)
	}
}

// An attacker who has seen a GitHub request sends it again under the id of the
// next one, before that comes: the real one must not be taken for a duplicate.
func TestAnIDThatIsNotSignedCannotShadowTheRealOne(t *testing.T) {
	s := sourceOf(t, "github", "", "hush-hush-hush-hush")
	w := newWorld(s)
	seen := signedBy(t, s, "guid-1", `{"n":1}`, at)
	w.Receive(t.Context(), seen)
	seen.Header.Set("X-GitHub-Delivery", "guid-2")
	w.Receive(t.Context(), seen)
	if a := w.Receive(t.Context(), signedBy(t, s, "guid-2", `{"n":2}`, at)); string(a.Body) != `{"duplicate":false}` {
		t.Errorf("the real one: %s", a.Body)
	}
	if w.inbox.count() != 3 {
		t.Errorf("%d queued, want three", w.inbox.count())
	}
	strict := sourceOf(t, "github", `,"id":"body"`, "hush-hush-hush-hush")
	w = newWorld(strict)
	seen = signedBy(t, strict, "guid-1", `{"n":1}`, at)
	w.Receive(t.Context(), seen)
	seen.Header.Set("X-GitHub-Delivery", "guid-2")
	if a := w.Receive(t.Context(), seen); string(a.Body) != `{"duplicate":true}` {
		t.Errorf(`with "id":"body" the replay: %s`, a.Body)
	}
}

func TestTheSameIDWithAnotherBodyIsReported(t *testing.T) {
	s := sourceOf(t, "standard", "", whsec)
	w := newWorld(s)
	w.Receive(t.Context(), signedBy(t, s, "msg_1", `{"n":1}`, at))
	a := w.Receive(t.Context(), signedBy(t, s, "msg_1", `{"n":2}`, at))
	if string(a.Body) != `{"duplicate":true}` || !strings.Contains(w.log.String(), "level=WARN") || !strings.Contains(w.log.String(), "another body") {
		t.Errorf("%s, logged %s", a.Body, w.log)
	}
}

func TestSlackGetsItsChallengeBack(t *testing.T) {
	s := sourceOf(t, "slack", "", "hush-hush-hush-hush")
	w := newWorld(s)
	r := signedBy(t, s, "x", `{"type":"url_verification","challenge":"3eZb"}`, at)
	if a := w.Receive(t.Context(), r); a.Status != 200 || string(a.Body) != `{"challenge":"3eZb"}` || w.inbox.count() != 0 {
		t.Errorf("%d %s, %d queued", a.Status, a.Body, w.inbox.count())
	}
	r.Header.Set("X-Slack-Signature", "v0="+strings.Repeat("0", 64))
	if a := w.Receive(t.Context(), r); a.Status != 401 {
		t.Errorf("not signed by Slack: %d %s", a.Status, a.Body)
	}
}

func TestTheLogHoldsNoSecretNoSignatureAndNoPayload(t *testing.T) {
	s := sourceOf(t, "github", `,"require":["id"]`, "hush-hush-hush-hush")
	w := newWorld(s)
	good := signedBy(t, s, "guid", `{"id":"1","private":"matter"}`, at)
	bad := signedBy(t, s, "guid", `{"private":"matter"}`, at)
	stranger := signedBy(t, s, "guid", `{"private":"matter"}`, at)
	stranger.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("ab", 32))
	for _, r := range []receiving.Request{good, bad, stranger} {
		w.Receive(t.Context(), r)
		for _, no := range []string{"hush-hush", "matter", "sha256=", r.Header.Get("X-Hub-Signature-256")[7:]} {
			if strings.Contains(w.log.String(), no) {
				t.Errorf("%q is in the log: %s", no, w.log)
			}
		}
	}
	if n := strings.Count(w.log.String(), "msg=webhook.received"); n != 3 {
		t.Errorf("%d lines, want one a request", n)
	}
}
