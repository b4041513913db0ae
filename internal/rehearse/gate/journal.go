package gate

import (
	"github.com/jobhook/jobhook/internal/rehearse/iam"
)

// Decision is one line of the journal.
type Decision struct {
	Role     string // the role's name, or a service's
	Action   string
	Resource string // ARN
	Allowed  bool
	By       string // the statement that decided, or why nothing could be
}

// Decide judges one action of a role and writes it down. AWS's services ask it
// for what they do in a function's name (logs).
func (g *Gate) Decide(roleName, action, resource string, context map[string]string) Decision {
	g.mu.Lock()
	who, policies := g.roles[AccessKey(roleName)], g.queues[resource]
	g.mu.Unlock()
	request := iam.Request{Principal: iam.Principal{Role: who.arn}, Action: action, Resource: resource, Context: context}
	return g.judge(roleName, request, who.documents, policies)
}

// DecideService judges what a service of AWS does in its own name: only the
// resource's policy can allow that.
func (g *Gate) DecideService(service, action, resource string, context map[string]string) Decision {
	g.mu.Lock()
	policies := g.queues[resource]
	g.mu.Unlock()
	request := iam.Request{Principal: iam.Principal{Service: service}, Action: action, Resource: resource, Context: context}
	return g.judge(service, request, nil, policies)
}

func (g *Gate) judge(who string, r iam.Request, identity, resource []iam.Document) Decision {
	verdict, err := iam.Judge(r, identity, resource)
	d := Decision{Role: who, Action: r.Action, Resource: r.Resource, Allowed: verdict.Allowed && err == nil, By: verdict.By}
	if err != nil {
		d.By = err.Error()
	}
	g.write(d)
	return d
}

func (g *Gate) write(d Decision) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.journal = append(g.journal, d)
}

// Journal returns all decisions so far, oldest first.
func (g *Gate) Journal() []Decision {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]Decision(nil), g.journal...)
}

// May says whether a role may do something, and writes nothing down: AWS looks
// at it so when a mapping is made.
func (g *Gate) May(roleName, action, resource string) bool {
	g.mu.Lock()
	who, policies := g.roles[AccessKey(roleName)], g.queues[resource]
	g.mu.Unlock()
	verdict, err := iam.Judge(iam.Request{
		Principal: iam.Principal{Role: who.arn}, Action: action, Resource: resource,
		Context: map[string]string{"aws:SecureTransport": "true"},
	}, who.documents, policies)
	return err == nil && verdict.Allowed
}

// HasRole says whether there is a role of this name.
func (g *Gate) HasRole(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, there := g.roles[AccessKey(name)]
	return there
}

// Documents are a role's policies.
func (g *Gate) Documents(name string) []iam.Document {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.roles[AccessKey(name)].documents
}
