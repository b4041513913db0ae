package embedded

import (
	"reflect"
	"slices"
	"strings"
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
	default:
		panic(v.Kind())
	}
}

const testEpoch = 7

func decodeEvent(raw []byte) (webhook.Event, error) {
	r, err := openEvent(raw, testEpoch)
	if err != nil {
		return webhook.Event{}, err
	}
	return r.event()
}

func roundTrip[T any](t *testing.T, encode func(T) []byte, decode func([]byte) (T, error)) {
	t.Helper()
	var zero, filled T
	n := 0
	full(reflect.ValueOf(&filled).Elem(), &n)
	for _, want := range []T{zero, filled} {
		raw := encode(want)
		got, err := decode(raw)
		must(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
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
	roundTrip(t, func(e webhook.Event) []byte { return encodeEvent(e, testEpoch) }, decodeEvent)
	roundTrip(t, func(d webhook.Delivery) []byte { return encodeDelivery(d, testEpoch) },
		func(raw []byte) (webhook.Delivery, error) { return decodeDelivery(raw, testEpoch) })
	roundTrip(t, encodeEndpoint, decodeEndpoint)
	roundTrip(t, encodeNote, decodeNote)
}

// TestNewerLayout: what a newer build wrote is refused with a sentence that says
// what to do.
func TestNewerLayout(t *testing.T) {
	raw := encodeEvent(event(1, storetest.Start), testEpoch)
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
		d := openRecord(newRecord(0).time(want))
		got := d.time()
		must(t, d.err("time"))
		if !got.Equal(want) || got.Location() != time.UTC || got.IsZero() != want.IsZero() {
			t.Errorf("got %v, want %v", got, want)
		}
	}
}

// FuzzDecode: a damaged file makes errors, never a panic or a huge allocation.
func FuzzDecode(f *testing.F) {
	f.Add(encodeEvent(event(1, storetest.Start), testEpoch))
	f.Add(encodeDelivery(delivery(event(1, storetest.Start), "ep_1"), testEpoch))
	f.Add(encodeEndpoint(webhook.Endpoint{ID: "ep_1", Headers: map[string]string{"a": "b"}, Secrets: []webhook.SealedSecret{{Ref: "r"}}}))
	f.Add(encodeNote(webhook.Note{ID: "n", Data: []byte("{}")}))
	f.Add(stored{body: []byte("b")}.encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, _ = decodeEvent(raw)
		_, _ = decodeDelivery(raw, testEpoch)
		_, _ = decodeClaim(raw, testEpoch)
		_, _ = decodeNote(raw)
		if e, err := decodeEndpoint(raw); err == nil {
			again, err := decodeEndpoint(encodeEndpoint(e))
			if err != nil || !reflect.DeepEqual(again, e) {
				t.Errorf("%+v came back as %+v, %v", e, again, err)
			}
		}
		if m, err := decodeMessage(raw); err == nil {
			if _, err := decodeMessage(m.encode()); err != nil {
				t.Error(err)
			}
		}
	})
}

func BenchmarkCodec(b *testing.B) {
	e := event(1, storetest.Start)
	e.Result = []byte(`"` + strings.Repeat("x", 1000) + `"`)
	e.Targets, e.CallbackProfile = []string{"ep_aaaaaaaaaaaaaaaaaaaaaaaa"}, webhook.Standard
	d := delivery(e, "ep_aaaaaaaaaaaaaaaaaaaaaaaa")
	d.Attempts = []webhook.Attempt{{Number: 1, At: storetest.Start, StatusCode: 200, Response: "ok"}}
	b.Run("event/encode", func(b *testing.B) {
		for b.Loop() {
			encodeEvent(e, testEpoch)
		}
	})
	raw := encodeEvent(e, testEpoch)
	b.Run("event/decode", func(b *testing.B) {
		for b.Loop() {
			_, _ = decodeEvent(raw)
		}
	})
	b.Run("delivery/encode", func(b *testing.B) {
		for b.Loop() {
			encodeDelivery(d, testEpoch)
		}
	})
	record := encodeDelivery(d, testEpoch)
	b.Run("delivery/decode", func(b *testing.B) {
		for b.Loop() {
			_, _ = decodeDelivery(record, testEpoch)
		}
	})
}
