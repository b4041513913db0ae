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
}

// NewSecrets returns an empty one whose dates come from now.
func NewSecrets(now func() time.Time) *Secrets {
	return &Secrets{now: now, secrets: map[string]*secret{}}
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
}

func (e *secretsError) Error() string { return e.Type + ": " + e.Message }

func notFound(format string, args ...any) error {
	return &secretsError{Type: "ResourceNotFoundException", Message: fmt.Sprintf(format, args...)}
}

func refused(kind, format string, args ...any) error {
	return &secretsError{Type: kind, Message: fmt.Sprintf(format, args...)}
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
		w.WriteHeader(http.StatusBadRequest)
		result = err // a *secretsError
	}
	_ = json.NewEncoder(w).Encode(result) //nolint:errchkjson // strings and numbers; a caller that has gone can't be told
}

func (s *Secrets) call(operation string, request *secretsRequest) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if operation == "CreateSecret" {
		return s.create(request)
	}
	do, known := map[string]func(*secret, *secretsRequest) (any, error){
		"GetSecretValue": get, "PutSecretValue": s.put, "DescribeSecret": describe,
		"UpdateSecretVersionStage": moveStage, "DeleteSecret": s.delete,
	}[operation]
	if !known {
		return nil, refused("UnknownOperationException", "the fake has no %s", operation)
	}
	of, err := s.find(request.SecretID)
	if err != nil {
		return nil, err
	}
	return do(of, request)
}
