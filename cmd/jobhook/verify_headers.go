package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
)

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
