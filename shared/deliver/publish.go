package deliver

import (
	"context"
	"errors"
	"fmt"

	"github.com/jobhook/jobhook/shared/queue"
	"github.com/jobhook/jobhook/shared/webhook"
)

// ErrConflict says that an event id was used before with another content.
var ErrConflict = errors.New(conflictReason)

// Publisher accepts events through the API: durable before the answer.
type Publisher struct {
	Events      Events
	Completions Queue
	Token       func() string
}

// Publish stores an event and sends word of it to dispatch. duplicate says
// that the same event was there before. ErrConflict: another content was.
func (p *Publisher) Publish(ctx context.Context, ev webhook.Event) (duplicate bool, err error) {
	ev.Rev = p.Token()
	standing, err := p.Events.InsertEvent(ctx, ev)
	switch {
	case err == nil:
		return false, p.send(ctx, ev)
	case !errors.Is(err, webhook.ErrLost):
		return false, fmt.Errorf("accept %s: %w", ev.MessageID, err)
	case standing.Hash != ev.Hash:
		return false, ErrConflict
	case !standing.Claimed():
		// Whoever stored it may have died before sending word.
		return true, p.send(ctx, standing)
	}
	return true, nil
}

func (p *Publisher) send(ctx context.Context, ev webhook.Event) error {
	body := queue.Encode(queue.Accepted{
		Form: queue.AcceptedForm, MessageID: ev.MessageID, Account: ev.Account,
		EventType: ev.Type, Callback: ev.CallbackURL != "", Rev: ev.Rev,
	})
	if err := p.Completions.Send(ctx, queue.Message{Body: body, Group: ev.Account}); err != nil {
		return fmt.Errorf("send word of %s: %w", ev.MessageID, err)
	}
	return nil
}
