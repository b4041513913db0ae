package embedded

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"math"
)

// place is a message's place in its queue, its id, and the end of its key: by
// when it is visible, then by when it was sent.
type place struct {
	visible int64 // Unix nanoseconds
	seq     uint64
}

const (
	placeSize = 16
	never     = math.MaxInt64
)

func (p place) less(q place) bool {
	return p.visible < q.visible || p.visible == q.visible && p.seq < q.seq
}

// previous is the place right before p. Numbers start at 1, so it is of the
// same instant.
func (p place) previous() place { return place{p.visible, p.seq - 1} }

func (p place) appendTo(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, ordered(p.visible)), p.seq)
}

func (p place) key(prefix []byte) []byte {
	return p.appendTo(append(make([]byte, 0, len(prefix)+placeSize), prefix...))
}

func (p place) id() string { return hex.EncodeToString(p.appendTo(make([]byte, 0, placeSize))) }

func readPlace(b []byte) place {
	return place{unordered(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[8:])}
}

// placeIn reads the place out of a key of the queue; ok is false beyond its end.
func placeIn(key, prefix []byte) (at place, ok bool) {
	if len(key) != len(prefix)+placeSize || !bytes.HasPrefix(key, prefix) {
		return place{}, false
	}
	return readPlace(key[len(prefix):]), true
}

func parsePlace(id string) (at place, ok bool) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != placeSize {
		return place{}, false
	}
	return readPlace(raw), true
}

func queuePrefix(name string) []byte { return appendName(nil, name) }
