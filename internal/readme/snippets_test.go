package readme_test

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	older  = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Ro"
)

// language is how a snippet of README.md becomes a program: it reads one
// request a line (see line) and prints true or false for each.
type language struct {
	name, fence, command string
	required             bool
	files                func(snippet string) map[string]string
	build                []string // run in the files' directory; none for an interpreter
	run                  []string
}

var languages = []language{
	{"Node", "js", "node", true, nodeFiles, nil, []string{"node", "main.mjs"}},
	{"Python", "python", "python3", false, pythonFiles, nil, []string{"python3", "main.py"}},
	{"Go", "go", "go", true, goFiles, []string{"go", "build", "-o", "verify", "main.go", "verify.go"}, []string{"./verify"}},
	{"Java", "java", "javac", false, javaFiles, []string{"javac", "Main.java"}, []string{"java", "-cp", ".", "Main"}},
}

// snippets returns README.md's blocks of a language.
func snippets(t *testing.T, fence string) []string {
	t.Helper()
	var found []string
	for i, part := range strings.Split(page(t, "README.md"), "\n```") {
		if i%2 == 1 {
			if name, text, _ := strings.Cut(part, "\n"); name == fence {
				found = append(found, text)
			}
		}
	}
	if len(found) == 0 {
		t.Fatalf("README.md shows no %s", fence)
	}
	return found
}

func need(t *testing.T, command string, required bool) {
	t.Helper()
	_, err := exec.LookPath(command)
	switch {
	case err == nil:
	case required:
		t.Fatalf("this machine has no %s, which these tests need", command)
	default:
		t.Skipf("NOT RUN: this machine has no %s", command)
	}
}

// program writes and builds a snippet, and returns what runs it on lines.
func (l language) program(t *testing.T, snippet string) func(lines []string) []string {
	t.Helper()
	need(t, l.command, l.required)
	dir := t.TempDir()
	for name, text := range l.files(snippet) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if l.build != nil {
		command(t, dir, "", l.build)
	}
	return func(lines []string) []string {
		return strings.Fields(command(t, dir, strings.Join(lines, "\n")+"\n", l.run))
	}
}

func command(t *testing.T, dir, input string, args []string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	var out, faults strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &faults
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out.String(), faults.String())
	}
	return out.String()
}

// request is one that a snippet judges.
type request struct {
	name, secret, id, at, signature, body string
	want                                  bool
}

// line is how a program reads a request: parts by tabs, the body in base64.
func (r request) line() string {
	return strings.Join([]string{r.secret, r.id, r.at, r.signature, base64.StdEncoding.EncodeToString([]byte(r.body))}, "\t")
}

// sign returns the value of the last header, which is the scheme's own.
func sign(t *testing.T, scheme, body string, at time.Time, texts ...string) string {
	t.Helper()
	s, err := signing.Lookup(scheme)
	if err != nil {
		t.Fatal(err)
	}
	var keys []signing.Secret
	for _, text := range texts {
		key, err := s.ParseSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	headers, err := signing.Sign(s, keys, signing.Message{ID: "msg_1", Timestamp: at, Body: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	return headers[len(headers)-1].Value
}

// requests are signed at the moment: the snippets look at the real clock.
func requests(t *testing.T) []request {
	body := `{"type":"content_translate.success","data":{"content":"Grüße 🎉","n":1e21}}`
	now := time.Now()
	at := strconv.FormatInt(now.Unix(), 10)
	good := sign(t, "standard", body, now, secret)
	apart := func(d time.Duration) request {
		then := now.Add(d)
		return request{
			"apart by " + d.String(), secret, "msg_1", strconv.FormatInt(then.Unix(), 10),
			sign(t, "standard", body, then, secret), body, d.Abs() <= 5*time.Minute,
		}
	}
	return []request{
		{"good", secret, "msg_1", at, good, body, true},
		{"during a rotation", secret, "msg_1", at, sign(t, "standard", body, now, older, secret), body, true},
		apart(-4 * time.Minute), apart(4 * time.Minute), apart(-6 * time.Minute), apart(6 * time.Minute),
		{"body tampered with", secret, "msg_1", at, good, body + " ", false},
		{"id tampered with", secret, "msg_2", at, good, body, false},
		{"time tampered with", secret, "msg_1", strconv.FormatInt(now.Unix()-1, 10), good, body, false},
		{"time is none", secret, "msg_1", "soon", good, body, false},
		{"time of many digits", secret, "msg_1", strings.Repeat("9", 5000), good, body, false},
		{"another secret", older, "msg_1", at, good, body, false},
		{"no id", secret, "", at, good, body, false},
		{"no time", secret, "msg_1", "", good, body, false},
		{"no signature", secret, "msg_1", at, "", body, false},
		{"part of a signature", secret, "msg_1", at, good[:len(good)-4], body, false},
		{"another version", secret, "msg_1", at, strings.Replace(good, "v1,", "v2,", 1), body, false},
		{"no base64", secret, "msg_1", at, "v1,%%% v1,é v1, v1", body, false},
	}
}

func TestSnippets(t *testing.T) {
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			run := l.program(t, snippets(t, l.fence)[0])
			cases := requests(t)
			lines := make([]string, len(cases))
			for i, c := range cases {
				lines[i] = c.line()
			}
			verdicts := run(lines)
			if len(verdicts) != len(cases) {
				t.Fatalf("%d verdicts on %d requests: %v", len(verdicts), len(cases), verdicts)
			}
			for i, c := range cases {
				if verdicts[i] != strconv.FormatBool(c.want) {
					t.Errorf("%s: %s, want %t", c.name, verdicts[i], c.want)
				}
			}
		})
	}
}
