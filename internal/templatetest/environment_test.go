package templatetest_test

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/internal/templatetest"
	"github.com/jobhook/jobhook/shared/schedule"
	"github.com/jobhook/jobhook/shared/settings"
	"github.com/jobhook/jobhook/shared/webhook"
)

// A function is given exactly the variables that its settings read; the AWS_
// ones are the SDK's.
func TestEnvironmentIsWhatTheSettingsRead(t *testing.T) {
	tpl := load(t)
	for function, read := range map[string]reflect.Type{
		"DispatchFunction": reflect.TypeFor[settings.Dispatch](),
		"RetryFunction":    reflect.TypeFor[settings.Retry](),
	} {
		var given []string
		for name := range environment(tpl, function) {
			if !strings.HasPrefix(name, "AWS_") {
				given = append(given, name)
			}
		}
		want := variables(read)
		slices.Sort(given)
		slices.Sort(want)
		if !slices.Equal(given, want) {
			t.Errorf("%s is given\n%v\nand reads\n%v", function, given, want)
		}
	}
}

func variables(kind reflect.Type) []string {
	var names []string
	for field := range kind.Fields() {
		if field.Anonymous {
			names = append(names, variables(field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("env"), ",")
		if !strings.HasPrefix(name, "AWS_") { // those are set around the function, not by the template
			names = append(names, name)
		}
	}
	return names
}

// What the template gives by default the functions take, and so for every
// retention and profile that it offers.
func TestDefaultsLoad(t *testing.T) {
	tpl := load(t)
	offered := []map[string]string{{}}
	for _, parameter := range []string{"RetentionDays", "DefaultCallbackProfile", "LogLevel", "OversizeResult"} {
		for _, value := range tpl.At("Parameters", parameter, "AllowedValues").([]any) {
			offered = append(offered, map[string]string{parameter: fmt.Sprint(value)})
		}
	}
	for _, parameter := range []string{"SendTimeoutSeconds", "Concurrency", "MaxResultBytes"} {
		for _, bound := range []string{"MinValue", "MaxValue"} {
			offered = append(offered, map[string]string{parameter: fmt.Sprint(tpl.At("Parameters", parameter, bound))})
		}
	}
	for _, given := range offered {
		values := resolve(t, tpl, environment(tpl, "DispatchFunction"), given)
		if _, err := settings.Load[settings.Dispatch](values); err != nil {
			t.Errorf("with %v: %v", given, err)
		}
	}
}

func resolve(t *testing.T, tpl templatetest.Template, variables map[string]any, given map[string]string) map[string]string {
	t.Helper()
	parameter := func(name string) string {
		if v, ok := given[name]; ok {
			return v
		}
		if v := tpl.At("Parameters", name, "Default"); v != nil {
			return fmt.Sprint(v)
		}
		return "physical-" + name
	}
	values := make(map[string]string, len(variables))
	for name, value := range variables {
		switch v := value.(type) {
		case map[string]any:
			if found, ok := v["Fn::FindInMap"].([]any); ok {
				key := parameter(found[1].(map[string]any)["Ref"].(string))
				values[name] = fmt.Sprint(tpl.At("Mappings", found[0].(string), key, found[2].(string)))
			} else if text, ok := v["Fn::Sub"].(string); ok {
				values[name] = regexp.MustCompile(`\$\{(\w+)\}`).ReplaceAllStringFunc(text, func(s string) string { return parameter(s[2 : len(s)-1]) })
			} else {
				values[name] = parameter(v["Ref"].(string))
			}
		default:
			values[name] = fmt.Sprint(value)
		}
	}
	return values
}

// What the parameter's pattern lets through, schedule.Parse reads.
func TestSchedulePattern(t *testing.T) {
	pattern := regexp.MustCompile(load(t).At("Parameters", "Schedule", "AllowedPattern").(string))
	for text, want := range map[string]bool{
		"1m,5m,15m": true, "1m,5m,15m,1h": true, "30s": true, "1h30m": true,
		"default": true, "antinium": true, "standard": true, "3d": true, "3days": false, "standard,1m": false, "Standard": false,
		strings.Repeat("1s,", 29) + "1s": true, strings.Repeat("1s,", 30) + "1s": false,
		"": false, "1": false, "1m, 5m": false, "1m,": false, "1d": false, "1m;5m": false, "-1m": false,
	} {
		if got := pattern.MatchString(text); got != want {
			t.Errorf("pattern on %q: %v, want %v", text, got, want)
		}
		if _, err := schedule.Parse(text); want && err != nil {
			t.Errorf("the pattern lets %q through: %v", text, err)
		}
	}
}

func TestProfilesAreThose(t *testing.T) {
	var want []string
	for _, p := range webhook.Profiles() {
		want = append(want, string(p))
	}
	slices.Sort(want)
	if got := list(load(t).At("Parameters", "DefaultCallbackProfile", "AllowedValues")); !slices.Equal(got, want) {
		t.Errorf("offered %v, there are %v", got, want)
	}
}

// Every parameter has a description and a place in the console's groups.
func TestParametersAreExplained(t *testing.T) {
	for _, file := range []string{"template.yaml", "receive.yaml"} {
		tpl := loadFile(t, file)
		var grouped []string
		for _, group := range tpl.At("Metadata", "AWS::CloudFormation::Interface", "ParameterGroups").([]any) {
			grouped = append(grouped, list(group.(map[string]any)["Parameters"])...)
		}
		slices.Sort(grouped)
		if all := slices.Sorted(maps.Keys(tpl.Map("Parameters"))); !slices.Equal(all, grouped) {
			t.Errorf("%s: parameters\n%v\ngrouped\n%v", file, all, grouped)
		}
		for name := range tpl.Map("Parameters") {
			if tpl.At("Parameters", name, "Description") == nil {
				t.Errorf("%s: %s has no description", file, name)
			}
			pattern, reason := tpl.At("Parameters", name, "AllowedPattern"), tpl.At("Parameters", name, "ConstraintDescription")
			if (pattern == nil) != (reason == nil) {
				t.Errorf("%s: %s: a pattern needs a constraint description", file, name)
			}
		}
	}
}
