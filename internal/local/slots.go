package local

import (
	"context"
	"math"
	"sync"

	"github.com/jobhook/jobhook/shared/embedded"
)

// The messages in flight are bounded by what this machine can hold, not by
// Lambda's number of invocations: memory and open files. The shares are those of
// all queues, divided by their number, so that slow retries leave first attempts
// their slots.
const (
	// inFlightBytes leaves the rest of a small machine's memory to the store.
	inFlightBytes = 256 << 20
	// messageBytes is what a message in flight holds beside its body: its event,
	// the POST and its copies, a connection with its buffers, four goroutines.
	messageBytes = 64 << 10
	// filesShare is the part of the open files that messages may have: a POST has
	// one, and as many wait between POSTs for the next to the same host. The rest
	// is for the API's callers and the store.
	filesShare = 4
	// fewFiles is the limit of most systems, for one that does not tell.
	fewFiles = 1024
	// minSlots is for a machine that allows very few open files.
	minSlots = 8
)

// slots are one queue's: a message in flight has one. A group may have all of
// them: nothing is kept free while something waits. A POST cannot be taken back
// from an endpoint that hangs, so there is a spare, a quarter as many again, of
// which a group may use as much as it leaves free: a newcomer need not wait for
// the POSTs of those that came first.
type slots struct {
	count int // without the spare
	bytes int

	mu        sync.Mutex
	used      int
	usedBytes int
	freed     context.CancelFunc // of the latest room; nil when there was enough
}

// newSlots shares out what the process may have in flight among its queues.
func newSlots(queues, openFiles int) *slots {
	count := min(inFlightBytes/messageBytes, openFiles/filesShare) / queues
	return &slots{count: max(count, minSlots), bytes: inFlightBytes / queues}
}

// most is how many messages can be in flight, the spare included.
func (s *slots) most() int { return s.count + s.count/4 }

// room says how many messages may be received now, how many their groups must
// have fewer than in flight, and until when that counts: until ends with ctx, or
// when a slot is freed that would make it more. A message's size is known only
// when it is received; until then it counts as much as the average in flight.
func (s *slots) room(ctx context.Context) (room, below int, until context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.freed != nil {
		s.freed()
		s.freed = nil
	}
	average := messageBytes
	if s.used > 0 {
		average = s.usedBytes / s.used
	}
	if free := min(s.count-s.used, (s.bytes-s.usedBytes)/average); free > 0 {
		return free, math.MaxInt, ctx
	}
	until, s.freed = context.WithCancel(ctx)
	spare := min(s.most()-s.used, (s.bytes+s.bytes/4-s.usedBytes)/average)
	if spare <= 0 {
		return 0, 0, until
	}
	return 1, spare, until
}

// size is what a message in flight holds of memory. A result is there twice: in
// its event and in the POST. Of a retry it is not known.
func size(m embedded.Received) int { return messageBytes + len(m.Body) + 2*m.Result }

func (s *slots) take(m embedded.Received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used++
	s.usedBytes += size(m)
}

func (s *slots) release(m embedded.Received) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.used--
	s.usedBytes -= size(m)
	if s.freed != nil {
		s.freed()
		s.freed = nil
	}
}
