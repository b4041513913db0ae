package readme_test

import (
	"os"
	"path"
	"path/filepath"
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

// docs/decisions/README.md lists every record by its title.
func TestDecisionsAreListed(t *testing.T) {
	list := page(t, "docs/decisions/README.md")
	records, err := filepath.Glob(top + "docs/decisions/0*.md")
	if err != nil || len(records) == 0 {
		t.Fatal("there are no records", err)
	}
	for _, file := range records {
		name := filepath.Base(file)
		title, _, _ := strings.Cut(strings.TrimPrefix(page(t, "docs/decisions/"+name), "# "), "\n")
		if !strings.Contains(list, "["+title+"]("+name+")") {
			t.Errorf("docs/decisions/README.md lacks [%s](%s)", title, name)
		}
	}
}
