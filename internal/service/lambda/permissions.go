package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/policy"
)

// maxPolicy is the largest resource policy, in bytes.
const maxPolicy = 20480

// invokeFunction is the action of all but URLs.
const invokeFunction = "lambda:InvokeFunction"

// A resourcePolicy says who may invoke a function, or one of its versions or aliases.
type resourcePolicy struct {
	Statements []statement `json:"statements"`
}

// A statement is one permission, in the form in which AWS shows it.
type statement struct {
	Sid       string                       `json:"Sid"`
	Effect    string                       `json:"Effect"`
	Principal any                          `json:"Principal"` // "*", {"Service": …} or {"AWS": …}
	Action    string                       `json:"Action"`
	Resource  string                       `json:"Resource"`
	Condition map[string]map[string]string `json:"Condition,omitempty"`
}

// document is the policy as GetPolicy shows it.
func (p resourcePolicy) document() []byte {
	data, err := json.Marshal(struct {
		Version   string
		ID        string `json:"Id"`
		Statement []statement
	}{"2012-10-17", "default", p.Statements})
	if err != nil {
		panic(fmt.Sprintf("lambda: encode policy: %v", err)) // strings and maps of strings only
	}
	return data
}

var (
	servicePrincipal = regexp.MustCompile(`^[a-z0-9.-]+\.amazonaws\.com(\.cn)?$`)
	accountID        = regexp.MustCompile(`^\d{12}$`)
)

// principalOf turns the Principal of AddPermission into a statement's.
func principalOf(p string) (any, error) {
	switch {
	case p == "*":
		return "*", nil
	case servicePrincipal.MatchString(p):
		return map[string]string{"Service": p}, nil
	case accountID.MatchString(p):
		return map[string]string{"AWS": arn.New("iam", "", p, "root").String()}, nil
	case strings.HasPrefix(p, "arn:aws:iam::"), strings.HasPrefix(p, "arn:aws:sts::"):
		return map[string]string{"AWS": p}, nil
	}
	return nil, errInvalid("The provided principal was invalid. Please check the principal and try again.")
}

func (s *Service) addPermission(ctx context.Context, in *shape.AddPermissionInput) (*shape.AddPermissionOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	principal, err := principalOf(deref(in.Principal))
	if err != nil {
		return nil, err
	}
	st := statement{Sid: deref(in.StatementId), Effect: "Allow", Principal: principal, Action: deref(in.Action), Condition: map[string]map[string]string{}}
	for _, c := range []struct {
		operator, key string
		value         *string
	}{
		{"StringEquals", "AWS:SourceAccount", in.SourceAccount},
		{"StringEquals", "aws:PrincipalOrgID", in.PrincipalOrgID},
		{"StringEquals", "lambda:EventSourceToken", in.EventSourceToken},
		{"StringEquals", "lambda:FunctionUrlAuthType", in.FunctionUrlAuthType},
		{"ArnLike", "AWS:SourceArn", in.SourceArn},
	} {
		if c.value == nil {
			continue
		}
		if st.Condition[c.operator] == nil {
			st.Condition[c.operator] = map[string]string{}
		}
		st.Condition[c.operator][c.key] = *c.value
	}
	if in.InvokedViaFunctionUrl != nil {
		st.Condition["Bool"] = map[string]string{"lambda:InvokedViaFunctionUrl": fmt.Sprint(*in.InvokedViaFunctionUrl)}
	}
	if t.qualifier == latest {
		return nil, errInvalid("We currently do not support adding policies for $LATEST.")
	}
	_, err = s.change(ctx, t, func(fn *function) error {
		if fn.configurationOf(t.qualifier) == nil {
			return errNoQualifier(fn, t.qualifier)
		}
		st.Resource = fn.arn(t.qualifier)
		return fn.permit(t.qualifier, st, in.RevisionId)
	})
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("encode statement: %w", err)
	}
	return &shape.AddPermissionOutput{Statement: new(string(text))}, nil
}

// permit adds a statement to the policy of a qualifier.
func (f *function) permit(qualifier string, st statement, revision *string) error {
	p := f.Policies[qualifier]
	now, renew := f.revision(qualifier)
	if revision != nil && *revision != now {
		return errRevision("GetPolicy")
	}
	if slices.ContainsFunc(p.Statements, func(o statement) bool { return o.Sid == st.Sid }) {
		return errConflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", st.Sid)
	}
	p.Statements = append(slices.Clip(p.Statements), st)
	if n := len(p.document()); n > maxPolicy {
		return failure("PolicyLengthExceededException", 400, "The final policy size (%d) is bigger than the limit (%d).", n, maxPolicy)
	}
	if f.Policies == nil {
		f.Policies = map[string]resourcePolicy{}
	}
	f.Policies[qualifier] = p
	renew()
	return nil
}

func errNoPolicy() error { return errNotFound("The resource you requested does not exist.") }

