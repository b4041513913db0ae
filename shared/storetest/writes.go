package storetest

import (
	"fmt"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var writeChecks = checks{
	"writes/none":                  writeNone,
	"writes/same write twice":      writeTwice,
	"writes/an old write again":    writeOld,
	"writes/verdicts of one call":  writeVerdicts,
	"writes/sixty in one call":     writeSixty,
	"writes/one key in one call":   writeOneKey,
	"writes/megabytes in one call": writeMegabytes,
	"writes/too large":             writeTooLarge,
}

func writeNone(t *testing.T, f *fixture) { f.write(t) }

func writeTwice(t *testing.T, f *fixture) {
	e := accepted(1)
	claimed, claim := e.Claim([]string{}, webhook.Lease{Message: "m"}, "event-rev-2")
	d := sampleDelivery(e, webhook.JobTarget)
	next := in(d, webhook.Delivered, Start, "delivery-rev-2")
	for _, change := range []webhook.Change{insertEvent(e), claim, insertDelivery(d), replaceDelivery(d.Rev, next)} {
		for range 2 {
			f.write(t, change)
		}
	}
	f.hasEvent(t, "event", claimed)
	f.hasDelivery(t, "delivery", next)
}

// writeOld: a write that landed and was replaced since is not "the same write"
// any more: its record is another.
func writeOld(t *testing.T, f *fixture) {
	e := accepted(1)
	second, claim := e.Claim([]string{"x"}, webhook.Lease{Message: "m"}, "event-rev-2")
	third, takeover := second.Claim(nil, webhook.Lease{Message: "m-2"}, "event-rev-3")
	d := sampleDelivery(e, webhook.JobTarget)
	d2 := in(d, webhook.Retrying, Start, "delivery-rev-2")
	d3 := in(d, webhook.Delivered, Start, "delivery-rev-3")
	f.write(t, insertEvent(e), claim, takeover, insertDelivery(d), replaceDelivery(d.Rev, d2), replaceDelivery(d2.Rev, d3))
	for _, old := range []webhook.Change{insertEvent(e), claim, insertDelivery(d), replaceDelivery(d.Rev, d2)} {
		wantErr(t, "an old write", f.one(t, old), webhook.ErrLost)
	}
	f.hasEvent(t, "event", third)
	f.hasDelivery(t, "delivery", d3)
}

func writeVerdicts(t *testing.T, f *fixture) {
	e1, e2, large, e4 := sampleEvent(1), sampleEvent(2), sampleEvent(3), sampleEvent(4)
	large.Result = incompressible(500 << 10)
	d1, d2, d3 := sampleDelivery(e1, endpointID(1)), sampleDelivery(e1, endpointID(2)), plainDelivery(e1, endpointID(3))
	f.write(t, insertEvent(e1), insertDelivery(d1), insertDelivery(d2))
	taken, claimed, done := e1, e4, in(d2, webhook.Delivered, Start, "d2-rev-2")
	taken.Rev, claimed.Rev = "another", "rev-2"
	f.verdicts(t, "one call", []webhook.Change{
		insertEvent(taken), // lost: another is there
		insertEvent(e2),    //
		replaceDelivery("not its rev", in(d1, webhook.Delivered, Start, "no")), // lost: not its rev
		insertEvent(large),            //
		insertDelivery(d1),            // the same write again
		replaceEvent(e4.Rev, claimed), // lost: there is none
		replaceDelivery(d2.Rev, done), //
		insertDelivery(d3),            //
	}, []error{webhook.ErrLost, nil, webhook.ErrLost, webhook.ErrTooLarge, nil, webhook.ErrLost, nil, nil})
	for _, e := range []webhook.Event{e1, e2} {
		f.hasEvent(t, "event", e)
	}
	for _, d := range []webhook.Delivery{d1, done, d3} {
		f.hasDelivery(t, "delivery", d)
	}
	f.hasNoEvent(t, "too large", large.MessageID)
	f.hasNoEvent(t, "never there", e4.MessageID)
}

// writeSixty: more than any database takes in one call of its own.
func writeSixty(t *testing.T, f *fixture) {
	var changes []webhook.Change
	var want []error
	for n := range 60 {
		e, target := sampleEvent(n), endpointID(1)
		lost := n%7 == 3
		var verdict error
		change := insertEvent(e)
		if n%2 == 1 {
			change = insertDelivery(plainDelivery(e, target))
		}
		if lost {
			verdict, change.From = webhook.ErrLost, "there is none"
		}
		changes, want = append(changes, change), append(want, verdict)
	}
	f.verdicts(t, "sixty", changes, want)
	for n := range 60 {
		e := sampleEvent(n)
		event, delivery := f.events(t, e.MessageID)[0], f.deliveries(t, e.Key(endpointID(1)))[0]
		if (event != nil) != (n%7 != 3 && n%2 == 0) || (delivery != nil) != (n%7 != 3 && n%2 == 1) {
			t.Errorf("change %d: event %v, delivery %v", n, event, delivery)
		}
	}
}

// writeOneKey: changes of one record are made in the order of the call.
func writeOneKey(t *testing.T, f *fixture) {
	e, lost := accepted(1), accepted(1)
	lost.Rev = "another"
	claimed, claim := e.Claim([]string{endpointID(1)}, webhook.Lease{Message: "m", Until: tick(5)}, "event-rev-2")
	d := sampleDelivery(e, endpointID(1))
	last := d
	steps := []webhook.Change{insertEvent(e), claim, insertEvent(lost), insertDelivery(d), insertDelivery(d)}
	want := []error{nil, nil, webhook.ErrLost, nil, nil}
	for n, status := range webhook.Statuses() {
		next := in(d, status, tick(n), fmt.Sprint("delivery-rev-", n+2))
		steps, want = append(steps, replaceDelivery(last.Rev, next)), append(want, nil)
		last = next
	}
	steps, want = append(steps, replaceDelivery(d.Rev, in(d, webhook.Failed, Start, "no"))), append(want, webhook.ErrLost)
	f.verdicts(t, "one call", steps, want)
	f.hasEvent(t, "event", claimed)
	f.hasDelivery(t, "delivery", last)
}

// writeMegabytes is more than some databases take in one call of their own.
func writeMegabytes(t *testing.T, f *fixture) {
	var changes []webhook.Change
	var ids []string
	var want []*webhook.Event
	for n := range 24 {
		e := sampleEvent(n)
		e.Result = incompressible(100<<10 + n)
		changes, ids, want = append(changes, insertEvent(e)), append(ids, e.MessageID), append(want, &e)
	}
	f.write(t, changes...)
	same(t, "events", f.events(t, ids...), want)
}

func writeTooLarge(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	e.Result = incompressible(500 << 10)
	wantErr(t, "500 KB", f.one(t, insertEvent(e)), webhook.ErrTooLarge)
	f.hasNoEvent(t, "500 KB", e.MessageID)
	e.Result, e.ResultOmitted = nil, true
	f.write(t, insertEvent(e))
	f.hasEvent(t, "without its result", e)
}
