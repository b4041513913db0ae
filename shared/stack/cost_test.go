package stack

import (
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/intake"
)

var costPage = flag.String("cost", "", "write the page of costs to this file (make cost)")

// Public list prices of us-east-1, in dollars, read on pricesRead.
const (
	pricesRead = "2026-11-21"

	perWriteUnit   = 0.625 / 1e6  // DynamoDB on demand
	perReadUnit    = 0.125 / 1e6  // DynamoDB on demand
	perRequest     = 0.20 / 1e6   // Lambda
	perGBSecond    = 0.0000133334 // Lambda, arm64
	perSQSRequest  = 0.40 / 1e6   // for each 64 KB
	perGroup       = 0.10 / 1e6   // more for a request with a message group (fair queues)
	perEvent       = 1.00 / 1e6   // EventBridge, custom events, for each 64 KB
	perLogByte     = 0.50 / 1e9   // CloudWatch Logs, ingested
	perDestination = 0.20 / 1e6   // EventBridge API destinations, for each invocation
	memoryGB       = 256.0 / 1024 // template.yaml's default for both functions
	chunk          = 64 << 10
)

// traffic is what is delivered, and how it comes.
type traffic struct {
	kilobytes int     // of the result
	endpoints int     // that want each event
	refused   float64 // share of deliveries whose first attempt is answered 500; the second is accepted
	spread    bool    // answers take 20 to 500 ms; else all take 100
	by        string  // "EventBridge", "queue" or "API"
	batch     int
}

// bill is what one delivery took.
type bill struct{ calls, write, read, requests, milliseconds, logBytes, dollars float64 }

// measure delivers a hundred times.
func (tr traffic) measure(t *testing.T) bill {
	t.Helper()
	f := newCounted(t, tr.endpoints)
	var tries sync.Map
	var arrived atomic.Int64 // one of a hundred is 1 %
	f.answer = func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h := fnv.New64a()
		fmt.Fprint(h, r.Header.Get("Webhook-Id"), r.URL.Path)
		chance := rand.New(rand.NewPCG(h.Sum64(), 1))
		took := 100 * time.Millisecond
		if tr.spread {
			took = 20*time.Millisecond + time.Duration(chance.Float64()*float64(480*time.Millisecond))
		}
		time.Sleep(took) // it is the endpoint that takes its time, on the real clock that Lambda bills
		if _, again := tries.LoadOrStore(h.Sum64(), true); !again && float64(arrived.Add(1)*37%100) < 100*tr.refused {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}
	f.work(f.dispatcher.Dispatch, job("warm", ""))
	f.retries.take()
	f.db.calls, f.db.write, f.db.read, f.retries.calls = 0, 0, 0, 0
	f.log.bytes.Store(0)
	var b bill
	invoke := func(work func(context.Context, []deliver.Message) []error, bodies [][]byte) {
		for len(bodies) > 0 {
			n := min(tr.batch, len(bodies))
			began, size := time.Now(), 0
			f.work(work, bodies[:n]...)
			b.milliseconds += float64(time.Since(began).Milliseconds())
			for _, body := range bodies[:n] {
				size += len(body)
				b.requests += chunks(len(body)) // it was sent
			}
			b.requests += chunks(size) + 1 // received and deleted
			b.dollars += perRequest
			bodies = bodies[n:]
		}
	}
	result, events := ordinary(tr.kilobytes<<10), 100/tr.endpoints
	var bodies [][]byte
	for i := range events {
		detail := fmt.Sprintf(`{"id":"5f0a%04d-8c1e-4a57-9d3b-0b6a2f7c1e42","status":"success","type":"content_translate","account":"acme","result":%s}`, i, result)
		envelope := fmt.Sprintf(`{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"Job Completed","source":"platform.jobs","account":"123456789012","time":"2026-11-21T12:00:00Z","region":"us-east-1","resources":[],"detail":%s}`, detail)
		switch tr.by {
		case "API":
			c, err := intake.Parse([]byte(detail), "", time.Now(), intake.Rules{Retention: 30 * 24 * time.Hour})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.publisher.Publish(t.Context(), c.Event); err != nil {
				t.Fatal(err)
			}
			bodies = append(bodies, f.accepted.take()[0].Body)
		case "queue":
			bodies = append(bodies, []byte(detail))
		default:
			bodies = append(bodies, []byte(envelope))
			b.dollars += chunks(len(envelope)) * perEvent
		}
	}
	invoke(f.dispatcher.Dispatch, bodies)
	f.ahead.Add(int64(5 * time.Minute))
	var retries [][]byte
	for _, m := range f.retries.take() {
		retries = append(retries, m.Body)
	}
	invoke(f.retrier.Retry, retries)
	if left := f.retries.take(); len(left) > 0 {
		t.Fatalf("%d were not delivered by the second attempt", len(left))
	}
	b.calls, b.write, b.read, b.logBytes = float64(f.db.calls), f.db.write, f.db.read, float64(f.log.bytes.Load())
	b.dollars += b.write*perWriteUnit + b.read*perReadUnit + b.milliseconds/1000*memoryGB*perGBSecond +
		b.requests*(perSQSRequest+perGroup) + b.logBytes*perLogByte
	n := float64(events * tr.endpoints)
	return bill{b.calls / n, b.write / n, b.read / n, b.requests / n, b.milliseconds / n, b.logBytes / n, b.dollars / n * 1e6}
}

