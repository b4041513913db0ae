package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

var deliveryChecks = checks{
	"deliveries/insert and read":   deliveryInsert,
	"deliveries/the second loses":  deliveryInsertLost,
	"deliveries/replace":           deliveryReplace,
	"deliveries/replace loses":     deliveryReplaceLost,
	"deliveries/thirty attempts":   thirtyAttempts,
	"deliveries/many of one event": manyDeliveries,
	"deliveries/keys are apart":    deliveryKeys,
}

func deliveryInsert(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	bare := webhook.Delivery{DeliveryKey: e.Key(webhook.JobTarget), EventID: e.EventID, Status: webhook.Pending, ExpiresAt: e.ExpiresAt, Rev: "r"}
	for _, d := range []webhook.Delivery{sampleDelivery(e, endpointID(1)), plainDelivery(e, endpointID(2)), bare} {
		f.write(t, insertDelivery(d))
		f.hasDelivery(t, "inserted", d)
	}
}

func deliveryInsertLost(t *testing.T, f *fixture) {
	first, second := sampleDelivery(sampleEvent(1), endpointID(1)), plainDelivery(sampleEvent(1), endpointID(1))
	f.write(t, insertDelivery(first))
	wantErr(t, "second insert", f.one(t, insertDelivery(second)), webhook.ErrLost)
	f.hasDelivery(t, "the first stays", first)
}

// deliveryReplace: a replace writes all fields, whatever the status was.
func deliveryReplace(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	for _, target := range []string{endpointID(1), webhook.JobTarget} {
		d := sampleDelivery(e, target)
		f.write(t, insertDelivery(d))
		statuses := webhook.Statuses()
		for n, status := range append(statuses, statuses...) {
			next := in(d, status, tick(n), fmt.Sprint("rev-", n))
			next.Attempts = append(slices.Clone(d.Attempts), webhook.Attempt{Number: len(d.Attempts) + 1, At: tick(n), StatusCode: 200})
			next.URL, next.Profile, next.IncludeResult = fmt.Sprint("https://example.org/", n), webhook.Unitary, n%2 == 0
			next.NextAttemptAt, next.Lease, next.Reason, next.SignedBy = time.Time{}, webhook.Lease{}, "", nil
			f.write(t, replaceDelivery(d.Rev, next))
			f.hasDelivery(t, string(status), next)
			d = next
		}
	}
}

func deliveryReplaceLost(t *testing.T, f *fixture) {
	d := sampleDelivery(sampleEvent(1), endpointID(1))
	next := in(d, webhook.Delivered, Start, "rev-2")
	wantErr(t, "no such delivery", f.one(t, replaceDelivery(d.Rev, next)), webhook.ErrLost)
	f.hasNoDelivery(t, "a replace makes no delivery", d.DeliveryKey)
	f.write(t, insertDelivery(d))
	wantErr(t, "wrong rev", f.one(t, replaceDelivery("not its rev", next)), webhook.ErrLost)
	f.hasDelivery(t, "unchanged", d)
}

func thirtyAttempts(t *testing.T, f *fixture) {
	d := sampleDelivery(sampleEvent(1), endpointID(1))
	d.Attempts = nil
	for n := range 31 { // schedule.MaxRetries and the first
		d.Attempts = append(d.Attempts, webhook.Attempt{
			Number: n + 1, At: Start.Add(time.Duration(n) * hour), Duration: time.Duration(n) * time.Millisecond,
			StatusCode: 500 + n, Reason: webhook.ReasonHTTPStatus,
		})
	}
	d.Attempts[30].Response = strings.Repeat("é", webhook.MaxRefusedResponse/2)
	f.write(t, insertDelivery(d))
	f.hasDelivery(t, "inserted", d)
}

// manyDeliveries reads more than 100 keys, a call's maximum in some databases,
// some of them twice, some of them unknown.
func manyDeliveries(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	var changes []webhook.Change
	var keys []webhook.DeliveryKey
	var want []*webhook.Delivery
	for n := range 150 {
		d := sampleDelivery(e, endpointID(n))
		d.URL = fmt.Sprintf("https://example.com/%d/%s", n, strings.Repeat("x", 10<<10))
		keys = append(keys, d.DeliveryKey)
		if n%3 == 0 {
			want = append(want, nil)
			continue
		}
		changes, want = append(changes, insertDelivery(d)), append(want, &d)
	}
	f.write(t, changes...)
	keys, want = append(keys, keys[20:40]...), append(want, want[20:40]...)
	same(t, "deliveries", f.deliveries(t, keys...), want)
	f.deliveries(t) // of none
}

// deliveryKeys: each part of a key counts. A message id belongs to one account
// and, while it is there, to one AcceptedAt: other ones find nothing.
func deliveryKeys(t *testing.T, f *fixture) {
	d := sampleDelivery(sampleEvent(1), endpointID(1))
	f.write(t, insertDelivery(d))
	for part, change := range map[string]func(k *webhook.DeliveryKey){
		"account":  func(k *webhook.DeliveryKey) { k.Account = other },
		"endpoint": func(k *webhook.DeliveryKey) { k.EndpointID = endpointID(2) },
		"message":  func(k *webhook.DeliveryKey) { k.MessageID = sampleEvent(2).MessageID },
		"accepted": func(k *webhook.DeliveryKey) { k.AcceptedAt = k.AcceptedAt.Add(time.Millisecond) },
	} {
		key := d.DeliveryKey
		change(&key)
		f.hasNoDelivery(t, "another "+part, key)
		next := in(d, webhook.Delivered, Start, "rev-2")
		next.DeliveryKey = key
		wantErr(t, "a replace at another "+part, f.one(t, replaceDelivery(d.Rev, next)), webhook.ErrLost)
	}
	f.hasDelivery(t, "the first", d)
	key := d.DeliveryKey
	key.AcceptedAt = key.AcceptedAt.In(time.FixedZone("", 3600))
	same(t, "the same instant in another zone", f.deliveries(t, key), []*webhook.Delivery{&d})
}
