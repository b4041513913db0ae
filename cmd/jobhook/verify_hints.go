package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jobhook/jobhook/shared/canonjson"
	"github.com/jobhook/jobhook/shared/signing"
)

// variant is something else that the sender may have signed, or signed with.
type variant[T any] struct {
	value T
	text  string
}

// hintMismatch looks for the usual mistakes: for each change to the body or the
// secrets it asks whether the signature would match.
func (v verification) hintMismatch(w io.Writer) {
	changed, secrets := bodies(v.body), v.otherSecrets()
	for _, b := range changed {
		if v.matches(v.texts, b.value) {
			fmt.Fprintln(w, "hint       it matches if", b.text)
			return
		}
	}
	for _, b := range append([]variant[[]byte]{{v.body, ""}}, changed...) {
		for _, s := range secrets {
			if v.matches([]string{s.value}, b.value) {
				fmt.Fprintln(w, "hint       it matches if", strings.TrimSuffix(s.text+", and "+b.text, ", and "))
				return
			}
		}
	}
	if v.hintScheme(w) {
		return
	}
	fmt.Fprintln(w, "hint       no usual mistake explains it: the secret is another one (another endpoint's, test instead of live,"+
		" from before a rotation), or the body is not what was sent")
}

func (v verification) matches(texts []string, body []byte) bool {
	for _, text := range texts {
		secret, err := v.scheme.ParseSecret(text)
		if err != nil {
			continue
		}
		if _, err := v.verify([]signing.Secret{secret}, v.header, body); err == nil {
			return true
		}
	}
	return false
}

// bodies are what the body may have been before something changed it.
func bodies(body []byte) (list []variant[[]byte]) {
	add := func(value []byte, text string) {
		if !bytes.Equal(value, body) {
			list = append(list, variant[[]byte]{value, text})
		}
	}
	add(bytes.TrimSuffix(bytes.TrimSuffix(body, []byte("\n")), []byte("\r")),
		"the line end after the body is removed: your shell or editor added it (printf %s, not echo)")
	add(append(bytes.Clone(body), '\n'), "a line end is added after the body: something trimmed it")
	add(bytes.TrimSpace(body), "the white space around the body is removed")
	add(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), `each \r\n in the body is \n: something turned the line ends`)
	add(bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n")), `each \n in the body is \r\n: something turned the line ends`)
	add(bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")), "the byte order mark before the body is removed")
	if decoded, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(body))); err == nil {
		add(decoded, "the body is base64-decoded: the gateway encoded it (isBase64Encoded)")
	}
	var text string
	if json.Unmarshal(body, &text) == nil {
		add([]byte(text), "the body is the text within the JSON string: it was encoded twice")
	}
	if json.Valid(body) {
		rewritten(body, add)
	}
	if r, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
		if unzipped, err := io.ReadAll(io.LimitReader(r, maxUnzipped)); err == nil {
			add(unzipped, "the body is decompressed: the sender signs it before compressing")
		}
	}
	return list
}

// rewritten adds the forms in which parsed JSON is encoded again. The
// sender has signed one of them, so the body at hand is a rewriting of it.
func rewritten(body []byte, add func(value []byte, text string)) {
	const advice = ": the body at hand was parsed and written anew; verify the raw bytes as they came"
	var compact bytes.Buffer
	_ = json.Compact(&compact, body)
	add(compact.Bytes(), "the JSON has no white space"+advice)
	if canonical, err := canonjson.Append(nil, body); err == nil {
		add(canonical, "it is what JSON.stringify(JSON.parse(body)) gives"+advice)
	}
	for _, indent := range []string{"  ", "    ", "\t"} {
		var buf bytes.Buffer
		_ = json.Indent(&buf, body, "", indent)
		add(buf.Bytes(), "the JSON is indented"+advice)
	}
	add(spaced(compact.Bytes()), `there is a space after each "," and ":" (Python's json.dumps)`+advice)
	add(bytes.ReplaceAll(body, []byte(`\/`), []byte(`/`)), `each \/ is / (PHP's json_encode escapes it)`+advice)
	add(bytes.ReplaceAll(body, []byte(`/`), []byte(`\/`)), `each / is \/ (PHP's json_encode does so)`+advice)
	add(ascii(body), `letters beyond ASCII are \uXXXX escapes`+advice)
}

