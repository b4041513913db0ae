package dynamo_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"

	"github.com/jobhook/jobhook/shared/dynamo"
	"github.com/jobhook/jobhook/shared/webhook"
)

func allLanded(t *testing.T, errs []error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func (t *table) sizes() []int {
	var sizes []int
	for _, call := range t.calls {
		sizes = append(sizes, len(call))
	}
	return sizes
}

func TestWriteJoinsChanges(t *testing.T) {
	large := func(n int) []webhook.Change { // each about 300 KB, whatever compresses it
		changes := make([]webhook.Change, n)
		for i := range changes {
			e := sampleEvent(fmt.Sprint(i))
			random := make([]byte, 225<<10)
			_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(random)
			e.Result = json.RawMessage(`"` + base64.StdEncoding.EncodeToString(random) + `"`)
			changes[i].Event = &e
		}
		return changes
	}
	one := insertsOf(1)[0]
	for _, c := range []struct {
		name    string
		changes []webhook.Change
		calls   []int // how many statements each may have, in order
	}{
		{"none", nil, nil},
		{"one", insertsOf(1), []int{1}},
		{"ten", insertsOf(10), []int{10}},
		{"as many as fit", insertsOf(25), []int{25}},
		{"one more", insertsOf(26), []int{25, 1}},
		{"sixty", insertsOf(60), []int{25, 25, 10}},
		{"more than 1.5 MB", large(13), []int{6, 6, 1}},
		{"one key twice", append(insertsOf(3), replaced(one, "r2")), []int{3, 1}},
		{"one key three times", []webhook.Change{one, replaced(one, "r2"), replaced(replaced(one, "r2"), "r3")}, []int{1, 1, 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := &table{}
			allLanded(t, api.store().Write(t.Context(), c.changes...))
			sizes, calls := map[int]int{}, map[int]int{}
			for _, n := range api.sizes() {
				sizes[n]++
			}
			for _, n := range c.calls {
				calls[n]++
			}
			if fmt.Sprint(sizes) != fmt.Sprint(calls) {
				t.Errorf("calls of %v statements, want %v", api.sizes(), c.calls)
			}
		})
	}
}

// TestStatements: constant text, short enough, of the form that PartiQL has: one
// SET with a list, and one REMOVE of one attribute.
func TestStatements(t *testing.T) {
	api := &table{}
	event, insert := sampleEvent("job-1"), insertsOf(1)[0]
	claimed, change := event.Claim(nil, webhook.Lease{Message: "secret-message"}, "secret-rev")
	retrying := replaced(insert, "r2")
	retrying.Delivery.Status, retrying.Delivery.SettledAt = webhook.Retrying, time.Time{}
	allLanded(t, api.store().Write(t.Context(), webhook.Change{Event: &event}, insert))
	allLanded(t, api.store().Write(t.Context(), change, retrying))
	_, dropped := claimed.Claim(nil, webhook.Lease{}, "r3")
	dropped.Event.Targets, dropped.Event.Result = []string{}, nil
	allLanded(t, api.store().Write(t.Context(), dropped))
	want := []string{
		`INSERT INTO "D" VALUE {'a': ?, 'c': ?, 'j': ?, 'js': ?, 'jt': ?, 'lm': ?, 'lu': ?, 'pk': ?, 'r': ?, 'rev': ?, 'sk': ?, 'tg': ?, 'v': ?, 'x': ?}`,
		`INSERT INTO "D" VALUE {'at': ?, 'e': ?, 'p': ?, 'pk': ?, 'rev': ?, 'sk': ?, 'st': ?, 'u': ?, 'v': ?, 'x': ?}`,
		`UPDATE "D" SET "tg"=?, "ho"=?, "lm"=?, "lu"=?, "rev"=? WHERE "pk"=? AND "sk"=? AND "rev"=? AND "x">?`,
		`UPDATE "D" SET "v"=?, "rev"=?, "x"=?, "st"=?, "e"=?, "u"=?, "bu"=?, "p"=?, "ir"=?, "rs"=?, "at"=?, "n"=?, "ps"=?, "sb"=?, "lm"=?, "lu"=? REMOVE "settled_at" WHERE "pk"=? AND "sk"=? AND "rev"=? AND "x">?`,
		`UPDATE "D" SET "tg"=?, "ho"=?, "lm"=?, "lu"=?, "rev"=?, "r"=?, "er"=? WHERE "pk"=? AND "sk"=? AND "rev"=? AND "x">?`,
	}
	var got []string
	for _, call := range api.calls {
		got = append(got, call...)
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("statements are\n%s", strings.Join(got, "\n"))
	}
}

// TestStatementErrors: each code that DynamoDB may answer to one statement of a
// call, whether or not the statement had landed. Its neighbours never suffer.
func TestStatementErrors(t *testing.T) {
	const code = types.BatchStatementErrorCodeEnumDuplicateItem
	passing := func(c types.BatchStatementErrorCodeEnum) bool {
		switch c {
		case "RequestLimitExceeded", "ProvisionedThroughputExceeded", "TransactionConflict", "ThrottlingError", "InternalServerError":
			return true
		}
		return false
	}
	for _, c := range code.Values() {
		for _, landed := range []bool{false, true} {
			for _, update := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, landed %t, update %t", c, landed, update), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { statementError(t, c, landed, update, passing(c)) })
				})
			}
		}
	}
}

