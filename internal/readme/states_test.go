package readme_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/webhook"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// moves lists every way from one state to another: what an attempt may mean,
// with and without another to come, and what else may become of a claimed
// delivery.
func moves() []string {
	var found []string
	seen := map[string]bool{}
	note := func(from webhook.Status, c webhook.Change) {
		if move := fmt.Sprintf("%s to %s", from, c.Delivery.Status); !seen[move] {
			seen[move] = true
			found = append(found, move)
		}
	}
	for _, from := range webhook.Statuses() {
		d := webhook.Delivery{Status: from}
		if !d.Open() {
			continue // nothing is claimed of it any more
		}
		for _, code := range []int{200, 410, 500} {
			for _, next := range []time.Time{{}, now} {
				note(from, d.Take().Settle(webhook.Attempt{Number: 1, StatusCode: code}, next, "r"))
			}
		}
		note(from, d.Take().Hold(now, "r"))
		note(from, d.Take().Cancel("r"))
		note(from, d.Take().Fail(webhook.ReasonSecretUnreadable, now, "r"))
		note(from, d.Take().Postpone(webhook.ReasonSecretUnreadable, now, now, "r"))
	}
	return found
}

func TestStatesTable(t *testing.T) {
	var got []string
	for _, row := range table(t, page(t, "docs/states.md"), "| from |") {
		for _, from := range codes(row[0]) {
			got = append(got, from+" to "+codes(row[1])[0])
		}
	}
	same(t, "the table of states", got, moves())
}

var arrow = regexp.MustCompile(`(?m)^    (\w+) --> (\w+)`)

func TestStatesDiagram(t *testing.T) {
	drawing, _, _ := strings.Cut(page(t, "docs/states.md"), "| from |")
	var got []string
	for _, m := range arrow.FindAllStringSubmatch(drawing, -1) {
		got = append(got, m[1]+" to "+m[2])
	}
	same(t, "the diagram of states", got, moves())
	for _, end := range []webhook.Status{webhook.Delivered, webhook.Failed, webhook.Canceled} {
		if !strings.Contains(drawing, fmt.Sprintf("    %s --> [*]\n", end)) {
			t.Errorf("the diagram does not show %s as an end", end)
		}
	}
}

// Every status from 100 to 599 means what the most particular row says.
func TestAnswersTable(t *testing.T) {
	meaning := map[string]string{}
	for _, row := range table(t, page(t, "docs/states.md"), "| answer |") {
		meaning[row[0]] = row[1]
	}
	begins := map[webhook.Verdict]string{
		webhook.Success: "delivered", webhook.Dead: "failed at once", webhook.Retry: "a failed attempt", webhook.Refused: "failed at once",
	}
	check := func(row string, a webhook.Attempt) {
		if !strings.HasPrefix(meaning[row], begins[webhook.Judge(a)]) {
			t.Errorf("%+v means %s; the row %q says %q", a, webhook.Judge(a), row, meaning[row])
		}
	}
	for code := 100; code <= 599; code++ {
		row := "any other status"
		if meaning[strconv.Itoa(code)] != "" {
			row = strconv.Itoa(code)
		} else if meaning[fmt.Sprintf("%dxx", code/100)] != "" {
			row = fmt.Sprintf("%dxx", code/100)
		}
		check(row, webhook.Attempt{StatusCode: code})
	}
	check("no answer", webhook.Attempt{Reason: "timeout"})
	check("never sent", webhook.Attempt{Reason: "address_not_public"})
}

// reasons reads the names that shared/webhook gives.
func reasons(t *testing.T) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), top+"shared/webhook/reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			name, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, name)
		}
		return true
	})
	return found
}

func TestReasonsTable(t *testing.T) {
	want := reasons(t)
	var got []string
	for _, row := range table(t, page(t, "docs/states.md"), "| `reason` |") {
		reason := codes(row[0])[0]
		got = append(got, reason)
		then := map[webhook.Verdict]string{webhook.Retry: "retried", webhook.Refused: "final"}[webhook.Judge(webhook.Attempt{Reason: webhook.Reason(reason)})]
		switch webhook.Reason(reason) {
		case webhook.ReasonEndpointRemoved, webhook.ReasonEndpointDisabled:
			then = ""
		case webhook.ReasonSecretUnreadable, webhook.ReasonInternal, webhook.ReasonEndpointSlow, webhook.ReasonEndpointPaused:
			then = "no attempt was made"
		}
		if before, _, _ := strings.Cut(row[2], ";"); before != then {
			t.Errorf("%s: the docs say %q, the code %q", reason, row[2], then)
		}
	}
	same(t, "the table of reasons", got, want)
}

func TestScheduleTable(t *testing.T) {
	var want [][]string
	for n := range 5 {
		want = append(want, []string{strconv.Itoa(n + 1)})
	}
	for _, list := range []string{schedule.Default, "1m,5m,15m,1h"} {
		s, err := schedule.Parse(list)
		if err != nil {
			t.Fatal(err)
		}
		for _, chance := range []float64{0, 1} {
			at := now
			for n := range want {
				cell := ""
				if !at.IsZero() {
					cell = at.Sub(now).String()
					at = s.After(n+1, at, 0, chance)
				}
				want[n] = append(want[n], cell)
			}
		}
	}
	if got := table(t, page(t, "docs/states.md"), "| attempt | `1m,5m,15m`"); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the docs' schedule is\n%v\nwant\n%v", got, want)
	}
}
