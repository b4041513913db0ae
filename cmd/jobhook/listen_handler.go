package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jobhook/jobhook/shared/signing"
)

const (
	maxListened = 16 << 20 // bytes of a body
	maxPrinted  = 4096     // characters of one that are printed
	maxTracked  = 10_000   // deliveries whose attempts are counted
)

// listener answers every request as told and prints it.
type listener struct {
	flags  listenFlags
	verify *verification // nil: not verified
	out    io.Writer
	now    func() time.Time
	wait   func(context.Context, time.Duration)

	mu       sync.Mutex
	attempts map[string]int // by what identifies the delivery
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := l.now()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxListened))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	id, attempt := l.count(r.Header, body)
	verdict, status := l.judge(r.Header, body, at)
	if status == 0 {
		status = l.status(attempt)
	}
	l.print(r, body, at, id, attempt, verdict, status)
	if l.flags.delay > 0 {
		l.wait(r.Context(), l.flags.delay)
	}
	if l.flags.retryAfter != "" && status >= 300 {
		w.Header().Set("Retry-After", l.flags.retryAfter)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, l.flags.body) // the sender may have gone
}

// count numbers the attempts of one delivery.
func (l *listener) count(header http.Header, body []byte) (id string, attempt int) {
	identity := signing.Identity{Headers: []string{"Webhook-Id", "Svix-Id", "X-Github-Delivery", "X-Shopify-Webhook-Id"}}
	if l.verify != nil {
		identity = l.verify.scheme.Identity()
		if l.verify.source != nil {
			identity = l.verify.source.Identity
		}
	}
	id, _ = identity.Of(header, body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.attempts) >= maxTracked {
		clear(l.attempts)
	}
	l.attempts[id]++
	return id, l.attempts[id]
}

// judge says what of the signature; status is 0 when nothing is wrong with it.
func (l *listener) judge(header http.Header, body []byte, at time.Time) (verdict string, status int) {
	if l.verify == nil {
		return "", 0
	}
	v := *l.verify
	_, err := signing.Verify(v.scheme, v.secrets, header, body, at, v.tolerance)
	var problem *signing.Error
	switch {
	case err == nil:
		return "verified (" + v.scheme.Name() + ")", 0
	case !errors.As(err, &problem):
		return "NOT verified: " + err.Error(), http.StatusInternalServerError
	case errors.Is(err, signing.ErrMissing) || errors.Is(err, signing.ErrMalformed):
		status = http.StatusBadRequest
	default:
		status = http.StatusUnauthorized
	}
	return fmt.Sprintf("NOT verified: %s: %s: %s", problem.Kind, problem.Header, problem.Detail), status
}

func (l *listener) status(attempt int) int {
	fails, failing := l.flags.fails, l.flags.status >= 300
	switch {
	case attempt > fails && fails > 0 && failing:
		return http.StatusOK // the status is that of the failures
	case attempt <= fails && !failing:
		return http.StatusInternalServerError
	}
	return l.flags.status
}

// print writes a request as one block, so that two do not mingle.
func (l *listener) print(r *http.Request, body []byte, at time.Time, id string, attempt int, verdict string, status int) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "--- %s  %s %s  from %s\n", at.Format("15:04:05.000"), r.Method, printable(r.URL.RequestURI()), r.RemoteAddr)
	fmt.Fprintf(&b, "    delivery %s, attempt %d\n", printable(id), attempt)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			if name == "Authorization" || name == "Cookie" || name == "Proxy-Authorization" { // a signature says nothing without its secret
				value = fmt.Sprintf("[%d characters, not shown]", len(value))
			}
			fmt.Fprintf(&b, "    %s: %s\n", name, printable(value))
		}
	}
	fmt.Fprintf(&b, "\n    %s\n\n", strings.ReplaceAll(readable(body), "\n", "\n    "))
	if verdict != "" {
		fmt.Fprintf(&b, "    %s\n", verdict)
	}
	fmt.Fprintf(&b, "    answered %d", status)
	if l.flags.delay > 0 {
		fmt.Fprintf(&b, " after %s", l.flags.delay)
	}
	b.WriteByte('\n')
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.out.Write(b.Bytes())
}

// readable is a body for people: JSON indented, binary as its size alone.
func readable(body []byte) string {
	var pretty bytes.Buffer
	text := string(body)
	switch {
	case len(body) == 0:
		return "(no body)"
	case json.Indent(&pretty, body, "", "  ") == nil:
		text = pretty.String()
	case !utf8.Valid(body):
		return fmt.Sprintf("(%d bytes, binary)", len(body))
	}
	if runes := []rune(text); len(runes) > maxPrinted {
		text = string(runes[:maxPrinted]) + fmt.Sprintf("\n… (%d bytes in all)", len(body))
	}
	return printable(text)
}

// printable keeps a stranger's bytes from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, text)
}
