// Command metrics prints the size of two trees of Go code side by side: a base
// and now. With -check it exits 1 when any number is higher now.
//
// Tests do not count, nor does what they run on (files that import testing: the
// contract suites, the emulators), nor testdata, examples and hidden directories.
// A helper called from one place is an unexported function or method, not init or
// main, that the code of its package names once. It goes by name, not by type:
// what shares its name with another may be miscounted, in both trees alike.
package main

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"log"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

func main() {
	check := flag.Bool("check", false, "exit 1 when any number is higher now")
	flag.Parse()
	higher, err := compare(os.Stdout, flag.Arg(0), flag.Arg(1))
	if err != nil {
		log.Fatal("metrics [-check] BASE-DIRECTORY DIRECTORY: ", err)
	} else if *check && higher {
		log.Fatal("metrics: higher than in the base")
	}
}

// compare prints the table and says whether any number is higher now.
func compare(w io.Writer, base, now string) (higher bool, err error) {
	old, err1 := measure(base)
	cur, err2 := measure(now)
	if err := errors.Join(err1, err2); err != nil {
		return false, err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "base\tnow\tdifference\t")
	for i, name := range [len(old.numbers)]string{
		"Go lines outside tests", "packages", "files", "functions", "private helpers called from one place", "the same in % of functions",
		"lines of the longest function: " + old.longest + ", now " + cur.longest,
	} {
		before, after := old.numbers[i], cur.numbers[i]
		higher = higher || after > before
		fmt.Fprintf(table, "%.6g\t%.6g\t%+.6g\t  %s\n", before, after, after-before, name)
	}
	_ = table.Flush() // to a terminal: nobody left to tell
	return higher, nil
}

type tree struct {
	numbers [7]float64     // in the order of compare's rows
	longest string         // the longest function's name
	helpers []string       // keys of uses
	uses    map[string]int // by directory and name, of a method ".name"
}

func measure(root string) (tree, error) {
	t, directories := tree{uses: map[string]int{}}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name := filepath.Base(path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (name[0] == '.' || name == "testdata" || name == "examples" || name == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("parse: %w", err)
		}
		if slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing"` }) {
			return nil
		}
		t.numbers[0] += float64(files.File(file.Pos()).LineCount())
		directories[filepath.Dir(path)] = true
		t.numbers[2]++
		t.count(filepath.Dir(path)+" ", file, files)
		return nil
	})
	if err != nil {
		return t, fmt.Errorf("measure %s: %w", root, err)
	}
	t.numbers[1] = float64(len(directories))
	for _, helper := range t.helpers {
		if t.uses[helper] == 1 {
			t.numbers[4]++
		}
	}
	t.numbers[5] = math.Round(1000*t.numbers[4]/max(t.numbers[3], 1)) / 10
	return t, nil
}

func (t *tree) count(dir string, file *ast.File, files *token.FileSet) {
	for node := range ast.Preorder(file) {
		switch node := node.(type) {
		case *ast.FuncDecl:
			name := node.Name.Name
			t.numbers[3]++
			if lines := float64(files.Position(node.End()).Line - files.Position(node.Pos()).Line + 1); lines > t.numbers[6] {
				t.numbers[6], t.longest = lines, file.Name.Name+"."+name
			}
			t.uses[dir+name]-- // it comes as an Ident too, as the names below do
			if node.Recv != nil {
				name = "." + name
			}
			if !node.Name.IsExported() && name != "init" && name != "main" {
				t.helpers = append(t.helpers, dir+name)
			}
		case *ast.SelectorExpr:
			t.uses[dir+"."+node.Sel.Name]++
			t.uses[dir+node.Sel.Name]--
		case *ast.Field:
			for _, name := range node.Names {
				t.uses[dir+name.Name]--
			}
		case *ast.Ident:
			t.uses[dir+node.Name]++
		}
	}
}
