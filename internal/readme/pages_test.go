// Package readme holds README.md and docs to the code: what they draw and list
// is computed, the snippets they show are run, the files they link are there.
package readme_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const top = "../../"

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(top + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// table returns the cells of the first table whose heading row begins so.
func table(t *testing.T, text, heading string) [][]string {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n"+heading)
	if !found {
		t.Fatalf("there is no table that begins %q", heading)
	}
	var rows [][]string
	lines := strings.Split(rest, "\n")
	for _, line := range lines[2:] { // the heading's rest and the rule below it
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, cells)
	}
	return rows
}

var code = regexp.MustCompile("`([^`]+)`")

// codes returns what stands between backquotes.
func codes(cell string) []string {
	var found []string
	for _, m := range code.FindAllStringSubmatch(cell, -1) {
		found = append(found, m[1])
	}
	return found
}

// same compares two lists of lines in any order.
func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s lacks %q", what, line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			t.Errorf("%s has %q, which the code does not know", what, line)
		}
	}
	if len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("%s repeats itself", what)
	}
}
