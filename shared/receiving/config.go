package receiving

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

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
		case m.Name != "sources":
			p.add("$", `%s is no setting: "sources" is the only one`, shown(i, m.Name))
		case sources != nil:
			p.add("sources", "it is there twice: join the two")
		default:
			sources = readSources(m.Raw, &p)
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

func readTop(raw []byte, p *problems) ([]canonjson.Member, bool) {
	for mark, of := range map[string]string{"\xEF\xBB\xBF": "UTF-8", "\xFF\xFE": "UTF-16", "\xFE\xFF": "UTF-16"} {
		if bytes.HasPrefix(raw, []byte(mark)) { // as editors on Windows write it
			p.add("$", "it begins with a byte order mark (BOM), that of %s: save it as UTF-8 without one", of)
			return nil, false
		}
	}
	list, err := members(raw)
	if errors.Is(err, canonjson.ErrObject) {
		p.add("$", `the configuration must be an object: {"sources": {…}}`)
		return nil, false
	}
	if bad, ok := errors.AsType[*canonjson.Error](err); ok { // said without quoting the text
		what, before := "JSON", raw[:bad.Offset]
		if errors.Is(err, canonjson.ErrUTF8) {
			what = "UTF-8"
		}
		p.add("$", "it is not valid %s at line %d, column %d", what, 1+bytes.Count(before, []byte("\n")), len(before)-bytes.LastIndexByte(before, '\n'))
		return nil, false
	}
	return list, true
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
		if likeSecret(m.Name) {
			p.add(path, "its name begins with whs or whp, as secrets do, and a name is part of a URL: give it another name")
			continue
		}
		if !sourceName.MatchString(m.Name) {
			p.add(path, "%s cannot be its name: %s", shown(i, m.Name), nameRule)
			continue
		}
		path = "sources." + m.Name
		if _, twice := sources[m.Name]; twice {
			p.add(path, "it is there twice: give each source a name of its own")
			continue
		}
		sources[m.Name] = readSource(path, m, p)
	}
	return sources
}

// members reads a JSON object in order, repeated names included. The error is a
// *canonjson.Error.
func members(raw []byte) (list []canonjson.Member, err error) {
	err = canonjson.Each(raw, "", func(m canonjson.Member) { list = append(list, m) })
	return list, err
}

// A name may be repeated in an error if it is too short for a good secret, and
// of one word.
var harmless = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.!-]{0,23}$`)

// shown is the name of the nth member, from 0, as an error may repeat it: a
// secret may stand where a name belongs.
func shown(n int, name string) string {
	if harmless.MatchString(name) && !likeSecret(name) {
		return `"` + name + `"`
	}
	return fmt.Sprintf("the name at place %d (not shown: it may be a secret)", n+1)
}

// likeSecret reports whether a text begins as secrets do.
func likeSecret(text string) bool {
	return strings.HasPrefix(text, "whs") || strings.HasPrefix(text, "whp")
}

// Problem is one mistake in the configuration.
type Problem struct {
	Path string // "sources.stripe.secrets[0]"
	Text string // what is wrong and what would be right; never a secret
}

func (p Problem) String() string { return p.Path + ": " + p.Text }

// ConfigError lists every mistake in the configuration, in the order of the text.
type ConfigError struct{ Problems []Problem }

func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return fmt.Sprintf("sources configuration: %d problem(s): %s", len(lines), strings.Join(lines, "; "))
}

// problems collects them while reading goes on.
type problems struct{ found []Problem }

func (p *problems) add(path, format string, args ...any) {
	p.found = append(p.found, Problem{path, fmt.Sprintf(format, args...)})
}

func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	return &ConfigError{p.found}
}
