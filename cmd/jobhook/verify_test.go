package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

var signedAt = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// signedHeaders are -H flags for a body signed by a scheme.
func signedHeaders(t *testing.T, scheme, secret, body string) []string {
	t.Helper()
	s, err := signing.Lookup(scheme)
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.ParseSecret(secret)
	if err != nil {
		t.Fatal(err)
	}
	headers, err := signing.Sign(s, []signing.Secret{key}, signing.Message{ID: "msg_1", Timestamp: signedAt, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for _, h := range headers {
		args = append(args, "-H", h.Name+": "+h.Value)
	}
	return args
}

// runVerify runs the command with the secret in the environment.
func runVerify(t *testing.T, body, secret string, args ...string) (exit int, out string) {
	t.Helper()
	t.Setenv("THE_SECRET", secret)
	var stdout, stderr strings.Builder
	args = append([]string{"--secret-env", "THE_SECRET", "--now", strconv.FormatInt(signedAt.Unix()+10, 10)}, args...)
	exit = verifyCommand(args, strings.NewReader(body), &stdout, &stderr)
	return exit, stdout.String() + stderr.String()
}

func TestVerifySaysYes(t *testing.T) {
	for _, scheme := range signing.Names() {
		exit, out := runVerify(t, `{"id":"1"}`, testSecret, append([]string{"--scheme", scheme}, signedHeaders(t, scheme, testSecret, `{"id":"1"}`)...)...)
		if exit != 0 || !strings.HasSuffix(out, "\nverified\n") || strings.Contains(out, "FAIL") || !strings.Contains(out, "ok    signature 1 with secret 1: matches") {
			t.Errorf("%s: exit %d\n%s", scheme, exit, out)
		}
	}
}

func TestVerifyFindsTheUsualMistakes(t *testing.T) {
	const (
		body = `{"url":"https://example.com/é","n":1.0,"list":[1,2]}`
		key  = "hush hush hush hush"
	)
	indented := "{\n  \"url\": \"https://example.com/é\",\n  \"n\": 1.0,\n  \"list\": [\n    1,\n    2\n  ]\n}"
	quoted, _ := json.Marshal(body)
	for _, c := range []struct {
		name, scheme        string
		sent, got           string // the body
		signedWith, checked string // the secret
		want                string
	}{
		{"a line end added", "github", body, body + "\n", key, key, "the line end after the body is removed"},
		{"a line end of Windows", "github", body, body + "\r\n", key, key, "the line end after the body is removed"},
		{"a line end lost", "github", body + "\n", body, key, key, "a line end is added"},
		{"line ends turned", "github", "a\nb", "a\r\nb", key, key, `each \r\n in the body is \n`},
		{"base64", "github", body, base64.StdEncoding.EncodeToString([]byte(body)), key, key, "the body is base64-decoded"},
		{"encoded twice", "github", body, string(quoted), key, key, "encoded twice"},
		{"pretty-printed", "stripe", body, indented, key, key, "the JSON has no white space"},
		{"compacted", "stripe", indented, body, key, key, "the JSON is indented"},
		{"as JSON.stringify has it", "stripe", `{"n":1}`, `{"n": 1.0}`, key, key, "JSON.stringify(JSON.parse(body))"},
		{"as Python has it", "stripe", `{"a": ",:", "b": [1, 2]}`, `{"a":",:","b":[1,2]}`, key, key, "Python's json.dumps"},
		{"as PHP has it", "stripe", `{"a":"\/x"}`, `{"a":"/x"}`, key, key, `each / is \/`},
		{"escaped", "stripe", `{"a":"\u00e9\ud83c\udf89"}`, `{"a":"é🎉"}`, key, key, "escapes"},
		{"without whsec_", "github", body, body, strings.TrimPrefix(testSecret, "whsec_"), testSecret, "secret 1 is used without its whsec_"},
		{"whsec_ lost", "standard", body, body, testSecret, strings.TrimPrefix(testSecret, "whsec_"), "whsec_ before it"},
		{"quotes around it", "github", body, body, key, `"` + key + `"`, "without the quotes"},
		{"base64 of the key", "github", body, body, key, base64.StdEncoding.EncodeToString([]byte(key)), "base64-decoded first"},
		{"both wrong", "github", body, body + "\n", key, `"` + key + `"`, "without the quotes around it, and the line end"},
		{"another secret", "github", body, body, "the one secret of two", "the other of the two", "no usual mistake explains it"},
		{"another body", "svix", body, "{}", testSecret, testSecret, "no usual mistake explains it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, out := runVerify(t, c.got, c.checked, append([]string{"--scheme", c.scheme}, signedHeaders(t, c.scheme, c.signedWith, c.sent)...)...)
			if exit != 1 || !strings.Contains(out, "FAIL  signature 1 with secret 1: does not match") || !strings.Contains(out, c.want) {
				t.Errorf("exit %d, want 1 and %q:\n%s", exit, c.want, out)
			}
			if strings.Contains(out, c.checked) {
				t.Errorf("the secret is shown:\n%s", out)
			}
		})
	}
}

func TestVerifyNamesThePartThatFails(t *testing.T) {
	good := signedHeaders(t, "standard", testSecret, "{}")
	sharpapi := signedHeaders(t, "sharpapi", testSecret, "{}")
	var xSignature []string
	for i, h := range sharpapi {
		if strings.HasPrefix(h, "X-Signature") {
			xSignature = []string{"-H", sharpapi[i]}
		}
	}
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"no signature", []string{"--scheme", "standard", "-H", "Content-Type: x"}, "FAIL  header    Webhook-Id: the request has no such header, or an empty one"},
		{"what headers there are", []string{"--scheme", "github", "-H", "A: x", "-H", "B: y"}, "hint       the request as given has the headers A, B"},
		{"old", append([]string{"--scheme", "standard", "--now", "2026-11-20T12:05:01Z"}, good...), "FAIL  timestamp the timestamp is 5m1s old, 5m0s is allowed"},
		{"old, but right", append([]string{"--scheme", "standard", "--now", "2026-11-20T12:05:01Z"}, good...), "hint       the signature is right: only the time is not"},
		{"from the future", append([]string{"--scheme", "standard", "--now", "2026-11-20T11:00:00Z"}, good...), "FAIL  timestamp the timestamp is 1h0m0s in the future"},
		{"tolerated", append([]string{"--scheme", "standard", "--now", "2026-11-20T12:05:01Z", "--tolerance", "6m"}, good...), "verified"},
		{"milliseconds", append([]string{"--scheme", "standard"}, append(good[:2:2], "-H", "Webhook-Timestamp: 1795176000000", good[4], good[5])...), "Unix seconds are needed, not milliseconds"},
		{"another scheme", append([]string{"--scheme", "github"}, good...), "hint       it verifies as scheme standard: pass --scheme standard"},
		{"another scheme of the same header", []string{"--scheme", "github", "-H", strings.Replace(xSignature[1], "X-Signature", "X-Hub-Signature-256", 1)}, "in hexadecimal here, is written as this scheme has it"},
		{"the header twice", append([]string{"--scheme", "sharpapi"}, append(xSignature, xSignature...)...), "the header comes 2 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			exit, out := runVerify(t, "{}", testSecret, c.args...)
			if (exit == 0) != (c.want == "verified") || !strings.Contains(out, c.want) {
				t.Errorf("exit %d, want %q:\n%s", exit, c.want, out)
			}
		})
	}
}

