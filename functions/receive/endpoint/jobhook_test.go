package endpoint_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/sender"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	newSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	oldSecret = "whsec_b2xkLW9sZC1vbGQtb2xkLW9sZC1vbGQtb2xk"
)

// jobhook → receive over HTTP: composed, signed and posted by the parts that
// deliver, received by the handler that Lambda runs.
func TestJobhookToReceiveInEveryProfile(t *testing.T) {
	config := `{"sources":{`
	for i, p := range webhook.Profiles() {
		if i > 0 {
			config += ","
		}
		config += `"` + string(p) + `":{"scheme":"` + string(p) + `","secrets":["` + newSecret + `","` + oldSecret + `"]}`
	}
	function, q := receive(config+`}}`, time.Now)
	url := serve(t, function)
	post := sender.New(sender.Config{AllowLoopback: true})
	defer post.CloseIdle()
	for _, profile := range webhook.Profiles() {
		for name, secrets := range map[string][]string{"one secret": {newSecret}, "in a rotation": {newSecret, oldSecret}, "the old one yet": {oldSecret}} {
			t.Run(string(profile)+"/"+name, func(t *testing.T) {
				event := finished(string(profile) + name)
				endpoint := webhook.Endpoint{ID: "ep_a", URL: url + "/" + string(profile), Profile: profile, IncludeResult: true}
				delivery := webhook.Begin(event, endpoint.ID, endpoint).Delivery
				for attempt, want := range []string{`{"duplicate":false}`, `{"duplicate":true}`} {
					request, err := deliver.Wire{}.Compose(event, delivery, endpoint, parse(t, secrets), time.Now().Add(time.Duration(attempt)*time.Minute))
					if err != nil {
						t.Fatal(err)
					}
					answer, err := post.Send(t.Context(), request)
					if err != nil || answer.StatusCode != 200 || answer.Response != want {
						t.Fatalf("attempt %d: %+v, %v; want 200 %s", attempt+1, answer, err, want)
					}
					if e := q.last(t); e.Source != string(profile) || *e.Body != string(request.Body) || e.Headers["webhook-id"] != event.MessageID {
						t.Errorf("queued %+v, want the body %s", e, request.Body)
					}
					request.Body = append(request.Body, ' ')
					if answer, err = post.Send(t.Context(), request); err != nil || answer.StatusCode != 401 {
						t.Errorf("tampered: %+v, %v; want 401", answer, err)
					}
				}
			})
		}
	}
}

func finished(id string) webhook.Event {
	return webhook.Event{
		MessageID: webhook.MessageID("acme", id, id), EventID: id, Type: "content_translate.success", Account: "acme",
		Job:        webhook.Job{ID: id, Status: "success", Type: "content_translate"},
		OccurredAt: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), Result: json.RawMessage(`{"text":"Grüße <b>🎉</b>"}`),
	}
}

func parse(t *testing.T, texts []string) []signing.Secret {
	t.Helper()
	secrets := make([]signing.Secret, len(texts))
	for i, text := range texts {
		var err error
		if secrets[i], err = signing.ParseSecret(text); err != nil {
			t.Fatal(err)
		}
	}
	return secrets
}
