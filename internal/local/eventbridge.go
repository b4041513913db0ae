package local

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/jobhook/jobhook/shared/queue"
)

// Limits of EventBridge's PutEvents.
const (
	maxEntries  = 10
	maxPutBytes = 1 << 20
)

// detailType is what the template's rule chooses.
const detailType = "Job Completed"

// eventBridge takes PutEvents in AWS's JSON 1.1 protocol and does what the
// template's rule does: completions go to the completions queue.
type eventBridge struct {
	completions interface {
		Send(context.Context, queue.Message) error
	}
	key string // the API key; the CLI sends it as its access key id. Empty: none is needed
	now func() time.Time
	id  func() string
	log *slog.Logger
}

type putEvents struct {
	Entries []putEntry `json:"Entries"`
}

type putEntry struct {
	Source       string
	DetailType   string
	Detail       string
	Time         *json.Number
	Resources    []string
	EventBusName string
}

type putResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:"ErrorCode,omitempty"`
	ErrorMessage string `json:"ErrorMessage,omitempty"`
}

// awsError is an error as AWS's JSON protocol tells it.
type awsError struct {
	status        int
	kind, message string
}

func (e *awsError) Error() string { return e.message }

func (b *eventBridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	results, err := b.serve(w, r)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if bad, ok := errors.AsType[*awsError](err); ok {
		w.Header().Set("X-Amzn-Errortype", bad.kind)
		w.WriteHeader(bad.status)
		writeJSON(w, map[string]string{"__type": bad.kind, "message": bad.message})
		return
	}
	failed := 0
	for _, result := range results {
		if result.ErrorCode != "" {
			failed++
		}
	}
	writeJSON(w, map[string]any{"FailedEntryCount": failed, "Entries": results})
}

func writeJSON(w io.Writer, v any) {
	_ = json.NewEncoder(w).Encode(v) // the caller is gone: nobody to tell
}

func (b *eventBridge) serve(w http.ResponseWriter, r *http.Request) ([]putResult, error) {
	if target := r.Header.Get("X-Amz-Target"); target != "AWSEvents.PutEvents" {
		return nil, &awsError{http.StatusBadRequest, "UnknownOperationException",
			"only EventBridge's PutEvents is served here, besides the API under /v1"}
	}
	if !b.allowed(r) {
		return nil, &awsError{http.StatusForbidden, "UnrecognizedClientException",
			"set AWS_ACCESS_KEY_ID to the value of JOBHOOK_API_KEY"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPutBytes+64<<10))
	if err != nil {
		return nil, &awsError{http.StatusRequestEntityTooLarge, "ValidationException", "the request is over 1 MiB"}
	}
	var put putEvents
	if err := json.Unmarshal(body, &put); err != nil {
		return nil, &awsError{http.StatusBadRequest, "SerializationException", "the request is not PutEvents' JSON"}
	}
	if n := len(put.Entries); n < 1 || n > maxEntries {
		return nil, &awsError{http.StatusBadRequest, "ValidationException",
			fmt.Sprintf("Entries has %d entries; 1 to %d are possible", n, maxEntries)}
	}
	results := make([]putResult, len(put.Entries))
	for i, entry := range put.Entries {
		results[i] = b.put(r.Context(), entry)
	}
	return results, nil
}

// allowed compares the access key id of the request's SigV4 header.
func (b *eventBridge) allowed(r *http.Request) bool {
	if b.key == "" {
		return true
	}
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(rest, "/")
	return subtle.ConstantTimeCompare([]byte(id), []byte(b.key)) == 1
}

func (b *eventBridge) put(ctx context.Context, e putEntry) putResult {
	switch {
	case e.Source == "" || e.DetailType == "" || e.Detail == "":
		return putResult{ErrorCode: "InvalidArgument", ErrorMessage: "Source, DetailType and Detail are required"}
	case !isObject(e.Detail):
		return putResult{ErrorCode: "MalformedDetail", ErrorMessage: "Detail must be a JSON object, as a string"}
	}
	id := b.id()
	if e.DetailType != detailType {
		b.log.Warn("event.unmatched", "detail_type", e.DetailType, "want", detailType)
		return putResult{EventID: id}
	}
	body, err := b.envelope(id, e)
	if err == nil {
		err = b.completions.Send(ctx, queue.Message{Body: body})
	}
	if err != nil {
		b.log.Error("event.not_stored", "error", err)
		return putResult{ErrorCode: "InternalFailure", ErrorMessage: "the event could not be stored; send it again"}
	}
	return putResult{EventID: id}
}

func isObject(text string) bool {
	return strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text))
}

// envelope is the event as EventBridge hands it to a target.
func (b *eventBridge) envelope(id string, e putEntry) ([]byte, error) {
	at := b.now()
	if e.Time != nil {
		if seconds, err := e.Time.Float64(); err == nil {
			at = time.UnixMilli(int64(seconds * 1000))
		}
	}
	return json.Marshal(map[string]any{
		"version": "0", "id": id, "detail-type": e.DetailType, "source": e.Source, "account": "000000000000",
		"time": at.UTC().Format(time.RFC3339), "region": "local", "resources": e.Resources, "detail": json.RawMessage(e.Detail),
	})
}
