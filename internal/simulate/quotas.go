package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/jobhook/jobhook/internal/marked"
)

// Default quotas in us-east-1, as AWS documented them on quotasRead.
const (
	quotasRead = "2026-11-28"

	lambdaConcurrency = 1000    // concurrent executions of an AWS account
	putEvents         = 10_000  // PutEvents a second; counted in events here, as if none were joined
	ruleInvocations   = 18_750  // events a second that rules hand to their targets
	inFlightMessages  = 120_000 // of one standard queue
	tableWrites       = 40_000  // write units a second of one table on demand
	newTableWrites    = 4_000   // what a new table takes at once
	defaultMaximum    = 50      // template.yaml's MaximumConcurrency
)

const (
	writesEach = 2 // write units for a delivery of 1 KB that succeeds at once
	peakFactor = 10
)

// need is what so many deliveries a second take.
type need struct{ rate, full, single, inFlight, writes float64 }

func needs(rate float64) need {
	busy := overhead + healthyPOST
	return need{
		rate: rate, full: math.Ceil(rate * busy / batchSize), single: math.Ceil(rate * busy),
		inFlight: math.Ceil(rate * busy), writes: rate * writesEach,
	}
}

func quotaTables() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### Quotas\n\nWhat deliveries of 1 KB to one endpoint that answers after %.0f ms need, evenly spread over the day and at a peak of %d times that:\n\n",
		healthyPOST*1000, peakFactor)
	b.WriteString("| a day | | events/s | concurrent invocations, batches of 10 to 1 | in flight in SQS | write units/s | above a default |\n|---|---|---|---|---|---|---|\n")
	for _, millions := range []float64{1, 10, 100} {
		average := millions * 1e6 / (24 * 60 * 60)
		fmt.Fprintf(&b, "| %.0f million | average | %s |\n", millions, needs(average))
		fmt.Fprintf(&b, "| | peak | %s |\n", needs(average*peakFactor))
	}
	fmt.Fprintf(&b, "\n| default in us-east-1, read %s | |\n|---|---|\n", quotasRead)
	for _, q := range []struct {
		name string
		is   int
		page string
	}{
		{"EventBridge `PutEvents` a second", putEvents, "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"},
		{"EventBridge events a second to targets", ruleInvocations, "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"},
		{"Lambda concurrent executions", lambdaConcurrency, "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"},
		{"SQS messages in flight, standard queue", inFlightMessages, "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"},
		{"DynamoDB write units a second, one table on demand", tableWrites, "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html"},
		{"the same, a new table at once", newTableWrites, "https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/on-demand-capacity-mode.html"},
		{"jobhook's `MaximumConcurrency`", defaultMaximum, "../template.yaml"},
	} {
		fmt.Fprintf(&b, "| [%s](%s) | %s |\n", q.name, q.page, thousands(float64(q.is)))
	}
	return b.String() + "\n"
}

// String is the cells of a row.
func (n need) String() string {
	return fmt.Sprintf("%s | %s to %s | %s | %s | %s",
		thousands(n.rate), thousands(n.full), thousands(n.single), thousands(n.inFlight), thousands(n.writes), n.above())
}

// above names the defaults that are too low.
func (n need) above() string {
	var list []string
	for _, q := range []struct {
		name   string
		needed float64
		is     int
	}{
		{"`PutEvents`", n.rate, putEvents},
		{"events to targets", n.rate, ruleInvocations},
		{"`MaximumConcurrency`", n.full, defaultMaximum},
		{"Lambda concurrency", n.full, lambdaConcurrency},
		{"messages in flight", n.inFlight, inFlightMessages},
		{"a table's writes", n.writes, tableWrites},
		{"a new table's writes", n.writes, newTableWrites},
	} {
		if q.needed > float64(q.is) {
			list = append(list, q.name)
		}
	}
	if list == nil {
		return "none"
	}
	return strings.Join(list, ", ")
}

// thousands writes 12345.6 as 12,346.
func thousands(f float64) string { return marked.Thousands(int(math.Round(f))) }
