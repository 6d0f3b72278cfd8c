package template

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// Env is what a template's functions ask of the world around it. The functions may be nil: then nothing is known.
type Env struct {
	AccountID        string
	Region           string
	StackID          string
	StackName        string
	NotificationARNs []string

	// Parameters holds what a Ref to each parameter is: a string, or a []any of strings.
	Parameters map[string]any

	// Ref returns the reference value of a resource, or resource.Unknown.
	Ref func(logicalID string) any
	// GetAtt returns an attribute of a resource, or resource.Unknown.
	GetAtt func(logicalID, attribute string) (any, error)
	// Import returns what another stack exports under this name.
	Import func(name string) (any, error)
	// Dynamic returns the value of {{resolve:service:reference}}.
	Dynamic func(service, reference string) (string, error)
}

func (e *Env) pseudo(name string) (any, bool) {
	switch name {
	case "AWS::AccountId":
		return e.AccountID, true
	case "AWS::Region":
		return e.Region, true
	case "AWS::Partition":
		return "aws", true
	case "AWS::URLSuffix":
		return "amazonaws.com", true
	case "AWS::StackId":
		return e.StackID, true
	case "AWS::StackName":
		return e.StackName, true
	case "AWS::NoValue":
		return noValue{}, true
	case "AWS::NotificationARNs":
		list := make([]any, len(e.NotificationARNs))
		for i, a := range e.NotificationARNs {
			list[i] = a
		}
		return list, true
	}
	return nil, false
}

// noValue is what Ref AWS::NoValue gives: it removes the property or the list's member that has it.
type noValue struct{}

// An Evaluation is a template under given parameters.
type Evaluation struct {
	*Template
	env        *Env
	conditions map[string]bool
	active     map[string]bool
	deps       map[string][]string
}

// Evaluate decides the conditions and rules of t, and finds which resources there are and in which order they can be made.
func (t *Template) Evaluate(env *Env) (*Evaluation, error) {
	e := &Evaluation{Template: t, env: env, conditions: map[string]bool{}, active: map[string]bool{}}
	for _, name := range t.Keys("Conditions") {
		if _, err := e.condition(name, nil); err != nil {
			return nil, err
		}
	}
	if err := e.checkRules(); err != nil {
		return nil, err
	}
	for id, r := range t.Resources {
		if r.Condition == "" || e.conditions[r.Condition] {
			e.active[id] = true
		}
	}
	return e, e.order()
}

// With returns e under another environment, with the same decisions.
func (e *Evaluation) With(env *Env) *Evaluation {
	c := *e
	c.env = env
	return &c
}

// Active returns the logical ids of the resources whose conditions hold, in the order of the text.
func (e *Evaluation) Active() []string {
	ids := e.Keys("Resources")
	return slices.DeleteFunc(ids, func(id string) bool { return !e.active[id] })
}

// Dependencies returns the resources that must exist before the resource id.
func (e *Evaluation) Dependencies(id string) []string { return e.deps[id] }

// Properties returns the resolved properties of a resource.
func (e *Evaluation) Properties(id string) (map[string]any, error) {
	v, err := e.Resolve(e.Resources[id].Properties)
	if err != nil {
		return nil, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errorAt(e.At("Resources", id, "Properties"), "Template format error: [/Resources/%s/Properties] Every Properties member must be an object.", id)
	}
	return m, nil
}

// An OutputValue is an output whose condition holds.
type OutputValue struct {
	Name        string
	Description string
	Value       string
	Export      string
}

// ResolveOutputs returns the values of the outputs whose conditions hold, in the order of the text.
func (e *Evaluation) ResolveOutputs() ([]OutputValue, error) {
	var all []OutputValue
	for _, o := range e.Outputs {
		if o.Condition != "" && !e.conditions[o.Condition] {
			continue
		}
		v, err := e.Resolve(o.Value)
		var missing *NoAttributeError
		if errors.As(err, &missing) {
			return nil, errorAt(e.At("Outputs", o.Name, "Value"), "[Error] /Outputs/%s/Value/Fn::GetAtt: %s", o.Name, missing)
		}
		if err != nil {
			return nil, err
		}
		if _, none := v.(noValue); none || v == nil {
			continue
		}
		s, ok := outputText(v)
		if !ok {
			return nil, errorAt(e.At("Outputs", o.Name), "Template format error: The Value field of every Outputs member must evaluate to a String.")
		}
		out := OutputValue{Name: o.Name, Description: o.Description, Value: s}
		if o.Export != nil {
			name, err := e.Resolve(o.Export)
			if err != nil {
				return nil, err
			}
			if out.Export, ok = scalarText(name); !ok {
				return nil, errorAt(e.At("Outputs", o.Name), "Template format error: Output %s is malformed. The Name field of every Export member must evaluate to a String.", o.Name)
			}
		}
		all = append(all, out)
	}
	return all, nil
}

// outputText returns the text of an output; AWS joins the members of a list with commas.
func outputText(v any) (string, bool) {
	list, ok := v.([]any)
	if !ok {
		return scalarText(v)
	}
	parts := make([]string, len(list))
	for i := range list {
		if parts[i], ok = scalarText(list[i]); !ok {
			return "", false
		}
	}
	return strings.Join(parts, ","), true
}

