//go:build rehearse

package rehearse_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/internal/rehearse"
	"github.com/jobhook/jobhook/internal/templatetest"
)

// judges run for every mutation, cheapest first; cfn-lint, at three seconds a
// template, only where none of the cheap ones noticed.
var judges = []string{"sam", "templatetest", "policy", "cfn-lint", "rehearsal"}

// verdict is what each judge that ran found first; empty when content.
type verdict map[string]string

func TestMutations(t *testing.T) {
	if _, err := os.Stat("/proc/self"); err != nil {
		t.Fatal("the rehearsal runs on Linux")
	}
	emulators.DynamoDB(t) // started here: a mutant's own end must not end them
	emulators.SQS(t)
	emulators.SecretsManager(t)
	all := append([]mutation{{name: "(none)"}}, mutations...)
	directories := make([]string, len(all))
	for i, m := range all {
		directories[i] = filepath.Join(t.TempDir(), fmt.Sprint(i))
		if err := plant(m, directories[i]); err != nil {
			t.Fatalf("%s: %v", m.name, err)
		}
	}
	judgeTemplates(t, directories)
	verdicts := make([]verdict, len(all))
	tests := compileTemplateTests(t)
	var group errgroup.Group
	group.SetLimit(6) // they mostly wait
	for i := range all {
		group.Go(func() (err error) {
			wait := mutantPatience
			if i == 0 {
				wait = patience
			}
			verdicts[i], err = judge(t, directories[i], tests, wait)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, m := range all {
		caught := slices.ContainsFunc(judges, func(judge string) bool { return verdicts[i][judge] != "" })
		if caught != (i > 0) {
			t.Errorf("%s: caught %v by %v", m.name, caught, verdicts[i])
		}
	}
	write(t, "mutations.txt", table(all, verdicts)+theBuild(t))
}

// theBuild is a mutation of its own: binaries that need a C library, whose
// version on provided.al2023 may be an older one.
func theBuild(t *testing.T) string {
	t.Helper()
	built, err := build("cgo", []string{"CGO_ENABLED=1", buildEnvironment()[1]})
	if err != nil {
		t.Fatal(err)
	}
	said := ""
	for logical, path := range built {
		err := checkBinary(path)
		if err == nil {
			t.Errorf("%s: built with cgo and nobody noticed", logical)
			continue
		}
		said = err.Error()
	}
	return fmt.Sprintf("and a build with cgo: caught by the look at the binary: %s\n", said)
}

// plant writes the tree that the judges read: the templates, one of them
// changed, and links to what they are compared with.
func plant(m mutation, directory string) error {
	if err := os.MkdirAll(filepath.Join(directory, "internal", "templatetest"), 0o755); err != nil {
		return err
	}
	whole, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	for _, name := range []string{"docs", "events"} { // copies: all mutations are held to the same
		if err := os.CopyFS(filepath.Join(directory, name), os.DirFS(filepath.Join(whole, name))); err != nil {
			return err
		}
	}
	for _, name := range []string{"functions", "shared", "go.mod", "samconfig.toml", "README.md", "Makefile"} {
		if err := os.Symlink(filepath.Join(whole, name), filepath.Join(directory, name)); err != nil {
			return err
		}
	}
	file := m.file
	if file == "" {
		file = "template.yaml"
	}
	if err := os.WriteFile(filepath.Join(directory, "changed"), []byte(file), 0o600); err != nil {
		return err
	}
	templates, err := filepath.Glob(filepath.Join(whole, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range templates {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := filepath.Base(path)
		if name == file && m.old != "" {
			if text, err = m.apply(text); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(directory, name), text, 0o600); err != nil {
			return err
		}
		ready, err := os.ReadFile(filepath.Join(translated, strings.TrimSuffix(name, ".yaml")+".json"))
		if err != nil {
			continue // no template of ours
		}
		if err := os.WriteFile(filepath.Join(directory, strings.TrimSuffix(name, ".yaml")+".json"), ready, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func (m mutation) apply(text []byte) ([]byte, error) {
	before, rest, found := strings.Cut(string(text), m.after)
	if !found || !strings.Contains(rest, m.old) {
		return nil, fmt.Errorf("the template no longer has %q after %q: bring the mutation up to date", m.old, m.after)
	}
	n := 1
	if m.everywhere {
		n = -1
	}
	return []byte(before + m.after + strings.Replace(rest, m.old, m.new, n)), nil
}

// judgeTemplates has SAM's translator and the policy rules look at all.
func judgeTemplates(t *testing.T, directories []string) {
	t.Helper()
	python, err := filepath.Abs(filepath.Join(root, ".venv/bin/python"))
	if err != nil {
		t.Fatal(err)
	}
	var halves errgroup.Group
	for half := range slices.Chunk(directories, (len(directories)+1)/2) {
		halves.Go(func() error {
			said, err := exec.Command(python, append([]string{filepath.Join(root, "tools/rehearse/judge.py")}, half...)...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("judge.py: %w: %s", err, said)
			}
			return nil
		})
	}
	if err := halves.Wait(); err != nil {
		t.Fatal(err)
	}
}

// compileTemplateTests builds internal/templatetest's tests, which read the
// templates two directories above where they run.
func compileTemplateTests(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "templatetest")
	said, err := exec.Command("go", "test", "-c", "-o", path, "github.com/jobhook/jobhook/internal/templatetest").CombinedOutput()
	if err != nil {
		t.Fatalf("compile templatetest: %v: %s", err, said)
	}
	return path
}

func judge(t *testing.T, directory, tests string, wait time.Duration) (verdict, error) {
	var early map[string][]string
	text, err := os.ReadFile(filepath.Join(directory, "verdict.json"))
	if err == nil {
		err = json.Unmarshal(text, &early)
	}
	if err != nil {
		return nil, err
	}
	v := verdict{"sam": strings.Join(early["sam"], "; "), "policy": strings.Join(early["policy"], "; "), "templatetest": templateTests(directory, tests)}
	if v["sam"]+v["policy"]+v["templatetest"] == "" {
		v["cfn-lint"] = lint(directory)
	}
	if v["sam"] == "" {
		v["rehearsal"] = rehearseMutant(t, directory, wait)
	}
	return v, nil
}

var failed = regexp.MustCompile(`(?m)^\s*(?:--- FAIL: (\w+)|panic: (.*)|\w+_test\.go:\d+: (.*))`)

func templateTests(directory, tests string) string {
	// What the docs say of a template is no judge of it.
	command := exec.Command(tests, "-test.failfast", "-test.skip=Docs|Documented|InOperations")
	command.Dir = filepath.Join(directory, "internal", "templatetest")
	said, err := command.CombinedOutput()
	if err == nil {
		return ""
	}
	if found := failed.FindStringSubmatch(string(said)); found != nil {
		return found[1] + found[2] + found[3]
	}
	return err.Error()
}

func lint(directory string) string {
	name, err := os.ReadFile(filepath.Join(directory, "changed"))
	if err != nil {
		return err.Error()
	}
	said, err := exec.Command(filepath.Join(root, ".venv/bin/cfn-lint"), filepath.Join(directory, string(name))).CombinedOutput()
	if err == nil {
		return ""
	}
	first, _, _ := strings.Cut(string(said), "\n")
	return first
}

// rehearseMutant runs the whole rehearsal and returns its first complaint.
func rehearseMutant(t *testing.T, directory string, wait time.Duration) string {
	mutant := newSubject(t, wait)
	return mutant.run(func() {
		rehearsal(deploy(mutant, rehearse.Source{Directory: directory, Binaries: codeOf(mutant, directory)}))
	})
}

// codeOf gives each function the binary that its CodeUri in these templates names.
func codeOf(t testing.TB, directory string) map[string]string {
	t.Helper()
	byCode, mapped := map[string]string{}, map[string]string{}
	for _, within := range []string{root, directory} {
		for _, file := range []string{"template.yaml", "receive.yaml"} {
			template, err := templatetest.Load(filepath.Join(within, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, logical := range template.OfType("AWS::Serverless::Function") {
				code := fmt.Sprint(template.At("Resources", logical, "Properties", "CodeUri"))
				if within == root {
					byCode[code] = binaries(t)[logical]
				} else {
					mapped[logical] = byCode[code]
				}
			}
		}
	}
	return mapped
}

func table(all []mutation, verdicts []verdict) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%-50s %s\n", "mutation", strings.Join(judges, "  "))
	caught := map[string]int{}
	for i, m := range all {
		fmt.Fprintf(&out, "%-50s", m.name)
		first := ""
		for _, judge := range judges {
			said, ran := verdicts[i][judge]
			mark := "-"
			switch {
			case said != "":
				mark = "CAUGHT"
				caught[judge]++
				if first == "" {
					first = said
				}
			case ran:
				mark = "ok"
			}
			fmt.Fprintf(&out, " %-*s", len(judge)+1, mark)
		}
		first, _, _ = strings.Cut(first, "\n")
		if len(first) > 110 {
			first = first[:110] + "…"
		}
		fmt.Fprintf(&out, "  %s\n", first)
	}
	fmt.Fprintf(&out, "%d mutations; caught by", len(all)-1)
	for _, judge := range judges {
		fmt.Fprintf(&out, " %s %d", judge, caught[judge])
	}
	return out.String() + "\n"
}
