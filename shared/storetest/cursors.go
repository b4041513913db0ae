package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jobhook/jobhook/shared/webhook"
)

var cursorChecks = checks{
	"cursors/of no list":      cursorsBad,
	"cursors/of another list": cursorsForeign,
}

// badCursors come from nobody's list.
var badCursors = []string{"x", "not a cursor!", "AAAA", "ep_", "e30=", "e30", "bnVsbA", "..", "\x00", strings.Repeat("A", 4096)}

// turn reads one page of a list, whatever it lists: how many and the cursor.
type turn func(limit int, cursor string) (int, string, error)

func turns[T any](read list[T]) turn {
	return func(limit int, cursor string) (int, string, error) {
		page, next, err := read(limit, cursor)
		return len(page), next, err
	}
}

// everyList fills the store so that each of the lists has a second page.
func (f *fixture) everyList(t *testing.T) map[string]turn {
	t.Helper()
	f.settle(t)
	lists := map[string]turn{"failing": turns(f.failing(t))}
	for n, name := range []string{account, other, account, other} {
		d := sampleDelivery(ofJob(other, "job", 50+n), endpointID(1))
		e, note, audit := sampleEndpoint(n), sampleNote(n), sampleNote(n)
		e.Account, note.Owner, audit.Owner, audit.Kind = name, name, name, webhook.NoteAudit
		f.write(t, insertDelivery(d))
		f.endpoints(t, e)
		must(t, f.SetHealth(t.Context(), name, e.ID, webhook.Health{FailingSince: tick(n)}))
		f.notes(t, note, audit)
		lists["endpoints of "+name] = turns(f.listed(t, name))
		lists["links of "+name] = turns(f.noted(t, webhook.NoteLink, name))
		lists["audit of "+name] = turns(f.noted(t, webhook.NoteAudit, name))
	}
	for name, q := range map[string]webhook.LogQuery{
		"endpoint 1":        ofEndpoint(1),
		"endpoint 2":        ofEndpoint(2),
		"job target":        {Account: account, EndpointID: webhook.JobTarget},
		"another account's": {Account: other, EndpointID: endpointID(1)},
		"failed":            {Account: account, EndpointID: endpointID(1), Status: webhook.Failed},
		"held":              {Account: account, EndpointID: endpointID(1), Status: webhook.Held},
		"since":             {Account: account, EndpointID: endpointID(1), Since: tick(0)},
		"since later":       {Account: account, EndpointID: endpointID(1), Since: tick(1)},
		"until":             {Account: account, EndpointID: endpointID(1), Until: tick(20)},
	} {
		lists["log: "+name], lists["recoverable: "+name] = turns(f.log(t, q)), turns(f.recoverable(t, q))
		if q.EndpointID == endpointID(1) {
			q.EndpointID = ""
			lists["recoverable of the account: "+name] = turns(f.recoverable(t, q))
		}
	}
	return lists
}

func cursorsBad(t *testing.T, f *fixture) {
	for name, read := range f.everyList(t) {
		for _, cursor := range badCursors {
			_, _, err := read(10, cursor)
			wantErr(t, fmt.Sprintf("%s: cursor %.20q", name, cursor), err, webhook.ErrCursor)
		}
	}
}

// cursorsForeign: a cursor continues the list that gave it out, at any limit,
// and no list with another owner, endpoint or filter.
func cursorsForeign(t *testing.T, f *fixture) {
	lists := f.everyList(t)
	for name, read := range lists {
		_, cursor, err := read(1, "")
		must(t, err)
		if cursor == "" {
			t.Fatalf("%s: no cursor though a second record follows", name)
		}
		for into, read := range lists {
			count, _, err := read(10, cursor)
			if into != name {
				wantErr(t, fmt.Sprintf("%s: the cursor of %s", into, name), err, webhook.ErrCursor)
			} else if err != nil || count == 0 {
				t.Errorf("%s: its own cursor gave %d records, error %v", name, count, err)
			}
		}
	}
}
