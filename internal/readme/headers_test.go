package readme_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"
)

// texts reads a list of strings out of the API's source.
func texts(t *testing.T, variable string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), top+"shared/api/headers.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || spec.Names[0].Name != variable {
			return true
		}
		for _, element := range spec.Values[0].(*ast.CompositeLit).Elts {
			text, err := strconv.Unquote(element.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, text)
		}
		return false
	})
	return found
}

func TestRefusedHeadersTable(t *testing.T) {
	rows := table(t, page(t, "docs/security.md"), "| refused |")
	for i, variable := range []string{"jobhooks", "jobhookPrefixes", "credentials"} {
		same(t, "the table of refused headers: "+rows[i][0], codes(rows[i][1]), texts(t, variable))
	}
}
