package secretsmanager_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"github.com/jobhook/jobhook/internal/emulators"
	"github.com/jobhook/jobhook/shared/secrets"
	"github.com/jobhook/jobhook/shared/secretsmanager"
	"github.com/jobhook/jobhook/shared/webhook"
)

// TestWarmCacheMakesNoCalls counts HTTP requests through the SDK.
func TestWarmCacheMakesNoCalls(t *testing.T) {
	calls := &emulators.Calls{}
	config := emulators.Config(emulators.SecretsManager(t))
	admin := sdk.NewFromConfig(config)
	config.HTTPClient = calls
	names := secrets.Names{Signing: create(t, admin, "the signing secret"), Sealing: create(t, admin, "0123456789abcdefghijklmnopqrstuv")}
	ring := secrets.NewRing(secretsmanager.New(sdk.NewFromConfig(config), secretsmanager.Options{}), names)
	now, jobs := time.Now(), webhook.JobDefaults(webhook.DefaultAccount, webhook.Standard)
	if _, _, err := ring.For(t.Context(), jobs, now); err != nil {
		t.Fatal(err)
	}
	cold := calls.Total()
	if cold != 4 {
		t.Errorf("%d calls for the first, want 4: the current and the previous version of two secrets", cold)
	}
	for n := range 1000 {
		if _, _, err := ring.For(t.Context(), jobs, now.Add(time.Duration(n)*299*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	if more := calls.Total() - cold; more != 0 {
		t.Errorf("%d more calls within 5 minutes, want none", more)
	}
}

// service is a Secrets Manager in memory, of one secret.
type service struct {
	mu    sync.Mutex
	value string
	err   error
	calls int
	took  time.Duration
}

func (s *service) set(value string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value, s.err = value, err
}

func (s *service) GetSecretValue(ctx context.Context, in *sdk.GetSecretValueInput, _ ...func(*sdk.Options)) (*sdk.GetSecretValueOutput, error) {
	if *in.VersionStage != "AWSCURRENT" {
		return nil, &types.ResourceNotFoundException{}
	}
	s.mu.Lock()
	s.calls++
	value, err, took := s.value, s.err, s.took
	s.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return &sdk.GetSecretValueOutput{SecretString: aws.String(value), CreatedDate: aws.Time(time.Now())}, err
}

// TestCacheTimes walks through the life of a value: what is answered, and
// whether that took a call.
func TestCacheTimes(t *testing.T) {
	down := errors.New("Secrets Manager is down")
	start := time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)
	heard := 0
	s := &service{}
	manager := secretsmanager.New(s, secretsmanager.Options{OnError: func(string, error) { heard++ }})
	for _, step := range []struct {
		at    time.Duration
		value string // what Secrets Manager holds
		fault error  // how it fails
		want  string // empty: an error
		calls int
	}{
		{0, "one", down, "", 1},
		{9 * time.Second, "one", nil, "", 0}, // it was just asked
		{10 * time.Second, "one", nil, "one", 1},
		{5*time.Minute + 9*time.Second, "two", nil, "one", 0},
		{5*time.Minute + 10*time.Second, "two", nil, "two", 1}, // a rotation shows within the TTL
		{11 * time.Minute, "three", down, "two", 1},
		{11*time.Minute + 9*time.Second, "three", down, "two", 0},
		{11*time.Minute + 10*time.Second, "three", down, "two", 1},
		{65*time.Minute + 9*time.Second, "three", down, "two", 1},
		{65*time.Minute + 10*time.Second, "three", down, "", 1}, // an hour after it was read
		{65*time.Minute + 19*time.Second, "three", nil, "", 0},
		{65*time.Minute + 20*time.Second, "three", nil, "three", 1},
	} {
		s.set(step.value, step.fault)
		before := s.calls
		got, err := manager.Versions(t.Context(), "name", start.Add(step.at))
		if calls := s.calls - before; calls != step.calls {
			t.Errorf("at %s: %d calls, want %d", step.at, calls, step.calls)
		}
		switch {
		case step.want == "" && !errors.Is(err, down):
			t.Errorf("at %s: got %v, %v; want the fault", step.at, reveal(got), err)
		case step.want != "" && (err != nil || !slices.Equal(reveal(got), []string{step.want})):
			t.Errorf("at %s: got %v, %v; want %s", step.at, reveal(got), err, step.want)
		}
	}
	if heard != 5 {
		t.Errorf("heard of %d failures, want 5", heard)
	}
}

// TestAtOnce: many callers, one reading.
func TestAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{value: "one", took: time.Second}
		manager := secretsmanager.New(s, secretsmanager.Options{})
		now := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				if got, err := manager.Versions(t.Context(), "name", now); err != nil || !slices.Equal(reveal(got), []string{"one"}) {
					t.Errorf("got %v, %v", reveal(got), err)
				}
			})
		}
		all.Wait()
		if s.calls != 1 {
			t.Errorf("%d calls, want 1", s.calls)
		}
	})
}

// TestImpatientCaller: giving up ends neither the others' wait nor the reading.
func TestImpatientCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{value: "one", took: 2 * time.Second}
		manager := secretsmanager.New(s, secretsmanager.Options{})
		now := time.Now()
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := manager.Versions(short, "name", now); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
			}
		})
		synctest.Wait()
		if got, err := manager.Versions(t.Context(), "name", now); err != nil || len(got) != 1 {
			t.Errorf("got %v, %v", reveal(got), err)
		}
		all.Wait()
	})
}

// TestSlowService: a reading ends at its time-out, and the old value stands in.
func TestSlowService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{value: "one"}
		manager := secretsmanager.New(s, secretsmanager.Options{})
		if _, err := manager.Versions(t.Context(), "name", time.Now()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		s.took = time.Minute
		if got, err := manager.Versions(t.Context(), "name", time.Now()); err != nil || !slices.Equal(reveal(got), []string{"one"}) {
			t.Errorf("got %v, %v; want the old value", reveal(got), err)
		}
	})
}