func statementError(t *testing.T, code types.BatchStatementErrorCodeEnum, landed, update, passes bool) {
	api := &table{}
	changes := insertsOf(3)
	if update {
		allLanded(t, api.store().Write(t.Context(), changes...))
		for i, c := range changes {
			changes[i] = replaced(c, "r2")
		}
	}
	api.calls = nil
	n := 0
	api.answer = func(string) (bool, types.BatchStatementErrorCodeEnum) {
		if n++; n == 2 { // the second statement of the first call
			return landed, code
		}
		return true, ""
	}
	errs := api.store().Write(t.Context(), changes...)
	if errs[0] != nil || errs[2] != nil {
		t.Errorf("its neighbours: %v", errs)
	}
	switch {
	case passes:
		if errs[1] != nil || fmt.Sprint(api.sizes()) != "[3 1]" {
			t.Errorf("got %v after calls of %v, want success after [3 1]", errs[1], api.sizes())
		}
	case code == "DuplicateItem", code == "ConditionalCheckFailed":
		// Its own write stands, or nothing does and it is inserted.
		if landed || !update {
			if errs[1] != nil || len(api.records) != 3 {
				t.Errorf("got %v and %d records, want success and 3", errs[1], len(api.records))
			}
		} else if !errors.Is(errs[1], webhook.ErrLost) {
			t.Errorf("got %v, want ErrLost", errs[1])
		}
	default:
		var failed *dynamo.StatementError
		if !errors.As(errs[1], &failed) || failed.Code != code || !strings.Contains(errs[1].Error(), string(code)) {
			t.Errorf("got %v, want %s", errs[1], code)
		}
		if errors.Is(errs[1], webhook.ErrLost) || len(api.calls) != 1 {
			t.Errorf("%v after %d calls, want an internal error after one", errs[1], len(api.calls))
		}
	}
}

// TestThrottledWrites: what stays throttled is tried until its context ends.
func TestThrottledWrites(t *testing.T) {
	throttle := func(string) (bool, types.BatchStatementErrorCodeEnum) {
		return false, types.BatchStatementErrorCodeEnumThrottlingError
	}
	busy := func() error { return &smithy.GenericAPIError{Code: "ThrottlingException", Message: "slow down"} }
	for _, c := range []struct {
		name string
		api  *table
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		want time.Duration
	}{
		{"a deadline", &table{answer: throttle}, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 200*time.Millisecond)
		}, 200 * time.Millisecond},
		{"no deadline", &table{answer: throttle}, context.WithCancel, 300 * time.Millisecond},
		{"a deadline far off, for the sake of the others", &table{answer: throttle}, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 20*time.Second)
		}, 300 * time.Millisecond},
		{"a whole call", &table{fail: busy}, context.WithCancel, 300 * time.Millisecond},
		{"canceled", &table{answer: throttle}, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(100*time.Millisecond, cancel)
			return ctx, cancel
		}, 100 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := c.ctx(t.Context())
				defer cancel()
				started := time.Now()
				errs := c.api.store().Write(ctx, insertsOf(2)...)
				if took := time.Since(started); took != c.want {
					t.Errorf("tried for %s, want %s", took, c.want)
				}
				for _, err := range errs {
					if err == nil || errors.Is(err, webhook.ErrLost) || !strings.Contains(err.Error(), "Throttling") {
						t.Errorf("got %v, want the throttling", err)
					}
				}
				if n := len(c.api.calls); n < 3 || n > 20 {
					t.Errorf("%d calls", n)
				}
			})
		})
	}
}

// TestThrottledThenFree: an internal error after the statement landed, many
// times over, ends as one success.
func TestThrottledThenFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := 0
		api := &table{answer: func(string) (bool, types.BatchStatementErrorCodeEnum) {
			if n++; n <= 6 {
				return true, types.BatchStatementErrorCodeEnumInternalServerError
			}
			return true, ""
		}}
		allLanded(t, api.store().Write(t.Context(), insertsOf(3)...))
		if len(api.records) != 3 {
			t.Errorf("%d records, want 3", len(api.records))
		}
	})
}

// TestWholeCallRefused: each change has the call's error, and no change is
// tried that the SDK would not try.
func TestWholeCallRefused(t *testing.T) {
	refusal := &smithy.GenericAPIError{Code: "ValidationException", Message: "no"}
	api := &table{fail: func() error { return refusal }}
	for i, err := range api.store().Write(t.Context(), insertsOf(3)...) {
		if !errors.Is(err, refusal) || !strings.HasPrefix(err.Error(), "insert delivery msg_") {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if len(api.calls) != 1 {
		t.Errorf("%d calls, want 1", len(api.calls))
	}
}

// TestRefusedChanges never reach DynamoDB, and their neighbours do.
func TestRefusedChanges(t *testing.T) {
	event, large, foreign := sampleEvent("job-1"), sampleDelivery("job-2"), sampleEvent("job-3")
	large.URL = strings.Repeat("x", dynamo.MaxItem)
	foreign.Account = "acct-2"
	bad := insertsOf(1)[0]
	for _, c := range []struct {
		name   string
		change webhook.Change
		is     error
	}{
		{"of nothing", webhook.Change{}, nil},
		{"of both", webhook.Change{Event: &event, Delivery: bad.Delivery}, nil},
		{"too large", webhook.Change{Delivery: &large}, webhook.ErrTooLarge},
		{"a message id of another account", webhook.Change{Event: &foreign}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := &table{}
			errs := api.store().Write(t.Context(), c.change, bad)
			if errs[0] == nil || c.is != nil && !errors.Is(errs[0], c.is) || errors.Is(errs[0], webhook.ErrLost) || len(errs[0].Error()) > 300 {
				t.Errorf("got %v", errs[0])
			}
			if errs[1] != nil || len(api.records) != 1 {
				t.Errorf("its neighbour: %v", errs[1])
			}
		})
	}
}
