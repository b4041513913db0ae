//go:build rehearse

package rehearse_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jobhook/jobhook/internal/templatetest"
)

const root = "../.."

// translated is where `make rehearse` puts what SAM makes of the templates.
const translated = root + "/.bin/rehearse"

var builds = sync.OnceValues(func() (map[string]string, error) { return build("first", buildEnvironment()) })

// binaries are the functions' binaries, built once.
func binaries(t testing.TB) map[string]string {
	t.Helper()
	built, err := builds()
	if err != nil {
		t.Fatal(err)
	}
	return built
}

// buildEnvironment is the environment that docs/deploy.md has one build with.
func buildEnvironment() []string {
	return []string{"CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false -tags=lambda.norpc '-ldflags=-s -w'"}
}

// build builds every function that the templates name, by logical name, as SAM's
// go1.x does: a plain `go build` in this environment. more are further flags.
func build(label string, environment []string, more ...string) (map[string]string, error) {
	built := map[string]string{}
	for _, file := range []string{"template.yaml", "receive.yaml"} {
		template, err := templatetest.Load(filepath.Join(root, file))
		if err != nil {
			return nil, err
		}
		for _, logical := range template.OfType("AWS::Serverless::Function") {
			code := fmt.Sprint(template.At("Resources", logical, "Properties", "CodeUri"))
			out, err := filepath.Abs(filepath.Join(translated, "functions", label, logical, "bootstrap"))
			if err != nil {
				return nil, err
			}
			command := exec.Command("go", append(append([]string{"build", "-o", out}, more...), ".")...)
			command.Dir = filepath.Join(root, code)
			command.Env = append(os.Environ(), environment...)
			if said, err := command.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("build %s: %w: %s", code, err, said)
			}
			built[logical] = out
		}
	}
	return built, nil
}

// checkBinary refuses one that may not start on provided.al2023: it must not
// need a C library, whose version there may be an older one.
func checkBinary(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer file.Close()
	needed, err := file.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if len(needed) > 0 {
		return fmt.Errorf("%s needs %s", filepath.Base(filepath.Dir(path)), strings.Join(needed, ", "))
	}
	return nil
}

// The environment that the rehearsal builds with is the one that the docs name.
func TestBuildIsTheDocumentedOne(t *testing.T) {
	text, err := os.ReadFile(root + "/docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^export (CGO_ENABLED=\S+) GOFLAGS="([^"]+)"$`).FindStringSubmatch(string(text))
	if line == nil || line[1] != buildEnvironment()[0] || "GOFLAGS="+line[2] != buildEnvironment()[1] {
		t.Errorf("docs/deploy.md builds with %q, the rehearsal with %q", line, buildEnvironment())
	}
	for logical, path := range binaries(t) {
		if err := checkBinary(path); err != nil {
			t.Errorf("%s: %v", logical, err)
		}
	}
}
