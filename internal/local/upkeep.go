package local

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// upkeepEvery is how often what has expired is removed: little at a time.
	upkeepEvery = time.Minute
	// letterAge is how long SQS keeps a message at most, in template.yaml too.
	letterAge = 14 * 24 * time.Hour
	// upkeepStep bounds the messages that are looked at at once.
	upkeepStep = 100
)

// upkeep removes what has expired, now and every minute.
func (r *Runner) upkeep(ctx context.Context) {
	ticks := time.NewTicker(upkeepEvery)
	defer ticks.Stop()
	for {
		now := time.Now()
		_, err := r.db.Sweep(ctx, now)
		for _, q := range r.aging {
			err = errors.Join(err, dropOld(ctx, q, now.Add(-letterAge)))
		}
		if err != nil && ctx.Err() == nil {
			r.options.Log.Error("sweep.failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
	}
}

// dropOld removes messages that were sent before a time, oldest first.
func dropOld(ctx context.Context, q *embedded.Queue, before time.Time) error {
	for {
		list, _, err := q.List(ctx, upkeepStep, "")
		if err != nil {
			return err
		}
		var old []string
		for _, m := range list {
			if m.SentAt.Before(before) {
				old = append(old, m.ID)
			}
		}
		if err := q.Delete(ctx, old...); err != nil || len(old) < upkeepStep {
			return err
		}
	}
}

// redrive puts the dead letters back on their queue: they died of internal
// errors, and whoever starts the runner again wants to know whether those are gone.
func redrive(ctx context.Context, dead, to *embedded.Queue) (moved int, err error) {
	for {
		letters, err := dead.Receive(ctx, upkeepStep)
		if err != nil || len(letters) == 0 {
			return moved, err
		}
		for _, m := range letters {
			// A crash in between sends it twice, which is harmless.
			if err := to.Send(ctx, webhook.Message{Body: m.Body, Group: m.Group})[0]; err != nil {
				return moved, fmt.Errorf("redrive %s: %w", m.ID, err)
			}
			if err := dead.Delete(ctx, m.ID); err != nil {
				return moved, fmt.Errorf("redrive %s: %w", m.ID, err)
			}
			moved++
		}
	}
}
