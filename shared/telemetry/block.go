package telemetry

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
)

// Namespace is the CloudWatch namespace of all metrics.
const Namespace = "jobhook"

const functionName = "FunctionName"

// block is the end of a line: its counters, and the "_aws" member that says
// what of the line is a metric, up to the value of Timestamp.
type block string

// count is a counter's name and what this line adds to it.
type count struct {
	name  string
	value int
}

// metric names a member of the line and its unit.
type metric struct{ Name, Unit string }

// directive says which of a line's members are metrics, and by what they are
// told apart. Each value of a dimension is one more metric on AWS's bill.
type directive struct {
	Namespace  string
	Dimensions [][]string
	Metrics    []metric
}

// by makes a directive for metrics told apart by function and, where named, by
// one more member of the line.
func by(dimension string, all ...metric) directive {
	set := []string{functionName}
	if dimension != "" {
		set = append(set, dimension)
	}
	return directive{Namespace, [][]string{set}, all}
}

func counter(name string) metric { return metric{name, "Count"} }

// newBlock makes a block's text. A directive names no member that the line may
// lack: all must be there.
func newBlock(counts []count, directives ...directive) block {
	var b strings.Builder
	for _, c := range counts {
		fmt.Fprintf(&b, `,%q:%d`, c.name, c.value)
	}
	text, err := json.Marshal(directives)
	if err != nil {
		panic(err) // strings alone can't fail
	}
	fmt.Fprintf(&b, `,"_aws":{"CloudWatchMetrics":%s,"Timestamp":`, text)
	return block(b.String())
}

var latency = metric{"duration_ms", "Milliseconds"}

var (
	received = newBlock([]count{{"received", 1}}, by("", latency), by("outcome", counter("received")))

	// By the delivery's status after the attempt, for attempts that have a
	// reason (they failed) and for those that have none.
	succeeded = attempts(false)
	failed    = attempts(true)
)

// counted are the lines of which each counts one, by their message.
var counted = map[string]block{
	"delivery.held":             single("deliveries_held"),
	"delivery.canceled":         single("deliveries_canceled"),
	"delivery.postponed":        single("deliveries_postponed"),
	"record.refused":            single("records_refused"),
	"record.lost":               single("records_lost"),
	"endpoint.disabled":         single("endpoints_disabled"),
	"event.unwanted":            single("unwanted"),
	"completion.rejected":       single("rejected"),
	"completion.unknown_fields": single("unknown_fields"),
	"completion.result_omitted": single("results_omitted"),
	"message.returned":          single("faults"),
	"completions.ungrouped":     newBlock(nil, by("", counter("ungrouped"))), // the line has their number
	"webhook.received":          received,
}

func single(name string) block { return newBlock([]count{{name, 1}}, by("", counter(name))) }

// attempts makes the blocks of "delivery.attempted" for each status. Every
// attempt has its duration, so the number of those is the number of attempts;
// what did not happen is not counted as zero, since each byte of a line costs.
func attempts(withReason bool) map[string]block {
	all := map[string]block{}
	for status, name := range map[string]string{
		"delivered": "deliveries", "failed": "deliveries_failed", "retrying": "retries_scheduled",
	} {
		counts, directives := []count{{name, 1}}, []directive{by("", counter(name), latency)}
		if withReason {
			counts = append(counts, count{"failures", 1})
			directives = append(directives, by("reason", counter("failures")))
		}
		all[status] = newBlock(counts, directives...)
	}
	return all
}

// blockOf knows, by its message, what a log line counts; empty for nothing. The
// messages are those of shared/deliver, shared/sqsbatch and shared/receiving.
func blockOf(r slog.Record) block {
	switch {
	case r.Message == "delivery.attempted":
		var status, reason string
		r.Attrs(func(a slog.Attr) bool {
			switch a.Key {
			case "status":
				status = a.Value.String()
			case "reason":
				reason = a.Value.String()
			}
			return true
		})
		if reason != "" {
			return failed[status]
		}
		return succeeded[status]
	case r.Message == "message.returned" && r.Level < slog.LevelError: // it was only early or double
		return ""
	}
	return counted[r.Message]
}
