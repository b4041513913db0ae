// Package gate stands between the functions and the emulators as IAM stands
// before AWS: it knows a caller by its access key, works out which action on
// which resource each call is, judges it by the caller's role and the
// resource's policy, refuses with AWS's own AccessDenied, and keeps a journal
// of every decision. Signatures are not checked: a caller is who its access key
// says.
package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// Fault may fail a call that policies allow: it returns true to have the call
// answered with an error of the service's own. It is called for each call.
type Fault func(role, action, resource string) bool

// Gate judges calls to AWS. It is safe for concurrent use.
type Gate struct {
	Secure   *httptest.Server // HTTPS
	Plain    *httptest.Server // the same over HTTP, as a caller without TLS would come
	services map[string]http.Handler

	mu      sync.Mutex
	roles   map[string][]Document // by name
	queues  map[string][]Document // by ARN
	secrets map[string]string     // name to ARN
	journal []Decision
	fault   Fault
}

// New starts a gate before emulators, given by service; Close ends it.
func New(emulators map[string]string) (*Gate, error) {
	g := &Gate{
		services: map[string]http.Handler{}, roles: map[string][]Document{},
		queues: map[string][]Document{}, secrets: map[string]string{},
	}
	for service, address := range emulators {
		target, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("emulator of %s: %w", service, err)
		}
		g.services[service] = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("Accept-Encoding")
		}}
	}
	g.Secure, g.Plain = httptest.NewTLSServer(g), httptest.NewServer(g)
	return g, nil
}

// Close ends the gate.
func (g *Gate) Close() {
	g.Secure.Close()
	g.Plain.Close()
}

// SetRole makes a role's policies those that count from now on. The caller with
// the role's access key (AccessKey) is judged by them.
func (g *Gate) SetRole(name string, documents []Document) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roles[name] = documents
}

// Role returns a role's policies, and whether there is such a role.
func (g *Gate) Role(name string) ([]Document, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	documents, there := g.roles[name]
	return documents, there
}

// SetQueuePolicy puts a policy in the place of a queue's former one.
func (g *Gate) SetQueuePolicy(queueARN string, d Document) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queues[queueARN] = []Document{d}
}

// AddSecret makes a secret's ARN known by its name.
func (g *Gate) AddSecret(name, arn string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.secrets[name] = arn
}

// SetFault sets what fails from now on; nil for nothing.
func (g *Gate) SetFault(f Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
}

// AccessKey is the access key of a role's temporary credentials.
func AccessKey(role string) string { return "ASIA" + role }

// secretARN is the resource of a call that names a secret by name or ARN.
func (g *Gate) secretARN(id string) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if arn, known := g.secrets[id]; known {
		return arn
	}
	if strings.HasPrefix(id, "arn:") {
		return id
	}
	return ARN("secretsmanager", "secret:"+id)
}

// ServeHTTP judges one call and hands it on when it is allowed.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 8<<20))
	if err != nil {
		return // the caller has gone
	}
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential="+AccessKey(""))
	who, _, _ := strings.Cut(credential, "/")
	if _, known := g.Role(who); !known {
		answer(w, http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
		return
	}
	target := r.Header.Get("X-Amz-Target")
	service, rights, err := g.read(target, body)
	var address *badAddressError
	if errors.As(err, &address) {
		answer(w, http.StatusBadRequest, "com.amazonaws.sqs#InvalidAddress", address.Error())
		return
	}
	if err != nil {
		g.deny(w, service, g.write(Decision{Role: who, Action: target, By: err.Error()}))
		return
	}
	context := map[string]string{"aws:SecureTransport": strconv.FormatBool(r.TLS != nil)}
	for _, need := range rights {
		d := g.Decide(who, need.action, need.resource, context)
		if !d.Allowed {
			g.deny(w, service, d)
			return
		}
		g.mu.Lock()
		fault := g.fault
		g.mu.Unlock()
		if fault != nil && fault(who, need.action, need.resource) {
			answer(w, http.StatusInternalServerError, "InternalServerError", "the rehearsal has this call fail")
			return
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	g.services[service].ServeHTTP(w, r)
}

// deny answers as each service does: SQS with 403, the others with 400.
func (g *Gate) deny(w http.ResponseWriter, service string, d Decision) {
	status, kind := http.StatusBadRequest, "AccessDeniedException"
	switch service {
	case "dynamodb":
		kind = "com.amazon.coral.service#AccessDeniedException"
	case "sqs":
		status = http.StatusForbidden
		w.Header().Set("X-Amzn-Query-Error", "AccessDenied;Sender")
	}
	answer(w, status, kind, fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s", RoleARN(d.Role), d.Action, d.Resource))
}

func answer(w http.ResponseWriter, status int, kind, message string) {
	text, err := json.Marshal(map[string]string{"__type": kind, "message": message})
	if err != nil {
		text = []byte(`{}`) // two strings always encode
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(text)), 10)) // DynamoDB's clients compare it
	w.WriteHeader(status)
	_, _ = w.Write(text) // a caller that has gone needs no answer
}
