package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

// parse reads the secrets for a scheme, in the order env, files, plain.
func (f *secretFlags) parse(scheme signing.Scheme) (given []string, secrets []signing.Secret, err error) {
	for _, name := range f.env {
		value := os.Getenv(name)
		if value == "" {
			return nil, nil, fmt.Errorf("--secret-env: the variable %s is empty or not exported", name)
		}
		given = append(given, value)
	}
	for _, path := range f.files {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, fmt.Errorf("--secret-file: %w", err)
		}
		given = append(given, strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r"))
	}
	given = append(given, f.plain...)
	if len(given) == 0 {
		return nil, nil, errors.New("no secret: give --secret-env VAR or --secret-file FILE")
	}
	for i, text := range given {
		secret, err := scheme.ParseSecret(text)
		if err != nil {
			return nil, nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		secrets = append(secrets, secret)
	}
	return given, secrets, nil
}

// parseNow takes RFC 3339 or Unix seconds; empty is the clock's.
func parseNow(text string) (time.Time, error) {
	if text == "" {
		return time.Now(), nil
	}
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(seconds, 0).UTC(), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, errors.New("--now must be RFC 3339 (2026-11-20T12:00:00Z) or Unix seconds")
	}
	return t, nil
}

func readBody(path string, stdin io.Reader) ([]byte, error) {
	if path == "" {
		body, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read the body from standard input: %w", err)
		}
		return body, nil
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--body: %w", err)
	}
	return body, nil
}

func readHeaders(lines []string, path string) (http.Header, error) {
	header := http.Header{}
	if path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("--headers: %w", err)
		}
		if header, err = parseHeaders(raw); err != nil {
			return nil, fmt.Errorf("--headers: %w", err)
		}
	}
	for _, line := range lines {
		if err := addHeader(header, line); err != nil {
			return nil, fmt.Errorf("-H: %w", err)
		}
	}
	if len(header) == 0 {
		return nil, errors.New("no headers: give -H 'Name: value' or --headers FILE")
	}
	return header, nil
}

// parseHeaders reads lines of "Name: value" (a request or status line before
// them is passed over, an empty line ends them), or a JSON object whose values
// are texts or lists of texts.
func parseHeaders(raw []byte) (http.Header, error) {
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("{")) {
		return parseJSONHeaders(raw)
	}
	header := http.Header{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if line == "" && len(header) > 0 {
			break
		}
		if line == "" || n == 1 && strings.Contains(line, "HTTP/") {
			continue
		}
		if err := addHeader(header, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the headers: %w", err)
	}
	return header, nil
}

func addHeader(header http.Header, line string) error {
	line = strings.TrimLeft(line, "<> ") // as curl -v shows them
	name, value, found := strings.Cut(line, ":")
	if !found || name == "" || strings.ContainsAny(name, " \t") {
		return errors.New(`a header is written as "Name: value"`)
	}
	header.Add(name, strings.TrimSpace(value))
	return nil
}

func parseJSONHeaders(raw []byte) (http.Header, error) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil {
		return nil, fmt.Errorf("it begins as JSON but is none: %w", err)
	}
	header := http.Header{}
	for name, value := range object {
		switch v := value.(type) {
		case string:
			header.Add(name, v)
		case []any:
			for _, one := range v {
				text, ok := one.(string)
				if !ok {
					return nil, fmt.Errorf("the header %q must be a text or a list of texts", name)
				}
				header.Add(name, text)
			}
		default:
			return nil, fmt.Errorf("the header %q must be a text or a list of texts", name)
		}
	}
	return header, nil
}
