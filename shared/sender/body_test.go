package sender

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestResponseIsCapped(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name         string
		limit, bytes int
		want         int
	}{
		{"shorter", 100, 99, 99},
		{"exact", 100, 100, 100},
		{"longer", 100, 101, 100},
		{"drained to its end", 100, 100 + drainBytes, 100},
		{"not drained", 100, 1 << 20, 100},
		{"default", 0, 1 << 20, DefaultResponseBytes},
		{"none", -1, 50, 0},
	} {
		for _, chunked := range []bool{false, true} {
			srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if chunked {
					w.(http.Flusher).Flush()
				}
				io.WriteString(w, strings.Repeat("a", c.bytes))
			})
			a := post(t, local(t, Config{ResponseBytes: c.limit}), srv.URL)
			want(t, a, 200, "")
			if len(a.Response) != c.want {
				t.Errorf("%s (chunked %v): kept %d bytes, want %d", c.name, chunked, len(a.Response), c.want)
			}
		}
	}
}

func TestResponseIsDecompressed(t *testing.T) {
	t.Parallel()
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(zipped(t, "all is well", 1))
	})
	if a := post(t, local(t, Config{}), srv.URL); a.Response != "all is well" {
		t.Errorf("response %q", a.Response)
	}
}

// 24 MiB in 24 KiB: the cap holds for what comes out, and so does memory.
func TestGzipBomb(t *testing.T) {
	bomb := zipped(t, strings.Repeat("a", 1<<20), 24)
	srv := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Write(bomb)
	})
	s := local(t, Config{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	a := post(t, s, srv.URL)
	runtime.ReadMemStats(&after)
	want(t, a, 200, "")
	if a.Response != strings.Repeat("a", DefaultResponseBytes) {
		t.Errorf("kept %d bytes", len(a.Response))
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("allocated %d bytes", used)
	}
}

func zipped(t testing.TB, part string, times int) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	for range times {
		if _, err := io.WriteString(z, part); err != nil {
			t.Fatal(err)
		}
	}
	z.Close()
	return b.Bytes()
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		whole    bool
		limit    int
		want     string
	}{
		{"ascii", "abc", true, 10, "abc"},
		{"valid", "aü€😀", true, 10, "aü€😀"},
		{"cut in a character", "aü€😀"[:8], false, 10, "aü€"},
		{"cut in the first", "😀"[:3], false, 10, ""},
		{"cut between two", "aü", false, 10, "aü"},
		{"ends in half a character by itself", "a\xe2\x82", true, 10, "a\uFFFD"},
		{"Latin-1", "caf\xe9 noir", true, 20, "caf\uFFFD noir"},
		{"replacing lengthens beyond the cap", "\xff1\xff2\xff3", true, 6, "\uFFFD1"},
		{"only continuation bytes", "\x80\x80\x80\x80\x80", false, 5, "\uFFFD"},
		{"empty", "", true, 10, ""},
	} {
		got := text([]byte(c.in), c.whole, c.limit)
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("aü€😀"), true)
	f.Add([]byte("\xff1\xff2\xff3\xe2\x82"), false)
	f.Fuzz(func(t *testing.T, b []byte, whole bool) {
		got := text(bytes.Clone(b), whole, len(b))
		if len(got) > len(b) || !utf8.ValidString(got) {
			t.Errorf("%q became %q", b, got)
		}
	})
}
