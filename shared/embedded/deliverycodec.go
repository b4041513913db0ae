package embedded

import (
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

func encodeDelivery(d webhook.Delivery, epoch uint64) []byte {
	size := 256 + len(d.EventID) + len(d.URL) + len(d.BodyURL) + 32*len(d.SignedBy)
	for _, a := range d.Attempts {
		size += 48 + len(a.Response)
	}
	r := newRecord(size).text(d.Rev).time(d.ExpiresAt).time(d.AcceptedAt).text(string(d.Status)).text(string(d.Reason))
	r = r.text(d.MessageID).text(d.EventID).text(d.Account).text(d.EndpointID).text(d.URL)
	r = r.time(d.NextAttemptAt).time(d.SettledAt).time(d.PostponedSince).text(string(d.Profile)).bool(d.IncludeResult).text(d.BodyURL)
	r = r.texts(d.SignedBy).lease(d.Lease, epoch).size(len(d.Attempts), d.Attempts == nil)
	for _, a := range d.Attempts {
		r = r.int(int64(a.Number)).time(a.At).int(int64(a.Duration)).int(int64(a.StatusCode)).text(string(a.Reason)).text(a.Response)
	}
	return r
}

func decodeDelivery(raw []byte, epoch uint64) (webhook.Delivery, error) {
	r := openRecord(raw)
	d := webhook.Delivery{Rev: r.text(), ExpiresAt: r.time()}
	d.AcceptedAt, d.Status, d.Reason = r.time(), webhook.Status(r.text()), webhook.Reason(r.text())
	d.MessageID, d.EventID, d.Account, d.EndpointID, d.URL = r.text(), r.text(), r.text(), r.text(), r.text()
	d.NextAttemptAt, d.SettledAt, d.PostponedSince, d.Profile, d.IncludeResult, d.BodyURL = r.time(), r.time(), r.time(), webhook.Profile(r.text()), r.bool(), r.text()
	d.SignedBy, d.Lease = r.texts(), r.lease(epoch)
	d.Attempts = decodeList(r, func() webhook.Attempt {
		return webhook.Attempt{
			Number: int(r.int()), At: r.time(), Duration: time.Duration(r.int()),
			StatusCode: int(r.int()), Reason: webhook.Reason(r.text()), Response: r.text(),
		}
	})
	return d, r.err("delivery")
}
