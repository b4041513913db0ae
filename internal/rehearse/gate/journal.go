package gate

import "slices"

// Decision is one line of the journal.
type Decision struct {
	Role     string // the role's name, or a service's
	Action   string
	Resource string // ARN
	Allowed  bool
	By       string // the statement that decided, or why nothing could be
}

// Decide judges one action and writes it down. who is a role's name, or a
// service of AWS in its own name, which only the resource's policy can allow.
func (g *Gate) Decide(who, action, resource string, context map[string]string) Decision {
	return g.write(g.judge(who, action, resource, context))
}

// May says whether a role may do something, and writes nothing down: AWS looks
// at it so when a mapping is made.
func (g *Gate) May(role, action, resource string) bool {
	return g.judge(role, action, resource, map[string]string{"aws:SecureTransport": "true"}).Allowed
}

func (g *Gate) judge(who, action, resource string, context map[string]string) Decision {
	g.mu.Lock()
	identity, isRole := g.roles[who]
	policies := g.queues[resource]
	g.mu.Unlock()
	r := Request{Service: who, Action: action, Resource: resource, Context: context}
	if isRole {
		r.Role, r.Service = RoleARN(who), ""
	}
	allowed, by, err := Judge(r, identity, policies)
	if err != nil {
		by = err.Error()
	}
	return Decision{Role: who, Action: action, Resource: resource, Allowed: allowed, By: by}
}

func (g *Gate) write(d Decision) Decision {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.journal = append(g.journal, d)
	return d
}

// Journal returns all decisions so far, oldest first.
func (g *Gate) Journal() []Decision {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.journal)
}
