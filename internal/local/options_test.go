package local_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/internal/local"
	"github.com/jobhook/jobhook/shared/embedded"
)

func TestCheckSaysWhatWouldBeRight(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*local.Options)
		says   string // empty: fine
	}{
		{"default", func(o *local.Options) { o.Listen = local.DefaultListen }, ""},
		{"localhost", func(o *local.Options) { o.Listen = "localhost:0" }, ""},
		{"IPv6", func(o *local.Options) { o.Listen = "[::1]:0" }, ""},
		{"IPv4 in IPv6", func(o *local.Options) { o.Listen = "[::ffff:127.0.0.1]:0" }, ""},
		{"127.9.9.9", func(o *local.Options) { o.Listen = "127.9.9.9:0" }, ""},
		{"all, with a key", func(o *local.Options) { o.Listen, o.Key = ":0", "a-key-of-24-bytes-or-more" }, ""},
		{"all addresses", func(o *local.Options) { o.Listen = ":8787" }, "set JOBHOOK_API_KEY"},
		{"0.0.0.0", func(o *local.Options) { o.Listen = "0.0.0.0:8787" }, "set JOBHOOK_API_KEY"},
		{"[::]", func(o *local.Options) { o.Listen = "[::]:8787" }, "set JOBHOOK_API_KEY"},
		{"LAN", func(o *local.Options) { o.Listen = "192.168.1.5:8787" }, "set JOBHOOK_API_KEY"},
		{"zone", func(o *local.Options) { o.Listen = "[fe80::1%lo]:8787" }, "set JOBHOOK_API_KEY"},
		{"no port", func(o *local.Options) { o.Listen = "127.0.0.1" }, "not an address"},
		{"empty port", func(o *local.Options) { o.Listen = "127.0.0.1:" }, "port must be a number"},
		{"named port", func(o *local.Options) { o.Listen = "127.0.0.1:http" }, "port must be a number"},
		{"large port", func(o *local.Options) { o.Listen = "127.0.0.1:65536" }, "port must be a number"},
		{"name", func(o *local.Options) { o.Listen = "example.com:1" }, "IP address or localhost"},
		{"bare IPv6", func(o *local.Options) { o.Listen = "::1:8787" }, "not an address"},
		{"no directory", func(o *local.Options) { o.Dir = "" }, "--data is empty"},
		{"timeout", func(o *local.Options) { o.SendTimeout = time.Minute }, "--send-timeout is 1m0s"},
		{"retention", func(o *local.Options) { o.Retention = 0 }, "--retention is 0s"},
		{"short key", func(o *local.Options) { o.Key = "23-bytes-are-not-enough" }, "JOBHOOK_API_KEY has 23 bytes; the minimum is 24"},
		{"key with a line end", func(o *local.Options) { o.Key = "k\n" }, "JOBHOOK_API_KEY has"},
		{"user agent", func(o *local.Options) { o.Wire.UserAgent = "a\r\nX: y" }, "--user-agent"},
		{"signature header", func(o *local.Options) { o.Wire.AntiniumHeader = "X Y" }, "--antinium-header"},
		{"two faults", func(o *local.Options) { o.Dir, o.Retention = "", 0 }, "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			c.change(&o)
			err := o.Check()
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("says %v, want %q", err, c.says)
			}
			if c.says != "" {
				if r, err := local.Start(t.Context(), o); err == nil {
					t.Errorf("it starts at %s", r.URL)
				}
			}
		})
	}
}

func TestListenAddresses(t *testing.T) {
	for listen, prefix := range map[string]string{
		"localhost:0": "http://", "127.0.0.1:0": "http://127.0.0.1:", "[::1]:0": "http://[::1]:", ":0": "http://localhost:",
	} {
		t.Run(listen, func(t *testing.T) {
			if l, err := net.Listen("tcp", listen); err != nil {
				t.Skipf("this machine has no %s: %v", listen, err)
			} else {
				_ = l.Close()
			}
			w := run(t, func(o *local.Options) {
				if o.Listen = listen; listen == ":0" {
					o.Key = "a-key-of-24-bytes-or-more"
				}
			})
			if !strings.HasPrefix(w.URL, prefix) {
				t.Errorf("URL %s", w.URL)
			}
			w.do("GET", acme+"/endpoints", "", "Authorization", "Bearer a-key-of-24-bytes-or-more").is(200)
		})
	}
}

func TestStartRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer taken.Close()
	write := func(t *testing.T, dir, name, text string, mode os.FileMode) {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
		must(t, os.Chmod(filepath.Join(dir, name), mode))
	}
	const keys = `{"signing":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],"sealing":["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]}`
	for _, c := range []struct {
		name  string
		wreck func(t *testing.T, o *local.Options)
		says  string
	}{
		{"taken port", func(_ *testing.T, o *local.Options) { o.Listen = taken.Addr().String() }, "is taken by another program: choose another address with --listen"},
		{"not ours", func(_ *testing.T, o *local.Options) { o.Listen, o.Key = "192.0.2.1:0", "a-key-of-24-bytes-or-more" }, "no address of this machine"},
		{"directory is a file", func(t *testing.T, o *local.Options) {
			write(t, o.Dir, "file", "", 0o600)
			o.Dir = filepath.Join(o.Dir, "file")
		}, "data directory"},
		{"directory below a file", func(t *testing.T, o *local.Options) {
			write(t, o.Dir, "file", "", 0o600)
			o.Dir = filepath.Join(o.Dir, "file", "below")
		}, "make the data directory"},
		{"unreadable directory", func(t *testing.T, o *local.Options) {
			if os.Geteuid() == 0 {
				t.Skip("root reads everything")
			}
			must(t, os.Chmod(o.Dir, 0))
			t.Cleanup(func() { _ = os.Chmod(o.Dir, 0o700) })
		}, "permission denied"},
		{"keys damaged", func(t *testing.T, o *local.Options) { write(t, o.Dir, "secrets.json", `{"signing":["hush`, 0o600) }, `must hold {"signing"`},
		{"keys empty", func(t *testing.T, o *local.Options) { write(t, o.Dir, "secrets.json", ``, 0o600) }, `must hold {"signing"`},
		{"keys for all to read", func(t *testing.T, o *local.Options) { write(t, o.Dir, "secrets.json", keys, 0o644) }, "can be read by others"},
		{"keys too weak", func(t *testing.T, o *local.Options) {
			write(t, o.Dir, "secrets.json", `{"signing":["hush"],"sealing":["hush"]}`, 0o600)
		}, "secrets.json: "},
		{"keys gone", func(t *testing.T, o *local.Options) {
			start(t, *o).stop()
			must(t, os.Remove(filepath.Join(o.Dir, "secrets.json")))
		}, "has a database but no secrets.json"},
		{"database damaged", func(t *testing.T, o *local.Options) {
			write(t, o.Dir, "secrets.json", keys, 0o600)
			write(t, o.Dir, "jobhook.db", strings.Repeat("x", 100_000), 0o600)
		}, "not a data file"},
		{"two at once", func(t *testing.T, o *local.Options) { start(t, *o) }, "another jobhook is running"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t)
			c.wreck(t, &o)
			r, err := local.Start(t.Context(), o)
			if err == nil {
				t.Fatalf("it starts at %s", r.URL)
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hush") {
				t.Errorf("says %q, want %q", err, c.says)
			}
		})
	}
	equal(t, "error type", errorOfSecond(t), embedded.ErrInUse.Error())
}

// errorOfSecond is what a second runner's error is, by type.
func errorOfSecond(t *testing.T) string {
	w := run(t)
	o := w.options
	_, err := local.Start(t.Context(), o)
	if err == nil {
		return ""
	}
	w.do("GET", acme+"/endpoints", "").is(200) // the first goes on
	return strings.Split(err.Error(), " on ")[0]
}
