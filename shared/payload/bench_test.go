package payload_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

func BenchmarkBody(b *testing.B) {
	c := payload.Content{
		Job: webhook.Job{ID: "bf68a1f2", Status: "success", Type: "content_translate"}, EventType: "content_translate.success",
		OccurredAt: time.Unix(1_700_000_000, 0), CallbackURL: "https://example.com/hook?x=1", IncludeResult: true,
		Result: []byte(`{"content":"` + strings.Repeat("x", 1000) + `","n":1}`),
	}
	for _, p := range webhook.Profiles() {
		b.Run(string(p), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := payload.Body(p, c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
