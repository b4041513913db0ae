package readme_test

import (
	"net/url"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// link finds [text](target) and ![text](target), outside of code.
var (
	link   = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	fenced = regexp.MustCompile("(?ms)^```.*?^```")
	inline = regexp.MustCompile("`[^`\n]*`")
)

// markdown lists the tree's pages: what git knows or would take in.
func markdown(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md")
	cmd.Dir = top
	out, err := cmd.Output()
	if err != nil {
		t.Skipf("NOT RUN: the pages can't be listed without git and its repository: %v", err)
	}
	return strings.Fields(string(out))
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages := markdown(t)
	if len(pages) == 0 {
		t.Fatal("no pages found")
	}
	for _, name := range pages {
		text := inline.ReplaceAllString(fenced.ReplaceAllString(page(t, name), ""), "code")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			checkLink(t, name, m[1])
		}
	}
}

func checkLink(t *testing.T, from, target string) {
	t.Helper()
	u, err := url.Parse(target)
	switch {
	case err != nil:
		t.Errorf("%s: %q is no link: %v", from, target, err)
		return
	case u.Scheme != "":
		return // on the web: not looked up
	}
	to := from
	if u.Path != "" {
		to = path.Join(path.Dir(from), u.Path)
	}
	if _, err := os.Stat(top + to); err != nil {
		t.Errorf("%s: links %s, which is not there", from, target)
		return
	}
	if u.Fragment != "" && strings.HasSuffix(to, ".md") && !anchors(page(t, to))[u.Fragment] {
		t.Errorf("%s: links %s, and %s has no such heading", from, target, to)
	}
}

var heading = regexp.MustCompile(`(?m)^#+ (.*)$`)

// anchors are a page's headings as GitHub names them.
func anchors(text string) map[string]bool {
	found := map[string]bool{}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		name := strings.Map(func(r rune) rune {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			case r == ' ':
				return '-'
			}
			return -1
		}, m[1])
		found[name] = true
	}
	return found
}
