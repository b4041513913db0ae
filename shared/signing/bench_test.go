package signing_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/jobhook/jobhook/shared/signing"
)

func kilobyte() signing.Message {
	m := message
	m.Body = bytes.Repeat([]byte("x"), 1024)
	return m
}

func BenchmarkSign(b *testing.B) {
	for _, name := range []string{"standard", "sharpapi", "unitary", "antinium"} {
		for _, keys := range [][]string{{keyA}, {keyB, keyA}} {
			b.Run(name+"/"+strings.Repeat("k", len(keys)), func(b *testing.B) {
				s, keys, m := scheme(b, name), secrets(b, keys...), kilobyte()
				b.ReportAllocs()
				for b.Loop() {
					if _, err := signing.Sign(s, keys, m); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, name := range signing.Names() {
		b.Run(name, func(b *testing.B) {
			s, keys, m := scheme(b, name), secrets(b, keyA), kilobyte()
			m.Body = []byte(`{"id":"evt_1","x":"` + strings.Repeat("x", 1000) + `"}`)
			h := signed(b, s, keys, m)
			for range 15 {
				h["X-Other-"+strings.Repeat("x", len(h))] = []string{"v"}
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := signing.Verify(s, keys, h, m.Body, at, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Secrets are shared by all that send at once.
func TestSecretsServeManyAtOnce(t *testing.T) {
	s, keys := scheme(t, "sharpapi"), secrets(t, keyB, keyA, keyE)
	want := signed(t, s, keys, message)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				headers, err := signing.Sign(s, keys, message)
				if err != nil {
					t.Error(err)
					return
				}
				for _, h := range headers {
					if want.Get(h.Name) != h.Value {
						t.Errorf("%s differs", h.Name)
					}
				}
			}
		})
	}
	group.Wait()
}
