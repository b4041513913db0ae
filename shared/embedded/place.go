package embedded

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// groupID stands for a group's name in keys: the beginning of its SHA-256.
// Groups of one id would share their turns, and nothing else.
type groupID [8]byte

// place is a message's place in its queue, its id, and the end of its key: its
// group, by when it is visible, in Unix nanoseconds, then the number it was
// sent with. So a seek finds a group's oldest message.
type place [24]byte

// nowhere is behind all places.
var nowhere = place(bytes.Repeat([]byte{0xff}, len(place{})))

func newPlace(group string, visible time.Time, seq uint64) (p place) {
	sum := sha256.Sum256([]byte(group))
	copy(p[:8], sum[:])
	binary.BigEndian.PutUint64(p[8:], ordered(visible.UnixNano()))
	binary.BigEndian.PutUint64(p[16:], seq)
	return p
}

func (p place) group() groupID { return groupID(p[:8]) }

func (p place) seq() uint64 { return binary.BigEndian.Uint64(p[16:]) }

// visible of nowhere is never.
func (p place) visible() int64 { return int64(ordered(int64(binary.BigEndian.Uint64(p[8:])))) }

func (p place) less(q place) bool { return bytes.Compare(p[:], q[:]) < 0 }

// before compares messages of any groups: by when they are visible.
func (p place) before(q place) bool { return bytes.Compare(p[8:], q[8:]) < 0 }

// in is the same place in another group.
func (p place) in(g groupID) place {
	copy(p[:8], g[:])
	return p
}

func (p place) key(prefix []byte) []byte {
	return append(append(make([]byte, 0, len(prefix)+len(p)), prefix...), p[:]...)
}

func (p place) id() string { return hex.EncodeToString(p[:]) }

// placeIn reads the place out of a key of the queue; ok is false beyond its end.
func placeIn(key, prefix []byte) (at place, ok bool) {
	if len(key) != len(prefix)+len(at) || !bytes.HasPrefix(key, prefix) {
		return place{}, false
	}
	return place(key[len(prefix):]), true
}

func parsePlace(id string) (at place, ok bool) {
	raw, err := hex.DecodeString(id)
	at, ok = placeIn(raw, nil)
	return at, ok && err == nil
}
