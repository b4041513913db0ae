package storetest

import (
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var loadChecks = checks{
	"load/endpoint there, removed, none":   loadEndpoint,
	"load/the job record":                  loadJobRecord,
	"load/what is missing":                 loadMissing,
	"load/another account's finds nothing": loadForeign,
	"load/many, some twice":                loadMany,
}

// loads compares what Load gives for one key.
func (f *fixture) loads(t testing.TB, what string, key webhook.DeliveryKey, want webhook.Loaded) {
	t.Helper()
	got := f.load(t, key)[0]
	if got.Event != nil && want.Event != nil {
		sameEvent(t, what, *got.Event, *want.Event)
	}
	same(t, what, got, want)
}

// removed is what RemoveEndpoint leaves of e, but for its Rev and Health.
func removed(e webhook.Endpoint) webhook.Endpoint {
	e.RemovedAt, e.ExpiresAt, e.Secrets = tick(99), expiry(), nil
	return e
}

// sameTombstone leaves out what a removal may set as it likes.
func sameTombstone(t testing.TB, what string, got, want webhook.Endpoint) {
	t.Helper()
	got.Rev, got.Health, want.Rev, want.Health = "", webhook.Health{}, "", webhook.Health{}
	same(t, what, got, want)
}

func loadEndpoint(t *testing.T, f *fixture) {
	e, endpoint, gone := sampleEvent(1), sampleEndpoint(1), sampleEndpoint(2)
	f.endpoints(t, endpoint, gone)
	d1, d2, d3 := sampleDelivery(e, endpoint.ID), sampleDelivery(e, gone.ID), sampleDelivery(e, endpointID(3))
	f.write(t, insertEvent(e), insertDelivery(d1), insertDelivery(d2), insertDelivery(d3))
	must(t, f.RemoveEndpoint(t.Context(), account, gone.ID, tick(99), expiry()))
	f.loads(t, "an endpoint", d1.DeliveryKey, webhook.Loaded{Event: &e, Delivery: &d1, Endpoint: &endpoint})
	f.loads(t, "no endpoint", d3.DeliveryKey, webhook.Loaded{Event: &e, Delivery: &d3})
	got := f.load(t, d2.DeliveryKey)[0]
	if got.Endpoint == nil {
		t.Fatal("a removed endpoint is not loaded: want its tombstone")
	}
	sameTombstone(t, "a removed endpoint", *got.Endpoint, removed(gone))
	same(t, "its delivery", got.Delivery, &d2)
	health := sampleHealth()
	must(t, f.SetHealth(t.Context(), account, endpoint.ID, health))
	endpoint.Health = health
	f.loads(t, "with its health", d1.DeliveryKey, webhook.Loaded{Event: &e, Delivery: &d1, Endpoint: &endpoint})
}

func loadJobRecord(t *testing.T, f *fixture) {
	e, record := sampleEvent(1), sampleJobRecord()
	d := sampleDelivery(e, webhook.JobTarget)
	f.write(t, insertEvent(e), insertDelivery(d))
	f.endpoints(t, sampleEndpoint(1))
	f.loads(t, "not set", d.DeliveryKey, webhook.Loaded{Event: &e, Delivery: &d})
	f.endpoints(t, record)
	f.loads(t, "set", d.DeliveryKey, webhook.Loaded{Event: &e, Delivery: &d, Endpoint: &record})
}

func loadMissing(t *testing.T, f *fixture) {
	alone, orphan, endpoint := sampleEvent(1), sampleDelivery(sampleEvent(2), endpointID(1)), sampleEndpoint(1)
	f.endpoints(t, endpoint)
	f.write(t, insertEvent(alone), insertDelivery(orphan))
	f.loads(t, "no delivery", alone.Key(endpoint.ID), webhook.Loaded{Event: &alone, Endpoint: &endpoint})
	f.loads(t, "no event", orphan.DeliveryKey, webhook.Loaded{Delivery: &orphan, Endpoint: &endpoint})
	f.loads(t, "only the endpoint", sampleEvent(3).Key(endpoint.ID), webhook.Loaded{Endpoint: &endpoint})
	f.loads(t, "nothing", sampleEvent(3).Key(endpointID(9)), webhook.Loaded{})
}

// loadForeign: a key with another account finds neither the delivery nor its
// event, whose message id alone would find it.
func loadForeign(t *testing.T, f *fixture) {
	e := sampleEvent(1)
	d := sampleDelivery(e, endpointID(1))
	f.endpoints(t, sampleEndpoint(1))
	f.write(t, insertEvent(e), insertDelivery(d))
	key := d.DeliveryKey
	key.Account = other
	f.loads(t, "another account", key, webhook.Loaded{})
	f.hasNoDelivery(t, "another account", key)
}

// loadMany has few events and endpoints for more than 100 keys, as a batch of
// retries has.
func loadMany(t *testing.T, f *fixture) {
	var keys []webhook.DeliveryKey
	var want []webhook.Loaded
	var changes []webhook.Change
	endpoints := []webhook.Endpoint{sampleEndpoint(0), sampleEndpoint(1), sampleEndpoint(2)}
	f.endpoints(t, endpoints...)
	for n := range 50 {
		e := sampleEvent(n)
		changes = append(changes, insertEvent(e))
		for i := range endpoints {
			d := sampleDelivery(e, endpoints[i].ID)
			changes = append(changes, insertDelivery(d))
			keys, want = append(keys, d.DeliveryKey), append(want, webhook.Loaded{Event: &e, Delivery: &d, Endpoint: &endpoints[i]})
		}
	}
	f.write(t, changes...)
	keys, want = append(keys, keys[5:15]...), append(want, want[5:15]...)
	same(t, "loaded", f.load(t, keys...), want)
	f.load(t) // of none
}
