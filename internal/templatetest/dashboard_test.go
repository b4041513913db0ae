package templatetest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type widget struct {
	Type                string
	X, Y, Width, Height int
	Properties          struct {
		Region, Title string
		Period        int
		Metrics       [][]any
	}
}

// The dashboard is JSON with and without receive, its widgets don't overlap, and
// what it shows there is: metrics that the log lines carry, by their dimensions,
// of resources in the template.
func TestDashboard(t *testing.T) {
	tpl := load(t)
	body := properties(tpl, "OperationsDashboard").At("DashboardBody").(map[string]any)["Fn::Sub"].([]any)
	choice := body[1].(map[string]any)["Received"].(map[string]any)["Fn::If"].([]any)
	received := choice[1].(map[string]any)["Fn::Sub"].([]any)[0].(string)
	for _, more := range []string{"", received} {
		var dashboard struct{ Widgets []widget }
		if err := json.Unmarshal([]byte(strings.Replace(body[0].(string), "${Received}", more, 1)), &dashboard); err != nil {
			t.Fatal(err)
		}
		if len(dashboard.Widgets) < 11 {
			t.Errorf("%d widgets", len(dashboard.Widgets))
		}
		covered := map[[2]int]string{}
		for _, w := range dashboard.Widgets {
			p := w.Properties
			if w.Type != "metric" || p.Region != "${AWS::Region}" || p.Title == "" || p.Period != 300 || len(p.Metrics) == 0 || w.X+w.Width > 24 {
				t.Errorf("widget %+v", w)
			}
			for x := w.X; x < w.X+w.Width; x++ {
				for y := w.Y; y < w.Y+w.Height; y++ {
					if other := covered[[2]int{x, y}]; other != "" {
						t.Fatalf("%s lies over %s", p.Title, other)
					}
					covered[[2]int{x, y}] = p.Title
				}
			}
		}
	}
	counted := telemetryNames(t)
	for _, name := range regexp.MustCompile(`\["jobhook","(\w+)","FunctionName"|MetricName=\\"(\w+)`).FindAllStringSubmatch(body[0].(string)+received, -1) {
		if !slices.Contains(counted, name[1]+name[2]) {
			t.Errorf("no line carries %s", name[1]+name[2])
		}
	}
	for _, ref := range regexp.MustCompile(`\$\{(\w+)`).FindAllStringSubmatch(body[0].(string), -1) {
		if ref[1] != "AWS" && ref[1] != "Received" && tpl.At("Resources", ref[1]) == nil {
			t.Errorf("%s is no resource", ref[1])
		}
	}
	var indexes []string
	for _, table := range tpl.OfType("AWS::DynamoDB::Table") {
		for _, index := range properties(tpl, table)["GlobalSecondaryIndexes"].([]any) {
			indexes = append(indexes, table+"/"+fmt.Sprint(index.(map[string]any)["IndexName"]))
		}
	}
	shown := regexp.MustCompile(`"\$\{(\w+)\}","GlobalSecondaryIndexName","(\w+)"`).FindAllStringSubmatch(body[0].(string), -1)
	if len(shown) == 0 {
		t.Error("no index is shown")
	}
	for _, one := range shown {
		if !slices.Contains(indexes, one[1]+"/"+one[2]) {
			t.Errorf("%s has no index %s; there are %v", one[1], one[2], indexes)
		}
	}
	for _, dimension := range []string{"reason", "outcome"} {
		if !strings.Contains(body[0].(string)+received, "{jobhook,FunctionName,"+dimension+"}") {
			t.Errorf("nothing is shown by %s", dimension)
		}
	}
}

// telemetryNames are the metrics of shared/telemetry, as its source names them.
func telemetryNames(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("../../shared/telemetry/block.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`(?:counter\(|single\(|metric\{|: )"(\w+)"`).FindAllStringSubmatch(string(source), -1) {
		names = append(names, m[1])
	}
	if len(names) < 8 {
		t.Fatalf("metrics %v", names)
	}
	return names
}

// docs/operations.md has every metric.
func TestMetricsAreDocumented(t *testing.T) {
	operations := page(t, "operations.md")
	for _, name := range telemetryNames(t) {
		if !strings.Contains(operations, "`"+name+"`") {
			t.Errorf("docs/operations.md lacks the metric %s", name)
		}
	}
}
