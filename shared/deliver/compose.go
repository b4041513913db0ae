package deliver

import (
	"fmt"
	"net/http"
	"time"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

// DefaultUserAgent is sent unless Wire says otherwise.
const DefaultUserAgent = "jobhook/1.0 (+webhooks)"

// sharpAPIUserAgent is what SharpAPI's customers know.
const sharpAPIUserAgent = "SharpAPIWebhook/1.0"

// Wire is what an operator sets about the requests themselves.
type Wire struct {
	UserAgent      string // empty: DefaultUserAgent, and SharpAPI's own for its profile
	AntiniumHeader string // name of the antinium profile's signature header; empty: X-Antinium-Signature
}

// Compose builds an attempt's request. Body and id depend on the event and on
// the delivery as it began, so that they are the same at every attempt;
// headers and secrets are the endpoint's of now, or the account's job record's.
func (w Wire) Compose(ev webhook.Event, d webhook.Delivery, e webhook.Endpoint, secrets []signing.Secret, at time.Time) (sender.Request, error) {
	body, err := payload.Body(d.Profile, payload.Content{
		Job: ev.Job, EventType: ev.Type, OccurredAt: ev.OccurredAt, Result: ev.Result, Error: ev.Error,
		CallbackURL: d.BodyURL, IncludeResult: d.IncludeResult, ResultOmitted: ev.ResultOmitted,
	})
	if err != nil {
		return sender.Request{}, fmt.Errorf("body of %s: %w", d.ID(), err)
	}
	scheme, err := w.scheme(d.Profile)
	if err != nil {
		return sender.Request{}, fmt.Errorf("sign %s: %w", d.ID(), err)
	}
	signed, err := signing.Sign(scheme, secrets, signing.Message{ID: ev.MessageID, Timestamp: at, Body: body})
	if err != nil {
		return sender.Request{}, fmt.Errorf("sign %s: %w", d.ID(), err)
	}
	header := make(http.Header, len(e.Headers)+len(signed)+2)
	values := make([]string, 0, len(e.Headers)+len(signed)+2) // of all headers, in one allocation
	set := func(name, value string) {
		values = append(values, value)
		header[http.CanonicalHeaderKey(name)] = values[len(values)-1 : len(values) : len(values)]
	}
	for name, value := range e.Headers {
		set(name, value)
	}
	set("Content-Type", "application/json")
	set("User-Agent", w.userAgent(d.Profile))
	for _, h := range signed {
		set(h.Name, h.Value)
	}
	return sender.Request{URL: d.URL, Header: header, Body: body}, nil
}

func (w Wire) userAgent(p webhook.Profile) string {
	switch {
	case w.UserAgent != "":
		return w.UserAgent
	case p == webhook.SharpAPI:
		return sharpAPIUserAgent
	}
	return DefaultUserAgent
}

func (w Wire) scheme(p webhook.Profile) (signing.Scheme, error) {
	scheme, err := signing.Lookup(string(p))
	if err == nil && p == webhook.Antinium && w.AntiniumHeader != "" {
		return scheme.WithHeader(w.AntiniumHeader)
	}
	return scheme, err
}

// Check says whether the wire's own settings are usable.
func (w Wire) Check() error {
	_, err := w.scheme(webhook.Antinium)
	return err
}
