package local

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/deliver"
	"github.com/jobhook/jobhook/shared/embedded"
	"github.com/jobhook/jobhook/shared/webhook"
)

// Limits of EventBridge's PutEvents (2026): entries, and the sum of their
// sizes in bytes.
const (
	maxEntries  = 10
	maxPutBytes = 1 << 20
)

// detailType is what the template's rule chooses.
const detailType = "Job Completed"

// eventBridge takes PutEvents in AWS's JSON 1.1 protocol and does what the
// template's rule does: completions go to the completions queue.
type eventBridge struct {
	completions deliver.Queue
	key         string // the API key; the CLI sends it as its access key id. Empty: none is needed
	now         func() time.Time
	id          func() string
	log         *slog.Logger
}

func (b *eventBridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	results, err := b.serve(w, r)
	if bad, ok := errors.AsType[*awsError](err); ok {
		w.Header().Set("X-Amzn-Errortype", bad.kind)
		answerAWS(w, bad.status, map[string]string{"__type": bad.kind, "message": bad.message})
		return
	}
	failed := 0
	for _, result := range results {
		if result.ErrorCode != "" {
			failed++
		}
	}
	answerAWS(w, http.StatusOK, map[string]any{"FailedEntryCount": failed, "Entries": results})
}

func (b *eventBridge) serve(w http.ResponseWriter, r *http.Request) ([]putResult, error) {
	if target := r.Header.Get("X-Amz-Target"); target != "AWSEvents.PutEvents" {
		return nil, &awsError{http.StatusBadRequest, "UnknownOperationException", "only EventBridge's PutEvents is served here, besides the API under /v1"}
	}
	if !allowed(b.key, r) {
		return nil, &awsError{http.StatusForbidden, "UnrecognizedClientException", "set AWS_ACCESS_KEY_ID to the value of JOBHOOK_API_KEY"}
	}
	entries, err := readEntries(w, r)
	if err != nil {
		return nil, err
	}
	results := make([]putResult, len(entries))
	for i, entry := range entries {
		results[i] = b.put(r.Context(), entry)
	}
	return results, nil
}

func (b *eventBridge) put(ctx context.Context, e putEntry) putResult {
	var missing []string
	for _, f := range [][2]string{{"Source", e.Source}, {"DetailType", e.DetailType}, {"Detail", e.Detail}} {
		if f[1] == "" {
			missing = append(missing, f[0])
		}
	}
	if len(missing) > 0 {
		return putResult{ErrorCode: "InvalidArgument", ErrorMessage: strings.Join(missing, ", ") + ": required"}
	}
	if !strings.HasPrefix(strings.TrimSpace(e.Detail), "{") || !json.Valid([]byte(e.Detail)) {
		return putResult{ErrorCode: "MalformedDetail", ErrorMessage: "Detail must be a JSON object, written as a string"}
	}
	id := b.id()
	if e.DetailType != detailType {
		b.log.Warn("event.unmatched", "detail_type", e.DetailType, "want", detailType)
		return putResult{EventID: id}
	}
	body, err := b.envelope(id, e)
	if err == nil {
		err = b.completions.Send(ctx, webhook.Message{Body: body, Group: groupOf(e)})[0]
	}
	if errors.Is(err, embedded.ErrTooLarge) {
		return putResult{ErrorCode: "InvalidArgument", ErrorMessage: fmt.Sprintf("the event is over %d bytes", embedded.MaxBody)}
	}
	if err != nil {
		b.log.Error("event.not_stored", "error", err)
		return putResult{ErrorCode: "InternalFailure", ErrorMessage: "the event could not be stored; send it again"}
	}
	return putResult{EventID: id}
}

// groupOf is the message group that the stack's rules give an event.
func groupOf(e putEntry) string {
	var detail struct{ Account string }
	_ = json.Unmarshal([]byte(e.Detail), &detail) // one that is no string is rejected by dispatch
	return cmp.Or(detail.Account, webhook.DefaultAccount)
}

// envelope is the event as EventBridge hands it to a target.
func (b *eventBridge) envelope(id string, e putEntry) ([]byte, error) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false) // the detail's bytes as they came
	err := enc.Encode(map[string]any{
		"version": "0", "id": id, "detail-type": e.DetailType, "source": e.Source, "account": "000000000000",
		"time": e.at(b.now()).Format(time.RFC3339), "region": "local", "resources": e.Resources, "detail": json.RawMessage(e.Detail),
	})
	return body.Bytes(), err
}
