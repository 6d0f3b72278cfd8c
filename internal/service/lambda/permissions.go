package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
	"github.com/sallyport/sallyport/internal/policy"
)

// maxPolicy is the largest resource policy, in bytes.
const maxPolicy = 20480

// A resourcePolicy says who may invoke a function, or one of its versions or aliases.
type resourcePolicy struct {
	RevisionID string      `json:"revisionId"`
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
	_, err = s.change(ctx, t, func(fn *function) error {
		if t.qualifier != "" && fn.configurationOf(t.qualifier) == nil {
			return errFunctionNotFound(t.arn())
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
	if revision != nil && *revision != p.RevisionID {
		return errRevision()
	}
	if slices.ContainsFunc(p.Statements, func(o statement) bool { return o.Sid == st.Sid }) {
		return errConflict("The statement id (%s) provided already exists. Please provide a new statement id, or remove the existing statement.", st.Sid)
	}
	p.Statements = append(slices.Clip(p.Statements), st)
	p.RevisionID = uuid()
	if n := len(p.document()); n > maxPolicy {
		return failure("PolicyLengthExceededException", 400, "The final policy size (%d) is bigger than the limit (%d).", n, maxPolicy)
	}
	if f.Policies == nil {
		f.Policies = map[string]resourcePolicy{}
	}
	f.Policies[qualifier] = p
	return nil
}

func errNoPolicy() error { return errNotFound("The resource you requested does not exist.") }

func (s *Service) getPolicy(ctx context.Context, in *shape.GetPolicyInput) (*shape.GetPolicyOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	e, err := s.lookup(ctx, t)
	if err != nil {
		return nil, err
	}
	p, ok := e.fn.Policies[t.qualifier]
	if !ok || len(p.Statements) == 0 {
		return nil, errNoPolicy()
	}
	return &shape.GetPolicyOutput{Policy: new(string(p.document())), RevisionId: new(p.RevisionID)}, nil
}

func (s *Service) removePermission(ctx context.Context, in *shape.RemovePermissionInput) (*shape.RemovePermissionOutput, error) {
	t, err := parseTarget(ctx, in.FunctionName, in.Qualifier)
	if err != nil {
		return nil, err
	}
	sid := deref(in.StatementId)
	_, err = s.change(ctx, t, func(fn *function) error {
		p, ok := fn.Policies[t.qualifier]
		if !ok || len(p.Statements) == 0 {
			return errNotFound("No policy is associated with the given resource.")
		}
		if in.RevisionId != nil && *in.RevisionId != p.RevisionID {
			return errRevision()
		}
		kept := slices.DeleteFunc(slices.Clone(p.Statements), func(o statement) bool { return o.Sid == sid })
		if len(kept) == len(p.Statements) {
			return errNotFound("Statement %s is not found in resource policy.", sid)
		}
		if len(kept) == 0 {
			delete(fn.Policies, t.qualifier)
			return nil
		}
		fn.Policies[t.qualifier] = resourcePolicy{RevisionID: uuid(), Statements: kept}
		return nil
	})
	return &shape.RemovePermissionOutput{}, err
}

// mayInvoke checks the resource policy for a service that calls on behalf of the resource sourceARN.
func (s *Service) mayInvoke(ctx context.Context, fn *function, t target, principal, sourceARN string) error {
	source, _ := arn.Parse(sourceARN)
	request := policy.Request{
		Action:    "lambda:InvokeFunction",
		Resource:  t.arn(),
		Principal: policy.Principal{Service: principal},
		Context: map[string][]string{
			"aws:SourceArn":     {sourceARN},
			"aws:SourceAccount": {source.Account},
		},
	}
	if p, ok := fn.Policies[t.qualifier]; ok {
		doc, err := policy.Parse(p.document())
		if err != nil {
			return fmt.Errorf("read resource policy of %s: %w", fn.Name, err)
		}
		if policy.Evaluate([]*policy.Document{doc}, request) == policy.Allow {
			return nil
		}
	}
	if s.cfg.LaxPermissions {
		s.cfg.Log.Warn("AWS would refuse this call: the function's resource policy does not allow it", "function", fn.Name, "principal", principal, "sourceArn", sourceARN)
		return nil
	}
	return awsapi.Errorf("AccessDeniedException", 403,
		"%s is not authorized to perform: lambda:InvokeFunction on resource: %s because no resource-based policy allows the lambda:InvokeFunction action; an AWS::Lambda::Permission for principal %s with SourceArn %s (or a pattern that matches it) is missing",
		principal, t.arn(), principal, sourceARN)
}
