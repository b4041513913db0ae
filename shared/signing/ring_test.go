package signing_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/signing"
)

func reveal(keys []signing.Secret) string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.Reveal()
	}
	return strings.Join(texts, " ")
}

// Two rotations with an overlap of a day, the second before the first has ended.
func TestRotation(t *testing.T) {
	keys := secrets(t, "first", "second", "third")
	ring := signing.Ring{}.Rotate(keys[0], at, 0)
	ring = ring.Rotate(keys[1], at, 24*time.Hour)
	ring = ring.Rotate(keys[2], at.Add(time.Hour), 24*time.Hour)
	for _, test := range []struct {
		after time.Duration
		want  string
	}{
		{time.Hour, "third second first"},
		{24*time.Hour - 1, "third second first"},
		{24 * time.Hour, "third second"},
		{25*time.Hour - 1, "third second"},
		{25 * time.Hour, "third"},
		{1000 * time.Hour, "third"},
	} {
		if got := reveal(ring.At(at.Add(test.after))); got != test.want {
			t.Errorf("after %s: %q, want %q", test.after, got, test.want)
		}
	}
}

func TestRotateEndsAndDrops(t *testing.T) {
	old := signing.Ring{}.Rotate(secrets(t, "old")[0], at, 0)
	now := old.Rotate(secrets(t, "new")[0], at, 0)
	if got := reveal(now.At(at)); got != "new" || len(now) != 1 {
		t.Errorf("an overlap of 0 keeps %q, %d stored", got, len(now))
	}
	if got := reveal(old.At(at)); got != "old" {
		t.Errorf("Rotate changed its receiver: %q", got)
	}
	ring := signing.Ring{}
	for i := range 12 {
		ring = ring.Rotate(secrets(t, strconv.Itoa(i))[0], at, time.Hour)
	}
	if got := reveal(ring.At(at)); got != "11 10 9 8 7 6 5 4" {
		t.Errorf("after 12 rotations: %q", got)
	}
}
