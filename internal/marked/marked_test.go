package marked

import (
	"os"
	"path/filepath"
	"testing"
)

func TestWriteReplacesOnePart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.md")
	page := "before\n<!-- a: made by x -->\nold\n<!-- /a -->\n<!-- b: made by y -->\nkept\n<!-- /b -->\nafter\n"
	if err := os.WriteFile(path, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Write(path, "a", "new\n"); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "before\n<!-- a: made by x -->\nnew\n<!-- /a -->\n<!-- b: made by y -->\nkept\n<!-- /b -->\nafter\n"
	if string(got) != want {
		t.Errorf("the page is\n%s", got)
	}
	if part, err := Part(want, "a"); err != nil || part != "new\n" {
		t.Errorf("the part is %q, %v", part, err)
	}
}

func TestMarksAreNeeded(t *testing.T) {
	for name, page := range map[string]string{
		"none":          "text\n",
		"no end":        "<!-- a: made by x -->\ntext\n",
		"the end first": "<!-- /a -->\n<!-- a: made by x -->\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Part(page, "a"); err == nil {
				t.Error("no error")
			}
		})
	}
}
