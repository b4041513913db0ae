package signing_test

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

const (
	keyA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	keyB = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	keyE = "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk="
)

var (
	at      = time.Unix(1_700_000_000, 0)
	message = signing.Message{ID: "msg_1", Timestamp: at, Body: []byte(`{"id":"evt_1","event_id":"Ev1","n":1}`)}
)

// request is a signed request that a test spoils.
type request struct {
	keys      []signing.Secret
	header    http.Header
	body      []byte
	now       time.Time
	tolerance time.Duration
}

func (r *request) verify(s signing.Scheme) (signing.Verified, error) {
	return signing.Verify(s, r.keys, r.header, r.body, r.now, r.tolerance)
}

func TestVerifyRefuses(t *testing.T) {
	tests := map[string]struct {
		spoil func(t *testing.T, s signing.Scheme, r *request)
		want  error
		timed bool // only where the scheme has a timestamp
	}{
		"tampered body":   {spoil: func(_ *testing.T, _ signing.Scheme, r *request) { r.body = append(r.body, ' ') }, want: signing.ErrMismatch},
		"empty body":      {spoil: func(_ *testing.T, _ signing.Scheme, r *request) { r.body = nil }, want: signing.ErrMismatch},
		"other secret":    {spoil: func(t *testing.T, _ signing.Scheme, r *request) { r.keys = secrets(t, keyB) }, want: signing.ErrMismatch},
		"no secret":       {spoil: func(_ *testing.T, _ signing.Scheme, r *request) { r.keys = nil }, want: signing.ErrNoSecret},
		"zero secret":     {spoil: func(_ *testing.T, _ signing.Scheme, r *request) { r.keys = make([]signing.Secret, 1) }, want: signing.ErrNoSecret},
		"no headers":      {spoil: func(_ *testing.T, _ signing.Scheme, r *request) { r.header = nil }, want: signing.ErrMissing},
		"no signature":    {spoil: func(_ *testing.T, s signing.Scheme, r *request) { r.header.Del(s.Header()) }, want: signing.ErrMissing},
		"empty signature": {spoil: func(_ *testing.T, s signing.Scheme, r *request) { r.header.Set(s.Header(), "") }, want: signing.ErrMissing},
		"blank signature": {spoil: func(_ *testing.T, s signing.Scheme, r *request) { r.header.Set(s.Header(), " \t ") }, want: signing.ErrMissing},
		"nonsense":        {spoil: func(_ *testing.T, s signing.Scheme, r *request) { r.header.Set(s.Header(), "nonsense") }, want: signing.ErrMalformed},
		"cut short":       {spoil: func(_ *testing.T, s signing.Scheme, r *request) { cut(r.header, s.Header()) }, want: signing.ErrMalformed},
		"endless": {spoil: func(_ *testing.T, s signing.Scheme, r *request) {
			r.header.Set(s.Header(), strings.Repeat("v1,A ", 900))
		}, want: signing.ErrMalformed},
		"too many": {spoil: func(_ *testing.T, s signing.Scheme, r *request) {
			r.header.Set(s.Header(), strings.Repeat("v1,A ", 33))
		}, want: signing.ErrMalformed},
		"another scheme's": {spoil: anotherScheme, want: signing.ErrMalformed},
		"old":              {spoil: func(_ *testing.T, _ signing.Scheme, r *request) { r.now = at.Add(5*time.Minute + time.Second) }, want: signing.ErrStale, timed: true},
		"in the future":    {spoil: func(_ *testing.T, _ signing.Scheme, r *request) { r.now = at.Add(-5*time.Minute - time.Second) }, want: signing.ErrStale, timed: true},
		"own tolerance": {spoil: func(_ *testing.T, _ signing.Scheme, r *request) {
			r.now, r.tolerance = at.Add(11*time.Second), 10*time.Second
		}, want: signing.ErrStale, timed: true},
	}
	for _, name := range signing.Names() {
		for what, test := range tests {
			s := scheme(t, name)
			if test.timed && !s.Timestamped() {
				continue
			}
			t.Run(name+"/"+what, func(t *testing.T) {
				r := goodRequest(t, s)
				test.spoil(t, s, &r)
				if _, err := r.verify(s); !errors.Is(err, test.want) {
					t.Errorf("got %v (%s), want %v", err, detail(err), test.want)
				}
			})
		}
	}
}

