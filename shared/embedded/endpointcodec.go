package embedded

import (
	"maps"
	"slices"

	"github.com/jobhook/jobhook/shared/webhook"
)

func encodeEndpoint(e webhook.Endpoint) []byte {
	r := newRecord(512).text(e.Rev).time(e.ExpiresAt).text(e.ID).text(e.Account).text(e.URL).texts(e.Events)
	r = r.text(string(e.Profile)).bool(e.IncludeResult).text(e.Description).text(e.Schedule).bool(e.Enabled)
	r = r.text(e.DisabledReason).time(e.CreatedAt).time(e.UpdatedAt).time(e.RemovedAt)
	r = r.time(e.Health.FailingSince).time(e.Health.SlowUntil).time(e.Health.PausedUntil)
	r = r.size(len(e.Headers), e.Headers == nil)
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		r = r.text(name).text(e.Headers[name])
	}
	r = r.size(len(e.Secrets), e.Secrets == nil)
	for _, s := range e.Secrets {
		r = r.text(s.Sealed).text(s.Ref).time(s.CreatedAt).time(s.ExpiresAt)
	}
	return r
}

func decodeEndpoint(raw []byte) (webhook.Endpoint, error) {
	d := openRecord(raw)
	e := webhook.Endpoint{Rev: d.text(), ExpiresAt: d.time(), ID: d.text(), Account: d.text(), URL: d.text(), Events: d.texts()}
	e.Profile, e.IncludeResult, e.Description, e.Schedule, e.Enabled = webhook.Profile(d.text()), d.bool(), d.text(), d.text(), d.bool()
	e.DisabledReason, e.CreatedAt, e.UpdatedAt, e.RemovedAt = d.text(), d.time(), d.time(), d.time()
	e.Health = webhook.Health{FailingSince: d.time(), SlowUntil: d.time(), PausedUntil: d.time()}
	if n, isNil := d.size(); !isNil {
		e.Headers = make(map[string]string, min(n, 16))
		for range n {
			name := d.text()
			e.Headers[name] = d.text()
		}
	}
	e.Secrets = decodeList(d, func() webhook.SealedSecret {
		return webhook.SealedSecret{Sealed: d.text(), Ref: d.text(), CreatedAt: d.time(), ExpiresAt: d.time()}
	})
	return e, d.err("endpoint")
}

func encodeNote(n webhook.Note) []byte {
	r := newRecord(128 + len(n.Data)).text(n.Rev).time(n.ExpiresAt).text(string(n.Kind)).text(n.Owner).text(n.ID)
	return r.bytes(n.Data)
}

func decodeNote(raw []byte) (webhook.Note, error) {
	d := openRecord(raw)
	n := webhook.Note{Rev: d.text(), ExpiresAt: d.time(), Kind: webhook.NoteKind(d.text()), Owner: d.text(), ID: d.text(), Data: d.bytes()}
	return n, d.err("note")
}
