package authorizer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/policy"
)

// Limits of what a function may answer.
const (
	maxResult   = 8 << 10
	maxResource = 512 // of an ARN in the policy
)

// Names in a context that mean something else.
const (
	principalMember = "principalId"
	latencyMember   = "integrationLatency"
)

// A Decision is that a client may come in, and what is known of it from now on.
type Decision struct {
	PrincipalID string
	Context     []Member // sorted by name
	APIKey      string   // usageIdentifierKey
	Latency     time.Duration
}

// A Member is a value that the function gave. AWS: numbers and booleans become strings.
type Member struct{ Name, Value string }

// AppendJSON appends the object requestContext.authorizer.
func (d *Decision) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"principalId":`...)
	dst = json.AppendQuoted(dst, d.PrincipalID)
	for _, m := range d.Context {
		dst = append(dst, ',')
		dst = json.AppendQuoted(dst, m.Name)
		dst = append(dst, ':')
		dst = json.AppendQuoted(dst, m.Value)
	}
	return fmt.Appendf(dst, `,"integrationLatency":%d}`, d.Latency.Milliseconds())
}

// An answer is the form of a function's result.
type answer struct {
	PrincipalID *string    `json:"principalId"`
	Policy      json.Value `json:"policyDocument"`
	Context     json.Value `json:"context"`
	APIKey      *string    `json:"usageIdentifierKey"`
}

// read checks a result and evaluates its policy. An error that is no *Refusal says what is malformed.
func read(result []byte, r *Request) (*Decision, error) {
	if len(result) > maxResult {
		return nil, fmt.Errorf("it has %d bytes, and may have %d", len(result), maxResult)
	}
	var a answer
	if err := json.Unmarshal(result, &a); err != nil {
		return nil, err
	}
	switch {
	case a.PrincipalID == nil:
		return nil, errors.New("principalId is missing")
	case len(a.Policy) == 0 || a.Policy.Kind() == 'n':
		return nil, errors.New("policyDocument is missing")
	}
	d := &Decision{PrincipalID: *a.PrincipalID}
	if a.APIKey != nil {
		d.APIKey = *a.APIKey
	}
	var err error
	if d.Context, err = readContext(a.Context); err != nil {
		return nil, err
	}
	document, err := policy.Parse(a.Policy)
	if err != nil {
		return nil, fmt.Errorf("policyDocument: %w", err)
	}
	return d, decide(document, d.PrincipalID, r)
}

// readContext reads the values of a context: strings, numbers and booleans. A null is no value.
func readContext(text json.Value) ([]Member, error) {
	if len(text) == 0 || text.Kind() == 'n' {
		return nil, nil
	}
	var values map[string]json.Value
	if err := json.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("context: %w", err)
	}
	members := make([]Member, 0, len(values))
	for name, v := range values {
		if name == principalMember || name == latencyMember {
			continue
		}
		switch v.Kind() {
		case '"':
			members = append(members, Member{name, string(json.AppendUnquoted(nil, v[1:len(v)-1]))})
		case '0', 't', 'f':
			members = append(members, Member{name, string(v)})
		case 'n':
		default:
			return nil, fmt.Errorf("context.%s is neither string, number nor boolean: %.100s", name, v)
		}
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return members, nil
}

// decide evaluates the policy for connecting.
func decide(document *policy.Document, principalID string, r *Request) error {
	for i := range document.Statements {
		for _, resource := range slices.Concat(document.Statements[i].Resource, document.Statements[i].NotResource) {
			if len(resource) > maxResource {
				return fmt.Errorf("policyDocument has a resource of %d characters, and may have %d", len(resource), maxResource)
			}
		}
	}
	refused := &Refusal{
		Status: 403, Code: "AccessDeniedException", Message: "User is not authorized to access this resource",
		Hint: "allow execute-api:Invoke on " + r.MethodARN + "; a pattern such as …/*/* does not match it, …/* does",
	}
	switch policy.Evaluate([]*policy.Document{document}, policy.Request{Action: "execute-api:Invoke", Resource: r.MethodARN, Context: r.Conditions}) {
	case policy.Allow:
		return nil
	case policy.Deny:
		refused.Message += " with an explicit deny"
		refused.Cause = fmt.Errorf("the authorizer's policy denies %s to %s", r.MethodARN, principalID)
		refused.Hint = ""
	default:
		refused.Cause = fmt.Errorf("the authorizer's policy does not allow %s to %s", r.MethodARN, principalID)
	}
	return refused
}
