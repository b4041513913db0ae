package readme_test

import (
	"os"
	"path"
	"strings"
	"testing"
)

// docs/architecture.md names every package that a function can carry.
func TestArchitectureNamesThePackages(t *testing.T) {
	text := page(t, "docs/architecture.md")
	for _, dir := range []string{"shared", "functions"} {
		entries, err := os.ReadDir(top + dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if name := path.Join(dir, entry.Name()); entry.IsDir() && !strings.Contains(text, "`"+name+"`") {
				t.Errorf("docs/architecture.md does not name %s", name)
			}
		}
	}
}