func (s *Service) getPolicy(ctx context.Context, in *shape.GetPolicyInput) (*shape.GetPolicyOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if awsapi.Code(err) == "ResourceNotFoundException" {
		return nil, errNoPolicy()
	} else if err != nil {
		return nil, err
	}
	p, ok := e.fn.Policies[t.qualifier]
	if !ok || len(p.Statements) == 0 {
		return nil, errNoPolicy()
	}
	revision, _ := e.fn.revision(t.qualifier)
	return &shape.GetPolicyOutput{Policy: new(string(p.document())), RevisionId: &revision}, nil
}

func (s *Service) removePermission(ctx context.Context, in *shape.RemovePermissionInput) (*shape.RemovePermissionOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	sid := deref(in.StatementId)
	_, err = s.change(ctx, t, func(fn *function) error {
		if fn.configurationOf(t.qualifier) == nil {
			return errNoQualifier(fn, t.qualifier)
		}
		p, ok := fn.Policies[t.qualifier]
		if !ok || len(p.Statements) == 0 {
			return errNotFound("No policy is associated with the given resource.")
		}
		now, renew := fn.revision(t.qualifier)
		if in.RevisionId != nil && *in.RevisionId != now {
			return errRevision("GetPolicy")
		}
		kept := slices.DeleteFunc(slices.Clone(p.Statements), func(o statement) bool { return o.Sid == sid })
		if len(kept) == len(p.Statements) {
			return errNotFound("Statement %s is not found in resource policy.", sid)
		}
		renew()
		if len(kept) == 0 {
			delete(fn.Policies, t.qualifier)
			return nil
		}
		fn.Policies[t.qualifier] = resourcePolicy{Statements: kept}
		return nil
	})
	return &shape.RemovePermissionOutput{}, err
}

// parsePolicies makes the function's policies ready to be evaluated.
func (f *function) parsePolicies() (map[string]*policy.Document, error) {
	var all map[string]*policy.Document
	for qualifier, p := range f.Policies {
		doc, err := policy.Parse(p.document())
		if err != nil {
			return all, fmt.Errorf("read resource policy of %s: %w", f.arn(qualifier), err)
		}
		if all == nil {
			all = map[string]*policy.Document{}
		}
		all[qualifier] = doc
	}
	return all, nil
}

// allows asks the policy of the qualifier that t names.
func (e *entry) allows(t target, action string, who policy.Principal, conditions map[string][]string) bool {
	if t.qualifier == latest { // means the same as none
		t = t.unqualified()
	}
	doc := e.policies[t.qualifier]
	return doc != nil && policy.Evaluate([]*policy.Document{doc}, policy.Request{
		Action: action, Resource: t.arn(), Principal: who, Context: conditions,
	}) == policy.Allow
}

// A grant is what a policy has been found to allow. It holds as long as the entry does.
type grant struct{ qualifier, principal, sourceARN string }

// maxGrants is how many an entry remembers.
const maxGrants = 1024

type grants struct {
	mu  sync.RWMutex // guards all
	all map[grant]struct{}
}

func (g *grants) has(one grant) bool {
	g.mu.RLock()
	defer g.mu.RUnlock()
	_, ok := g.all[one]
	return ok
}

func (g *grants) add(one grant) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all == nil || len(g.all) >= maxGrants {
		g.all = map[grant]struct{}{}
	}
	g.all[one] = struct{}{}
}

// mayInvoke checks the resource policy for a service that calls on behalf of the resource sourceARN.
func (s *Service) mayInvoke(e *entry, t target, principal, sourceARN string) error {
	g := grant{t.qualifier, principal, sourceARN}
	if e.granted.has(g) {
		return nil
	}
	source, _ := arn.Parse(sourceARN)
	if source.Account == "" { // a bucket's ARN names none
		source.Account = t.account
	}
	if e.allows(t, invokeFunction, policy.Principal{Service: principal}, map[string][]string{"aws:SourceArn": {sourceARN}, "aws:SourceAccount": {source.Account}}) {
		e.granted.add(g)
		return nil
	}
	if s.cfg.LaxPermissions {
		s.cfg.Log.Warn("AWS would refuse this call: the function's resource policy does not allow it", "function", t.name, "principal", principal, "sourceArn", sourceARN)
		return nil
	}
	return awsapi.Errorf("AccessDeniedException", 403,
		"%s is not authorized to perform: lambda:InvokeFunction on resource: %s because no resource-based policy allows the lambda:InvokeFunction action; an AWS::Lambda::Permission for principal %s with SourceArn %s (or a pattern that matches it) is missing",
		principal, t.arn(), principal, sourceARN)
}

// mayInvokeAbroad checks the resource policy for a caller of another account. e is nil if there is no such function.
func (s *Service) mayInvokeAbroad(e *entry, t target, caller awsapi.Caller) error {
	if e != nil && e.allows(t, invokeFunction, policy.Principal{AWS: []string{caller.ARN}, Account: caller.Account}, nil) {
		return nil
	}
	return failure("AccessDeniedException", 403, "User: %s is not authorized to perform: lambda:InvokeFunction on resource: %s because no resource-based policy allows the lambda:InvokeFunction action", caller.ARN, t.arn())
}
