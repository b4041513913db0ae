package deliver

import (
	"context"
	"errors"
	"fmt"

	"github.com/jobhook/jobhook/shared/webhook"
)

// ErrConflict says that an event id was used before with another content.
var ErrConflict = errors.New("event_id: was used before with another content; the first one counts. Use a new event_id for another event")

// Acceptor stores an event and tells dispatch of it, or answers
// webhook.ErrLost, when its MessageID is taken, and tells nobody. Any other
// error leaves open how much of it has happened.
type Acceptor interface {
	Accept(ctx context.Context, e webhook.Event, m webhook.Message) error
}

// InSteps is the Acceptor for where the store and the queue are two services.
type InSteps struct {
	Store       Store
	Completions Queue
}

// Accept stores first: a message about an event that is not there would be lost.
func (s InSteps) Accept(ctx context.Context, e webhook.Event, m webhook.Message) error {
	if err := s.Store.Write(ctx, webhook.Change{Event: &e})[0]; err != nil {
		return fmt.Errorf("store: %w", err)
	}
	if err := s.Completions.Send(ctx, m)[0]; err != nil {
		return fmt.Errorf("send: %w", err)
	}
	return nil
}

// Publisher accepts events through the API: durable before the answer.
type Publisher struct {
	Acceptor    Acceptor
	Store       Store
	Completions Queue
	Token       func() string
}

// Publish stores an event and tells dispatch of it. duplicate says that the
// same event was there before. ErrConflict: another content was.
func (p *Publisher) Publish(ctx context.Context, ev webhook.Event) (duplicate bool, err error) {
	ev.Rev = p.Token()
	m := webhook.Message{Group: ev.Account, Body: webhook.Encode(webhook.AcceptedMessage{
		Form: webhook.AcceptedForm, Version: webhook.Layout, MessageID: ev.MessageID, Account: ev.Account,
	})}
	err = p.Acceptor.Accept(ctx, ev, m)
	if err == nil {
		return false, nil
	}
	if !errors.Is(err, webhook.ErrLost) {
		return false, fmt.Errorf("accept %s: %w", ev.MessageID, err)
	}
	found, err := p.Store.Events(ctx, ev.MessageID)
	switch {
	case err != nil:
		return true, fmt.Errorf("read %s: %w", ev.MessageID, err)
	case found[0] == nil:
		return false, fmt.Errorf("accept %s: it expired at this moment: publish it again", ev.MessageID)
	case found[0].Hash != ev.Hash:
		return false, ErrConflict
	case found[0].Claimed():
		return true, nil
	}
	// Whoever stored it may have died before telling dispatch.
	if err := p.Completions.Send(ctx, m)[0]; err != nil {
		return true, fmt.Errorf("send %s: %w", ev.MessageID, err)
	}
	return true, nil
}
