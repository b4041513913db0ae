package api_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/api"
	"github.com/jobhook/jobhook/shared/webhook"
)

// direct calls the handler without a connection.
func (f *fixture) direct(ctx context.Context, method, path, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	f.server.Config.Handler.ServeHTTP(rec, req)
	return rec
}

// memory keeps the last endpoint written and counts.
type memory struct {
	broken
	last   webhook.Endpoint
	writes int
}

func (m *memory) Endpoint(context.Context, string, string) (webhook.Endpoint, error) {
	return m.last, nil
}

func (m *memory) ListEndpoints(context.Context, string, int, string) ([]webhook.Endpoint, string, error) {
	return nil, "", nil
}

func (m *memory) InsertEndpoint(_ context.Context, e webhook.Endpoint) error {
	m.last, m.writes = e, m.writes+1
	return nil
}

func (m *memory) ReplaceEndpoint(ctx context.Context, _ string, e webhook.Endpoint) error {
	return m.InsertEndpoint(ctx, e)
}

// FuzzEndpoint: whatever comes in, it is a whole endpoint or a 400, and a 400
// stores nothing.
func FuzzEndpoint(f *testing.F) {
	for _, b := range badFields {
		if len(b.value) < 200 {
			f.Add(`{"url":"https://example.com/","` + b.field + `":` + b.value + `}`)
		}
	}
	f.Add(`{"url":"https://example.com/","events":["a.*"],"headers":{"X-A":"1","x-b":null},"secret":"text-of-16-bytes","profile":"unitary","schedule":"1m,antinium"}`)
	store := &memory{}
	fix := serve(f, func(d *deps) { d.Store = store; d.Random = zeros{} })
	f.Fuzz(func(t *testing.T, body string) {
		for method, path := range map[string]string{"POST": "/v1/accounts/a/endpoints", "PATCH": "/v1/accounts/a/endpoints/ep_a"} {
			store.last, store.writes = webhook.Endpoint{URL: "https://example.com/", Events: []string{"*"}, Profile: "standard"}, 0
			rec := fix.direct(t.Context(), method, path, body)
			var answer map[string]any
			if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil {
				t.Fatalf("%s: %v: %s", method, err, rec.Body)
			}
			switch {
			case rec.Code == 400 || rec.Code == 413:
				if store.writes != 0 {
					t.Errorf("%s: %d, but stored", method, rec.Code)
				}
			case rec.Code != 200 && rec.Code != 201:
				t.Errorf("%s: status %d: %s", method, rec.Code, rec.Body)
			default:
				whole(t, store.last)
			}
		}
	})
}

func whole(t *testing.T, e webhook.Endpoint) {
	t.Helper()
	if e.URL == "" || len(e.Events) < 1 || len(e.Events) > 100 || len(e.Headers) > 20 || e.Profile == "" {
		t.Errorf("stored %+v", e)
	}
	for name, value := range e.Headers {
		if strings.ContainsAny(name+value, "\r\n\x00") || strings.EqualFold(name, "authorization") || strings.HasPrefix(strings.ToLower(name), "webhook-") {
			t.Errorf("stored header %q", name)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// FuzzPath: no path makes an internal error, and an event's path names it whole.
func FuzzPath(f *testing.F) {
	for _, path := range []string{"/v1/rejected", "/v1/accounts/a/events/b%2Fc", "/v1/accounts/a/endpoints/ep_a/deliveries?limit=1&since=3d", "/v1/accounts/a/jobs/b%2Fc", "/v1/accounts/a/deliveries/msg_a.job", "//", "/v1/accounts/%2F/events/%"} {
		f.Add(path)
	}
	handler := api.New(api.Deps{Store: &gone{}, Publisher: broken{}})
	f.Fuzz(func(t *testing.T, path string) {
		req := httptest.NewRequest("GET", "/", nil)
		u, err := req.URL.Parse(path)
		if err != nil {
			return
		}
		req.URL = u
		rec := httptest.NewRecorder()
		handler.ServeHTTP(rec, req)
		if rec.Code >= 500 {
			t.Errorf("status %d: %s", rec.Code, rec.Body)
		}
	})
}

// gone has nothing.
type gone struct{ memory }

func (*gone) Events(context.Context, ...string) ([]*webhook.Event, error) {
	return []*webhook.Event{nil}, nil
}

func (*gone) JobEvents(context.Context, string, string) ([]webhook.Event, error) { return nil, nil }

func (*gone) EndpointDeliveries(context.Context, webhook.LogQuery) ([]webhook.Delivery, string, error) {
	return nil, "", nil
}
