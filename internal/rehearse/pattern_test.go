package rehearse

import (
	"encoding/json"
	"testing"
)

func object(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

const event = `{"detail-type":"Job Completed","source":"a.b","resources":["x","y"],"detail":{"status":"Done","n":1,"name":"say \"hi\""}}`

func TestMatches(t *testing.T) {
	for pattern, want := range map[string]bool{
		`{"detail-type":["Job Completed"]}`:                          true,
		`{"detail-type":["job completed"]}`:                          false,
		`{"detail-type":["Other","Job Completed"],"source":["a.b"]}`: true,
		`{"detail-type":["Job Completed"],"source":["c"]}`:           false,
		`{"detail":{"status":["Done"],"n":[1]}}`:                     true,
		`{"detail":{"status":["Done"],"missing":["x"]}}`:             false,
		`{"source":[{"prefix":"a."}]}`:                               true,
		`{"resources":["y"]}`:                                        true,
		`{"detail":{"status":[{"prefix":"X"},{"prefix":"D"}]}}`:      true,
		`{"detail":{"n":[{"exists":true}]}}`:                         true,
		`{"detail":{"n":[{"exists":false}]}}`:                        false,
		`{"detail":{"missing":[{"exists":true}]}}`:                   false,
		`{"detail":{"missing":[{"exists":false}]}}`:                  true,
		`{"detail":[{"exists":true}]}`:                               false,
		`{"resources":[{"exists":true}]}`:                            true,
		`{"gone":{"missing":[{"exists":false}]}}`:                    true,
	} {
		if got, err := matches(object(t, pattern), object(t, event)); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", pattern, got, err, want)
		}
	}
	for _, unknown := range []string{`{}`, `{"source":"a.b"}`, `{"source":[{"suffix":".b"}]}`, `{"detail":{"n":[{"exists":"yes"}]}}`, `{"detail":{"n":[{"exists":true,"prefix":"a"}]}}`, `{"detail":{"n":[{"numeric":["=",1]}]}}`} {
		if got, err := matches(object(t, unknown), object(t, event)); err == nil || got {
			t.Errorf("%s: %v, %v; want an error", unknown, got, err)
		}
	}
}

func parsed(t *testing.T, text string) (to target) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &to); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestInput(t *testing.T) {
	for text, want := range map[string]string{
		`{"InputPath":"$.detail.n"}`: `1`,
		`{"InputTransformer":{"InputPathsMap":{"s":"$.detail.status","n":"$.detail.n"},"InputTemplate":"{\"status\":\"<s>\",\"n\":<n>}"}}`: `{"status":"Done","n":1}`,
		`{"InputTransformer":{"InputPathsMap":{"s":"$.detail.gone"},"InputTemplate":"{\"status\":\"<s>\"}"}}`:                              `{"status":""}`,
		`{"InputTransformer":{"InputPathsMap":{"s":"$.detail.status"},"InputTemplate":"{\"status\":<s>}"}}`:                                `{"status":"Done"}`,
	} {
		if got, err := parsed(t, text).input(object(t, event)); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
	// EventBridge escapes nothing within quotes: a quote in a value breaks the JSON.
	broken := `{"InputTransformer":{"InputPathsMap":{"s":"$.detail.name"},"InputTemplate":"{\"name\":\"<s>\"}"}}`
	if got, err := parsed(t, broken).input(object(t, event)); err == nil {
		t.Errorf("%s is no JSON", got)
	}
}

func TestGroup(t *testing.T) {
	for name, c := range map[string]struct {
		target, want string
		refused      bool
	}{
		"none":                       {`{}`, "", false},
		"a text":                     {`{"SqsParameters":{"MessageGroupId":"default"}}`, "default", false},
		"a path":                     {`{"SqsParameters":{"MessageGroupId":"$.detail.status"}}`, "Done", false},
		"a path to nothing":          {`{"SqsParameters":{"MessageGroupId":"$.detail.account"}}`, "", true},
		"a path to a number":         {`{"SqsParameters":{"MessageGroupId":"$.detail.n"}}`, "", true},
		"a path to what has a space": {`{"SqsParameters":{"MessageGroupId":"$.detail.name"}}`, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parsed(t, c.target).group(object(t, event))
			if got != c.want || (err != nil) != c.refused {
				t.Errorf("%q, %v; want %q, refused %v", got, err, c.want, c.refused)
			}
		})
	}
}
