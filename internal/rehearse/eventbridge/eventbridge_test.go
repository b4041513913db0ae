package eventbridge_test

import (
	"encoding/json"
	"testing"

	"github.com/jobhook/jobhook/internal/rehearse/eventbridge"
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
		`{"detail":{"missing":[{"exists":false}]}}`:                  true,
		`{"detail":{"status":[{"exists":false}]}}`:                   false,
		`{"source":[{"prefix":"a."}]}`:                               true,
		`{"source":[{"suffix":".c"}]}`:                               false,
		`{"resources":["y"]}`:                                        true,
		`{"detail":{"status":[{"anything-but":["Failed"]}]}}`:        true,
		`{"detail":{"status":[{"anything-but":"Done"}]}}`:            false,
		`{"detail":{"status":[{"anything-but":{"prefix":"Do"}}]}}`:   false,
		`{"detail":{"status":[{"prefix":"X"},{"prefix":"D"}]}}`:      true,
	} {
		if got, err := eventbridge.Matches(object(t, pattern), object(t, event)); err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", pattern, got, err, want)
		}
	}
	for _, unknown := range []string{`{}`, `{"$or":[]}`, `{"source":"a.b"}`, `{"detail":{"n":[{"numeric":["=",1]}]}}`} {
		if got, err := eventbridge.Matches(object(t, unknown), object(t, event)); err == nil || got {
			t.Errorf("%s: %v, %v; want an error", unknown, got, err)
		}
	}
}

func TestInput(t *testing.T) {
	for target, want := range map[string]string{
		`{"Input":"{}"}`:             `{}`,
		`{"InputPath":"$.detail.n"}`: `1`,
		`{"InputTransformer":{"InputPathsMap":{"s":"$.detail.status","n":"$.detail.n"},"InputTemplate":"{\"status\":\"<s>\",\"n\":<n>}"}}`: `{"status":"Done","n":1}`,
		`{"InputTransformer":{"InputPathsMap":{"s":"$.detail.gone"},"InputTemplate":"{\"status\":\"<s>\"}"}}`:                              `{"status":""}`,
		`{"InputTransformer":{"InputPathsMap":{"s":"$.detail.status"},"InputTemplate":"{\"status\":<s>}"}}`:                                `{"status":"Done"}`,
	} {
		if got, err := eventbridge.Input(object(t, target), object(t, event)); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", target, got, err, want)
		}
	}
	// EventBridge escapes nothing within quotes: a quote in a value breaks the JSON.
	broken := `{"InputTransformer":{"InputPathsMap":{"s":"$.detail.name"},"InputTemplate":"{\"name\":\"<s>\"}"}}`
	if got, err := eventbridge.Input(object(t, broken), object(t, event)); err == nil {
		t.Errorf("%s is no JSON", got)
	}
}
