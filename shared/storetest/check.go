package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

// must stops the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("unexpected error: %v", err)
	}
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Fatalf("%s: got error %v, want %v", what, got, want)
	}
}

func sameEvent(t testing.TB, what string, got, want webhook.Event) {
	t.Helper()
	if (got.Targets == nil) != (want.Targets == nil) {
		t.Errorf("%s: Targets %#v, want %#v: nil means not claimed", what, got.Targets, want.Targets)
	}
	if (got.Result == nil) != (want.Result == nil) || (got.Error == nil) != (want.Error == nil) {
		t.Errorf("%s: Result %q, Error %q; want %q, %q: nil means none", what, got.Result, got.Error, want.Result, want.Error)
	}
	same(t, what, got, want)
}

// same compares records field by field: times as instants, and the got ones in
// UTC; an empty slice or map equals none (sameEvent minds where it must not).
func same[T any](t testing.TB, what string, got, want T) {
	t.Helper()
	for _, difference := range differ("", reflect.ValueOf(got), reflect.ValueOf(want)) {
		t.Errorf("%s: %s", what, difference)
	}
}

func differ(path string, got, want reflect.Value) []string {
	if at, ok := reflect.TypeAssert[time.Time](got); ok {
		return differTime(path, at, want.Interface().(time.Time)) //nolint:forcetypeassert // both have one type
	}
	switch got.Kind() {
	case reflect.Struct:
		var all []string
		for i := range got.NumField() {
			all = append(all, differ(path+"."+got.Type().Field(i).Name, got.Field(i), want.Field(i))...)
		}
		return all
	case reflect.Slice:
		return differSlice(path, got, want)
	case reflect.Pointer:
		if !got.IsNil() && !want.IsNil() {
			return differ(path, got.Elem(), want.Elem())
		}
	case reflect.Map:
		if got.Len() == 0 && want.Len() == 0 {
			return nil
		}
	}
	if !reflect.DeepEqual(got.Interface(), want.Interface()) {
		return []string{describe(path, got, want)}
	}
	return nil
}

func differSlice(path string, got, want reflect.Value) []string {
	if got.Len() != want.Len() || got.Type().Elem().Kind() == reflect.Uint8 {
		if got.Len() == 0 && want.Len() == 0 || reflect.DeepEqual(got.Interface(), want.Interface()) {
			return nil
		}
		return []string{describe(path, got, want)}
	}
	var all []string
	for i := range got.Len() {
		all = append(all, differ(fmt.Sprintf("%s[%d]", path, i), got.Index(i), want.Index(i))...)
	}
	return all
}

func differTime(path string, got, want time.Time) []string {
	if !got.Equal(want) || got.IsZero() != want.IsZero() {
		return []string{path + ": got " + got.Format(time.RFC3339Nano) + ", want " + want.UTC().Format(time.RFC3339Nano)}
	}
	if got.Location() != time.UTC {
		return []string{path + ": in zone " + got.Location().String() + ", want UTC"}
	}
	return nil
}

func describe(path string, got, want reflect.Value) string {
	const most = 300
	cut := func(v reflect.Value) string {
		text := sprint(v)
		if len(text) > most {
			return text[:most] + "…"
		}
		return text
	}
	return path + ": got " + cut(got) + ", want " + cut(want)
}

func sprint(v reflect.Value) string {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		return fmt.Sprintf("%d bytes %q", v.Len(), v.Bytes())
	}
	return fmt.Sprintf("%#v", v.Interface())
}
