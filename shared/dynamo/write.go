package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"golang.org/x/sync/errgroup"

	"github.com/jobhook/jobhook/shared/webhook"
)

const (
	// maxStatements is BatchExecuteStatement's own limit.
	maxStatements = 25
	// maxCallBytes keeps a call's items below its 2 MB: base64 makes what is
	// compressed a third larger.
	maxCallBytes = 3 << 19
	// parallelCalls bounds the calls that one Write makes at once.
	parallelCalls = 8
)

// write is one change on its way. err is where its answer goes.
type write struct {
	name      string // for errors: "insert delivery msg_….ep_…"
	key       key
	insert    bool
	record    item
	statement types.BatchStatementRequest
	err       *error
}

func (w *write) answer(err error) { *w.err = wrap(err, "%s", w.name) }

// Write makes each change by itself, see webhook.Store. Up to 25 changes, of
// different keys and 1.5 MB together, are one call; of two changes with one
// key, which DynamoDB refuses in one call, the second follows the first.
//
// What DynamoDB throttles is tried again, alone and with growing pauses, until
// ctx ends, for 5 s at most when ctx has no deadline.
func (s *Store) Write(ctx context.Context, changes ...webhook.Change) []error {
	errs := make([]error, len(changes))
	var rounds [][]*write // the n-th holds each key's n-th change
	seen := map[key]int{}
	for i, c := range changes {
		w, err := s.prepare(c)
		if err != nil {
			errs[i] = err
			continue
		}
		w.err = &errs[i]
		n := seen[w.key]
		seen[w.key]++
		if n == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[n] = append(rounds[n], w)
	}
	for _, round := range rounds {
		var calls errgroup.Group
		calls.SetLimit(parallelCalls)
		for _, batch := range batches(round) {
			calls.Go(func() error { s.settle(ctx, batch); return nil })
		}
		_ = calls.Wait()
	}
	return errs
}

// prepare makes a change's statement.
func (s *Store) prepare(c webhook.Change) (*write, error) {
	w, verb := &write{insert: c.From == ""}, "replace"
	if c.From == "" {
		verb = "insert"
	}
	var record any
	var names []string
	switch {
	case (c.Event == nil) == (c.Delivery == nil):
		return nil, errors.New("a change needs an event or a delivery, and not both")
	case c.Event != nil:
		e := c.Event
		w.name = verb + " event " + e.MessageID
		var ok bool
		if w.key, ok = s.eventKey(e.MessageID); !ok || w.insert && e.MessageID != webhook.MessageID(e.Account, e.Job.ID, e.EventID) {
			return nil, fmt.Errorf("%s: its message id is not that of its account, job and event id: see webhook.MessageID", w.name)
		}
		record, names = newEventRecord(*e, w.key), claimAttributes
		if len(e.Targets) == 0 {
			names = unwantedAttributes
		}
	default:
		d := c.Delivery
		w.name, w.key = verb+" delivery "+d.ID(), s.deliveryKey(d.DeliveryKey)
		record, names = newDeliveryRecord(*d, w.key), deliveryAttributes
	}
	var err error
	w.record, err = encode(record)
	if w.insert {
		w.statement = insertStatement(w.key.table, w.record)
	} else {
		w.statement = updateStatement(w.key.table, w.record, names, c.From, s.now().Unix())
	}
	return w, wrap(err, "%s", w.name)
}

// batches cuts writes into calls.
func batches(writes []*write) [][]*write {
	var cut [][]*write
	size := 0
	for _, w := range writes {
		more := len(*w.statement.Statement)
		for _, value := range w.statement.Parameters {
			more += sizeOfValue(value)
		}
		if n := len(cut); n == 0 || len(cut[n-1]) == maxStatements || size+more > maxCallBytes {
			cut, size = append(cut, nil), 0
		}
		cut[len(cut)-1] = append(cut[len(cut)-1], w)
		size += more
	}
	return cut
}

// StatementError is DynamoDB's answer to one statement of a call. It tells of
// no lost race: DynamoDB could not, or may not, do it.
type StatementError struct {
	Code    types.BatchStatementErrorCodeEnum
	Message string
}

func (e *StatementError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("DynamoDB answered %s: %s", e.Code, e.Message), ": ")
}

// passes says whether the same statement may succeed in a moment. The answer to
// the call is a 200, so the SDK does not repeat it.
func (e *StatementError) passes() bool {
	return slices.Contains([]types.BatchStatementErrorCodeEnum{
		types.BatchStatementErrorCodeEnumRequestLimitExceeded, types.BatchStatementErrorCodeEnumProvisionedThroughputExceeded,
		types.BatchStatementErrorCodeEnumTransactionConflict, types.BatchStatementErrorCodeEnumThrottlingError,
		types.BatchStatementErrorCodeEnumInternalServerError,
	}, e.Code)
}

// triesFor is how long a throttled write is tried: the others of its call wait
// for its answer. Who can wait longer writes it again by itself.
const triesFor = 300 * time.Millisecond
