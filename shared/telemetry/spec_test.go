package telemetry_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var units = regexp.MustCompile(`^(Seconds|Milliseconds|Bytes|Count|None)$`)

// sample is one metric as CloudWatch would take it from a line.
type sample struct {
	Name, Unit, Dimensions string // "FunctionName=f,reason=timeout"
	Value                  float64
}

// extract reads a line by the rules of the Embedded Metric Format's
// specification, and fails the test where one is broken. A line without "_aws"
// has no samples.
func extract(t *testing.T, line string) []sample {
	t.Helper()
	root := object(t, json.RawMessage(line))
	if root["_aws"] == nil {
		return nil
	}
	meta := object(t, root["_aws"])
	only(t, meta, "Timestamp", "CloudWatchMetrics")
	if !regexp.MustCompile(`^[0-9]{13}$`).Match(meta["Timestamp"]) {
		t.Errorf("Timestamp %s is not in milliseconds", meta["Timestamp"])
	}
	var samples []sample
	for _, d := range array(t, meta["CloudWatchMetrics"]) {
		samples = append(samples, directive(t, root, object(t, d))...)
	}
	seen := map[string]bool{}
	for _, s := range samples {
		if key := s.Name + " " + s.Dimensions; seen[key] {
			t.Errorf("%s is there twice", key)
		} else {
			seen[key] = true
		}
	}
	return samples
}

func directive(t *testing.T, root, d map[string]json.RawMessage) (samples []sample) {
	t.Helper()
	only(t, d, "Namespace", "Dimensions", "Metrics")
	if name := text(t, d["Namespace"]); name == "" || len(name) > 255 || strings.HasPrefix(name, "AWS/") {
		t.Errorf("namespace %q", name)
	}
	sets, metrics := array(t, d["Dimensions"]), array(t, d["Metrics"])
	if len(sets) == 0 || len(metrics) == 0 || len(metrics) > 100 {
		t.Errorf("%d dimension sets, %d metrics", len(sets), len(metrics))
	}
	for _, set := range sets {
		var by []string
		for _, key := range array(t, set) {
			value := text(t, root[text(t, key)])
			if value == "" || len(value) > 1024 {
				t.Errorf("dimension %s is %q", key, value)
			}
			by = append(by, text(t, key)+"="+value)
		}
		if len(by) > 9 {
			t.Errorf("%d dimensions", len(by))
		}
		for _, raw := range metrics {
			m := object(t, raw)
			only(t, m, "Name", "Unit")
			s := sample{Name: text(t, m["Name"]), Unit: text(t, m["Unit"]), Dimensions: strings.Join(by, ",")}
			if err := json.Unmarshal(root[s.Name], &s.Value); err != nil || !units.MatchString(s.Unit) {
				t.Errorf("metric %s in %s is %s", s.Name, s.Unit, root[s.Name])
			}
			samples = append(samples, s)
		}
	}
	return samples
}

// object reads a JSON object and refuses a name that comes twice.
func object(t *testing.T, raw json.RawMessage) map[string]json.RawMessage {
	t.Helper()
	all, names := map[string]json.RawMessage{}, 0
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	for depth, key := 0, true; ; {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch {
		case token == json.Delim('{') || token == json.Delim('['):
			depth++
		case token == json.Delim('}') || token == json.Delim(']'):
			depth--
		}
		if depth != 1 || token == json.Delim('{') {
			continue
		}
		if _, isName := token.(string); isName && key {
			names++
			key = false
			continue
		}
		key = true
	}
	if names != len(all) {
		t.Errorf("%d names, %d of them different: %s", names, len(all), raw)
	}
	return all
}

func array(t *testing.T, raw json.RawMessage) (all []json.RawMessage) {
	t.Helper()
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return all
}

func text(t *testing.T, raw json.RawMessage) (s string) {
	t.Helper()
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatalf("%v: %q is no string", err, raw)
	}
	return s
}

func only(t *testing.T, m map[string]json.RawMessage, names ...string) {
	t.Helper()
	for name := range m {
		if !slices.Contains(names, name) {
			t.Errorf("a member %s, which the format doesn't know", name)
		}
	}
	if len(m) != len(names) {
		t.Errorf("%d members, want %v", len(m), names)
	}
}

func (s sample) String() string { return fmt.Sprintf("%s{%s}=%g", s.Name, s.Dimensions, s.Value) }
