package embedded

import (
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// claim is what of an event changes. It stands at the head of the event's
// record as it was at first; a later one lies beside the event, so that its
// payload is written once only.
type claim struct {
	rev     string
	targets []string
	handed  []string
	lease   webhook.Lease
	epoch   uint64 // of the opening that gave the lease
}

func claimOf(e webhook.Event, epoch uint64) claim {
	return claim{rev: e.Rev, targets: e.Targets, handed: e.HandedOver, lease: e.Lease, epoch: epoch}
}

func (e encoder) claim(c claim) encoder {
	return e.text(c.rev).texts(c.targets).texts(c.handed).lease(c.lease, c.epoch)
}

func (d *decoder) claim(epoch uint64) claim {
	c := claim{rev: d.text(), targets: d.texts(), handed: d.texts(), epoch: epoch}
	c.lease = d.lease(epoch)
	return c
}

func (e encoder) lease(l webhook.Lease, epoch uint64) encoder {
	return e.text(l.Message).time(l.Until).uint(epoch)
}

// lease reads a lease. One of an earlier opening has run out: its owner died
// with its process.
func (d *decoder) lease(epoch uint64) webhook.Lease {
	l := webhook.Lease{Message: d.text(), Until: d.time()}
	if d.uint() != epoch {
		l.Until = time.Time{}
	}
	return l
}

func encodeClaim(c claim) []byte {
	return newRecord(64 + len(c.rev) + len(c.lease.Message) + 32*len(c.targets)).claim(c)
}

func decodeClaim(raw []byte, epoch uint64) (claim, error) {
	d := openRecord(raw)
	c := d.claim(epoch)
	return c, d.err("claim")
}

func encodeEvent(e webhook.Event, epoch uint64) []byte {
	r := newRecord(512 + len(e.Result) + len(e.Error) + len(e.CallbackURL) + 32*len(e.Targets))
	r = r.claim(claimOf(e, epoch)).time(e.ExpiresAt)
	r = r.text(e.MessageID).text(e.EventID).text(e.Type).text(e.Account)
	r = r.text(e.Job.ID).text(e.Job.Status).text(e.Job.Type)
	r = r.time(e.OccurredAt).time(e.AcceptedAt).bytes(e.Result).bytes(e.Error)
	return r.bool(e.ResultOmitted).text(e.CallbackURL).text(string(e.CallbackProfile)).text(e.Hash)
}

// eventRecord is an event's record of which only the head has been read: the
// writer needs no more, and its goroutine is the one that all wait for.
type eventRecord struct {
	claim
	expires time.Time
	body    *decoder
}

func openEvent(raw []byte, epoch uint64) (eventRecord, error) {
	d := openRecord(raw)
	r := eventRecord{claim: d.claim(epoch), expires: d.time(), body: d}
	if d.bad {
		return r, d.err("event")
	}
	return r, nil
}

// event reads the rest, once.
func (r eventRecord) event() (webhook.Event, error) {
	d := r.body
	e := webhook.Event{Rev: r.rev, Targets: r.targets, HandedOver: r.handed, Lease: r.lease, ExpiresAt: r.expires}
	e.MessageID, e.EventID, e.Type, e.Account = d.text(), d.text(), d.text(), d.text()
	e.Job = webhook.Job{ID: d.text(), Status: d.text(), Type: d.text()}
	e.OccurredAt, e.AcceptedAt, e.Result, e.Error = d.time(), d.time(), d.bytes(), d.bytes()
	e.ResultOmitted, e.CallbackURL, e.CallbackProfile, e.Hash = d.bool(), d.text(), webhook.Profile(d.text()), d.text()
	return e, d.err("event")
}
