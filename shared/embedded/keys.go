package embedded

import (
	"encoding/binary"
	"time"
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

// listPrefix begins the keys of a list of an endpoint's deliveries. A time and
// what tells two of the same time apart follow.
func listPrefix(account, endpointID string) []byte {
	key := make([]byte, 0, 96+len(account)+len(endpointID))
	return appendName(appendName(key, account), endpointID)
}

// timeSize is what appendTime appends: the instant to the nanosecond, in order.
const timeSize = 12

func appendTime(key []byte, at time.Time) []byte {
	key = binary.BigEndian.AppendUint64(key, ordered(at.Unix()))
	return binary.BigEndian.AppendUint32(key, uint32(at.Nanosecond()))
}

// ordered maps signed numbers to unsigned ones of the same order.
func ordered(v int64) uint64 { return uint64(v) ^ 1<<63 }

func unordered(v uint64) int64 { return int64(v ^ 1<<63) }

func number(raw []byte) uint64 {
	if len(raw) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(raw)
}
