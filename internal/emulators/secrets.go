package emulators

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Secrets is a fake Secrets Manager that speaks its JSON 1.1 protocol: versions,
// their stages (AWSCURRENT, AWSPREVIOUS, AWSPENDING and one's own), creation
// dates and the errors that callers tell apart. It checks no signature and no
// policy, never expires a deleted secret and knows no rotation schedule. The
// contract tests of shared/secrets run on it and on moto.
type Secrets struct {
	now func() time.Time

	mu      sync.Mutex
	secrets map[string]*secret // by name
	fail    func(operation string) error
}

// NewSecrets returns an empty one whose dates come from now.
func NewSecrets(now func() time.Time) *Secrets {
	return &Secrets{now: now, secrets: map[string]*secret{}}
}

// FailWith makes each call whose operation ("GetSecretValue") gets an error from
// fail answer with it, as InternalServiceError (HTTP 500). Nil heals.
func (s *Secrets) FailWith(fail func(operation string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = fail
}

// secretsRequest has the fields that all operations take, by their AWS names.
type secretsRequest struct {
	Name, SecretID, Description          string
	ClientRequestToken, VersionID        string
	VersionStage                         string
	VersionStages                        []string
	SecretString                         *string
	SecretBinary                         []byte
	MoveToVersionID, RemoveFromVersionID string
	ForceDeleteWithoutRecovery           bool
}

// secretsError is an error answer: the type that the SDK turns into a Go type.
type secretsError struct {
	Type    string `json:"__type"`
	Message string `json:"Message"`
	status  int
}

func (e *secretsError) Error() string { return e.Type + ": " + e.Message }

func notFound(format string, args ...any) error {
	return &secretsError{Type: "ResourceNotFoundException", Message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

func refused(kind, format string, args ...any) error {
	return &secretsError{Type: kind, Message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

// ServeHTTP answers one call, named by its X-Amz-Target header.
func (s *Secrets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	operation, found := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	if r.Method != http.MethodPost || !found {
		answer(w, nil, refused("UnknownOperationException", "%s is no call to Secrets Manager", r.Method))
		return
	}
	var request secretsRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&request); err != nil {
		answer(w, nil, refused("SerializationException", "%v", err))
		return
	}
	result, err := s.call(operation, &request)
	answer(w, result, err)
}

func answer(w http.ResponseWriter, result any, err error) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if err != nil {
		failure, ok := err.(*secretsError) //nolint:errorlint // built here, never wrapped
		if !ok {
			failure = &secretsError{Type: "InternalServiceError", Message: err.Error(), status: http.StatusInternalServerError}
		}
		w.WriteHeader(failure.status)
		result = failure
	}
	_ = json.NewEncoder(w).Encode(result) //nolint:errchkjson // strings and numbers; a caller that has gone can't be told
}

func (s *Secrets) call(operation string, request *secretsRequest) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		if err := s.fail(operation); err != nil {
			return nil, err
		}
	}
	switch operation {
	case "CreateSecret":
		return s.create(request)
	case "GetSecretValue":
		return s.get(request)
	case "PutSecretValue":
		return s.put(request)
	case "DescribeSecret":
		return s.describe(request)
	case "UpdateSecretVersionStage":
		return s.moveStage(request)
	case "DeleteSecret":
		return s.delete(request)
	}
	return nil, refused("UnknownOperationException", "the fake has no %s", operation)
}
