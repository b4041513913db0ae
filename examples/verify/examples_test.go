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

// language is one example: what the docs show, the file that it is in a
// directory of its own, and how that is run.
type language struct {
	name, dir, file string
	prepare         func(t *testing.T, dir string) []string
}

var languages = []language{
	{"PHP", "php", "verify.php", interpreted("php", "main.php")},
	{"Node", "node", "verify.mjs", interpreted("node", "main.mjs")},
	{"Python", "python", "verify.py", interpreted("python3", "main.py")},
	{"C#", "csharp", "Webhooks.cs", buildCSharp},
	{"Go", "go", "verify.go", buildGo},
	{"Java", "java", "Verify.java", buildJava},
	{"Ruby", "ruby", "verify.rb", interpreted("ruby", "main.rb")},
}

func interpreted(command, file string) func(*testing.T, string) []string {
	return func(t *testing.T, dir string) []string {
		t.Helper()
		need(t, command)
		return []string{command, filepath.Join(dir, file)}
	}
}

// need says that an example could not be run here, and why.
func need(t *testing.T, command string) {
	t.Helper()
	if _, err := exec.LookPath(command); err != nil {
		t.Skipf("NOT RUN: this machine has no %s", command)
	}
}

func build(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir = dir
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

func buildGo(t *testing.T, dir string) []string {
	t.Helper()
	write(t, filepath.Join(dir, "go.mod"), "module example\n\ngo 1.26\n")
	build(t, dir, "go", "build", "-o", "verify", ".")
	return []string{filepath.Join(dir, "verify")}
}

func buildJava(t *testing.T, dir string) []string {
	t.Helper()
	need(t, "javac")
	build(t, dir, "javac", "-Werror", "-Xlint:all", "Verify.java", "Main.java")
	return []string{"java", "-cp", dir, "Main"}
}

func buildCSharp(t *testing.T, dir string) []string {
	t.Helper()
	need(t, "dotnet")
	build(t, dir, "dotnet", "build", "-o", "out", "--nologo", "-v", "q")
	return []string{"dotnet", filepath.Join(dir, "out", "verify.dll")}
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
			command := l.prepare(t, l.fromDocs(t))
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
	plain := sign(t, "standard", "a secret of another form", body)["Webhook-Signature"]
	bad := "v1," + strings.Repeat("A", 43) + "="
	now := strconv.FormatInt(at.Unix(), 10)
	later := func(d time.Duration) string { return strconv.FormatInt(at.Add(d).Unix(), 10) }
	return []example{
		{"good", "standard", secret, body, []string{"msg_1", now, good, now}, true},
		{"a secret of another form", "standard", "a secret of another form", body, []string{"msg_1", now, plain, now}, true},
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

// fromDocs returns a directory with what the docs show, beside the code that
// calls it: the snippet is run as a reader copies it.
func (l language) fromDocs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(l.dir)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, l.file)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	write(t, path, l.snippet(t))
	return dir
}

// snippet is the first code block below the language's headline in the docs.
func (l language) snippet(t *testing.T) string {
	t.Helper()
	docs := read(t, "../../docs/receiving.md")
	_, section, _ := strings.Cut(docs, "\n### "+l.name+"\n")
	_, block, _ := strings.Cut(section, "```")
	_, block, _ = strings.Cut(block, "\n")
	text, _, found := strings.Cut(block, "\n```\n")
	if !found {
		t.Fatalf("docs/receiving.md has no block for %s", l.name)
	}
	return text + "\n"
}

// The files in this directory are what the docs show, whole.
func TestTheDocsShowTheExamples(t *testing.T) {
	for _, l := range languages {
		if read(t, filepath.Join(l.dir, l.file)) != l.snippet(t) {
			t.Errorf("docs/receiving.md does not show examples/verify/%s/%s as it is", l.dir, l.file)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
