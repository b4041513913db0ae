package secrets_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/sealing"
	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/signing"
	"github.com/jobhook/jobhook/shared/webhook"
)

var _ deliver.Secrets = (*secrets.Ring)(nil)

const (
	stackSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	sealingText = "whsec_abcdefghijklmnopqrstuvwxyz012345"
)

var (
	now   = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	names = secrets.Names{Signing: "stack/signing", Sealing: "stack/sealing"}
	owner = sealing.Owner{Account: "acct-1", EndpointID: "ep_a"}
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
	secret, err := signing.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Seal(t.Context(), rand.Reader, owner, secret, now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func endpoint(list ...webhook.SealedSecret) *webhook.Endpoint {
	return &webhook.Endpoint{ID: owner.EndpointID, Account: owner.Account, Secrets: list}
}

func reveal(list []signing.Secret) []string {
	var texts []string
	for _, s := range list {
		texts = append(texts, s.Reveal())
	}
	return texts
}

func TestFor(t *testing.T) {
	from := stack()
	leaving := secrets.Version{Text: secrets.NewText("leaving"), Until: now.Add(time.Second)}
	gone := secrets.Version{Text: secrets.NewText("gone"), Until: now}
	broken := secrets.Version{Text: secrets.NewText("whsec_broken!"), Until: now.Add(time.Hour)}
	from.Static["own"] = append(versions("own-2"), leaving, gone, broken)
	from.Static["many"] = versions("1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
	from.Static["only broken"] = versions("whsec_broken!")
	from.Static["over"] = []secrets.Version{gone}
	ring := secrets.NewRing(from, names)
	first, second := sealed(t, ring, "first secret"), sealed(t, ring, "second secret")
	second.ExpiresAt = now.Add(time.Nanosecond)
	ended := sealed(t, ring, "ended secret")
	ended.ExpiresAt = now
	moved := endpoint(first)
	moved.Account = "acct-2"
	for _, c := range []struct {
		name     string
		endpoint *webhook.Endpoint
		want     []string
		err      error
	}{
		{"a job's own URL", nil, []string{stackSecret}, nil},
		{"no secret of its own", endpoint(), []string{stackSecret}, nil},
		{"its own", endpoint(first), []string{"first secret"}, nil},
		{"old and new", endpoint(first, second, ended), []string{"first secret", "second secret"}, nil},
		{"one in Secrets Manager", endpoint(webhook.SealedSecret{Ref: "own"}), []string{"own-2", "leaving"}, nil},
		{"both kinds, one of them twice", endpoint(first, webhook.SealedSecret{Ref: "own"}, first), []string{"first secret", "own-2", "leaving"}, nil},
		{"more than a header takes", endpoint(webhook.SealedSecret{Ref: "many"}), []string{"1", "2", "3", "4", "5", "6", "7", "8"}, nil},
		{"all ended: never the stack's instead", endpoint(ended), nil, signing.ErrNoSecret},
		{"all ended in Secrets Manager", endpoint(webhook.SealedSecret{Ref: "over"}), nil, signing.ErrNoSecret},
		{"an unknown name", endpoint(webhook.SealedSecret{Ref: "nobody's"}), nil, secrets.ErrUnknown},
		{"copied into another account", moved, nil, sealing.ErrTampered},
		{"not sealed", endpoint(webhook.SealedSecret{Sealed: "in clear"}), nil, sealing.ErrMalformed},
	} {
		for range 2 { // and again from memory
			got, err := ring.For(t.Context(), c.endpoint, now)
			if !errors.Is(err, c.err) || !slices.Equal(reveal(got), c.want) {
				t.Errorf("%s: got %v, %v; want %v, %v", c.name, reveal(got), err, c.want, c.err)
			}
		}
	}
	if _, err := ring.For(t.Context(), endpoint(webhook.SealedSecret{Ref: "only broken"}), now); err == nil || strings.Contains(err.Error(), "broken!") {
		t.Errorf("a broken secret: got %v, want an error without it", err)
	}
}

// TestKeepsWhatItOpened: a send costs no decryption, and none waits for the
// sealing key once its endpoint's secret has been opened.
func TestKeepsWhatItOpened(t *testing.T) {
	from := stack()
	ring := secrets.NewRing(from, names)
	e := endpoint(sealed(t, ring, "first secret"))
	if _, err := ring.For(t.Context(), e, now); err != nil {
		t.Fatal(err)
	}
	asked := from.asked
	from.err = errors.New("out of order")
	for range 100 {
		if _, err := ring.For(t.Context(), e, now); err != nil {
			t.Fatal(err)
		}
	}
	if from.asked != asked {
		t.Errorf("asked %d times more", from.asked-asked)
	}
	if _, err := ring.For(t.Context(), nil, now); !errors.Is(err, from.err) {
		t.Errorf("got %v, want the source's error", err)
	}
}

// TestSealingKeyRotation: what the old key sealed opens though its version
// signs no more, and the new one seals.
func TestSealingKeyRotation(t *testing.T) {
	before := stack()
	old := sealed(t, secrets.NewRing(before, names), "first secret")
	after := stack()
	after.Static[names.Sealing] = append(versions("a new sealing key of at least 32 characters"),
		secrets.Version{Text: secrets.NewText(sealingText), Until: now.Add(-time.Hour)},
		secrets.Version{Text: secrets.NewText("too short to be one")})
	ring := secrets.NewRing(after, names)
	if got, err := ring.For(t.Context(), endpoint(old), now); err != nil || !slices.Equal(reveal(got), []string{"first secret"}) {
		t.Errorf("got %v, %v", reveal(got), err)
	}
	fresh := sealed(t, ring, "second secret")
	if _, err := secrets.NewRing(before, names).For(t.Context(), endpoint(fresh), now); !errors.Is(err, sealing.ErrUnknownKey) {
		t.Errorf("got %v, want %v: it is sealed under the new key", err, sealing.ErrUnknownKey)
	}
	after.Static[names.Sealing] = versions("short")
	if _, err := secrets.NewRing(after, names).For(t.Context(), endpoint(old), now); !errors.Is(err, sealing.ErrWeakKey) {
		t.Errorf("got %v, want %v", err, sealing.ErrWeakKey)
	}
}

func TestConcurrentUse(t *testing.T) {
	ring := secrets.NewRing(stack(), names)
	e := endpoint(sealed(t, ring, "first secret"))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			for _, of := range []*webhook.Endpoint{nil, e} {
				if _, err := ring.For(t.Context(), of, now); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestTextIsHidden(t *testing.T) {
	v := versions(stackSecret)
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	shown := []string{string(asJSON)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q"} {
		shown = append(shown, fmt.Sprintf(verb, v), fmt.Sprintf(verb, v[0].Text))
	}
	for _, text := range shown {
		if strings.Contains(text, stackSecret[6:]) || strings.Contains(text, fmt.Sprintf("%x", stackSecret)) || !strings.Contains(text, "[secret]") {
			t.Errorf("shown as %s", text)
		}
	}
}

func BenchmarkFor(b *testing.B) {
	ring := secrets.NewRing(stack(), names)
	e := endpoint(sealed(b, ring, "first secret"))
	for b.Loop() {
		if _, err := ring.For(b.Context(), e, now); err != nil {
			b.Fatal(err)
		}
	}
}
