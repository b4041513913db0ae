package embedded

import (
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/storetest"
	"github.com/jobhook/jobhook/shared/webhook"
)

// full fills every field of a record, so that one forgotten in the codec shows.
func full(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(storetest.Start.Add(time.Duration(*n) * time.Hour)))
			return
		}
		for _, field := range v.Fields() {
			full(field, n)
		}
	case reflect.String:
		v.SetString(strings.Repeat("é\x00", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(-*n * 1_000_003))
	case reflect.Uint8:
		v.SetUint(uint64(*n))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 3, 3))
		for i := range v.Len() {
			full(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"a": "1", "": ""}))
	case reflect.Pointer: // Received.Event is in memory alone
	default:
		panic(v.Kind())
	}
}

const testEpoch = 7

func encodeEvent(e webhook.Event) []byte {
	return encode(testEpoch, len(e.Result)+len(e.Error), &e)
}

func encodeDelivery(d webhook.Delivery) []byte { return encode(testEpoch, 0, &d) }

func decodeEvent(raw []byte) (webhook.Event, error) {
	f := found{body: openRecord(raw, testEpoch)}
	f.body.fields((*eventHead)(&f.Event))
	return f.Event, f.readBody()
}

func roundTrip[T any](t *testing.T) {
	t.Helper()
	var zero, filled T
	n := 0
	full(reflect.ValueOf(&filled).Elem(), &n)
	decode := func(raw []byte) (*T, error) { return decode[T](testEpoch, raw) }
	for _, want := range []T{zero, filled} {
		raw := encode(testEpoch, 0, &want)
		got, err := decode(raw)
		must(t, err)
		switch got := any(got).(type) { // what their keys say is not in their records
		case *webhook.Receipt:
			got.Key = any(want).(webhook.Receipt).Key
		case *Received:
			got.ID, got.Receives = any(want).(Received).ID, any(want).(Received).Receives
		}
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("got  %+v\nwant %+v", *got, want)
		}
		for cut := range raw { // every damage by a cut shows
			if _, err := decode(raw[:cut]); err == nil {
				t.Errorf("%T: %d of %d bytes are read without an error", want, cut, len(raw))
			}
		}
		if _, err := decode(append(slices.Clip(raw), 0)); err == nil {
			t.Errorf("%T: a byte too many is no error", want)
		}
		raw[0]++
		if _, err := decode(raw); err == nil {
			t.Errorf("%T: another version is no error", want)
		}
	}
}

func TestRecords(t *testing.T) {
	roundTrip[webhook.Event](t)
	roundTrip[webhook.Delivery](t)
	roundTrip[webhook.Endpoint](t)
	roundTrip[webhook.Note](t)
	roundTrip[webhook.Receipt](t)
	roundTrip[Received](t)
}

// TestEncodingOnlyReads: what a caller gave may be read by others meanwhile.
func TestEncodingOnlyReads(t *testing.T) {
	var d webhook.Delivery
	n := 0
	full(reflect.ValueOf(&d).Elem(), &n)
	d.Lease.Until = time.Time{}
	var all sync.WaitGroup
	for range 2 { // the race detector tells
		all.Go(func() { encode(testEpoch, 0, &d) })
	}
	all.Wait()
}

// TestNewerLayout: what a newer build wrote is refused with a sentence that says
// what to do.
func TestNewerLayout(t *testing.T) {
	raw := encodeEvent(event(1, storetest.Start))
	raw[0] = webhook.Layout + 1
	_, err := decodeEvent(raw)
	if want := webhook.CheckLayout(webhook.Layout + 1).Error(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestTimes(t *testing.T) {
	for _, want := range []time.Time{
		{},
		time.Unix(0, 0).UTC(), time.Unix(-1, 999_999_999).UTC(), storetest.Start,
		time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(-4000, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(2026, 11, 20, 1, 2, 3, 4, time.FixedZone("", 3600)),
	} {
		stored := want
		got, err := decode[time.Time](0, encode(0, 0, &stored))
		must(t, err)
		if !got.Equal(want) || got.Location() != time.UTC || got.IsZero() != want.IsZero() {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// FuzzDecode: a damaged file makes errors, never a panic or a huge allocation.
func FuzzDecode(f *testing.F) {
	f.Add(encodeEvent(event(1, storetest.Start)))
	f.Add(encodeDelivery(delivery(event(1, storetest.Start), "ep_1")))
	f.Add(encode(0, 0, &webhook.Endpoint{ID: "ep_1", Headers: map[string]string{"a": "b"}, Secrets: []webhook.SealedSecret{{Ref: "r"}}}))
	f.Add(encode(0, 0, &webhook.Note{ID: "n", Data: []byte("{}")}))
	f.Add(encode(0, 0, &webhook.Receipt{Owner: "o"}))
	f.Add(encode(0, 0, &Received{Body: []byte("b")}))
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = decodeEvent(raw)
		again[webhook.Event](t, raw)
		again[webhook.Delivery](t, raw)
		again[claim](t, raw)
		again[webhook.Endpoint](t, raw)
		again[webhook.Note](t, raw)
		again[webhook.Receipt](t, raw)
		again[Received](t, raw)
	})
}

// again requires of a record that can be read that it comes back as it is.
func again[T any](t *testing.T, raw []byte) {
	if v, err := decode[T](testEpoch, raw); err == nil {
		again, err := decode[T](testEpoch, encode(testEpoch, 0, v))
		if err != nil || !reflect.DeepEqual(again, v) {
			t.Errorf("%+v came back as %+v, %v", v, again, err)
		}
	}
}

func BenchmarkCodec(b *testing.B) {
	e := event(1, storetest.Start)
	e.Result = []byte(`"` + strings.Repeat("x", 1000) + `"`)
	e.Targets, e.CallbackProfile = []string{"ep_aaaaaaaaaaaaaaaaaaaaaaaa"}, webhook.Standard
	d := delivery(e, "ep_aaaaaaaaaaaaaaaaaaaaaaaa")
	d.Attempts = []webhook.Attempt{{Number: 1, At: storetest.Start, StatusCode: 200, Response: "ok"}}
	b.Run("event/encode", func(b *testing.B) {
		for b.Loop() {
			encode(testEpoch, 512+len(e.Result), &e)
		}
	})
	raw := encodeEvent(e)
	b.Run("event/decode", func(b *testing.B) {
		for b.Loop() {
			_, _ = decode[webhook.Event](testEpoch, raw)
		}
	})
	b.Run("delivery/encode", func(b *testing.B) {
		for b.Loop() {
			encode(testEpoch, 256+64*len(d.Attempts), &d)
		}
	})
	record := encodeDelivery(d)
	b.Run("delivery/decode", func(b *testing.B) {
		for b.Loop() {
			_, _ = decode[webhook.Delivery](testEpoch, record)
		}
	})
}
