package payload_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/payload"
)

// samples are what results look like: a translation, a table, an embedding.
func samples() map[string][]byte {
	var table, embedding bytes.Buffer
	for i := range 200 {
		fmt.Fprintf(&table, `,{"id": %d, "name": "row \u00e9 %d", "ok": true, "score": 0.%d5, "tags": ["a", "b"]}`, i, i, i)
		fmt.Fprintf(&embedding, ", %v", 1/float64(i+3))
	}
	return map[string][]byte{
		"text":      []byte(`{"content": "` + strings.Repeat("The quick brown fox jumps over the lazy dog.\\n", 90) + `"}`),
		"unicode":   []byte(`{"content": "` + strings.Repeat("Übergrößenträger 🎉 漢字 ", 150) + `"}`),
		"table":     []byte(`{"rows": [` + table.String()[1:] + `]}`),
		"embedding": []byte("[" + embedding.String()[1:] + "]"),
		"index":     []byte(`{"b": 1, ` + strings.Repeat(`"7": "the value of seven, and of no other", `, 100) + `"a": 2}`),
	}
}

func BenchmarkCanonical(b *testing.B) {
	for name, text := range samples() {
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, 2*len(text))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := payload.Canonical(dst, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkBody(b *testing.B) {
	c := payload.Content{
		Job: payload.Job{ID: "bf68a1f2", Status: "success", Type: "content_translate"}, EventType: "content_translate.success",
		OccurredAt: time.Unix(1_700_000_000, 0), CallbackURL: "https://example.com/hook?x=1", IncludeResult: true,
		Result: []byte(`{"content":"` + strings.Repeat("x", 1000) + `","n":1}`),
	}
	for _, p := range payload.Profiles() {
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