// condition decides the condition name; inside are those that are being decided.
func (e *Evaluation) condition(name string, inside []string) (bool, error) {
	if v, done := e.conditions[name]; done {
		return v, nil
	}
	if slices.Contains(inside, name) {
		return false, errorAt(e.At("Conditions", name), "Template format error: Circular dependency between conditions: [%s]", strings.Join(inside, ", "))
	}
	def, ok := e.Conditions[name]
	if !ok {
		return false, errorAt(e.At("Conditions"), "Template format error: Unresolved condition dependency %s in the Conditions block of the template", name)
	}
	v, err := e.decide(def, append(inside, name))
	if err != nil {
		return false, err
	}
	e.conditions[name] = v
	return v, nil
}

// decide evaluates a boolean expression.
func (e *Evaluation) decide(v any, inside []string) (bool, error) {
	if m, ok := v.(map[string]any); ok && len(m) == 1 {
		if name, ok := m["Condition"].(string); ok {
			return e.condition(name, inside)
		}
		fn, arg, _ := function(m)
		list, _ := arg.([]any)
		switch fn {
		case "Fn::And", "Fn::Or":
			and := fn == "Fn::And"
			for _, x := range list {
				b, err := e.decide(x, inside)
				if err != nil {
					return false, err
				}
				if b != and {
					return b, nil
				}
			}
			return and, nil
		case "Fn::Not":
			b, err := e.decide(list[0], inside)
			return !b, err
		case "Fn::Equals":
			return e.equals(list)
		case "Fn::Contains", "Fn::EachMemberEquals", "Fn::EachMemberIn":
			return e.membership(fn, list)
		}
	}
	resolved, err := e.Resolve(v)
	if err != nil {
		return false, err
	}
	if s, ok := scalarText(resolved); ok && (strings.EqualFold(s, "true") || strings.EqualFold(s, "false")) {
		return strings.EqualFold(s, "true"), nil
	}
	at := Position{}
	if len(inside) > 0 {
		at = e.At("Conditions", inside[len(inside)-1])
	}
	return false, errorAt(at, "Template format error: Conditions can only be boolean operations on parameters and other conditions")
}

func (e *Evaluation) equals(list []any) (bool, error) {
	if len(list) != 2 {
		return false, errorAt(Position{}, "%s", errEquals)
	}
	a, err := e.Resolve(list[0])
	if err != nil {
		return false, err
	}
	b, err := e.Resolve(list[1])
	if err != nil {
		return false, err
	}
	sa, okA := scalarText(a)
	sb, okB := scalarText(b)
	if okA && okB {
		return sa == sb, nil
	}
	return reflect.DeepEqual(a, b), nil
}

// membership evaluates the functions that only rules may use.
func (e *Evaluation) membership(fn string, list []any) (bool, error) {
	if len(list) != 2 {
		return false, errorAt(Position{}, "Template error: every %s object requires two parameters", fn)
	}
	a, err := e.strings(list[0])
	if err != nil {
		return false, err
	}
	b, err := e.strings(list[1])
	if err != nil {
		return false, err
	}
	switch fn {
	case "Fn::Contains":
		return len(b) == 1 && slices.Contains(a, b[0]), nil
	case "Fn::EachMemberEquals":
		return !slices.ContainsFunc(a, func(s string) bool { return len(b) != 1 || s != b[0] }), nil
	}
	return !slices.ContainsFunc(a, func(s string) bool { return !slices.Contains(b, s) }), nil
}

// strings resolves v to a list of strings; a string is a list of one.
func (e *Evaluation) strings(v any) ([]string, error) {
	v, err := e.Resolve(v)
	if err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	all := make([]string, len(list))
	for i := range list {
		all[i] = text(list[i])
	}
	return all, nil
}

// checkRules evaluates the assertions of the rules whose conditions hold.
func (e *Evaluation) checkRules() error {
	for _, name := range e.Keys("Rules") {
		at := e.At("Rules", name)
		rule, ok := e.Rules[name].(map[string]any)
		if !ok {
			return errorAt(at, "Template format error: Any Rules member must be an object.")
		}
		if cond, has := rule["RuleCondition"]; has {
			holds, err := e.decide(cond, nil)
			if err != nil {
				return err
			}
			if !holds {
				continue
			}
		}
		assertions, _ := rule["Assertions"].([]any)
		for _, a := range assertions {
			m, ok := a.(map[string]any)
			if !ok {
				return errorAt(at, "Template format error: Any Assertions member must be an object.")
			}
			holds, err := e.decide(m["Assert"], nil)
			if err != nil {
				return err
			}
			if !holds {
				description, _ := m["AssertDescription"].(string)
				return errorAt(at, "Template validation failed: %s", description)
			}
		}
	}
	return nil
}

// Capabilities returns what a caller must acknowledge, and why: resources of IAM, named ones first.
func (t *Template) Capabilities() (capabilities []string, types []string) {
	named, found := false, map[string]bool{}
	names := map[string]string{
		"AWS::IAM::Role": "RoleName", "AWS::IAM::User": "UserName", "AWS::IAM::Group": "GroupName", "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
		"AWS::IAM::InstanceProfile": "InstanceProfileName", "AWS::IAM::Policy": "", "AWS::IAM::AccessKey": "", "AWS::IAM::UserToGroupAddition": "",
		"AWS::IAM::RolePolicy": "", "AWS::IAM::UserPolicy": "", "AWS::IAM::GroupPolicy": "",
	}
	for _, r := range t.Resources {
		property, iam := names[r.Type]
		if !iam {
			continue
		}
		found[r.Type] = true
		if _, has := r.Properties[property]; has && property != "" {
			named = true
		}
	}
	switch {
	case named:
		capabilities = []string{"CAPABILITY_NAMED_IAM"}
	case len(found) > 0:
		capabilities = []string{"CAPABILITY_IAM"}
	}
	return capabilities, slices.Sorted(maps.Keys(found))
}
