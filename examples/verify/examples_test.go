// Package verify_test runs the snippets of docs/receiving.md, each with its own
// interpreter or compiler where this machine has it.
package verify_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// language is one example: prepare returns the command that runs it.
type language struct {
	name, file string
	prepare    func(t *testing.T) []string
}

var languages = []language{
	{"PHP", "php/verify.php", interpreted("php", "php/verify.php")},
	{"Node", "node/verify.mjs", interpreted("node", "node/verify.mjs")},
	{"Python", "python/verify.py", interpreted("python3", "python/verify.py")},
	{"C#", "csharp/Program.cs", buildCSharp},
	{"Go", "go/verify.go", buildGo},
	{"Java", "java/Verify.java", buildJava},
	{"Ruby", "ruby/verify.rb", interpreted("ruby", "ruby/verify.rb")},
}

func interpreted(command, file string) func(*testing.T) []string {
	return func(t *testing.T) []string { t.Helper(); need(t, command); return []string{command, file} }
}

// need says that an example could not be run here, and why.
func need(t *testing.T, command string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		t.Skipf("NOT RUN: this machine has no %s", command)
	}
}

func build(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func buildGo(t *testing.T) []string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "verify")
	build(t, "go", "build", "-o", binary, "./go")
	return []string{binary}
}

func buildJava(t *testing.T) []string {
	t.Helper()
	need(t, "javac")
	dir := t.TempDir()
	build(t, "javac", "-d", dir, "java/Verify.java")
	return []string{"java", "-cp", dir, "Verify"}
}

func buildCSharp(t *testing.T) []string {
	t.Helper()
	need(t, "dotnet")
	dir := t.TempDir()
	build(t, "dotnet", "build", "csharp", "-o", dir, "--nologo", "-v", "q")
	return []string{"dotnet", filepath.Join(dir, "verify.dll")}
}

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	other  = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Ro"
	body   = "{\"text\":\"Grüße 🎉\", \"n\": 1e21}\n"
)

var at = time.Unix(1_795_176_000, 0)

// example is one call: its arguments after the secret.
type example struct {
	name, kind, secret, body string
	args                     []string
	want                     bool
}

func TestExamples(t *testing.T) {
	cases := append(standardCases(t), bodyCases(t)...)
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			command := l.prepare(t)
			for _, c := range cases {
				args := append(append(append([]string{}, command[1:]...), c.kind, c.secret), c.args...)
				run := exec.CommandContext(t.Context(), command[0], args...)
				run.Stdin = strings.NewReader(c.body)
				out, err := run.CombinedOutput()
				if got := strings.TrimSpace(string(out)); err != nil || got != strconv.FormatBool(c.want) {
					t.Errorf("%s: %s (%v), want %t", c.name, got, err, c.want)
				}
			}
		})
	}
}

func standardCases(t *testing.T) []example {
	good := sign(t, "standard", secret, body)["Webhook-Signature"]
	plain := sign(t, "standard", "any text", body)["Webhook-Signature"]
	bad := "v1," + strings.Repeat("A", 43) + "="
	now := strconv.FormatInt(at.Unix(), 10)
	later := func(d time.Duration) string { return strconv.FormatInt(at.Add(d).Unix(), 10) }
	return []example{
		{"good", "standard", secret, body, []string{"msg_1", now, good, now}, true},
		{"a secret of another form", "standard", "any text", body, []string{"msg_1", now, plain, now}, true},
		{"a good one beside others", "standard", secret, body, []string{"msg_1", now, "v1a,AAAA " + bad + " v2,x v1 " + good, now}, true},
		{"5 minutes old", "standard", secret, body, []string{"msg_1", now, good, later(300 * time.Second)}, true},
		{"older", "standard", secret, body, []string{"msg_1", now, good, later(301 * time.Second)}, false},
		{"from the future", "standard", secret, body, []string{"msg_1", now, good, later(-301 * time.Second)}, false},
		{"tampered", "standard", secret, strings.TrimSpace(body), []string{"msg_1", now, good, now}, false},
		{"another id", "standard", secret, body, []string{"msg_2", now, good, now}, false},
		{"another time", "standard", secret, body, []string{"msg_1", later(time.Second), good, now}, false},
		{"another secret", "standard", other, body, []string{"msg_1", now, good, now}, false},
		{"no id", "standard", secret, body, []string{"", now, good, now}, false},
		{"no time", "standard", secret, body, []string{"msg_1", "", good, now}, false},
		{"a time that is none", "standard", secret, body, []string{"msg_1", "soon", good, now}, false},
		{"no signature", "standard", secret, body, []string{"msg_1", now, "", now}, false},
		{"another version", "standard", secret, body, []string{"msg_1", now, strings.Replace(good, "v1,", "v2,", 1), now}, false},
		{"no base64", "standard", secret, body, []string{"msg_1", now, "v1,%%% v1,é", now}, false},
		{"a part of it", "standard", secret, body, []string{"msg_1", now, good[:len(good)-4], now}, false},
	}
}

func bodyCases(t *testing.T) []example {
	hex := sign(t, "sharpapi", secret, body)["X-Signature"]
	base64 := sign(t, "unitary", secret, body)["X-Hub-Signature-256"]
	return []example{
		{"hex", "body", secret, body, []string{hex, "hex"}, true},
		{"hex in capitals", "body", secret, body, []string{strings.ToUpper(hex), "hex"}, true},
		{"base64", "body", secret, body, []string{base64, "base64"}, true},
		{"hex, tampered", "body", secret, body + " ", []string{hex, "hex"}, false},
		{"base64, tampered", "body", secret, body + " ", []string{base64, "base64"}, false},
		{"another secret", "body", other, body, []string{hex, "hex"}, false},
		{"the other encoding", "body", secret, body, []string{base64, "hex"}, false},
		{"no signature", "body", secret, body, []string{"", "hex"}, false},
		{"a part of it", "body", secret, body, []string{hex[:62], "hex"}, false},
	}
}

func sign(t *testing.T, scheme, text, body string) map[string]string {
	t.Helper()
	s, err := signing.Lookup(scheme)
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	headers, err := signing.Sign(s, []signing.Secret{key}, signing.Message{ID: "msg_1", Timestamp: at, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, h := range headers {
		found[h.Name] = h.Value
	}
	return found
}

// What the docs show is what the tests run.
func TestTheDocsShowTheExamples(t *testing.T) {
	docs, err := os.ReadFile("../../docs/receiving.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range languages {
		if !strings.Contains(string(docs), snippet(t, l.file)) {
			t.Errorf("docs/receiving.md does not show examples/verify/%s as it is", l.file)
		}
	}
}

// snippet is what stands between the lines "snippet" and "end".
func snippet(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	within := false
	for line := range strings.Lines(string(raw)) {
		switch strings.Trim(line, "/#. \n") {
		case "snippet":
			within = true
		case "end":
			return strings.TrimSpace(strings.Join(lines, ""))
		default:
			if within {
				lines = append(lines, line)
			}
		}
	}
	t.Fatalf("%s has no line \"end\"", file)
	return ""
}
