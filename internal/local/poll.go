package local

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/sqsbatch"
)

const (
	// invocationTimeout is the functions' timeout in template.yaml.
	invocationTimeout = 60 * time.Second
	// visibility is longer than an invocation and its lease.
	visibility = 75 * time.Second
	// maxReceives is the template's maxReceiveCount.
	maxReceives = 100
	// receiveMax is how many messages a receive asks for, which costs one look
	// at the queue.
	receiveMax = 10
)

// poller does what Lambda's event source mapping does: it takes messages off a
// queue, hands each to what a function does, and deletes those that it does not
// give back. A message is an invocation of its own, so that its slot is free as
// soon as its own POST has ended.
type poller struct {
	name   string // of the queue
	queue  *embedded.Queue
	slots  *slots
	worker sqsbatch.Worker
	idle   atomic.Int32 // goroutines without a message
}

// maxIdle is how many goroutines are kept for the next messages: their stacks
// have grown already, which costs a new one a tenth of a delivery.
const maxIdle = 256

// run polls until ctx ends and then waits for the invocations under way, which
// go on under their own deadline.
func (p *poller) run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	idle := make(chan embedded.Received)
	defer close(idle)
	for ctx.Err() == nil {
		room, below, until := p.slots.room(ctx)
		if room == 0 {
			<-until.Done()
			continue
		}
		messages, err := p.queue.ReceiveBelow(ctx, min(room, receiveMax), below)
		for _, m := range messages {
			p.slots.take(m)
			select {
			case idle <- m:
			default:
				running.Go(func() { p.work(context.WithoutCancel(ctx), m, idle) })
			}
		}
		if err != nil && ctx.Err() == nil {
			p.worker.Log.Error("queue.receive_failed", "queue", p.name, "error", err)
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
		if len(messages) == 0 {
			_ = p.queue.WaitBelow(until, below) // its only error is that until has ended
		}
	}
}

// work is an invocation for a message and then for others, while there are
// few enough that wait for one.
func (p *poller) work(ctx context.Context, m embedded.Received, next <-chan embedded.Received) {
	for ok := true; ok; {
		p.invoke(ctx, m)
		p.slots.release(m)
		if p.idle.Add(1) > maxIdle {
			ok = false
		} else {
			m, ok = <-next
		}
		p.idle.Add(-1)
	}
}

func (p *poller) invoke(ctx context.Context, m embedded.Received) {
	ctx, cancel := context.WithTimeout(ctx, invocationTimeout)
	defer cancel()
	received := sqsbatch.Received{
		Message: deliver.Message{ID: m.ID, Body: m.Body, Group: m.Group, Event: m.Event}, Receipt: m.ID, Receives: m.Receives,
	}
	if len(p.worker.Process(ctx, p.queue, received)) > 0 {
		if m.Receives >= maxReceives {
			p.worker.Log.Error("message.given_up", "queue", p.name, "queue_message_id", m.ID, "receives", m.Receives)
		}
		return
	}
	if err := p.queue.Delete(ctx, m.ID); err != nil {
		p.worker.Log.Error("message.not_deleted", "queue", p.name, "queue_message_id", m.ID, "error", err)
	}
}
