package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/receiving"
	"github.com/jobhook/jobhook/shared/signing"
)

// forever is a tolerance that lets a signature be judged by itself.
const forever = time.Duration(math.MaxInt64)

// report prints each part that was checked and says whether all hold.
func (v verification) report(w io.Writer) bool {
	fmt.Fprintf(w, "scheme     %s, signature in %s\n", v.scheme.Name(), v.scheme.Header())
	fmt.Fprintf(w, "body       %s\n", describeBody(v.body))
	_, err := v.verify(v.secrets, v.header, v.body)
	if problem := (*signing.Error)(nil); errors.As(err, &problem) && !errors.Is(err, signing.ErrMismatch) {
		line(w, false, "header", problem.Header+": "+problem.Detail)
		v.hintForm(w, problem)
		return v.conclude(w, problem.Error())
	}
	line(w, true, "header", v.scheme.Header()+" is there and well formed")
	fresh := v.reportTime(w)
	v.reportSignatures(w, err == nil)
	switch {
	case errors.Is(err, signing.ErrNoSecret):
		line(w, false, "secret", "none of the secrets can be used with this scheme")
		return v.conclude(w, err.Error())
	case err != nil:
		v.hintMismatch(w)
		return v.conclude(w, err.Error())
	case !fresh:
		fmt.Fprintln(w, "hint       the signature is right: only the time is not. Check both clocks (NTP), or pass --now if the request is an old one")
		return v.conclude(w, signing.ErrStale.Error())
	}
	identity := v.scheme.Identity()
	if v.source != nil {
		identity = v.source.Identity
	}
	id, from := identity.Of(v.header, v.body)
	line(w, true, "id", fmt.Sprintf("%s (from %s)", id, from))
	if !v.reportReceive(w) {
		fmt.Fprintln(w, "verified, but receive would not take it")
		return false
	}
	fmt.Fprintln(w, "verified")
	return true
}

func (v verification) conclude(w io.Writer, reason string) bool {
	v.reportReceive(w)
	fmt.Fprintln(w, "NOT verified:", reason)
	return false
}

// reportReceive says what receive would answer to the request, as a first one,
// and whether that is a 200.
func (v verification) reportReceive(w io.Writer) bool {
	if v.source == nil {
		return true
	}
	s := *v.source
	s.Tolerance = v.tolerance
	if len(s.Allow) > 0 && !v.ip.IsValid() {
		marked(w, "--", "address", "allow_ips is set: pass --ip with the sender's address to have it checked")
		s.Allow = nil
	}
	a, err := receiving.Judge(s, receiving.Request{
		Source: s.Name, Method: http.MethodPost, Header: v.header, Body: v.body, IP: v.ip,
	}, 0, v.now)
	var refusal *receiving.Refusal
	switch {
	case errors.As(err, &refusal):
		line(w, false, "receive", fmt.Sprintf("/%s would answer %d (%s): %s", s.Name, refusal.Status, refusal.Reason, refusal.Detail))
	case err != nil:
		line(w, false, "receive", fmt.Sprintf("/%s would answer 503: %v", s.Name, err))
	default:
		line(w, true, "receive", fmt.Sprintf("/%s would answer 200, and know it for %s as %s", s.Name, a.Window, a.ReceiptID))
		if a.Doubt != "" {
			marked(w, "--", "id", a.Doubt)
		}
	}
	return err == nil
}

func line(w io.Writer, ok bool, part, text string) {
	mark := "ok  "
	if !ok {
		mark = "FAIL"
	}
	marked(w, mark, part, text)
}

func marked(w io.Writer, mark, part, text string) {
	fmt.Fprintf(w, "%-4s  %-9s %s\n", mark, part, text)
}

// verify judges the signature alone, whatever its time.
func (v verification) verify(secrets []signing.Secret, header http.Header, body []byte) (signing.Verified, error) {
	return signing.Verify(v.scheme, secrets, header, body, v.now, forever)
}

func (v verification) reportTime(w io.Writer) (fresh bool) {
	if !v.scheme.Timestamped() {
		line(w, true, "timestamp", "the scheme signs none: an old request cannot be told from a new one")
		return true
	}
	verified, err := signing.Verify(v.scheme, v.secrets, v.header, v.body, v.now, v.tolerance)
	var problem *signing.Error
	if errors.As(err, &problem) && errors.Is(err, signing.ErrStale) {
		line(w, false, "timestamp", problem.Detail)
		return false
	}
	text := "within the tolerance"
	if err == nil {
		age, word := v.now.Sub(verified.Timestamp), "old"
		if age < 0 {
			age, word = -age, "in the future"
		}
		text = fmt.Sprintf("%s, %s %s", verified.Timestamp.Format(time.RFC3339), age.Round(time.Second), word)
	}
	line(w, true, "timestamp", text)
	return true
}

// reportSignatures tries each signature with each secret. Where one is enough
// and there is one, the others are no failures.
func (v verification) reportSignatures(w io.Writer, enough bool) {
	for i, signature := range v.signatures() {
		header := v.header.Clone()
		for name := range header {
			if strings.EqualFold(name, v.scheme.Header()) {
				delete(header, name)
			}
		}
		header.Set(v.scheme.Header(), signature)
		for j, secret := range v.secrets {
			_, err := v.verify([]signing.Secret{secret}, header, v.body)
			text, mark := "matches", "FAIL"
			switch {
			case err == nil:
				mark = "ok"
			case enough:
				mark = "no"
			}
			switch {
			case errors.Is(err, signing.ErrNoSecret):
				text = "this secret cannot make this kind of signature"
			case errors.Is(err, signing.ErrMismatch):
				text = "does not match"
			case err != nil:
				text = "cannot be read"
			}
			marked(w, mark, "signature", fmt.Sprintf("%d with secret %d: %s", i+1, j+1, text))
		}
	}
}

// signatures splits the header into values that each hold one signature.
func (v verification) signatures() (list []string) {
	all := strings.Join(v.header.Values(v.scheme.Header()), " ")
	switch v.scheme.Name() {
	case "standard", "svix":
		return strings.Fields(all)
	case "stripe":
		var timestamp string
		parts := strings.FieldsFunc(all, func(r rune) bool { return r == ',' || r == ' ' })
		if i := slices.IndexFunc(parts, func(p string) bool { return strings.HasPrefix(p, "t=") }); i >= 0 {
			timestamp = parts[i]
		}
		for _, part := range parts {
			if strings.HasPrefix(part, "v1=") {
				list = append(list, timestamp+","+part)
			}
		}
		return list
	}
	return []string{all}
}

func describeBody(body []byte) string {
	kind := "text, no JSON"
	switch {
	case len(body) == 0:
		kind = "empty: was it read before?"
	case json.Valid(body):
		kind = "JSON"
	case !utf8.Valid(body):
		kind = "binary"
	}
	return fmt.Sprintf("%d bytes, %s, SHA-256 %x", len(body), kind, sha256.Sum256(body))
}
