package canonjson_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/canonjson"
	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

// specimen is a text to be put before Node.
type specimen struct {
	name, source, text string
	repeated           bool // a key comes twice in an object: JavaScript drops one
}

type verdict struct {
	Out  string `json:"out"`
	Same bool   `json:"same"`
}

// Node itself says whether bodies are stable, over fixed and random results.
func TestBodiesAreStableUnderNode(t *testing.T) {
	var all []specimen
	for i, source := range trickyResults() {
		all = append(all, specimensOf(t, fmt.Sprintf("tricky %d", i), source, false)...)
	}
	g := generator{r: rand.New(rand.NewPCG(1, 2))}
	for i := range 500 {
		g.out.Reset()
		g.repeated = false
		g.value(0)
		all = append(all, specimensOf(t, fmt.Sprintf("random %d", i), g.out.String(), g.repeated)...)
	}
	stable, changed, repeated := 0, 0, 0
	for i, v := range askNode(t, all) {
		s := all[i]
		switch {
		case !v.Same:
			t.Errorf("%s: the canonical text is another value\n%.400s\n%.400s", s.name, s.source, s.text)
		case v.Out == s.text:
			stable++
		case s.repeated:
			repeated++
		case justified(s.text, v.Out):
			changed++
		default:
			t.Errorf("%s is not stable\nours %.400s\nnode %.400s", s.name, s.text, v.Out)
		}
	}
	t.Logf("%d texts: %d stable, %d with a number that JavaScript cannot hold, %d with a repeated key", len(all), stable, changed, repeated)
	if stable < len(all)/2 || changed == 0 {
		t.Error("the specimens are no fair sample")
	}
}

// specimensOf makes a canonical text of a result, and the four bodies with it.
func specimensOf(t *testing.T, name, source string, repeated bool) []specimen {
	t.Helper()
	text, err := canonjson.Append(nil, []byte(source))
	if err != nil {
		t.Fatalf("%s: %v: %.400q", name, err, source)
	}
	if !sameValue(decode(t, []byte(source)), decode(t, text)) {
		t.Errorf("%s: encoding/json reads another value\n%.400s\n%.400s", name, source, text)
	}
	all := []specimen{{name, source, string(text), repeated}}
	for _, p := range webhook.Profiles() {
		body, err := payload.Body(p, payload.Content{
			Job:       webhook.Job{ID: "bf68-1", Status: "success", Type: "content_translate"},
			EventType: "content_translate.success", CallbackURL: "https://example.com/hook?a=1&b=<2>",
			OccurredAt: time.Date(2026, 11, 20, 12, 4, 5, 120_000_000, time.UTC), Result: text, IncludeResult: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := canonjson.Append(nil, body); err != nil || !bytes.Equal(again, body) {
			t.Errorf("the body is not canonical: %v\n%.300s\n%.300s", err, body, again)
		}
		all = append(all, specimen{name + ", " + string(p), string(body), string(body), repeated})
	}
	return all
}

func askNode(t *testing.T, all []specimen) []verdict {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatal("node is not on the PATH: install Node.js 18 or later, this test needs it")
	}
	var in bytes.Buffer
	for _, s := range all {
		fmt.Fprintf(&in, "%s\t%s\n", base64.StdEncoding.EncodeToString([]byte(s.source)), s.text)
	}
	command := exec.CommandContext(t.Context(), node, "testdata/stable.mjs")
	var fault bytes.Buffer
	command.Stdin, command.Stderr = &in, &fault
	out, err := command.Output()
	if err != nil {
		t.Fatalf("node: %v\n%.2000s", err, fault.String())
	}
	var verdicts []verdict
	for lines := bufio.NewReader(bytes.NewReader(out)); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var v verdict
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		verdicts = append(verdicts, v)
	}
	if len(verdicts) != len(all) {
		t.Fatalf("node answered %d of %d", len(verdicts), len(all))
	}
	return verdicts
}

func trickyResults() []string {
	all := []string{
		`{"b":1,"2":2,"a":{"1":1,"x":[{"0":0,"":1}]},"1":3,"01":4,"4294967294":5,"4294967295":6,"-1":7,"1.5":8}`,
		`{"__proto__":{"__proto__":null},"constructor":1,"toString":2,"0":3}`,
		`{"id":1,"status":2,"error":3,"message":4}`, `{"0":1,"id":2}`, `{"5":1}`, `{}`, `[]`, `""`, `null`, `true`, `0`, `-0`, ` [ -0.0 , -0e-9 ] `,
		`"\ud83d"`, `"\ude00"`, `"\ude00\ud83d"`, `"\ud83d\ud83d\ude00"`, `{"\ud83d":"\ud83dx","\ude00":1}`, `"\ud83d\ude00\ud83d\ude00"`,
		`"\u0000\u001f\u007f\u0080\u2028\u2029\ufeff\uffff\ufffe"`, "\"\u0080\u2028\u2029\ufeff\uffff\U0010ffff\"", `"\/<\/script><!--&'\u0027"`,
		strings.Repeat("[", canonjson.MaxDepth-2) + strings.Repeat("]", canonjson.MaxDepth-2), strings.Repeat(`{"1":`, 500) + "1e5" + strings.Repeat(`,"a":1,"0":0}`, 500),
		`[12345678901234567890,0.1000000000000000055511,1e400,-1e400,1e-400,1e999999999,9007199254740993]`,
	}
	for _, x := range []float64{
		math.MaxFloat64, math.SmallestNonzeroFloat64, 2.2250738585072014e-308, 2.225073858507201e-308, 1e21, 1e20, 123456789012345680000, 1e-6, 1e-7, 9.999999999999999e22, 1e23,
		1 << 53, 1<<53 - 1, 1<<53 + 2, 1 << 63, 1 << 64, 0.1 + 0.2, 1.0 / 3, math.Pi, 5e-324, 1.5e-323, 4.35, 0.000035, 1.7976931348623155e308,
	} {
		for _, y := range []float64{x, -x, math.Nextafter(x, 0), math.Nextafter(x, 1e300)} {
			all = append(all, "["+strings.Join([]string{
				strconv.FormatFloat(y, 'g', -1, 64), strconv.FormatFloat(y, 'e', -1, 64), strconv.FormatFloat(y, 'f', -1, 64),
				strconv.FormatFloat(y, 'e', 16, 64), strconv.FormatFloat(y, 'E', 20, 64), strconv.FormatFloat(y, 'e', 5, 64),
			}, ",")+"]")
		}
	}
	return all
}
