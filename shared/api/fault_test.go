package api_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/webhook"
)

var errBroken = errors.New("table jobhook-prod-endpoints is throttled")

type broken struct{}

func (broken) Events(context.Context, ...string) ([]*webhook.Event, error) { return nil, errBroken }

func (broken) JobEvents(context.Context, string, string) ([]webhook.Event, error) {
	return nil, errBroken
}

func (broken) Deliveries(context.Context, ...webhook.DeliveryKey) ([]*webhook.Delivery, error) {
	return nil, errBroken
}

func (broken) AccountEndpoints(context.Context, string) ([]webhook.Endpoint, error) {
	return nil, errBroken
}

func (broken) Endpoint(context.Context, string, string) (webhook.Endpoint, error) {
	return webhook.Endpoint{}, errBroken
}

func (broken) ListEndpoints(context.Context, string, int, string) ([]webhook.Endpoint, string, error) {
	return nil, "", errBroken
}
func (broken) InsertEndpoint(context.Context, webhook.Endpoint) error          { return errBroken }
func (broken) ReplaceEndpoint(context.Context, string, webhook.Endpoint) error { return errBroken }
func (broken) Publish(context.Context, webhook.Event) (bool, error)            { return false, errBroken }

func (broken) RemoveEndpoint(context.Context, string, string, time.Time, time.Time) error {
	return errBroken
}

func (broken) EndpointDeliveries(context.Context, webhook.LogQuery) ([]webhook.Delivery, string, error) {
	return nil, "", errBroken
}

// TestFaults: an internal error is a 500 that tells nothing but where the log has it.
func TestFaults(t *testing.T) {
	f := serve(t, func(d *deps) { d.Store, d.Publisher = broken{}, broken{} })
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/accounts/acme/events", `{"id":"1","status":"s","type":"t","result":"payload-text"}`},
		{"GET", "/v1/accounts/acme/events/x?job=y", ""},
		{"GET", "/v1/accounts/acme/jobs/x", ""},
		{"GET", "/v1/accounts/acme/deliveries/" + webhook.MessageID("acme", "j", "e") + ".job", ""},
		{"GET", "/v1/accounts/acme/endpoints", ""},
		{"POST", "/v1/accounts/acme/endpoints", `{"url":"https://example.com/?token=query-text"}`},
		{"GET", "/v1/accounts/acme/endpoints/ep_a", ""},
		{"PATCH", "/v1/accounts/acme/endpoints/ep_a", `{"enabled":true}`},
		{"DELETE", "/v1/accounts/acme/endpoints/ep_a", ""},
		{"GET", "/v1/accounts/acme/endpoints/job", ""},
		{"PATCH", "/v1/accounts/acme/endpoints/job", `{"secret":"secret-text-secret-text","profile":"unitary"}`},
		{"GET", "/v1/accounts/acme/endpoints/ep_a/deliveries", ""},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			a := f.do(c.method, c.path, c.body)
			id, ok := strings.CutPrefix(text(a.problem(500, "")["instance"]), "urn:jobhook:fault:")
			if !ok || id == "" || strings.Contains(string(a.body), "jobhook-prod") {
				t.Errorf("answer %s", a.body)
			}
			if log := f.log.String(); !strings.Contains(log, id) || !strings.Contains(log, errBroken.Error()) {
				t.Errorf("the log does not say why: %s", log)
			}
		})
	}
	if log := f.log.String(); strings.Contains(log, "payload-text") || strings.Contains(log, "query-text") || strings.Contains(log, "secret-text") {
		t.Errorf("the log quotes a request: %s", log)
	}
}

// TestSealFault: a secret that cannot be sealed is shown to nobody.
func TestSealFault(t *testing.T) {
	f := serve(t, func(d *deps) {
		d.Seal = func(string, string, string, time.Time) (webhook.SealedSecret, error) {
			return webhook.SealedSecret{}, errBroken
		}
		d.Open = func(string, string, webhook.SealedSecret) (string, error) { return "", errBroken }
	})
	a := f.do("POST", "/v1/accounts/acme/endpoints", `{"url":"https://example.com/"}`)
	a.problem(500, "")
	if strings.Contains(string(a.body), "whsec_") || len(f.stored("acme")) != 0 {
		t.Errorf("answer %s, stored %d", a.body, len(f.stored("acme")))
	}
	e := webhook.Endpoint{ID: "ep_a", Account: "acme", Profile: "standard", Secrets: []webhook.SealedSecret{{Sealed: "v1.x.y"}}, Rev: "r"}
	must(t, f.db.InsertEndpoint(t.Context(), e))
	f.do("PATCH", "/v1/accounts/acme/endpoints/ep_a", `{"profile":"unitary"}`).problem(500, "")
	f.do("PATCH", "/v1/accounts/acme/endpoints/job", `{"profile":"unitary","secret":"secret-text-secret-text"}`).problem(500, "")
	f.do("PATCH", "/v1/accounts/acme/endpoints/ep_a", `{"description":"needs no secret"}`).is(200)
}

// TestPublishOutlivesClient: a client that disconnects does not stop a publish half-way.
func TestPublishOutlivesClient(t *testing.T) {
	var seen error
	f := serve(t, func(d *deps) {
		d.Publisher = publisher(func(ctx context.Context) { seen = ctx.Err() })
	})
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	f.direct(ctx, "POST", "/v1/accounts/acme/events", completion)
	if seen != nil {
		t.Errorf("the publish sees %v", seen)
	}
}

type publisher func(context.Context)

func (p publisher) Publish(ctx context.Context, _ webhook.Event) (bool, error) {
	p(ctx)
	return false, nil
}
