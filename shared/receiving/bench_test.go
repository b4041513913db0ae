package receiving_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/signing"
)

// BenchmarkJudge is verify-and-decide without network, for a body of 1 KB; it
// reports the median too.
func BenchmarkJudge(b *testing.B) {
	body := `{"id":"evt_1","event_id":"Ev1","data":"` + strings.Repeat("x", 1000) + `"}`
	for _, scheme := range signing.Names() {
		b.Run(scheme, func(b *testing.B) {
			s := sourceOf(b, scheme, `,"require":["id"]`, whsec)
			r := signedBy(b, s, "msg_1", body, at)
			median(b, func() {
				if _, err := receiving.Judge(s, r, 0, at); err != nil {
					b.Fatal(err)
				}
			})
		})
	}
}

// BenchmarkReceive is a whole request over stores in memory, the log line and
// the inbox message included.
func BenchmarkReceive(b *testing.B) {
	s := sourceOf(b, "sharpapi", `,"id":"header:X-Id"`, "hush-hush-hush-hush")
	w := newWorld(s)
	r := signedBy(b, s, "x", `{"data":"`+strings.Repeat("x", 1000)+`"}`, at)
	n := 0
	median(b, func() {
		n++
		w.log.Reset()
		r.Header.Set("X-Id", strings.Repeat("i", n%50+1)+string(rune('a'+n%26)))
		if a := w.Receive(b.Context(), r); a.Status != 200 {
			b.Fatal(a.Status)
		}
	})
}

// median measures each call by itself: the clock's own 50 ns are in it.
func median(b *testing.B, call func()) {
	b.Helper()
	took := make([]time.Duration, 0, 1<<16)
	b.ReportAllocs()
	for b.Loop() {
		started := time.Now()
		call()
		if len(took) < cap(took) {
			took = append(took, time.Since(started))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
}
