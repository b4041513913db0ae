package telemetry

import "log/slog"

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
		return attempted(r)
	case r.Message == "message.returned" && r.Level < slog.LevelError: // it was only early or double
		return ""
	}
	return counted[r.Message]
}

func attempted(r slog.Record) block {
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
}
