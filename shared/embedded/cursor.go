package embedded

import (
	"bytes"

	"go.etcd.io/bbolt"
)

// cursor walks a table as its transaction sees it: the overlays over the file.
// What its own transaction writes ahead of it while it walks it may miss.
type cursor struct {
	t      *txn
	b      table
	layers [2]*entry // next of each overlay, the newer one's first
	file   *bbolt.Cursor
	key    []byte // the file's next
	value  []byte
	now    []byte // the key it is at
}

func (t *txn) cursor(b table) *cursor {
	c := &cursor{t: t, b: b}
	if bucket := t.bucket(b); bucket != nil {
		c.file = bucket.Cursor()
	}
	return c
}

// Seek moves to the first key at or after key; nil: there is none. What it
// returns holds as long as the transaction.
func (c *cursor) Seek(key []byte) (k, v []byte) {
	for i, o := range c.t.overlays {
		if o != nil {
			c.layers[i] = o.lists[c.b].from(key, c.t.commit)
		}
	}
	if c.file != nil {
		c.key, c.value = c.file.Seek(key)
	}
	return c.settle()
}

// Next moves on from where Seek or Next has moved to.
func (c *cursor) Next() (k, v []byte) {
	c.pass()
	return c.settle()
}

// pass moves every layer beyond the key that the cursor is at.
func (c *cursor) pass() {
	for i, e := range c.layers {
		if e != nil && bytes.Equal(e.key, c.now) {
			c.layers[i] = seen(e.next[0].Load(), c.t.commit)
		}
	}
	if c.key != nil && bytes.Equal(c.key, c.now) {
		c.key, c.value = c.file.Next()
	}
}

// settle finds the lowest key of all layers that is not deleted. No key is
// empty, so that nil is none.
func (c *cursor) settle() (k, v []byte) {
	for {
		k, v = nil, nil
		for _, e := range c.layers {
			if e != nil && (k == nil || bytes.Compare(e.key, k) < 0) {
				k, v = e.key, e.at(c.t.commit).value
			}
		}
		if c.key != nil && (k == nil || bytes.Compare(c.key, k) < 0) {
			k, v = c.key, c.value
		}
		if c.now = k; k == nil || v != nil {
			return k, v
		}
		c.pass()
	}
}

// Before finds the last key before key. Next does not go on from there.
func (c *cursor) Before(key []byte) (k, v []byte) {
	for {
		k, v = nil, nil
		for _, o := range c.t.overlays {
			if o == nil {
				continue
			}
			if e := o.lists[c.b].before(key, c.t.commit); e != nil && bytes.Compare(e.key, k) > 0 {
				k, v = e.key, e.at(c.t.commit).value
			}
		}
		found, value := c.file.Seek(key)
		if found == nil {
			found, value = c.file.Last()
		}
		if bytes.Compare(found, key) >= 0 {
			found, value = c.file.Prev()
		}
		if bytes.Compare(found, k) > 0 {
			k, v = found, value
		}
		if k == nil || v != nil {
			return k, v
		}
		key = k
	}
}
