package policy

import "strings"

// A Request is what somebody wants to do.
type Request struct {
	Action    string // "execute-api:ManageConnections"
	Resource  string // ARN
	Principal Principal
	Context   map[string][]string // condition keys, in any case: "aws:SourceIp"
}

// A Principal is who wants it.
type Principal struct {
	AWS       []string // ARNs that the caller has: of the user, or of the role and of its session
	Account   string   // that the ARNs are of
	Service   string   // "apigateway.amazonaws.com"
	Federated string
}

// A Decision is what policies say to a request.
type Decision uint8

// Decisions.
const (
	Implicit Decision = iota // no statement is about it
	Allow
	Deny // a statement forbids it
)

func (d Decision) String() string { return [...]string{"implicitDeny", "allowed", "explicitDeny"}[d] }

// Evaluate decides by all documents together: Deny if any statement denies, else Allow if any allows. A statement without
// Principal is about whoever asks, one without Resource about every resource.
func Evaluate(docs []*Document, r Request) Decision {
	decision := Implicit
	e := evaluation{r: &r}
	for _, d := range docs {
		for i := range d.Statements {
			s := &d.Statements[i]
			if decision == Allow && s.Allow || !e.about(s) {
				continue
			}
			if !s.Allow {
				return Deny
			}
			decision = Allow
		}
	}
	return decision
}

// An evaluation is one request with its context by lower-case key.
type evaluation struct {
	r       *Request
	context map[string][]string
}

// lookup returns the values of a condition key.
func (e *evaluation) lookup(key string) ([]string, bool) {
	if e.context == nil {
		e.context = make(map[string][]string, len(e.r.Context))
		for k, v := range e.r.Context {
			e.context[strings.ToLower(k)] = v
		}
	}
	v, ok := e.context[strings.ToLower(key)]
	return v, ok && len(v) > 0
}

// about reports whether statement s is about the request.
func (e *evaluation) about(s *Statement) bool {
	switch {
	case s.Action != nil && !matchAction(s.Action, e.r.Action),
		s.NotAction != nil && matchAction(s.NotAction, e.r.Action),
		s.Principal != nil && !s.Principal.has(e.r.Principal),
		s.NotPrincipal != nil && s.NotPrincipal.has(e.r.Principal),
		s.Resource != nil && !e.matchResource(s, s.Resource),
		s.NotResource != nil && e.matchResource(s, s.NotResource):
		return false
	}
	for i := range s.Condition {
		if !e.condition(s, &s.Condition[i]) {
			return false
		}
	}
	return true
}

func matchAction(patterns []string, action string) bool {
	action = strings.ToLower(action)
	for _, p := range patterns {
		if wildcard(strings.ToLower(p), action) {
			return true
		}
	}
	return false
}

func (e *evaluation) matchResource(s *Statement, patterns []string) bool {
	for _, p := range patterns {
		if t, ok := e.expand(p, s.variables); ok && t.match(e.r.Resource) {
			return true
		}
	}
	return false
}

// has reports whether p is one of the principals. AWS: the account stands for everybody in it, a role for its sessions.
func (ps *Principals) has(p Principal) bool {
	if ps.Any {
		return true
	}
	for _, a := range ps.AWS {
		if a == "*" && (p.Account != "" || len(p.AWS) > 0) || p.Account != "" && (a == p.Account || a == "arn:aws:iam::"+p.Account+":root") {
			return true
		}
		for _, own := range p.AWS {
			if a == own {
				return true
			}
		}
	}
	return p.Service != "" && contains(ps.Service, p.Service) || p.Federated != "" && contains(ps.Federated, p.Federated)
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s || x == "*" {
			return true
		}
	}
	return false
}
