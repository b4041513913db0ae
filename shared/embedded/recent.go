package embedded

import "time"

// recent is what the writer knows of the events that it wrote last: their claims
// and deliveries follow soon, and need not look them up. The writer makes all
// changes, so what it knows is so; a change that is taken back makes it forget
// everything.
type recent struct{ young, old map[string]*known }

// known is an event that is there.
type known struct {
	seq     uint64
	rev     string
	expires time.Time
}

// maxRecent is how many the younger half holds; when it is full, the older half
// is forgotten. Each takes about 200 bytes.
const maxRecent = 4096

func (r *recent) find(messageID string) *known {
	if k := r.young[messageID]; k != nil {
		return k
	}
	return r.old[messageID]
}

func (r *recent) note(messageID string, k known) {
	if r.young == nil || len(r.young) >= maxRecent {
		r.young, r.old = make(map[string]*known), r.young
	}
	r.young[messageID] = &k
}

func (r *recent) forget(messageID string) {
	delete(r.young, messageID)
	delete(r.old, messageID)
}
