package embedded

import (
	"bytes"
	"math/bits"
	"math/rand/v2"
	"sync/atomic"
)

// overlay is what has been written since the file's last checkpoint: for each
// table an ordered map whose values have versions. One writes at a time, any
// number read meanwhile, without locks: a reader sees the versions up to the
// commit that was the last when it began. Nothing leaves it; it is given up as
// a whole once the file has it.
type overlay struct {
	lists [tables]skipList
	size  int // about what it takes in memory; the writer's own

	// Once it is frozen: the log that holds it, and the tables' sequences.
	generation uint64
	sequence   [tables]uint64
	// unlogged: the log may not have all of it, so it goes into the file as a
	// whole or not at all.
	unlogged bool
}

// entrySize is about what a version takes beside its key and value.
const entrySize = 160

func newOverlay() *overlay {
	o := &overlay{}
	for i := range o.lists {
		l := &o.lists[i]
		l.head.next = make([]atomic.Pointer[entry], maxHeight)
		l.height.Store(1)
		for level := range l.last {
			l.last[level] = &l.head
		}
	}
	return o
}

// maxHeight serves millions of entries: a level has a quarter of those below it.
const maxHeight = 10

type skipList struct {
	head   entry
	height atomic.Int32
	last   [maxHeight]*entry // the last of each level: most keys come in order
}

type entry struct {
	key    []byte
	newest atomic.Pointer[version] // nil when its only write was undone
	first  version                 // most have only one
	next   []atomic.Pointer[entry] // by level
}

type version struct {
	commit uint64
	value  []byte // nil: deleted
	older  *version
}

// at is the version that a reader of that commit sees, or nil.
func (e *entry) at(commit uint64) *version {
	v := e.newest.Load()
	for v != nil && v.commit > commit {
		v = v.older
	}
	return v
}

// change is one version that the writer has added.
type change struct {
	table   table
	entry   *entry
	version *version
}

func (c change) size() int { return entrySize + len(c.entry.key) + len(c.version.value) }

// put adds a version; a nil value is a deletion. Key and value are kept.
func (o *overlay) put(b table, key, value []byte, commit uint64) change {
	c := change{table: b, entry: o.lists[b].insert(key)}
	if c.version = &c.entry.first; c.version.commit != 0 {
		c.version = &version{}
	}
	*c.version = version{commit: commit, value: value, older: c.entry.newest.Load()}
	c.entry.newest.Store(c.version)
	o.size += c.size()
	return c
}

// undo takes back the latest change, which no reader sees yet. Its memory may
// still be in a reader's hands: it is not written to again.
func (o *overlay) undo(c change) {
	c.entry.newest.Store(c.version.older)
	o.size -= c.size()
}

// seek finds the first entry at or after key; before gets the last entry before
// it on each level.
func (l *skipList) seek(key []byte, before *[maxHeight]*entry) *entry {
	at := &l.head
	var next, passed *entry
	for level := int(l.height.Load()) - 1; level >= 0; level-- {
		for {
			next = at.next[level].Load()
			if next == nil || next == passed || bytes.Compare(next.key, key) >= 0 {
				break
			}
			at = next
		}
		passed = next // known to lie at or after key
		before[level] = at
	}
	return next
}

// insert finds the entry of a key or makes it.
func (l *skipList) insert(key []byte) *entry {
	before := l.last
	if end := l.last[0]; end != &l.head && bytes.Compare(key, end.key) <= 0 {
		if found := l.seek(key, &before); found != nil && bytes.Equal(found.key, key) {
			return found
		}
	}
	height := min(bits.TrailingZeros64(rand.Uint64())/2+1, maxHeight) //nolint:gosec // no secret
	added := &entry{key: key, next: make([]atomic.Pointer[entry], height)}
	for level := range height {
		next := before[level].next[level].Load()
		added.next[level].Store(next)
		if next == nil {
			l.last[level] = added
		}
	}
	for level := range height {
		before[level].next[level].Store(added)
	}
	if height > int(l.height.Load()) {
		l.height.Store(int32(height))
	}
	return added
}

// from is the first entry at or after key that a reader of that commit sees,
// deleted or not.
func (l *skipList) from(key []byte, commit uint64) *entry {
	var before [maxHeight]*entry
	return seen(l.seek(key, &before), commit)
}

// before is the last such entry before key.
func (l *skipList) before(key []byte, commit uint64) *entry {
	for {
		var before [maxHeight]*entry
		l.seek(key, &before)
		found := before[0]
		if found == &l.head {
			return nil
		}
		if found.at(commit) != nil {
			return found
		}
		key = found.key
	}
}

// get is the version of a key that a reader of that commit sees, or nil.
func (l *skipList) get(key []byte, commit uint64) *version {
	var before [maxHeight]*entry
	if e := l.seek(key, &before); e != nil && bytes.Equal(e.key, key) {
		return e.at(commit)
	}
	return nil
}

// seen is e, or the first one after it that a reader of that commit sees.
func seen(e *entry, commit uint64) *entry {
	for e != nil && e.at(commit) == nil {
		e = e.next[0].Load()
	}
	return e
}
