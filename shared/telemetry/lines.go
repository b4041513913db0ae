package telemetry

import "log/slog"

var latency = metric{"duration_ms", "Milliseconds"}

var (
	heldBack = single("deliveries_held")
	canceled = single("deliveries_canceled")
	disabled = single("endpoints_disabled")
	rejected = single("rejected")
	returned = single("faults")
	received = newBlock([]count{{"received", 1}}, by("", latency), by("outcome", counter("received")))

	// By the delivery's status after the attempt, for attempts that have a
	// reason (they failed) and for those that have none.
	succeeded = attempts(false)
	failed    = attempts(true)
)

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
	switch r.Message {
	case "delivery.attempted":
		return attempted(r)
	case "delivery.held":
		return heldBack
	case "delivery.canceled":
		return canceled
	case "endpoint.disabled":
		return disabled
	case "completion.rejected":
		return rejected
	case "webhook.received":
		return received
	case "message.returned":
		if r.Level >= slog.LevelError { // below, it was only early or double
			return returned
		}
	}
	return ""
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
