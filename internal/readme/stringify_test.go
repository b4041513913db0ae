package readme_test

import (
	"encoding/base64"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/canonjson"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

// The line that SharpAPI's customers have in Node, and where it cannot hold.
func TestStringifySnippet(t *testing.T) {
	stringify := language{"Node", "js", "node", true, expressFiles, nil, []string{"node", "main.mjs"}}
	run := stringify.program(t, snippets(t, "js")[1])
	cases := []struct {
		name, result string
		want         bool
	}{
		{"plain", `{"content":"Guten Tag"}`, true},
		{"white space and escapes", "{ \"a\" : \"\\u00fc\\/\", \"b\" : [ 1.0, 1e2, -0.0, 1e21 ] }", true},
		{"keys that are numbers", `{"b":1,"2":2,"1":3,"__proto__":4}`, true},
		{"a number as a text", `{"n":"12345678901234567890"}`, true},
		{"a number that no double holds", `{"n":12345678901234567890}`, false},
		{"a key given twice", `{"a":1,"a":2}`, false},
	}
	var lines []string
	for _, c := range cases {
		result, err := canonjson.Append(nil, []byte(c.result))
		if err != nil {
			t.Fatal(err)
		}
		body, err := payload.Body(webhook.SharpAPI, payload.Content{
			Job: webhook.Job{ID: "bf68", Status: "success", Type: "content_translate"}, Result: result, IncludeResult: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		signature := sign(t, "sharpapi", string(body), time.Now(), "the customer's own secret")
		lines = append(lines, strings.Join([]string{"the customer's own secret", signature, base64.StdEncoding.EncodeToString(body)}, "\t"))
	}
	for i, verdict := range run(lines) {
		if verdict != strconv.FormatBool(cases[i].want) {
			t.Errorf("%s: %s, want %t", cases[i].name, verdict, cases[i].want)
		}
	}
}

// expressFiles gives the snippet what Express does: a parsed body.
func expressFiles(snippet string) map[string]string {
	return map[string]string{"main.mjs": `import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';

function sharpapi(secret, req) {
  ` + snippet + `
  return signature === req.headers['x-signature'];
}

for (const line of readFileSync(0, 'utf8').trimEnd().split('\n')) {
  const [secret, signature, body] = line.split('\t');
  const req = { headers: { 'x-signature': signature }, body: JSON.parse(Buffer.from(body, 'base64').toString('utf8')) };
  console.log(sharpapi(secret, req));
}
`}
}
