// Package gate stands between the functions and the emulators as IAM stands
// before AWS: it knows a caller by its access key, works out which action on
// which resource each call is, judges it by the caller's role and the
// resource's policy, refuses with AWS's own AccessDenied, and keeps a journal
// of every decision. Signatures are not checked: a caller is who its access key
// says.
package gate

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/jobhook/jobhook/internal/rehearse/cloudformation"
	"github.com/jobhook/jobhook/internal/rehearse/iam"
)

// Upstream are the emulators' URLs.
type Upstream struct{ DynamoDB, SQS, Secrets string }

// Fault may fail a call that policies allow: it returns true to have the call
// answered with an error of the service's own. It is called for each call.
type Fault func(role, action, resource string) bool

// Gate judges calls to AWS. It is safe for concurrent use.
type Gate struct {
	upstream Upstream
	secure   *httptest.Server
	plain    *httptest.Server

	mu      sync.Mutex
	roles   map[string]role // by access key
	queues  map[string][]iam.Document
	secrets map[string]string // name to ARN
	journal []Decision
	fault   Fault
}

type role struct {
	name      string
	arn       string
	documents []iam.Document
}

// New starts a gate; Close ends it.
func New(upstream Upstream) *Gate {
	g := &Gate{upstream: upstream, roles: map[string]role{}, queues: map[string][]iam.Document{}, secrets: map[string]string{}}
	g.secure = httptest.NewTLSServer(g)
	g.plain = httptest.NewServer(g)
	return g
}

// Close ends the gate.
func (g *Gate) Close() {
	g.secure.Close()
	g.plain.Close()
}

// URL is the gate's HTTPS endpoint; Server.Certificate of Secure is what a
// caller must trust.
func (g *Gate) URL() string { return g.secure.URL }

// PlainURL is the same over HTTP, as a caller without TLS would come.
func (g *Gate) PlainURL() string { return g.plain.URL }

// Secure is the HTTPS server, for its client and its certificate.
func (g *Gate) Secure() *httptest.Server { return g.secure }

// SetRole makes a role's policies those that count from now on. The caller with
// the role's access key (AccessKey) is judged by them.
func (g *Gate) SetRole(name string, documents []iam.Document) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.roles[AccessKey(name)] = role{name: name, arn: RoleARN(name), documents: documents}
}

// SetQueuePolicy puts a policy in the place of a queue's former one.
func (g *Gate) SetQueuePolicy(queueARN string, d iam.Document) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queues[queueARN] = []iam.Document{d}
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

// RoleARN is a role's ARN.
func RoleARN(name string) string {
	return "arn:" + cloudformation.Partition + ":iam::" + cloudformation.Account + ":role/" + name
}

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
	who, known := g.caller(r)
	if !known {
		answer(w, http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
		return
	}
	c, err := g.read(r.Header.Get("X-Amz-Target"), body)
	if err != nil {
		g.refuse(w, who, c, err)
		return
	}
	context := map[string]string{"aws:SecureTransport": strconv.FormatBool(r.TLS != nil)}
	for _, need := range c.rights {
		d := g.Decide(who.name, need.action, need.resource, context)
		if !d.Allowed {
			deny(w, c.service, d)
			return
		}
		if g.fails(who.name, need) {
			answer(w, http.StatusInternalServerError, "InternalServerError", "the rehearsal has this call fail")
			return
		}
	}
	g.forward(w, r, c, body)
}

// caller is known by the access key in the request's Authorization.
func (g *Gate) caller(r *http.Request) (role, bool) {
	_, credential, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ := strings.Cut(credential, "/")
	g.mu.Lock()
	defer g.mu.Unlock()
	who, known := g.roles[key]
	return who, known
}

func (g *Gate) fails(who string, need right) bool {
	g.mu.Lock()
	fault := g.fault
	g.mu.Unlock()
	return fault != nil && fault(who, need.action, need.resource)
}

func (g *Gate) forward(w http.ResponseWriter, r *http.Request, c call, body []byte) {
	to := map[string]string{"dynamodb": g.upstream.DynamoDB, "sqs": g.upstream.SQS, "secretsmanager": g.upstream.Secrets}[c.service]
	target, err := url.Parse(to)
	if err != nil {
		answer(w, http.StatusBadGateway, "InternalServerError", err.Error())
		return
	}
	out, err := http.NewRequestWithContext(r.Context(), r.Method, target.String()+"/", bytes.NewReader(body))
	if err != nil {
		answer(w, http.StatusBadGateway, "InternalServerError", err.Error())
		return
	}
	out.Header = r.Header.Clone()
	out.Header.Del("Accept-Encoding")
	response, err := http.DefaultClient.Do(out)
	if err != nil {
		answer(w, http.StatusBadGateway, "InternalServerError", err.Error())
		return
	}
	defer response.Body.Close()
	maps.Copy(w.Header(), response.Header)
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body) // a caller that has gone needs no answer
}
