package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"sync"
)

// macPool keeps HMAC states keyed with one key: a Reset saves the two blocks
// that hash the key, and the allocations of a new state.
type macPool struct {
	key  []byte
	pool sync.Pool
}

func (p *macPool) get() hash.Hash {
	if h, ok := p.pool.Get().(hash.Hash); ok {
		h.Reset()
		return h
	}
	return hmac.New(sha256.New, p.key)
}

// sum appends the HMAC-SHA256 of prefix and body, in this order, to dst.
func (p *macPool) sum(dst, prefix, body []byte) []byte {
	h := p.get()
	h.Write(prefix)
	h.Write(body)
	dst = h.Sum(dst)
	p.pool.Put(h)
	return dst
}
