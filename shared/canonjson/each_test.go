package canonjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/canonjson"
)

// members writes what Each finds, one member a line.
func members(src []byte, enter string) (string, error) {
	var all strings.Builder
	err := canonjson.Each(src, enter, func(m canonjson.Member) {
		fmt.Fprintf(&all, "%q inner=%t raw=%s value=%s\n", m.Name, m.Inner, m.Raw, m.Value)
	})
	return all.String(), err
}

func TestEach(t *testing.T) {
	for name, c := range map[string]struct{ in, enter, want string }{
		"empty":       {" { } ", "", ""},
		"in order":    {`{"b":1.0,"2":[ 1 ],"a" : "\u0041"}`, "", "\"b\" inner=false raw=1.0 value=1\n\"2\" inner=false raw=[ 1 ] value=[1]\n\"a\" inner=false raw=\"\\u0041\" value=\"A\"\n"},
		"repeated":    {`{"a":1,"a":2}`, "", "\"a\" inner=false raw=1 value=1\n\"a\" inner=false raw=2 value=2\n"},
		"exact names": {`{"A":1,"\u0061\/\ud83d\n":2,"":3}`, "", "\"A\" inner=false raw=1 value=1\n\"a/\uFFFD\\n\" inner=false raw=2 value=2\n\"\" inner=false raw=3 value=3\n"},
		"enters":      {`{"a":{"x":1},"d":{"y":{"d":{ }},"d":[]},"e":{"d":{"z":1}}}`, "d", "\"a\" inner=false raw={\"x\":1} value={\"x\":1}\n\"y\" inner=true raw={\"d\":{ }} value={\"d\":{}}\n\"d\" inner=true raw=[] value=[]\n\"d\" inner=false raw={\"y\":{\"d\":{ }},\"d\":[]} value=\n\"e\" inner=false raw={\"d\":{\"z\":1}} value={\"d\":{\"z\":1}}\n"},
		"enters none": {`{"d":"x","":{}}`, "d", "\"d\" inner=false raw=\"x\" value=\"x\"\n\"\" inner=false raw={} value={}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := members([]byte(c.in), c.enter)
			if err != nil || got != c.want {
				t.Errorf("%v\n got %s\nwant %s", err, got, c.want)
			}
		})
	}
}

func TestEachRefuses(t *testing.T) {
	deep := strings.Repeat("[", canonjson.MaxDepth) + strings.Repeat("]", canonjson.MaxDepth)
	for name, c := range map[string]struct {
		in     string
		kind   error
		offset int
	}{
		"nothing":            {"", canonjson.ErrSyntax, 0},
		"an array":           {" [1]", canonjson.ErrObject, 1},
		"a string":           {`"hunter2"`, canonjson.ErrObject, 0},
		"an array, cut":      {"[1", canonjson.ErrSyntax, 2},
		"cut":                {`{"a":1`, canonjson.ErrSyntax, 6},
		"comma at the end":   {`{"a":1,}`, canonjson.ErrSyntax, 7},
		"two":                {`{} {}`, canonjson.ErrSyntax, 3},
		"inner, cut":         {`{"d":{"hunter2":1`, canonjson.ErrSyntax, 17},
		"not UTF-8":          {"{\"a\xff\":1}", canonjson.ErrUTF8, 3},
		"value too deep":     {`{"a":[` + deep + `]}`, canonjson.ErrDepth, 5 + canonjson.MaxDepth},
		"not UTF-8, inside":  {"{\"d\":{\"a\":[\"\xff\"]}}", canonjson.ErrUTF8, 12},
		"no value in detail": {`{"d":{"hunter2":}}`, canonjson.ErrSyntax, 16},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := members([]byte(c.in), "d")
			bad, ok := errors.AsType[*canonjson.Error](err)
			if !ok || !errors.Is(err, c.kind) || bad.Offset != c.offset {
				t.Fatalf("got %v, want %v at byte %d", err, c.kind, c.offset)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error quotes the text: %v", err)
			}
		})
	}
	if _, err := members([]byte(`{"a":`+deep+`,"d":{"b":`+deep+`}}`), "d"); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
}

// agree compares Each with encoding/json, with Append and with Walk.
func agree(t *testing.T, src []byte) {
	t.Helper()
	whole, wrong := canonjson.Append(nil, src)
	var raws []json.RawMessage
	last := map[string][]byte{}
	var names []string
	err := canonjson.Each(src, "", func(m canonjson.Member) {
		value, err := canonjson.Append(nil, m.Raw)
		if err != nil || !bytes.Equal(value, m.Value) {
			t.Fatalf("%q: value %q of raw %q, %v", src, m.Value, m.Raw, err)
		}
		raws, names, last[m.Name] = append(raws, m.Raw), append(names, m.Name), m.Raw
	})
	switch {
	case errors.Is(err, canonjson.ErrObject):
		if wrong != nil || whole[0] == '{' {
			t.Fatalf("%q is no object: %v", src, wrong)
		}
		return
	case wrong == nil && err != nil, err == nil && wrong != nil && !errors.Is(wrong, canonjson.ErrDepth):
		t.Fatalf("%q: Each %v, Append %v", src, err, wrong)
	case err != nil || wrong != nil:
		return
	}
	var theirs map[string]json.RawMessage
	if err := json.Unmarshal(src, &theirs); err != nil || len(theirs) != len(last) {
		t.Fatalf("%q: %d names, encoding/json %d, %v", src, len(last), len(theirs), err)
	}
	for name, raw := range theirs {
		if !bytes.Equal(bytes.TrimSpace(raw), last[name]) {
			t.Fatalf("%q: %q is %q, want %q", src, name, last[name], raw)
		}
	}
	rebuilt, walked := []byte("{"), 0
	for name, value := range canonjson.Walk(whole) {
		rebuilt = append(append(append(append(append(rebuilt, '"'), name...), '"', ':'), value...), ',')
		if walked++; !slices.Contains(names, canonjson.Unquote([]byte(`"`+string(name)+`"`))) {
			t.Fatalf("%q: Walk found %q", src, name)
		}
	}
	if rebuilt[len(rebuilt)-1] = '}'; walked == 0 {
		rebuilt = []byte("{}")
	}
	if walked != len(raws) || !bytes.Equal(rebuilt, whole) {
		t.Fatalf("%q: Walk found %q, want %q", src, rebuilt, whole)
	}
}

func TestEachAgreesWithEncodingJSON(t *testing.T) {
	g := generator{r: rand.New(rand.NewPCG(3, 4))}
	for range 2000 {
		g.out.Reset()
		g.space()
		g.object(0)
		agree(t, g.out.Bytes())
	}
}

func FuzzEach(f *testing.F) {
	for _, seed := range []string{`{"a":{"b":[1,{"c":2}]},"\u0061":1.50,"1":"}"}`, ` {"a" :1 , "a":2 } `, "[1]", "{", `{"a\xff":1}`, `{"a":1}x`, "{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		agree(t, src)
		for range canonjson.Walk(src) { // whatever it is, no panic
		}
		plain, errPlain := members(src, "")
		entered, errEntered := members(src, "a")
		if (errPlain == nil) != (errEntered == nil) || errPlain == nil && strings.Count(plain, "inner=false") > strings.Count(entered, "inner=false") {
			t.Fatalf("%q: %v, %v\n%s\n%s", src, errPlain, errEntered, plain, entered)
		}
	})
}
