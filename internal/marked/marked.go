// Package marked keeps generated parts of a page between two comments:
// <!-- name: … --> and <!-- /name -->. The benchmark and the simulation write
// docs/performance.md with it.
package marked

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Part returns what the page has between the marks of name.
func Part(page, name string) (string, error) {
	begin, end, err := find(page, name)
	if err != nil {
		return "", err
	}
	return page[begin:end], nil
}

// Write puts text between the marks of name in the file at path.
func Write(path, name, text string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the page: %w", err)
	}
	begin, end, err := find(string(page), name)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	whole := string(page[:begin]) + text + string(page[end:])
	if err := os.WriteFile(path, []byte(whole), 0o644); err != nil { //nolint:gosec // a page of the tree, for all to read
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// Thousands writes 12345 as 12,345.
func Thousands(n int) string {
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", Thousands(n/1000), n%1000)
}

// find returns where the part begins, after the first mark's line, and ends.
func find(page, name string) (begin, end int, err error) {
	mark := strings.Index(page, "<!-- "+name+":")
	end = strings.Index(page, "<!-- /"+name+" -->")
	if mark < 0 || end < mark {
		return 0, 0, fmt.Errorf("there is no <!-- %s: … --> with a <!-- /%s --> below it", name, name)
	}
	line := strings.IndexByte(page[mark:], '\n')
	return mark + line + 1, end, nil
}
