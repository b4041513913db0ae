package receiving

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/canonjson"
)

// settings are a source's, in the order in which the docs name them.
var settings = []string{"scheme", "secrets", "tolerance", "allow_ips", "require", "id", "dedup_window", "headers", "signature_header"}

// reader reads one source's settings.
type reader struct {
	*problems
	path string
	raw  map[string]json.RawMessage
}

func readSource(path string, m canonjson.Member, p *problems) Source {
	r := reader{p, path, map[string]json.RawMessage{}}
	list, err := members(m.Raw)
	if err != nil {
		r.add(path, `it must be an object: {"scheme": …, "secrets": […]}`)
		return Source{Name: m.Name}
	}
	for i, setting := range list {
		_, twice := r.raw[setting.Name]
		switch {
		case !slices.Contains(settings, setting.Name):
			r.add(path, "%s is no setting: there are %s", shown(i, setting.Name), strings.Join(settings, ", "))
		case twice:
			r.add(path+"."+setting.Name, "it is there twice")
		default:
			r.raw[setting.Name] = setting.Raw
		}
	}
	return r.source(m.Name)
}

func (r reader) at(setting string) string { return r.path + "." + setting }

func (r reader) text(setting string) (string, bool) {
	raw, there := r.raw[setting]
	if !there {
		return "", false
	}
	v, ok := decode[string](raw)
	if !ok || v == "" {
		r.add(r.at(setting), "it must be text in quotes")
		return "", false
	}
	return v, true
}

func (r reader) list(setting, of string) []string {
	raw, there := r.raw[setting]
	if !there {
		return nil
	}
	v, ok := decode[[]*string](raw)
	if !ok || len(v) == 0 || slices.Contains(v, nil) {
		r.add(r.at(setting), "it must be a list of %s, with at least one: [\"…\"]", of)
		return nil
	}
	list := make([]string, len(v))
	for i := range v {
		list[i] = *v[i]
	}
	return list
}

func (r reader) duration(setting string, least, most time.Duration) time.Duration {
	text, ok := r.text(setting)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < least || d > most {
		r.add(r.at(setting), `it must be a duration from %s to %s, such as "5m" or "24h"`, least, most)
		return 0
	}
	return d
}

// decode reads a value of one type; the error of encoding/json would quote
// what stands there, which may be a secret.
func decode[T any](raw json.RawMessage) (v T, ok bool) {
	if bytes.Equal(raw, []byte("null")) {
		return v, false
	}
	return v, json.Unmarshal(raw, &v) == nil
}
