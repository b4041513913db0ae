package signing_test

import (
	"encoding/json"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

type vector struct {
	Name      string            `json:"name"`
	Scheme    string            `json:"scheme"`
	ID        string            `json:"id"`
	Timestamp int64             `json:"timestamp"`
	Secrets   []string          `json:"secrets"`
	Body      string            `json:"body"`
	Headers   map[string]string `json:"headers"`
}

func (v vector) message() signing.Message {
	return signing.Message{ID: v.ID, Timestamp: time.Unix(v.Timestamp, 0), Body: []byte(v.Body)}
}

func loadVectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func scheme(t testing.TB, name string) signing.Scheme {
	t.Helper()
	s, err := signing.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func secrets(t testing.TB, texts ...string) []signing.Secret {
	t.Helper()
	all := make([]signing.Secret, len(texts))
	for i, text := range texts {
		var err error
		if all[i], err = signing.ParseSecret(text); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func signed(t testing.TB, s signing.Scheme, keys []signing.Secret, m signing.Message) http.Header {
	t.Helper()
	headers, err := signing.Sign(s, keys, m)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	for _, header := range headers {
		if _, twice := h[header.Name]; twice || http.CanonicalHeaderKey(header.Name) != header.Name {
			t.Errorf("header %s is not canonical, or comes twice", header.Name)
		}
		h[header.Name] = []string{header.Value}
	}
	return h
}

// Node and Python agree on these headers; so must we, in both directions.
func TestVectorsOfEveryScheme(t *testing.T) {
	seen := map[string]bool{}
	for _, v := range loadVectors(t) {
		seen[v.Scheme] = true
		t.Run(v.Name, func(t *testing.T) {
			h := signed(t, scheme(t, v.Scheme), secrets(t, v.Secrets...), v.message())
			if len(h) != len(v.Headers) {
				t.Errorf("%d headers, want %d", len(h), len(v.Headers))
			}
			for name, want := range v.Headers {
				if got := h.Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			verifyEach(t, v)
		})
	}
	for _, name := range signing.Names() {
		if !seen[name] {
			t.Errorf("no vector of scheme %s", name)
		}
	}
}

// Each secret alone verifies what all of them signed, except the older ones of
// a header with one value. Names are lower case here, as in a Lambda event.
func verifyEach(t *testing.T, v vector) {
	t.Helper()
	h := http.Header{}
	for name, value := range v.Headers {
		h[name] = []string{value}
	}
	s := scheme(t, v.Scheme)
	for i, text := range v.Secrets {
		key, err := s.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = signing.Verify(s, []signing.Secret{key}, h, []byte(v.Body), time.Unix(v.Timestamp, 0), 0)
		many := v.Scheme == "standard" || v.Scheme == "svix" || v.Scheme == "stripe"
		if wantOK := i == 0 || many; (err == nil) != wantOK {
			t.Errorf("secret %d: %v", i, err)
		}
	}
}

// Vectors that others published.
func TestPublicVectors(t *testing.T) {
	spec := signing.Message{ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Timestamp: time.Unix(1614265330, 0), Body: []byte(`{"test": 2432232314}`)}
	hello := signing.Message{ID: "1", Timestamp: time.Unix(1, 0), Body: []byte("Hello, World!")}
	slack := signing.Message{ID: "1", Timestamp: time.Unix(1531420618, 0), Body: []byte("token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c")}
	tests := map[string]struct {
		scheme, secret string
		message        signing.Message
		header, want   string
	}{
		"standard v1, the specification's libraries": {
			"standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", spec,
			"Webhook-Signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		},
		"standard v1a, the specification's Go library": {
			"standard", "whsk_VEVTVFNJR05JTkdLRVlET05PVFVTRVRISVNGT1JBTlk=", spec,
			"Webhook-Signature", "v1a,tQ9V2XOqn7jL/DQenEFpqIugdBVtiMmER5mhSkXBNwM0mkATuDe6KYYUuxqtaiHeYGb7KaaBRdM5WqyeFiL8Ag==",
		},
		"github, its documentation": {
			"github", "It's a Secret to Everybody", hello,
			"X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
		},
		"slack, its documentation": {
			"slack", "8f742231b10e8888abcd99yyyzzz85a5", slack,
			"X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := signed(t, scheme(t, test.scheme), secrets(t, test.secret), test.message)
			if got := h.Get(test.header); got != test.want {
				t.Errorf("%s = %q, want %q", test.header, got, test.want)
			}
		})
	}
}
