package embedded

import (
	"encoding/base64"
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// A name of free length within a key has its length before it, so that no
// account's keys can begin with another's.
func appendName(key []byte, name string) []byte {
	return append(binary.BigEndian.AppendUint16(key, uint16(len(name))), name...)
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

// workKey is where a delivery lies: beside the others of its event. The empty
// target is the event's claim.
func workKey(seq uint64, target string) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 8+len(target)), seq), target...)
}

func endpointKey(account, id string) []byte { return append(appendName(nil, account), id...) }

// logPrefix begins the keys of an endpoint's deliveries; what follows is each
// one's logPlace, oldest first.
func logPrefix(account, endpointID string) []byte {
	key := make([]byte, 0, 64+len(account)+len(endpointID))
	return appendName(appendName(key, account), endpointID)
}

// logTime is the part of a logPlace before the message id: to the nanosecond.
const logTime = 12

func appendLogPlace(key []byte, created time.Time, messageID string) []byte {
	key = binary.BigEndian.AppendUint64(key, ordered(created.Unix()))
	key = binary.BigEndian.AppendUint32(key, uint32(created.Nanosecond()))
	return append(key, messageID...)
}

// ordered maps signed numbers to unsigned ones of the same order.
func ordered(v int64) uint64 { return uint64(v) ^ 1<<63 }

func unordered(v uint64) int64 { return int64(v ^ 1<<63) }

// after is the first key that follows every key with the prefix.
func after(prefix []byte) []byte {
	next := append([]byte(nil), prefix...)
	for i := len(next) - 1; i >= 0; i-- {
		next[i]++
		if next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}

// A cursor is the place of the last one shown, behind a letter for its list.
const (
	endpointCursor = 'e'
	logCursor      = 'd'
	messageCursor  = 'm'
)

var cursorText = base64.RawURLEncoding

func encodeCursor(list byte, place []byte) string {
	return cursorText.EncodeToString(append([]byte{list}, place...))
}

// decodeCursor reads a cursor of that list; an empty one is before the first.
func decodeCursor(list byte, cursor string) (place []byte, err error) {
	if cursor == "" {
		return nil, nil
	}
	raw, err := cursorText.DecodeString(cursor)
	if err != nil || len(raw) < 2 || len(raw) > bbolt.MaxKeySize || raw[0] != list {
		return nil, webhook.ErrCursor
	}
	return raw[1:], nil
}
