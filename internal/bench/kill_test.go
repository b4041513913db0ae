package main

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestKilledUnderLoad(t *testing.T) {
	t.Chdir("../..")
	if _, err := look(".bin"); err != nil {
		t.Skip(err)
	}
	binary := filepath.Join(t.TempDir(), "jobhook")
	if out, err := exec.Command("go", "build", "-o", binary, "./cmd/jobhook").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := run(t.Context(), []string{"-quick", "-only", "kill", "-binary", binary}); err != nil {
		t.Error(err)
	}
}

func TestWhatAKillMayRepeat(t *testing.T) {
	tests := []struct {
		name     string
		arrivals string // k: a kill; a capital: of an event that was in flight at the last kill
		accepted string
		want     kills
		fault    string
	}{
		{"each once", "a b k c", "abc", kills{Events: 3}, ""},
		{"in flight at the kill", "a b k A b", "ab", kills{Events: 2, Repeats: 1, Stray: 1}, "1 events arrived twice"},
		{"again at the next kill", "a k A k A", "a", kills{Events: 1, Repeats: 2}, ""},
		{"twice after one kill", "a k A a", "a", kills{Events: 1, Repeats: 1, Stray: 1}, "1 events arrived twice"},
		{"in flight at a kill before the last", "a k A k a", "a", kills{Events: 1, Repeats: 1, Stray: 1}, "1 events arrived twice"},
		{"lost", "a k", "ab", kills{Events: 2, Lost: 1}, "1 of 2 accepted events have not arrived"},
		{"never accepted", "a b", "a", kills{Events: 1}, "1 arrived that were not accepted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			to := &endpoint{}
			to.expect(0)
			v, got := &victim{to: to, accepted: strings.Split(tt.accepted, "")}, kills{}
			for part := range strings.SplitSeq(tt.arrivals, "k") {
				open := map[string]struct{}{}
				for id := range strings.FieldsSeq(part) {
					if strings.ToLower(id) != id {
						open[strings.ToLower(id)] = struct{}{}
					}
				}
				to.mayRepeat(open)
				for id := range strings.FieldsSeq(part) {
					to.note(strings.ToLower(id), []byte(sentAt+`1"`), nil)
				}
				got.Repeats += to.mayRepeat(nil)
			}
			err := v.verify(t.Context(), &got)
			if got != tt.want {
				t.Errorf("counted %+v, want %+v", got, tt.want)
			}
			if text := fmt.Sprint(err); tt.fault == "" && err != nil || !strings.Contains(text, tt.fault) {
				t.Errorf("error %v, want %q", err, tt.fault)
			}
		})
	}
}
