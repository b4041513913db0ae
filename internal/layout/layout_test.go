// Package layout holds the tree to its architecture: imports run one way.
// docs/architecture.md draws what this checks.
package layout

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/jobhook/jobhook/"
	top    = "../../"
)

// The layers, from the core outwards. A package imports packages of its own
// layer only where this says so, and never one of a later layer.
var (
	pure     = []string{"shared/webhook", "shared/canonjson", "shared/payload", "shared/schedule", "shared/signing", "shared/intake", "shared/stale"}
	usecases = []string{"shared/deliver", "shared/receiving", "shared/api"}
	adapters = []string{"shared/sender", "shared/dynamo", "shared/sqsqueue", "shared/secrets", "shared/secretsmanager", "shared/embedded"}
	wiring   = []string{"shared/settings", "shared/stack", "shared/telemetry", "shared/sqsbatch"}
	suites   = []string{"shared/storetest"}
)

// source is one Go file that is no test.
type source struct {
	dir     string // "shared/webhook"
	name    string
	imports []string
	file    *ast.File
}

func sources(t *testing.T, under ...string) []source {
	t.Helper()
	var found []source
	files := token.NewFileSet()
	for _, dir := range under {
		err := filepath.WalkDir(top+dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(top, path)
			if err != nil {
				return err
			}
			s := source{dir: filepath.ToSlash(filepath.Dir(rel)), name: filepath.ToSlash(rel), file: file}
			for _, spec := range file.Imports {
				name, err := strconv.Unquote(spec.Path.Value)
				if err != nil {
					return err
				}
				s.imports = append(s.imports, name)
			}
			found = append(found, s)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

func ours(imported string) (dir string, ok bool) { return strings.CutPrefix(imported, module) }

func TestEveryPackageHasItsLayer(t *testing.T) {
	all := slices.Concat(pure, usecases, adapters, wiring, suites)
	for _, s := range sources(t, "shared") {
		if !slices.Contains(all, s.dir) {
			t.Errorf("%s is in no layer: add it here and to docs/architecture.md", s.dir)
		}
	}
}

// The core knows no AWS, no clock, no chance and nothing outside itself.
func TestTheCoreIsPure(t *testing.T) {
	for _, s := range sources(t, pure...) {
		for _, imported := range s.imports {
			dir, own := ours(imported)
			if own && !slices.Contains(pure, dir) || !own && strings.Contains(imported, ".") {
				t.Errorf("%s imports %s", s.name, imported)
			}
			if slices.Contains([]string{"os", "net", "math/rand", "math/rand/v2", "crypto/rand", "log", "log/slog", "os/exec"}, imported) {
				t.Errorf("%s imports %s", s.name, imported)
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if call, ok := n.(*ast.SelectorExpr); ok {
				if pkg, ok := call.X.(*ast.Ident); ok && pkg.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "Sleep", "After", "NewTimer"}, call.Sel.Name) {
					t.Errorf("%s uses time.%s: pass time in", s.name, call.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestUseCasesKnowNoAWS(t *testing.T) {
	for _, s := range sources(t, usecases...) {
		for _, imported := range s.imports {
			dir, own := ours(imported)
			allowed := slices.Concat(pure, usecases, []string{"shared/sender"}) // sender's types are the port
			if own && !slices.Contains(allowed, dir) && !strings.HasSuffix(dir, "test") || strings.Contains(imported, "github.com/aws/") {
				t.Errorf("%s imports %s", s.name, imported)
			}
		}
	}
}

func TestAdaptersKnowNoUseCase(t *testing.T) {
	for _, s := range sources(t, adapters...) {
		for _, imported := range s.imports {
			dir, own := ours(imported)
			allowed := slices.Concat(pure, []string{"shared/secrets"}) // secretsmanager is a source of secrets
			if own && !slices.Contains(allowed, dir) && dir != s.dir {
				t.Errorf("%s imports %s", s.name, imported)
			}
		}
	}
}

func TestSharedImportsNothingOutside(t *testing.T) {
	for _, s := range sources(t, "shared") {
		for _, imported := range s.imports {
			dir, own := ours(imported)
			if own && !strings.HasPrefix(dir, "shared/") && !slices.Contains(suites, s.dir) {
				t.Errorf("%s imports %s", s.name, imported)
			}
		}
	}
}

// What the console and the local runner need does not reach the functions.
func TestFunctionsStayLean(t *testing.T) {
	for _, function := range []string{"dispatch", "retry", "receive"} {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"functions/"+function).Output()
		if err != nil {
			t.Fatal(err)
		}
		for imported := range strings.FieldsSeq(string(out)) {
			if dir, own := ours(imported); own && (strings.HasPrefix(dir, "internal/") || dir == "shared/embedded" || dir == "shared/api" || slices.Contains(suites, dir)) ||
				strings.HasPrefix(imported, "go.etcd.io/") || imported == "testing" {
				t.Errorf("%s carries %s", function, imported)
			}
		}
	}
}

// A function's main.go wires, and fits on a screen.
func TestMainsFitOnAScreen(t *testing.T) {
	files := token.NewFileSet()
	for _, function := range []string{"dispatch", "retry", "receive"} {
		file, err := parser.ParseFile(files, top+"functions/"+function+"/main.go", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		if lines := files.Position(file.End()).Line; lines > 75 {
			t.Errorf("functions/%s/main.go has %d lines", function, lines)
		}
	}
}
