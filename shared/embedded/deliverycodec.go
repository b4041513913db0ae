package embedded

import (
	"time"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

func encodeDelivery(d webhook.Delivery, epoch uint64) []byte {
	size := 256 + len(d.EventID) + len(d.URL) + len(d.BodyURL)
	for _, a := range d.Attempts {
		size += 48 + len(a.Response)
	}
	r := newRecord(size).text(d.Rev).time(d.ExpiresAt).time(d.CreatedAt).text(string(d.Status)).text(d.Reason)
	r = r.text(d.MessageID).text(d.EventID).text(d.Account).text(d.EndpointID).text(d.URL)
	r = r.time(d.NextAttemptAt).text(string(d.Profile)).bool(d.IncludeResult).text(d.BodyURL)
	r = r.int(int64(d.Queued)).lease(d.Lease, epoch).size(len(d.Attempts), d.Attempts == nil)
	for _, a := range d.Attempts {
		r = r.int(int64(a.Number)).time(a.At).int(int64(a.Duration)).int(int64(a.StatusCode)).text(a.Reason).text(a.Response)
	}
	return r
}

func decodeDelivery(raw []byte, epoch uint64) (webhook.Delivery, error) {
	r := openRecord(raw)
	d := webhook.Delivery{Rev: r.text(), ExpiresAt: r.time(), CreatedAt: r.time(), Status: webhook.Status(r.text()), Reason: r.text()}
	d.MessageID, d.EventID, d.Account, d.EndpointID, d.URL = r.text(), r.text(), r.text(), r.text(), r.text()
	d.NextAttemptAt, d.Profile, d.IncludeResult, d.BodyURL = r.time(), payload.Profile(r.text()), r.bool(), r.text()
	d.Queued, d.Lease, d.Attempts = int(r.int()), r.lease(epoch), r.attempts()
	return d, r.err("delivery")
}

func (d *decoder) attempts() []webhook.Attempt {
	n, isNil := d.size()
	if isNil {
		return nil
	}
	list := make([]webhook.Attempt, 0, min(n, 64)) // an attempt is larger here than in the file
	for range n {
		if d.bad {
			return nil
		}
		list = append(list, webhook.Attempt{
			Number: int(d.int()), At: d.time(), Duration: time.Duration(d.int()),
			StatusCode: int(d.int()), Reason: d.text(), Response: d.text(),
		})
	}
	return list
}