func TestVerifyTriesEachSignatureWithEachSecret(t *testing.T) {
	stripe := signedHeaders(t, "stripe", "the new secret of Stripe", "{}")
	header := stripe[1] + ",v1=" + strings.Repeat("0", 64)
	t.Setenv("OLD", "the old secret of Stripe")
	exit, out := runVerify(t, "{}", "the new secret of Stripe", "--scheme", "stripe", "--secret-env", "OLD", "-H", header)
	for _, want := range []string{"ok    signature 1 with secret 1: matches", "no    signature 1 with secret 2: does not", "no    signature 2 with secret 1", "no    signature 2 with secret 2"} {
		if exit != 0 || !strings.Contains(out, want) {
			t.Errorf("exit %d, want %q:\n%s", exit, want, out)
		}
	}
}

func TestVerifyReadsFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	headers := signedHeaders(t, "github", "hush hush hush hush", "{}")
	signature := strings.TrimPrefix(headers[3], "X-Hub-Signature-256: ")
	secret := file("secret", "hush hush hush hush\n")
	sources := file("sources.json", `{"sources":{"gh":{"scheme":"github","secrets":["hush hush hush hush"]}}}`)
	broken := file("broken.json", `{"sources":{"gh":{"scheme":"github"},"B":{}}}`)
	none := file("none.json", `{"sources":{}}`)
	lines := file("headers.txt", "POST /gh HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: "+signature+"\r\n\r\n{}")
	object := file("headers.json", `{"x-hub-signature-256":"`+signature+`","accept":["a","b"]}`)
	mixed := file("mixed.json", `{"a":["b",null]}`)
	body := file("body", "{}")
	for _, c := range []struct {
		name string
		args []string
		exit int
		want string
	}{
		{"lines", []string{"--scheme", "github", "--secret-file", secret, "--headers", lines, "--body", body}, 0, "verified"},
		{"JSON", []string{"--scheme", "github", "--secret-file", secret, "--headers", object, "--body", body}, 0, "verified"},
		{"plain", []string{"--scheme", "github", "--secret", "hush hush hush hush", "--headers", object, "--body", body}, 0, "warning: a secret on the command line"},
		{"sources", []string{"--sources", sources, "--source", "gh", "--headers", object, "--body", body}, 0, "verified"},
		{"sources alone", []string{"--sources", sources}, 0, "ok    /gh  scheme github (X-Hub-Signature-256), 1 secret(s)"},
		{"no sources", []string{"--sources", none}, 0, "ok    no sources: receive answers 404"},
		{"a scheme beside a source", []string{"--sources", sources, "--source", "gh", "--scheme", "github", "--headers", object}, 2, "leave --scheme"},
		{"no address", []string{"--sources", sources, "--source", "gh", "--ip", "x", "--headers", object}, 2, "--ip must be an address"},
		{"broken sources", []string{"--sources", broken}, 1, "FAIL  sources.gh: secrets is missing"},
		{"another source", []string{"--sources", sources, "--source", "x", "--headers", object}, 2, "no source of that name, only gh"},
		{"help", []string{"--help"}, 0, "Usage: jobhook verify"},
		{"no scheme", []string{"--secret-file", secret, "--headers", object}, 2, "--scheme is missing: one of standard"},
		{"no secret", []string{"--scheme", "github", "--headers", object}, 2, "no secret: give --secret-env"},
		{"no headers", []string{"--scheme", "github", "--secret-file", secret}, 2, "no headers: give -H"},
		{"a list that is none of texts", []string{"--scheme", "github", "--secret-file", secret, "--headers", mixed}, 2, "must be a text or a list of texts"},
		{"an unset variable", []string{"--scheme", "github", "--secret-env", "NOT_THERE"}, 2, "NOT_THERE is empty or not exported"},
		{"a missing file", []string{"--scheme", "github", "--secret-file", dir + "/none"}, 2, "--secret-file: open"},
		{"a bad header", []string{"--scheme", "github", "--secret-file", secret, "-H", "x"}, 2, `"Name: value"`},
		{"a bad now", []string{"--scheme", "github", "--secret-file", secret, "-H", "a: b", "--now", "soon"}, 2, "--now must be RFC 3339"},
		{"an argument", []string{"x"}, 2, `unexpected argument "x"`},
		{"an unknown flag", []string{"--nope"}, 2, "--help lists the flags"},
	} {
		var stdout, stderr strings.Builder
		exit := verifyCommand(c.args, strings.NewReader(""), &stdout, &stderr)
		out := stdout.String() + stderr.String()
		if exit != c.exit || !strings.Contains(out, c.want) || strings.Contains(out, "hush hush") {
			t.Errorf("%s: exit %d, want %d and %q:\n%s", c.name, exit, c.exit, c.want, out)
		}
	}
}

