package receiving

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"

	"github.com/jobhook/jobhook/shared/canonjson"
)

// MaxSources bounds the sources of one configuration.
const MaxSources = 200

var sourceName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

const nameRule = "a source's name is part of its URL: 1 to 64 lower-case letters, digits, - and _, beginning with a letter or digit"

// ParseSources reads the configuration of all sources:
//
//	{"sources": {"stripe": {"scheme": "stripe", "secrets": ["whsec_…"]}}}
//
// An empty object is a configuration too: no source, every request is answered
// 404. docs/receiving.md names every setting. The error is a *ConfigError with all
// mistakes, and holds no secret.
func ParseSources(raw []byte) (Sources, error) {
	var p problems
	top, ok := readTop(raw, &p)
	if !ok {
		return nil, p.err()
	}
	var sources Sources
	for i, m := range top {
		switch {
		case m.name != "sources":
			p.add("$", `%s is no setting: "sources" is the only one`, shown(i, m.name))
		case sources != nil:
			p.add("sources", "it is there twice: join the two")
		default:
			sources = readSources(m.value, &p)
		}
	}
	if sources == nil && len(p.found) == 0 {
		p.add("$", `"sources" is missing: {"sources": {"name": {"scheme": …, "secrets": […]}}}`)
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	return sources, nil
}

func readTop(raw []byte, p *problems) ([]member, bool) {
	if what := mark(raw); what != "" {
		p.add("$", "it begins with a byte order mark (BOM), %s: save it as UTF-8 without one", what)
		return nil, false
	}
	list, err := members(raw)
	if errors.Is(err, canonjson.ErrObject) {
		p.add("$", `the configuration must be an object: {"sources": {…}}`)
		return nil, false
	}
	if bad, ok := errors.AsType[*canonjson.Error](err); ok {
		line, column := place(raw, bad.Offset)
		what := "it is not valid JSON"
		if errors.Is(err, canonjson.ErrUTF8) {
			what = "it is not valid UTF-8"
		}
		p.add("$", "%s at line %d, column %d", what, line, column)
		return nil, false
	}
	return list, true
}

// mark names the byte order mark that editors on Windows put before a text.
func mark(raw []byte) string {
	switch {
	case bytes.HasPrefix(raw, []byte("\xEF\xBB\xBF")):
		return "that of UTF-8"
	case bytes.HasPrefix(raw, []byte("\xFF\xFE")), bytes.HasPrefix(raw, []byte("\xFE\xFF")):
		return "that of UTF-16"
	}
	return ""
}

func readSources(raw json.RawMessage, p *problems) Sources {
	sources := Sources{}
	list, err := members(raw)
	if err != nil {
		p.add("sources", `it must be an object: {"name": {"scheme": …, "secrets": […]}}`)
		return sources
	}
	if len(list) > MaxSources {
		p.add("sources", "it has %d sources: at most %d are allowed", len(list), MaxSources)
	}
	for i, m := range list {
		path := fmt.Sprintf("sources[%d]", i)
		if likeSecret(m.name) {
			p.add(path, "its name begins with whs or whp, as secrets do, and a name is part of a URL: give it another name")
			continue
		}
		if !sourceName.MatchString(m.name) {
			p.add(path, "%s cannot be its name: %s", shown(i, m.name), nameRule)
			continue
		}
		path = "sources." + m.name
		if _, twice := sources[m.name]; twice {
			p.add(path, "it is there twice: give each source a name of its own")
			continue
		}
		sources[m.name] = readSource(path, m, p)
	}
	return sources
}
