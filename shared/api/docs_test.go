package api_test

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)\n```")

// TestDocs: the answers in docs/api.md have the fields that the API answers
// with, all of them and no others.
func TestDocs(t *testing.T) {
	raw, err := os.ReadFile("../../docs/api.md")
	must(t, err)
	documented := map[string]bool{}
	for _, block := range jsonBlock.FindAllSubmatch(raw, -1) {
		var v any
		must(t, json.Unmarshal(block[1], &v))
		collect(v, documented)
	}
	f := serve(t)
	made := f.create(`{"url":"https://example.com/","headers":{"X-Tenant":"7"}}`)
	id := text(made["id"])
	ev := f.claimed("e", id)
	f.delivery(ev, id, func(d *webhook.Delivery) { d.Status = webhook.Failed })
	must(t, f.aside.Send(t.Context(), webhook.Message{Body: []byte("x"), Reason: "y"})[0])
	answered := map[string]bool{}
	for _, v := range []any{
		made, f.do("POST", "/v1/accounts/acme/events", completion).is(202), f.do("GET", "/v1/accounts/acme/events/e?job=e", "").is(200),
		f.do("GET", "/v1/accounts/acme/endpoints/"+id+"/deliveries", "").is(200), f.do("GET", "/v1/rejected", "").is(200),
		f.do("GET", "/v1/rejected?limit=0", "").is(400),
		f.do("GET", "/v1/accounts/acme/jobs/e", "").is(200), f.do("GET", "/v1/accounts/acme/deliveries/"+ev.MessageID+"."+id, "").is(200),
		f.do("PATCH", "/v1/accounts/acme/endpoints/job", `{"profile":"unitary","schedule":"antinium"}`).is(200),
	} {
		collect(v, answered)
	}
	same(t, "fields", slices.Sorted(maps.Keys(documented)), slices.Sorted(maps.Keys(answered)))
}

// collect gathers the names of all members.
func collect(v any, into map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			into[name] = true
			collect(member, into)
		}
	case []any:
		for _, item := range v {
			collect(item, into)
		}
	}
}
