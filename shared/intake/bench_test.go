package intake_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/canonjson"
	"github.com/jobhook/jobhook/shared/intake"
)

// A completion is read once: what Parse takes is to be compared with what its
// result alone takes in canonical form, in the same run.
func BenchmarkParse(b *testing.B) {
	for _, kb := range []int{1, 10, 200} {
		row := `{"id": 12, "name": "row 12", "ok": true, "score": 0.125, "text": "` + strings.Repeat("the quick brown fox ", 10) + `"}`
		result := "[" + strings.Repeat(row+",", kb<<10/len(row)) + "0]"
		body := []byte(`{"version":"0","detail-type":"Job Completed","source":"acme.jobs","time":"2026-11-20T11:59:00Z","detail":{
			"id":"1","status":"success","type":"content_translate","account":"acme","result":` + result + `}}`)
		var alone, parse time.Duration
		b.Run(fmt.Sprintf("%dKB/result alone", kb), func(b *testing.B) {
			for b.Loop() {
				if _, err := canonjson.Append(nil, []byte(result)); err != nil {
					b.Fatal(err)
				}
			}
			alone = b.Elapsed() / time.Duration(b.N)
		})
		b.Run(fmt.Sprintf("%dKB/Parse", kb), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if _, err := intake.Parse(body, "", now, intake.Rules{}); err != nil {
					b.Fatal(err)
				}
			}
			if parse = b.Elapsed() / time.Duration(b.N); alone > 0 {
				b.ReportMetric(float64(parse)/float64(alone), "×alone")
			}
		})
	}
}
