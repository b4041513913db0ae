package embedded

import (
	"maps"
	"slices"

	"github.com/jobhook/jobhook/shared/payload"
	"github.com/jobhook/jobhook/shared/webhook"
)

func encodeEndpoint(e webhook.Endpoint) []byte {
	r := newRecord(512).text(e.Rev).text(e.ID).text(e.Account).text(e.URL).texts(e.Events)
	r = r.text(string(e.Profile)).bool(e.IncludeResult).text(e.Description).bool(e.Enabled)
	r = r.text(e.DisabledReason).time(e.CreatedAt).time(e.UpdatedAt)
	r = r.size(len(e.Headers), e.Headers == nil)
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		r = r.text(name).text(e.Headers[name])
	}
	r = r.size(len(e.Secrets), e.Secrets == nil)
	for _, s := range e.Secrets {
		r = r.text(s.Sealed).text(s.Ref).time(s.ExpiresAt)
	}
	return r
}

func decodeEndpoint(raw []byte) (webhook.Endpoint, error) {
	d := openRecord(raw)
	e := webhook.Endpoint{Rev: d.text(), ID: d.text(), Account: d.text(), URL: d.text(), Events: d.texts()}
	e.Profile, e.IncludeResult, e.Description, e.Enabled = payload.Profile(d.text()), d.bool(), d.text(), d.bool()
	e.DisabledReason, e.CreatedAt, e.UpdatedAt = d.text(), d.time(), d.time()
	e.Headers, e.Secrets = d.headers(), d.secrets()
	return e, d.err("endpoint")
}

func (d *decoder) headers() map[string]string {
	n, isNil := d.size()
	if isNil {
		return nil
	}
	headers := make(map[string]string, min(n, 16))
	for range n {
		name := d.text()
		headers[name] = d.text()
	}
	return headers
}

func (d *decoder) secrets() []webhook.SealedSecret {
	n, isNil := d.size()
	if isNil {
		return nil
	}
	list := make([]webhook.SealedSecret, 0, min(n, 16))
	for range n {
		if d.bad {
			return nil
		}
		list = append(list, webhook.SealedSecret{Sealed: d.text(), Ref: d.text(), ExpiresAt: d.time()})
	}
	return list
}