// With a source it says what receive would answer.
func TestVerifyJudgesAsReceiveDoes(t *testing.T) {
	sources := filepath.Join(t.TempDir(), "sources.json")
	config := `{"sources":{
		"gh":{"scheme":"github","secrets":["hush hush hush hush"],"require":["ref"],"allow_ips":["192.0.2.0/24"],"id":"field:ref"},
		"plain":{"scheme":"github","secrets":["hush hush hush hush"],"id":"field:none"}}}`
	if err := os.WriteFile(sources, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	const good, lacking = `{"ref":"main"}`, `{}`
	for _, c := range []struct {
		name, source, body, ip string
		sent                   string // the body that is signed
		exit                   int
		want                   []string
	}{
		{"all right", "gh", good, "192.0.2.7", good, 0, []string{"ok    id        main (from field)", "ok    receive   /gh would answer 200, and know it for 720h0m0s as main", "\nverified\n"}},
		{"no address", "gh", good, "", good, 0, []string{"--    address   allow_ips is set: pass --ip", "would answer 200"}},
		{"another address", "gh", good, "198.51.100.1", good, 1, []string{"FAIL  receive   /gh would answer 403 (address not allowed)", "verified, but receive would not take it"}},
		{"a field missing", "gh", lacking, "192.0.2.7", lacking, 1, []string{`FAIL  receive   /gh would answer 422 (payload not valid): the field "ref" is missing`}},
		{"tampered", "gh", good, "192.0.2.7", lacking, 1, []string{"FAIL  receive   /gh would answer 401 (not verified)", "NOT verified: signature mismatch"}},
		{"no id", "plain", good, "", good, 0, []string{"(from body hash)", `--    id        what "id" names is not in the request`}},
	} {
		args := append([]string{"--sources", sources, "--source", c.source}, signedHeaders(t, "github", "hush hush hush hush", c.sent)...)
		if c.ip != "" {
			args = append(args, "--ip", c.ip)
		}
		var stdout, stderr strings.Builder
		exit := verifyCommand(args, strings.NewReader(c.body), &stdout, &stderr)
		for _, want := range c.want {
			if out := stdout.String() + stderr.String(); exit != c.exit || !strings.Contains(out, want) {
				t.Errorf("%s: exit %d, want %d and %q:\n%s", c.name, exit, c.exit, want, out)
			}
		}
	}
}

func FuzzHeaders(f *testing.F) {
	f.Add([]byte("POST /x HTTP/1.1\r\nHost: x\r\n\r\nbody"))
	f.Add([]byte("< X-A: 1\n> x-a: 2\n"))
	f.Add([]byte(`{"a":"b","c":["d",1,null]}`))
	f.Add([]byte(" {\"a\":{}}"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for name, parse := range map[string]func([]byte) (http.Header, error){"any": parseHeaders, "JSON": parseJSONHeaders} {
			header, err := parse(raw)
			if err != nil {
				continue
			}
			for key, values := range header {
				if key != http.CanonicalHeaderKey(key) || len(values) == 0 {
					t.Errorf("%s: %q has %q", name, key, values)
				}
			}
			// What is read is written and read again as it was.
			again, err := parse(written(t, header))
			if err != nil || len(again) != len(header) {
				t.Errorf("%s: %v, then %v (%v)", name, header, again, err)
			}
		}
	})
}

// written is a header as a JSON object, which both readers take.
func written(t *testing.T, header http.Header) []byte {
	t.Helper()
	raw, err := json.Marshal(header)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func FuzzVerifyHints(f *testing.F) {
	f.Add([]byte(`{"a":1}`), "sha256=00", "whsec_")
	f.Add([]byte("\x1f\x8b"), "v1,AA== v1a,", "00")
	f.Add([]byte(`"\ud800"`), "t=1,v1=", `"`)
	f.Fuzz(func(t *testing.T, body []byte, signature, secret string) {
		secret += strings.Repeat("0", max(0, signing.MinSecretLength-len(secret))) // no scheme accepts a shorter one
		for _, name := range signing.Names() {
			s, err := signing.Lookup(name)
			if err != nil {
				t.Fatal(err)
			}
			key, err := s.ParseSecret(secret)
			if err != nil {
				continue
			}
			v := verification{scheme: s, texts: []string{secret}, secrets: []signing.Secret{key}, body: body, now: signedAt, header: map[string][]string{
				s.Header(): {signature}, "Webhook-Id": {"1"}, "Webhook-Timestamp": {"1"}, "Svix-Id": {"1"}, "Svix-Timestamp": {"1"}, "X-Slack-Request-Timestamp": {"1"},
			}}
			var out strings.Builder
			if v.report(&out) {
				t.Errorf("%s: %q verifies", name, signature)
			}
		}
	})
}