func goodRequest(t *testing.T, s signing.Scheme) request {
	t.Helper()
	keys := secrets(t, keyA)
	return request{keys: keys, header: signed(t, s, keys, message), body: []byte(string(message.Body)), now: at}
}

func cut(h http.Header, name string) {
	value := h.Get(name)
	h.Set(name, value[:len(value)-1])
}

// anotherScheme puts a right signature in a form that is not this scheme's.
func anotherScheme(t *testing.T, s signing.Scheme, r *request) {
	t.Helper()
	other := scheme(t, "github")
	if s.Name() == "github" {
		other = scheme(t, "unitary")
	}
	r.header.Set(s.Header(), signed(t, other, r.keys, message).Get(other.Header()))
}

func detail(err error) string {
	var e *signing.Error
	if errors.As(err, &e) {
		return e.Header + ": " + e.Detail
	}
	return ""
}

func TestVerifyAccepts(t *testing.T) {
	tests := map[string]func(t *testing.T, s signing.Scheme, r *request){
		"as sent":              func(*testing.T, signing.Scheme, *request) {},
		"oldest allowed":       func(_ *testing.T, _ signing.Scheme, r *request) { r.now = at.Add(5 * time.Minute) },
		"newest allowed":       func(_ *testing.T, _ signing.Scheme, r *request) { r.now = at.Add(-5 * time.Minute) },
		"wide tolerance":       func(_ *testing.T, _ signing.Scheme, r *request) { r.now, r.tolerance = at.Add(time.Hour), time.Hour },
		"second secret of two": func(t *testing.T, _ signing.Scheme, r *request) { r.keys = append(secrets(t, keyB), r.keys...) },
		"beside a zero secret": func(_ *testing.T, _ signing.Scheme, r *request) { r.keys = append(r.keys, signing.Secret{}) },
		"beside a public key": func(t *testing.T, _ signing.Scheme, r *request) {
			r.keys = append(secrets(t, publicKey(t, keyE)), r.keys...)
		},
		"lower-case names": func(_ *testing.T, _ signing.Scheme, r *request) { r.header = renamed(r.header, strings.ToLower) },
		"upper-case names": func(_ *testing.T, _ signing.Scheme, r *request) { r.header = renamed(r.header, strings.ToUpper) },
		"upper-case hex": func(_ *testing.T, s signing.Scheme, r *request) {
			if name := s.Name(); name == "sharpapi" || name == "antinium" {
				r.header.Set(s.Header(), strings.ToUpper(r.header.Get(s.Header())))
			}
		},
	}
	for _, name := range signing.Names() {
		for what, change := range tests {
			t.Run(name+"/"+what, func(t *testing.T) {
				s := scheme(t, name)
				r := goodRequest(t, s)
				change(t, s, &r)
				v, err := r.verify(s)
				if err != nil {
					t.Fatal(err, detail(err))
				}
				if s.Timestamped() != v.Timestamp.Equal(at) || v.ID == "" {
					t.Errorf("timestamp %v, id %q", v.Timestamp, v.ID)
				}
			})
		}
	}
}

func renamed(h http.Header, how func(string) string) http.Header {
	out := http.Header{}
	for name, value := range maps.All(h) {
		out[how(name)] = value
	}
	return out
}

func publicKey(t testing.TB, private string) string {
	t.Helper()
	public, ok := secrets(t, private)[0].PublicKey()
	if !ok {
		t.Fatal("no public key")
	}
	return public
}

func TestVerifyTellsWhichSecretMatched(t *testing.T) {
	s := scheme(t, "standard")
	h := signed(t, s, secrets(t, keyA), message)
	v, err := signing.Verify(s, secrets(t, keyB, publicKey(t, keyE), keyA), h, message.Body, at, 0)
	if err != nil || v.Secret != 2 {
		t.Errorf("secret %d, %v; want 2", v.Secret, err)
	}
}
