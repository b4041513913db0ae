package receiving

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

const (
	minTolerance, maxTolerance = time.Second, 24 * time.Hour

	// A day at least: senders try again for longer than hours.
	minWindow, maxWindow = 24 * time.Hour, 365 * 24 * time.Hour
	// windowMargin is for clocks that differ and for the whole seconds of a
	// receipt's end.
	windowMargin = time.Minute
)

// settings are a source's, in the order in which the docs name them.
var settings = []string{"scheme", "secrets", "tolerance", "allow_ips", "require", "id", "dedup_window", "headers", "signature_header"}

// reader reads one source's settings.
type reader struct {
	*problems
	path string
	raw  map[string]json.RawMessage
}

func readSource(path string, m member, p *problems) Source {
	r := reader{p, path, map[string]json.RawMessage{}}
	list, err := members(m.value)
	if err != nil {
		r.add(path, `it must be an object: {"scheme": …, "secrets": […]}`)
		return Source{Name: m.name}
	}
	for i, setting := range list {
		_, twice := r.raw[setting.name]
		switch {
		case !slices.Contains(settings, setting.name):
			r.add(path, "%s is no setting: there are %s", shown(i, setting.name), strings.Join(settings, ", "))
		case twice:
			r.add(path+"."+setting.name, "it is there twice")
		default:
			r.raw[setting.name] = setting.value
		}
	}
	return r.source(m.name)
}

func (r reader) source(name string) Source {
	s := Source{Name: name}
	scheme, known := r.scheme()
	if known {
		s.Scheme = r.signatureHeader(scheme)
		s.Secrets = r.secrets(s.Scheme)
		s.Identity = r.identity(s.Scheme)
		s.Tolerance = r.tolerance(s.Scheme)
		_, s.OwnID = r.raw["id"]
	}
	s.Allow = r.addresses()
	s.Require = r.paths()
	s.Window = r.window(s)
	s.Keep = r.keep()
	return s
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

func (r reader) scheme() (signing.Scheme, bool) {
	if _, there := r.raw["scheme"]; !there {
		r.add(r.path, "scheme is missing: one of %s", strings.Join(signing.Names(), ", "))
		return signing.Scheme{}, false
	}
	name, ok := r.text("scheme")
	if !ok {
		return signing.Scheme{}, false
	}
	scheme, err := signing.Lookup(name)
	if err != nil {
		r.add(r.at("scheme"), "%v", err)
		return scheme, false
	}
	return scheme, true
}

func (r reader) signatureHeader(scheme signing.Scheme) signing.Scheme {
	name, ok := r.text("signature_header")
	if !ok {
		return scheme
	}
	renamed, err := scheme.WithHeader(name)
	if err != nil {
		r.add(r.at("signature_header"), "%v", err)
	}
	return renamed
}

func (r reader) tolerance(scheme signing.Scheme) time.Duration {
	if _, there := r.raw["tolerance"]; there && !scheme.Timestamped() {
		r.add(r.at("tolerance"), "scheme %s has no timestamp that a tolerance could apply to: remove it", scheme.Name())
		return 0
	}
	return r.duration("tolerance", minTolerance, maxTolerance)
}

// window outlives the signature: a request is fresh from a tolerance before its
// timestamp until one after, and within that a replay must meet its receipt.
func (r reader) window(s Source) time.Duration {
	window := r.duration("dedup_window", minWindow, maxWindow)
	if window == 0 || !s.Scheme.Timestamped() {
		return window
	}
	tolerance := cmp.Or(s.Tolerance, signing.DefaultTolerance)
	if least := 2*tolerance + windowMargin; window < least {
		r.add(r.at("dedup_window"), "it must be at least %s: a request is taken for twice the tolerance of %s, and one that is sent again within it must still be known",
			least, tolerance)
	}
	return window
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

func (r reader) addresses() []netip.Prefix {
	var prefixes []netip.Prefix
	for i, text := range r.list("allow_ips", "IP ranges") {
		p, err := parsePrefix(text)
		if err != nil {
			r.add(fmt.Sprintf("%s[%d]", r.at("allow_ips"), i), "%v", err)
			continue
		}
		prefixes = append(prefixes, p)
	}
	return prefixes
}
