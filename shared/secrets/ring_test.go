package secrets_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	stackSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	sealingText = "whsec_abcdefghijklmnopqrstuvwxyz012345"
	account     = "acct-1"
	endpointID  = "ep_a"
)

var (
	now   = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	names = secrets.Names{Signing: "stack/signing", Sealing: "stack/sealing"}
)

// source is a Static that counts how often it is asked, and can fail.
type source struct {
	secrets.Static

	mu    sync.Mutex
	asked int
	err   error
}

func (s *source) Versions(ctx context.Context, name string, now time.Time) ([]secrets.Version, error) {
	s.mu.Lock()
	s.asked++
	err := s.err
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return s.Static.Versions(ctx, name, now)
}

func stack() *source {
	return &source{Static: secrets.Static{names.Signing: versions(stackSecret), names.Sealing: versions(sealingText)}}
}

func versions(texts ...string) []secrets.Version {
	var list []secrets.Version
	for _, text := range texts {
		list = append(list, secrets.Version{Text: secrets.NewText(text)})
	}
	return list
}

func sealed(t testing.TB, r *secrets.Ring, text string) webhook.SealedSecret {
	t.Helper()
	return sealedFor(t, r, account, endpointID, text)
}

func sealedFor(t testing.TB, r *secrets.Ring, account, id, text string) webhook.SealedSecret {
	t.Helper()
	s, err := r.Seal(t.Context(), rand.Reader, account, id, text, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func endpoint(list ...webhook.SealedSecret) webhook.Endpoint {
	return webhook.Endpoint{ID: endpointID, Account: account, Secrets: list}
}

// jobs is the job record of an account that has set none.
func jobs(account string) webhook.Endpoint { return webhook.JobDefaults(account, webhook.Standard) }

func reveal(list []signing.Secret) []string {
	var texts []string
	for _, s := range list {
		texts = append(texts, s.Reveal())
	}
	return texts
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func TestForAnEndpoint(t *testing.T) {
	from := stack()
	leaving := secrets.Version{Text: secrets.NewText("own, the leaving one"), Until: now.Add(time.Second)}
	gone := secrets.Version{Text: secrets.NewText("own, that is over"), Until: now}
	broken := secrets.Version{Text: secrets.NewText("whsec_broken!"), Until: now.Add(time.Hour)}
	var many []string
	for n := range 10 {
		many = append(many, fmt.Sprintf("number %d of many secrets", n))
	}
	from.Static["own"] = append(versions("own, the newest one"), leaving, gone, broken)
	from.Static["many"] = versions(many...)
	from.Static["only broken"] = versions("whsec_broken!")
	from.Static["too short"] = versions("15 bytes, broke")
	from.Static["over"] = []secrets.Version{gone}
	ring := secrets.NewRing(from, names)
	first, second := sealed(t, ring, "the first secret"), sealed(t, ring, "the second secret")
	second.ExpiresAt = now.Add(time.Nanosecond)
	ended := sealed(t, ring, "the ended secret")
	ended.ExpiresAt = now
	moved := endpoint(first)
	moved.Account = "acct-2"
	inDefault := endpoint()
	inDefault.Account = webhook.DefaultAccount
	for _, c := range []struct {
		name     string
		endpoint webhook.Endpoint
		want     []string
		err      error
	}{
		{"no secret of its own: never the stack's instead", endpoint(), nil, signing.ErrNoSecret},
		{"the same in the default account", inDefault, nil, signing.ErrNoSecret},
		{"its own", endpoint(first), []string{"the first secret"}, nil},
		{"old and new", endpoint(first, second, ended), []string{"the first secret", "the second secret"}, nil},
		{"one in Secrets Manager", endpoint(webhook.SealedSecret{Ref: "own"}), []string{"own, the newest one", "own, the leaving one"}, nil},
		{"both kinds, one of them twice", endpoint(first, webhook.SealedSecret{Ref: "own"}, first), []string{"the first secret", "own, the newest one", "own, the leaving one"}, nil},
		{"more than a header takes", endpoint(webhook.SealedSecret{Ref: "many"}), many[:8], nil},
		{"all ended: never the stack's instead", endpoint(ended), nil, signing.ErrNoSecret},
		{"all ended in Secrets Manager", endpoint(webhook.SealedSecret{Ref: "over"}), nil, signing.ErrNoSecret},
		{"an unknown name", endpoint(webhook.SealedSecret{Ref: "nobody's"}), nil, secrets.ErrUnknown},
		{"copied into another account", moved, nil, secrets.ErrTampered},
		{"not sealed", endpoint(webhook.SealedSecret{Sealed: "in clear"}), nil, secrets.ErrMalformed},
	} {
		for range 2 { // and again from memory
			got, marks, err := ring.For(t.Context(), c.endpoint, now)
			if !errors.Is(err, c.err) || !slices.Equal(reveal(got), c.want) || len(marks) != len(got) {
				t.Errorf("%s: got %v, %v, %v; want %v, %v", c.name, reveal(got), marks, err, c.want, c.err)
			}
		}
	}
	for _, name := range []string{"only broken", "too short"} {
		_, _, err := ring.For(t.Context(), endpoint(webhook.SealedSecret{Ref: name}), now)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "broke!") || strings.Contains(err.Error(), "broken!") {
			t.Errorf("%s: got %v, want an error that names it, without it", name, err)
		}
	}
}

// TestForAnAccount: what signs for its jobs' own URLs, in order, and through
// rotations of the signing secret and of the sealing key.
func TestForAnAccount(t *testing.T) {
	const (
		newKey    = "a new sealing key of at least 32 characters"
		newSecret = "the newest signing secret"
		own       = "a secret given to acme"
		newOwn    = "a newer one given to acme"
	)
	derivedOf := func(key, account string) string {
		got, _, err := underKey(key).For(t.Context(), jobs(account), now)
		if err != nil || len(got) != 1 {
			t.Fatal(got, err)
		}
		return got[0].Reveal()
	}
	type accounts = map[string]string
	version := func(until time.Time, text string, of accounts) secrets.Version {
		v := secrets.Version{Text: secrets.NewText(text), Accounts: map[string]secrets.Text{}, Until: until}
		for account, text := range of {
			v.Accounts[account] = secrets.NewText(text)
		}
		return v
	}
	type list = []secrets.Version
	var current time.Time
	leaving, over := now.Add(time.Nanosecond), now
	oneKey := versions(sealingText)
	for _, c := range []struct {
		name, account string
		signing       list
		sealing       list
		want          []string
	}{
		{"the signing secret", "default", versions(stackSecret), oneKey, []string{stackSecret}},
		{"derived", "acme", versions(stackSecret), oneKey, []string{derivedOf(sealingText, "acme")}},
		{"derived, another", "globex", versions(stackSecret), oneKey, []string{derivedOf(sealingText, "globex")}},
		{"derived, without a name", "", versions(stackSecret), oneKey, []string{derivedOf(sealingText, "")}},
		{"given", "acme", list{version(current, stackSecret, accounts{"acme": own})}, oneKey, []string{own}},
		{"given to another", "globex", list{version(current, stackSecret, accounts{"acme": own})}, oneKey, []string{derivedOf(sealingText, "globex")}},
		{"given to default", "default", list{version(current, stackSecret, accounts{"default": own})}, oneKey, []string{own}},
		{"given to another, default", "default", list{version(current, stackSecret, accounts{"acme": own})}, oneKey, []string{stackSecret}},

		{"signing secret rotated", "default", list{version(current, newSecret, nil), version(leaving, stackSecret, nil)}, oneKey, []string{newSecret, stackSecret}},
		{"its overlap is over", "default", list{version(current, newSecret, nil), version(over, stackSecret, nil)}, oneKey, []string{newSecret}},
		{"rotated by hand", "default", versions(newSecret, stackSecret), oneKey, []string{newSecret, stackSecret}},
		{"signing secret rotated, derived", "acme", list{version(current, newSecret, nil), version(leaving, stackSecret, nil)}, oneKey, []string{derivedOf(sealingText, "acme")}},
		{"given one rotated", "acme", list{version(current, stackSecret, accounts{"acme": newOwn}), version(leaving, stackSecret, accounts{"acme": own})}, oneKey, []string{newOwn, own}},
		{"given one rotated, over", "acme", list{version(current, stackSecret, accounts{"acme": newOwn}), version(over, stackSecret, accounts{"acme": own})}, oneKey, []string{newOwn}},
		{"given one for the first time", "acme", list{version(current, stackSecret, accounts{"acme": own}), version(leaving, stackSecret, nil)}, oneKey, []string{own, derivedOf(sealingText, "acme")}},
		{"default given one", "default", list{version(current, stackSecret, accounts{"default": own}), version(leaving, stackSecret, nil)}, oneKey, []string{own, stackSecret}},
		{"given no more", "acme", list{version(current, stackSecret, nil), version(leaving, stackSecret, accounts{"acme": own})}, oneKey, []string{derivedOf(sealingText, "acme"), own}},
		{"what is leaving is broken", "acme", list{version(current, stackSecret, accounts{"acme": own}), version(leaving, stackSecret, accounts{"acme": "short"})}, oneKey, []string{own}},

		{"sealing key rotated", "acme", versions(stackSecret), list{version(current, newKey, nil), version(leaving, sealingText, nil)}, []string{derivedOf(newKey, "acme"), derivedOf(sealingText, "acme")}},
		{"its overlap is over, derived", "acme", versions(stackSecret), list{version(current, newKey, nil), version(over, sealingText, nil)}, []string{derivedOf(newKey, "acme")}},
		{"sealing key rotated, default", "default", versions(stackSecret), list{version(current, newKey, nil), version(leaving, sealingText, nil)}, []string{stackSecret}},
		{"both rotated, first given", "acme", list{version(current, stackSecret, accounts{"acme": own}), version(leaving, stackSecret, nil)}, list{version(current, newKey, nil), version(leaving, sealingText, nil)}, []string{own, derivedOf(newKey, "acme"), derivedOf(sealingText, "acme")}},

		{"acme's is globex's by now", "acme", list{version(current, stackSecret, accounts{"globex": own}), version(leaving, stackSecret, accounts{"acme": own})}, oneKey, []string{derivedOf(sealingText, "acme")}},
		{"globex has acme's by now", "globex", list{version(current, stackSecret, accounts{"globex": own}), version(leaving, stackSecret, accounts{"acme": own})}, oneKey, []string{own, derivedOf(sealingText, "globex")}},
		{"default's is acme's by now", "default", list{version(current, newSecret, accounts{"acme": stackSecret}), version(leaving, stackSecret, nil)}, oneKey, []string{newSecret}},
		{"acme's is default's by now", "acme", list{version(current, own, nil), version(leaving, stackSecret, accounts{"acme": own})}, oneKey, []string{derivedOf(sealingText, "acme")}},
	} {
		ring := secrets.NewRing(secrets.Static{names.Signing: c.signing, names.Sealing: c.sealing}, names)
		for range 2 { // and again from memory
			got, marks, err := ring.For(t.Context(), jobs(c.account), now)
			if err != nil || !slices.Equal(reveal(got), c.want) || len(marks) != len(c.want) {
				t.Errorf("%s: got %v, %v, %v; want %v", c.name, reveal(got), marks, err, c.want)
			}
		}
	}
}

// TestForAJobRecord: an account's own secret comes before all others.
func TestForAJobRecord(t *testing.T) {
	from := stack()
	from.Static[names.Signing][0].Accounts = map[string]secrets.Text{"acme": secrets.NewText("a secret given to acme")}
	from.Static["own"] = versions("the one in Secrets Manager")
	ring := secrets.NewRing(from, names)
	first, second := sealedFor(t, ring, "acme", webhook.JobTarget, "the first of its own"), sealedFor(t, ring, "acme", webhook.JobTarget, "the second of its own")
	first.ExpiresAt = now.Add(time.Hour)
	record := jobs("acme")
	record.Secrets = []webhook.SealedSecret{second, first, {Ref: "own"}}
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{
		{0, []string{"the second of its own", "the first of its own", "the one in Secrets Manager"}},
		{time.Hour, []string{"the second of its own", "the one in Secrets Manager"}},
	} {
		got, _, err := ring.For(t.Context(), record, now.Add(c.after))
		if err != nil || !slices.Equal(reveal(got), c.want) {
			t.Errorf("after %s: got %v, %v; want %v", c.after, reveal(got), err, c.want)
		}
	}
	record.Secrets = []webhook.SealedSecret{first}
	if got, _, err := ring.For(t.Context(), record, now.Add(time.Hour)); !errors.Is(err, signing.ErrNoSecret) {
		t.Errorf("all ended: got %v, %v; want %v", reveal(got), err, signing.ErrNoSecret)
	}
	record.Account = "globex"
	if got, _, err := ring.For(t.Context(), record, now); !errors.Is(err, secrets.ErrTampered) {
		t.Errorf("in another account: got %v, %v; want %v", reveal(got), err, secrets.ErrTampered)
	}
}

// TestForAnAccountFails where a secret cannot be used or read, and never takes
// another instead.
func TestForAnAccountFails(t *testing.T) {
	from := stack()
	from.Static[names.Signing][0].Accounts = map[string]secrets.Text{"acme": secrets.NewText("TOPSECRET"), "globex": secrets.NewText("a secret for globex")}
	ring := secrets.NewRing(from, names)
	_, _, err := ring.For(t.Context(), jobs("acme"), now)
	if err == nil || !strings.Contains(err.Error(), "account acme: the secret has 9 bytes: give at least 16") || strings.Contains(err.Error(), "TOPSECRET") {
		t.Errorf("a short secret: got %v", err)
	}
	if _, _, err := ring.For(t.Context(), jobs("globex"), now); err != nil {
		t.Errorf("another account's mistake: got %v, want no error", err)
	}
	from.err = errors.New("out of order")
	for _, account := range []string{"acme", "globex", "initech", webhook.DefaultAccount} {
		if got, marks, err := ring.For(t.Context(), jobs(account), now); !errors.Is(err, from.err) || got != nil || marks != nil {
			t.Errorf("%s: got %v, %v; want the source's error", account, reveal(got), err)
		}
	}
	for _, missing := range []string{names.Signing, names.Sealing} {
		from := stack()
		delete(from.Static, missing)
		if _, _, err := secrets.NewRing(from, names).For(t.Context(), jobs("acme"), now); !errors.Is(err, secrets.ErrUnknown) {
			t.Errorf("without %s: got %v, want %v", missing, err, secrets.ErrUnknown)
		}
	}
}

// TestNoAccountSignsForAnother: whichever way two accounts have their secrets,
// these differ, and what the one's sign the other's do not verify.
func TestNoAccountSignsForAnother(t *testing.T) {
	from := secrets.Static{
		names.Sealing: append(versions("a new sealing key of at least 32 characters"), secrets.Version{Text: secrets.NewText(sealingText), Until: now.Add(time.Hour)}),
		names.Signing: {
			{Text: secrets.NewText(stackSecret), Accounts: map[string]secrets.Text{
				"given-1": secrets.NewText("a secret given to one"),
				"given-2": secrets.NewText("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
				"moved-1": secrets.NewText("a secret that has changed hands"),
			}},
			{Text: secrets.NewText("the signing secret before"), Accounts: map[string]secrets.Text{
				"given-1": secrets.NewText("a secret given to one before"),
				"moved-2": secrets.NewText("a secret that has changed hands"),
			}, Until: now.Add(time.Hour)},
		},
	}
	ring := secrets.NewRing(from, names)
	own := func(account string) webhook.Endpoint {
		e := jobs(account)
		text, err := signing.GenerateSecret(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		e.Secrets = []webhook.SealedSecret{sealedFor(t, ring, account, webhook.JobTarget, text.Reveal())}
		return e
	}
	records := []webhook.Endpoint{
		jobs(webhook.DefaultAccount), jobs("derived"), jobs("derived2"), jobs("Derived"), jobs("derived\x00"), jobs(""),
		jobs("given-1"), jobs("given-2"), jobs("moved-1"), jobs("moved-2"), own("own-1"), own("own-2"),
	}
	found := map[string][]signing.Secret{}
	for _, e := range records {
		var err error
		if found[e.Account], _, err = ring.For(t.Context(), e, now); err != nil {
			t.Fatal(e.Account, err)
		}
	}
	message := signing.Message{ID: "msg_1", Timestamp: now, Body: []byte(`{"id":"42"}`)}
	for account, its := range found {
		for _, profile := range webhook.Profiles() {
			scheme, err := signing.Lookup(string(profile))
			if err != nil {
				t.Fatal(err)
			}
			headers, err := signing.Sign(scheme, its, message)
			if err != nil {
				t.Fatal(account, err)
			}
			request := map[string][]string{}
			for _, h := range headers {
				request[h.Name] = []string{h.Value}
			}
			standard, err := signing.Lookup(string(webhook.Standard))
			if err != nil {
				t.Fatal(err)
			}
			for other, theirs := range found {
				for _, by := range []signing.Scheme{scheme, standard} {
					_, err := signing.Verify(by, theirs, request, message.Body, now, 0)
					if other == account && err != nil || other != account && !errors.Is(err, signing.ErrMismatch) {
						t.Errorf("%s signs, %q verifies what %q signed: %v", profile, other, account, err)
					}
				}
			}
		}
		for other, theirs := range found {
			for _, s := range theirs {
				if other != account && slices.ContainsFunc(its, s.Equal) {
					t.Errorf("%q and %q have one secret", account, other)
				}
			}
		}
	}
}

// TestFingerprints tell secrets apart, stay as they are, and change with the
// sealing key alone.
func TestFingerprints(t *testing.T) {
	from := stack()
	from.Static["own"] = versions("own, the newest one", "own, the leaving one", "own, the newest one")
	marks := func(ring *secrets.Ring) []string {
		_, marks, err := ring.For(t.Context(), endpoint(webhook.SealedSecret{Ref: "own"}), now)
		if err != nil || len(marks) != 2 || marks[0] == marks[1] {
			t.Fatalf("got %v, %v; want two", marks, err)
		}
		for _, mark := range marks {
			if !regexp.MustCompile("^[0-9a-f]{8}$").MatchString(mark) {
				t.Errorf("%s is not 8 hex digits", mark)
			}
		}
		return marks
	}
	ring := secrets.NewRing(from, names)
	first := marks(ring)
	if again := marks(secrets.NewRing(from, names)); !slices.Equal(again, first) {
		t.Errorf("got %v, then %v", first, again)
	}
	from.Static[names.Sealing] = append(versions("a new sealing key of at least 32 characters"), from.Static[names.Sealing]...)
	if under := marks(ring); slices.Contains(under, first[0]) || slices.Contains(under, first[1]) {
		t.Errorf("under another sealing key: got %v, as before", under)
	}
}

// TestKeepsWhatItOpened: once it knows the secrets of an endpoint, it is asked
// no more of Secrets Manager than the versions, which Manager has cached.
func TestKeepsWhatItOpened(t *testing.T) {
	ring := secrets.NewRing(stack(), names)
	e, account := endpoint(sealed(t, ring, "the first secret")), jobs("acme")
	for _, of := range []webhook.Endpoint{e, account} {
		first, _, err := ring.For(t.Context(), of, now)
		if err != nil {
			t.Fatal(err)
		}
		cold := testing.AllocsPerRun(1, func() {
			if _, _, err := secrets.NewRing(stack(), names).For(t.Context(), account, now); err != nil {
				t.Error(err)
			}
		})
		warm := testing.AllocsPerRun(100, func() {
			if again, _, err := ring.For(t.Context(), of, now); err != nil || !again[0].Equal(first[0]) {
				t.Error(err)
			}
		})
		if warm > cold/4 {
			t.Errorf("%s: %v allocations each time, %v the first: it begins again", of.ID, warm, cold)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	ring := secrets.NewRing(stack(), names)
	e := endpoint(sealed(t, ring, "the first secret"))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for _, of := range []webhook.Endpoint{jobs("default"), jobs("acme"), e} {
				if _, _, err := ring.For(t.Context(), of, now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestTextIsHidden(t *testing.T) {
	v := versions(stackSecret)
	v[0].Accounts = map[string]secrets.Text{"acme": secrets.NewText(sealingText)}
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		shown = append(shown, fmt.Sprintf(verb, v), fmt.Sprintf(verb, v[0].Text))
	}
	for _, text := range shown {
		if strings.Contains(text, stackSecret[6:]) || strings.Contains(text, sealingText[6:]) ||
			strings.Contains(text, fmt.Sprintf("%x", stackSecret)) || !strings.Contains(text, "[secret]") {
			t.Errorf("shown as %s", text)
		}
	}
}

func BenchmarkFor(b *testing.B) {
	ring := secrets.NewRing(stack(), names)
	for name, e := range map[string]webhook.Endpoint{
		"endpoint": endpoint(sealed(b, ring, "the first secret")), "default": jobs("default"), "derived": jobs("acme"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := ring.For(b.Context(), e, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