// spaced writes a space after every comma and colon outside of strings.
func spaced(compact []byte) (out []byte) {
	quoted, escaped := false, false
	for _, c := range compact {
		out = append(out, c)
		switch {
		case escaped:
			escaped = false
		case quoted && c == '\\':
			escaped = true
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ',' || c == ':'):
			out = append(out, ' ')
		}
	}
	return out
}

func ascii(body []byte) (out []byte) {
	for _, r := range string(body) {
		switch {
		case r < 0x80:
			out = append(out, byte(r))
		case r < 0x10000:
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xD800+r>>10, 0xDC00+r&0x3FF)
		}
	}
	return out
}

const maxUnzipped = 16 << 20

// otherSecrets are what each secret may have been meant to be.
func (v verification) otherSecrets() (list []variant[string]) {
	for i, text := range v.texts {
		add := func(value, what string) {
			if value != text && value != "" {
				list = append(list, variant[string]{value, fmt.Sprintf("secret %d %s", i+1, what)})
			}
		}
		add(strings.TrimPrefix(text, "whsec_"), "is used without its whsec_ (the sender signs with the rest)")
		add("whsec_"+text, "is used with whsec_ before it: copy the secret whole")
		add(strings.Trim(text, `"'`), "is used without the quotes around it")
		add(strings.TrimSpace(text), "is used without the white space around it")
		if raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_")); err == nil {
			add(string(raw), "is base64-decoded first")
		}
		if raw, err := hex.DecodeString(text); err == nil {
			add(string(raw), "is hex-decoded first")
		}
		add("whsec_"+base64.StdEncoding.EncodeToString([]byte(text)), "is taken as the key's own bytes, not as base64")
	}
	return list
}

// hintScheme tries the other schemes.
func (v verification) hintScheme(w io.Writer) bool {
	for _, name := range signing.Names() {
		other := v
		var err error
		if other.scheme, err = signing.Lookup(name); err != nil || name == v.scheme.Name() {
			continue
		}
		if other.matches(v.texts, v.body) {
			fmt.Fprintf(w, "hint       it verifies as scheme %s: pass --scheme %s\n", name, name)
			return true
		}
	}
	return false
}

// hintForm is for a header that is missing or cannot be read.
func (v verification) hintForm(w io.Writer, problem *signing.Error) {
	if errors.Is(problem, signing.ErrMissing) {
		fmt.Fprintf(w, "hint       the request as given has the headers %s\n", strings.Join(slices.Sorted(maps.Keys(v.header)), ", "))
	}
	if v.hintScheme(w) || problem.Header != v.scheme.Header() {
		return
	}
	for _, c := range v.recoded() {
		header := v.header.Clone()
		header.Set(v.scheme.Header(), c.value)
		if _, err := v.verify(v.secrets, header, v.body); err == nil {
			fmt.Fprintln(w, "hint       it matches if", c.text)
			return
		}
	}
}

// recoded are the signature in the forms of other schemes.
func (v verification) recoded() []variant[string] {
	value := v.header.Get(v.scheme.Header())
	_, bare, found := strings.Cut(value, "=")
	if !found || strings.HasSuffix(value, "=") {
		bare = value
	}
	var mac []byte
	encoding := "hexadecimal"
	if raw, err := hex.DecodeString(bare); err == nil {
		mac = raw
	} else if raw, err := base64.StdEncoding.DecodeString(bare); err == nil {
		mac, encoding = raw, "base64"
	}
	if len(mac) == 0 {
		return nil
	}
	text := fmt.Sprintf("the signature, which is in %s here, is written as this scheme has it: is it another scheme, or a sender of its own kind?", encoding)
	return []variant[string]{
		{hex.EncodeToString(mac), text},
		{base64.StdEncoding.EncodeToString(mac), text},
		{"sha256=" + hex.EncodeToString(mac), text},
		{"v0=" + hex.EncodeToString(mac), text},
		{"v1," + base64.StdEncoding.EncodeToString(mac), text},
	}
}
