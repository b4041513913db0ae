package embedded

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// model is what a table is to hold.
type model map[string]string

func (m model) keys() []string { return slices.Sorted(maps.Keys(m)) }

// TestTableEqualsModel: whatever is put and deleted, in overlays, frozen ones
// and the file, reading sees what a sorted map would hold, and a transaction
// sees it as it was when it began.
func TestTableEqualsModel(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // a test's
			db, err := OpenSmall(Config{Dir: t.TempDir()})
			must(t, err)
			defer func() { _ = db.Close() }()
			want := model{}
			for range 150 {
				writeRandom(t, db, random, want)
				must(t, db.view(func(early *txn) error {
					then := maps.Clone(want)
					writeRandom(t, db, random, want)
					compare(t, random, early, then)
					return nil
				}))
				must(t, db.view(func(tx *txn) error { compare(t, random, tx, want); return nil }))
			}
			if g := db.own.log.generation; g < 4 {
				t.Errorf("the log is at generation %d: too few checkpoints", g)
			}
		})
	}
}

// writeRandom changes some keys, here and in want; one write in four is refused.
func writeRandom(t *testing.T, db *DB, random *rand.Rand, want model) {
	t.Helper()
	refused := random.IntN(4) == 0
	changed := want
	if refused {
		changed = maps.Clone(want)
	}
	type one struct{ key, value []byte }
	var all []one
	for range random.IntN(12) {
		c := one{key: randomKey(random)}
		if random.IntN(3) > 0 {
			c.value = bytes.Repeat([]byte{byte(random.Int())}, random.IntN(80))
		}
		all = append(all, c)
	}
	for _, c := range all {
		if delete(changed, string(c.key)); c.value != nil {
			changed[string(c.key)] = string(c.value)
		}
	}
	err := db.write(context.Background(), &write{lazy: random.IntN(2) == 0, apply: func(tx *txn) error {
		for _, c := range all {
			if c.value == nil {
				tx.delete(notes, c.key)
			} else {
				tx.put(notes, c.key, c.value)
			}
		}
		if refused {
			tx.put(notes, nil, nil) // no such key may be
		}
		return nil
	}})
	if (err != nil) != refused {
		t.Fatalf("refused: %v, got %v", refused, err)
	}
}

func randomKey(random *rand.Rand) []byte {
	return fmt.Appendf(nil, "%03d", random.IntN(300))[:1+random.IntN(3)]
}

func compare(t *testing.T, random *rand.Rand, tx *txn, want model) {
	t.Helper()
	keys, c, i := want.keys(), tx.cursor(notes), 0
	for k, v := c.Seek(nil); k != nil; k, v = c.Next() {
		if i >= len(keys) || keys[i] != string(k) || want[keys[i]] != string(v) {
			t.Fatalf("at %d: %q=%x, want %q", i, k, v, keys[min(i, len(keys)-1):])
		}
		i++
	}
	if i != len(keys) {
		t.Fatalf("%d keys, want %d", i, len(keys))
	}
	i = len(keys)
	for k, v := c.Before([]byte{0xff}); k != nil; k, v = c.Before(k) {
		if i--; i < 0 || keys[i] != string(k) || want[keys[i]] != string(v) {
			t.Fatalf("backwards at %d: %q=%x", i, k, v)
		}
	}
	for range 5 {
		key := randomKey(random)
		i, found := slices.BinarySearch(keys, string(key))
		if k, _ := c.Seek(key); (i == len(keys)) != (k == nil) || k != nil && string(k) != keys[i] {
			t.Fatalf("Seek %q: %q", key, k)
		}
		if k, _ := c.Before(key); (i == 0) != (k == nil) || k != nil && string(k) != keys[i-1] {
			t.Fatalf("Before %q: %q", key, k)
		}
		if v := tx.get(notes, key); (v != nil) != found || string(v) != want[string(key)] {
			t.Fatalf("get %q: %q, want %q", key, v, want[string(key)])
		}
	}
}

// TestReadersSeeWholeCommits: while they are written, and checkpoints run.
func TestReadersSeeWholeCommits(t *testing.T) {
	db, err := OpenSmall(Config{Dir: t.TempDir(), Now: time.Now})
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := range 200 {
			value := fmt.Append(nil, n)
			_ = db.write(context.Background(), &write{lazy: true, apply: func(tx *txn) error {
				for key := range 20 {
					tx.put(notes, fmt.Append(nil, (n+key*7)%20), value)
				}
				return nil
			}})
		}
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		must(t, db.view(func(tx *txn) error {
			c := tx.cursor(notes)
			k, first := c.Seek(nil)
			for v := first; k != nil; k, v = c.Next() {
				if !bytes.Equal(v, first) {
					t.Errorf("%q is of commit %s, the first key of %s", k, v, first)
				}
			}
			return nil
		}))
	}
	must(t, db.Close())
}
