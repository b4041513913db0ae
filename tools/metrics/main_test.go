package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// base is a tree whose numbers each case below changes.
func base() map[string]string {
	return map[string]string{
		"one/one.go": "package one\n\nfunc Public(key int) int {\n\treturn helper() + twice() + twice()\n}\n\nfunc helper() int { return 1 }\n\nfunc twice() int { return 2 }\n\nfunc unused() {}\n",
	}
}

func TestCompare(t *testing.T) {
	for _, test := range []struct {
		name    string
		file    string
		text    string
		want    []string // lines, packages, files, functions, helpers, %, longest
		longest string
		higher  bool
	}{
		{"nothing", "", "", []string{"11", "1", "1", "4", "1", "25", "3"}, "one.Public", false},
		{"a test", "one/one_test.go", "package one\n\nfunc once() {}\n\nvar _ = once\n", []string{"11", "1", "1", "4", "1", "25", "3"}, "one.Public", false},
		{"testdata", "one/testdata/a.go", "not Go", []string{"11", "1", "1", "4", "1", "25", "3"}, "one.Public", false},
		{"examples", "examples/a.go", "package a\n", []string{"11", "1", "1", "4", "1", "25", "3"}, "one.Public", false},
		{"node_modules", "tools/node_modules/a.go", "package a\n", []string{"11", "1", "1", "4", "1", "25", "3"}, "one.Public", false},
		{"a hidden directory", ".bin/a.go", "package a\n", []string{"11", "1", "1", "4", "1", "25", "3"}, "one.Public", false},
		{"another file", "one/two.go", "package one\n", []string{"12", "1", "2", "4", "1", "25", "3"}, "one.Public", true},
		{"another package", "two/two.go", "package two\n", []string{"12", "2", "2", "4", "1", "25", "3"}, "one.Public", true},
		{"a longer function", "one/two.go", "package one\n\nfunc Long() {\n\n\n}\n", []string{"17", "1", "2", "5", "1", "20", "4"}, "one.Long", true},
		{"a second call", "one/two.go", "package one\n\nvar x = helper()\n", []string{"14", "1", "2", "4", "0", "0", "3"}, "one.Public", true},
		{"a call of another package's", "two/two.go", "package two\n\nfunc unused() {}\n\nvar x = helper()\n", []string{"16", "2", "2", "5", "1", "20", "3"}, "one.Public", true},
		{"a parameter of the name", "one/two.go", "package one\n\nfunc F(helper int) {}\n", []string{"14", "1", "2", "5", "1", "20", "3"}, "one.Public", true},
		{"a field of the name", "one/two.go", "package one\n\ntype T struct{ helper int }\n", []string{"14", "1", "2", "4", "1", "25", "3"}, "one.Public", true},
		{"a selector of the name", "one/two.go", "package one\n\nvar x = a.helper\n", []string{"14", "1", "2", "4", "1", "25", "3"}, "one.Public", true},
		{"a method called once", "one/two.go", "package one\n\ntype T int\n\nfunc (T) m() {}\n\nvar m = T(1).m\n", []string{"18", "1", "2", "5", "2", "40", "3"}, "one.Public", true},
		{"passed on, not called", "one/two.go", "package one\n\nvar f = unused\n", []string{"14", "1", "2", "4", "2", "50", "3"}, "one.Public", true},
		{"an exported one called once", "one/two.go", "package one\n\nvar x = Public(1)\n", []string{"14", "1", "2", "4", "1", "25", "3"}, "one.Public", true},
		{"init and main", "two/two.go", "package main\n\nfunc init() {}\n\nfunc main() { main() }\n", []string{"16", "2", "2", "6", "1", "16.7", "3"}, "one.Public", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := base()
			before := write(t, files)
			if test.file != "" {
				files[test.file] = test.text
			}
			var out strings.Builder
			higher, err := compare(&out, before, write(t, files))
			if err != nil {
				t.Fatal(err)
			}
			if higher != test.higher {
				t.Errorf("higher = %t", higher)
			}
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			var now []string
			for _, line := range lines[1:] {
				now = append(now, strings.Fields(line)[1])
			}
			if strings.Join(now, " ") != strings.Join(test.want, " ") || !strings.HasSuffix(lines[7], "one.Public, now "+test.longest) {
				t.Errorf("want %v and %s in\n%s", test.want, test.longest, &out)
			}
		})
	}
}

func TestDifference(t *testing.T) {
	before, after := base(), base()
	before["one/two.go"] = "package one\n\nvar f = unused\n"
	var out strings.Builder
	if higher, err := compare(&out, write(t, before), write(t, after)); higher || err != nil {
		t.Fatalf("higher = %t, %v", higher, err)
	}
	if want := "-25"; strings.Fields(strings.Split(out.String(), "\n")[6])[2] != want {
		t.Errorf("want a difference of %s in\n%s", want, &out)
	}
}

func TestUnreadable(t *testing.T) {
	for name, dir := range map[string]string{
		"no directory": filepath.Join(t.TempDir(), "none"),
		"not Go":       write(t, map[string]string{"a.go": "no Go"}),
	} {
		for _, dirs := range [][2]string{{dir, write(t, base())}, {write(t, base()), dir}} {
			if _, err := compare(&strings.Builder{}, dirs[0], dirs[1]); err == nil {
				t.Errorf("%s: no error", name)
			}
		}
	}
}

func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