func chunks(bytes int) float64 { return math.Ceil(float64(max(bytes, 1)) / chunk) }

// ordinary is JSON of a size, as texts and figures make it: it compresses to
// about a third.
func ordinary(size int) string {
	chance := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("the job of a customer was translated into another language and each part has its own score in this list of results with time page model tokens")
	var out strings.Builder
	out.WriteString(`{"items":[`)
	for i := 0; out.Len() < size-120; i++ {
		if i > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"index":%d,"score":%.4f,"text":"`, i, chance.Float64())
		for range 8 {
			out.WriteString(words[chance.IntN(len(words))] + " ")
		}
		out.WriteString(`"}`)
	}
	out.WriteString(`]}`)
	return out.String()
}

func allTraffic() []traffic {
	var all []traffic
	for _, kb := range []int{1, 10, 64} {
		for _, endpoints := range []int{1, 10} {
			for _, refused := range []float64{0, 0.01, 0.3} {
				all = append(all, traffic{kb, endpoints, refused, false, "EventBridge", 10})
			}
		}
	}
	return append(all,
		traffic{1, 1, 0, true, "EventBridge", 10}, traffic{1, 10, 0, true, "EventBridge", 10}, traffic{1, 1, 0, false, "EventBridge", 1},
		traffic{1, 1, 0, false, "queue", 10}, traffic{64, 1, 0, false, "queue", 10},
		traffic{1, 1, 0, false, "API", 10}, traffic{64, 1, 0, false, "API", 10},
	)
}

// What docs/cost.md says of ordinary traffic is what it takes: at most $3.30
// for a million deliveries in batches of ten by EventBridge, $2.30 straight to
// the queue, of which message groups are $0.12. -cost writes the whole page.
func TestCost(t *testing.T) {
	for _, c := range []struct {
		traffic
		most float64
	}{
		{traffic{1, 1, 0, false, "EventBridge", 10}, 3.30},
		{traffic{1, 1, 0, false, "queue", 10}, 2.30},
	} {
		b := c.measure(t)
		t.Logf("%+v: %+v", c.traffic, b)
		for range 4 { // a busy machine takes longer: the best of five
			if b.dollars > c.most {
				b = c.measure(t)
			}
		}
		if b.dollars > c.most {
			t.Errorf("a million deliveries by %s cost $%.2f, want at most $%.2f", c.by, b.dollars, c.most)
		}
		page, err := os.ReadFile("../../docs/cost.md")
		if *costPage == "" && (err != nil || !strings.Contains(string(page), c.counted(b))) {
			t.Errorf("docs/cost.md (%v) does not say %q: make cost writes it", err, c.counted(b))
		}
	}
	if *costPage == "" {
		return
	}
	var table strings.Builder
	for _, tr := range allTraffic() {
		fmt.Fprintln(&table, tr.row(tr.measure(t)))
	}
	text := fmt.Sprintf(costText, pricesRead, table.String(), (perEvent+perDestination)*1e6)
	if err := os.WriteFile(*costPage, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// counted begins a row: what does not depend on the machine.
func (tr traffic) counted(b bill) string {
	answers := "100 ms"
	if tr.spread {
		answers = "20–500 ms"
	}
	return fmt.Sprintf("| %d KB | %d | %g %% | %s | %s, %d | %.2f |", tr.kilobytes, tr.endpoints, tr.refused*100, answers, tr.by, tr.batch, b.write)
}

func (tr traffic) row(b bill) string {
	return tr.counted(b) + fmt.Sprintf(" %.2f | %.2f | %.2f | %.0f | %.0f | $%.2f |", b.read, b.calls, b.requests, b.milliseconds, b.logBytes, b.dollars)
}

const costText = `# What a delivery costs

` + "`make cost`" + ` measures and writes this page: it runs dispatch and retry over emulators of DynamoDB and Secrets Manager and a real HTTP
endpoint, and counts calls, capacity units (as DynamoDB's emulator answers them), queue requests, milliseconds and log
bytes, for a hundred deliveries of each kind, with a warm cache. The prices are the public list prices of us-east-1, read on %s:
DynamoDB $0.625 for a million write units and $0.125 for a million read units (on demand), Lambda $0.20 for a million requests and
$0.0000133334 for a GB-second (arm64, 256 MB), SQS $0.40 for a million requests of 64 KB and $0.10 more since all carry a message group,
EventBridge $1.00 for a million events of 64 KB, CloudWatch Logs $0.50 for a GB.

*Refused* is the share of deliveries whose first attempt is answered 500 and whose second is accepted. *By* is how
completions come, and how many one invocation gets. Milliseconds are of the function on the machine that ran it (2 cores, with the
emulators): on AWS they are those of the endpoint and a few more. Figures are for each delivery, dollars for a million.

| result | endpoints | refused | answers | by, batch | write units | read units | DynamoDB calls | SQS requests | Lambda ms | log bytes | per million |
|---|---|---|---|---|---|---|---|---|---|---|---|
%s
EventBridge API destinations cost $%.2f for a million deliveries (the event and the invocation), unsigned and without a record of
what happened.

Not in it: storage, point-in-time recovery, the two secrets ($0.40 a month each), alarms, data transfer, and Lambda's
polls of empty queues ([operating](operations.md)). A result that does not compress costs a write unit for each KB, once when it is
accepted by EventBridge or the queue, twice by the API.
`
