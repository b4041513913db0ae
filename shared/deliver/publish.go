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

// Acceptor stores an event and sends word of it to dispatch. If its MessageID
// is taken, the answer is webhook.ErrLost and the event that stands, and no
// word is sent. Any other error leaves open how much of it has happened.
type Acceptor interface {
	Accept(ctx context.Context, e webhook.Event, word queue.Message) (standing webhook.Event, err error)
}

// InSteps is the Acceptor for where the store and the queue are two services.
type InSteps struct {
	Events      Events
	Completions Queue
}

// Accept stores first: word of an event that is not there would be lost.
func (s InSteps) Accept(ctx context.Context, e webhook.Event, word queue.Message) (webhook.Event, error) {
	standing, err := s.Events.InsertEvent(ctx, e)
	if err != nil {
		return standing, fmt.Errorf("store: %w", err)
	}
	if err := s.Completions.Send(ctx, word); err != nil {
		return e, fmt.Errorf("send word: %w", err)
	}
	return e, nil
}

// Publisher accepts events through the API: durable before the answer.
type Publisher struct {
	Acceptor    Acceptor
	Completions Queue
	Token       func() string
}

// Publish stores an event and sends word of it to dispatch. duplicate says
// that the same event was there before. ErrConflict: another content was.
func (p *Publisher) Publish(ctx context.Context, ev webhook.Event) (duplicate bool, err error) {
	ev.Rev = p.Token()
	standing, err := p.Acceptor.Accept(ctx, ev, word(ev))
	switch {
	case err == nil:
		return false, nil
	case !errors.Is(err, webhook.ErrLost):
		return false, fmt.Errorf("accept %s: %w", ev.MessageID, err)
	case standing.Hash != ev.Hash:
		return false, ErrConflict
	case standing.Claimed():
		return true, nil
	}
	// Whoever stored it may have died before sending word.
	if err := p.Completions.Send(ctx, word(standing)); err != nil {
		return true, fmt.Errorf("send word of %s: %w", ev.MessageID, err)
	}
	return true, nil
}

func word(ev webhook.Event) queue.Message {
	return queue.Message{Group: ev.Account, Body: queue.Encode(queue.Accepted{
		Form: queue.AcceptedForm, MessageID: ev.MessageID, Account: ev.Account,
		EventType: ev.Type, Callback: ev.CallbackURL != "", Rev: ev.Rev,
	})}
}
