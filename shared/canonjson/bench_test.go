package canonjson_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/canonjson"
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

func BenchmarkAppend(b *testing.B) {
	for name, text := range samples() {
		b.Run(name, func(b *testing.B) {
			dst := make([]byte, 0, 2*len(text))
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := canonjson.Append(dst, text); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
