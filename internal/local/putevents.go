package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// maxPutBody bounds the request: a detail that is a string of JSON takes twice
// its size in JSON, and more when it has escapes of its own.
const maxPutBody = 4 << 20

// putEntry is one entry of PutEvents, as the API reference has it. The bus is
// not looked at: there is only one.
type putEntry struct {
	Source       string
	DetailType   string
	Detail       string
	Time         *json.Number // Unix seconds
	Resources    []string
	EventBusName string
}

type putResult struct {
	EventID      string `json:"EventId,omitempty"`
	ErrorCode    string `json:"ErrorCode,omitempty"`
	ErrorMessage string `json:"ErrorMessage,omitempty"`
}

// readEntries reads the entries and holds their number and size to the limits.
func readEntries(w http.ResponseWriter, r *http.Request) ([]putEntry, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPutBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, &awsError{http.StatusRequestEntityTooLarge, "ValidationException", tooMuch}
	}
	if err != nil {
		return nil, &awsError{http.StatusBadRequest, "SerializationException", "the request broke off before its end"}
	}
	var put struct{ Entries []putEntry }
	if err := json.Unmarshal(body, &put); err != nil { // nothing of it is quoted
		text := `the request is not PutEvents' JSON: {"Entries":[{"Source":"…","DetailType":"…","Detail":"{…}"}]}`
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			text = fmt.Sprintf("%s is a JSON %s, which it must not be", wrong.Field, wrong.Value)
		}
		return nil, &awsError{http.StatusBadRequest, "SerializationException", text}
	}
	size := 0
	for _, entry := range put.Entries {
		size += entry.size()
	}
	switch n := len(put.Entries); {
	case n < 1 || n > maxEntries:
		return nil, &awsError{http.StatusBadRequest, "ValidationException", fmt.Sprintf("Entries has %d entries; 1 to %d are possible", n, maxEntries)}
	case size > maxPutBytes:
		return nil, &awsError{http.StatusBadRequest, "ValidationException", tooMuch}
	}
	return put.Entries, nil
}

const tooMuch = "the entries are over 1 MiB together"

// size is the entry's as EventBridge counts it, in bytes.
func (e putEntry) size() int {
	n := len(e.Source) + len(e.DetailType) + len(e.Detail)
	if e.Time != nil {
		n += 14
	}
	for _, resource := range e.Resources {
		n += len(resource)
	}
	return n
}

// lastSecond is the last one that RFC 3339 can write: the year 9999.
const lastSecond = 253402300799

// at is when the event happened, in UTC: what the entry says, or now.
func (e putEntry) at(now time.Time) time.Time {
	if e.Time == nil {
		return now.UTC()
	}
	seconds, err := e.Time.Float64()
	if err != nil || seconds < 0 || seconds > lastSecond {
		return now.UTC()
	}
	return time.UnixMilli(int64(seconds * 1000)).UTC()
}

// allowed compares the access key id in a SigV4 header, "Credential=ID/date/
// region/service/aws4_request", with the API key. The signature is not looked
// at: it is made with another secret, and the bearer key of the API has none.
func allowed(key string, r *http.Request) bool {
	_, rest, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	id, _, _ := strings.Cut(rest, ",")
	for range 4 { // a key of its own may have slashes
		id = id[:max(strings.LastIndexByte(id, '/'), 0)]
	}
	return key == "" || sameKey(id, key)
}

// awsError is an error as AWS's JSON protocol tells it.
type awsError struct {
	status        int
	kind, message string
}

func (e *awsError) Error() string { return e.message }

func answerAWS(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) //nolint:errchkjson // texts and numbers; a caller that is gone is nobody to tell
}
