package sam

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed policytemplates.txt
var policyTemplateText string

//go:embed managedpolicies.txt
var managedPolicyText string

// A policyTemplate is one of SAM's named policies with parameters.
type policyTemplate struct {
	parameters []string
	statements []func(values map[string]any) map[string]any
}

var policyTemplates = sync.OnceValue(func() map[string]*policyTemplate {
	all := map[string]*policyTemplate{}
	var cur *policyTemplate
	lines := strings.Split(policyTemplateText, "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ':
			fields := strings.Fields(line)
			cur = &policyTemplate{parameters: fields[1:]}
			all[fields[0]] = cur
		default:
			j := i + 1
			for j < len(lines) && (strings.HasPrefix(lines[j], "  :") || strings.HasPrefix(lines[j], "  ?")) {
				j++
			}
			cur.statements = append(cur.statements, policyStatement(lines[i:j]))
			i = j - 1
		}
	}
	return all
})

// policyStatement reads one statement: its actions, then its resources, then perhaps a condition.
func policyStatement(lines []string) func(values map[string]any) map[string]any {
	return func(values map[string]any) map[string]any {
		s := map[string]any{"Effect": "Allow"}
		actions := strings.Fields(lines[0])
		if one, single := strings.CutPrefix(actions[0], "!"); single {
			s["Action"] = one
		} else {
			list := make([]any, len(actions))
			for i := range actions {
				list[i] = actions[i]
			}
			s["Action"] = list
		}
		var resources []any
		for _, l := range lines[1:] {
			if r, ok := strings.CutPrefix(l, "  :[ "); ok {
				resources = append(resources, policyResource(r, values))
				s["Resource"] = resources
			} else if r, ok := strings.CutPrefix(l, "  : "); ok {
				s["Resource"] = policyResource(r, values)
			} else if c, ok := strings.CutPrefix(l, "  ? "); ok {
				var condition any
				if json.Unmarshal([]byte(c), &condition) == nil {
					s["Condition"] = withValues(condition, values)
				}
			}
		}
		return s
	}
}

// policyResource fills the parameters into the resource of a statement.
func policyResource(text string, values map[string]any) any {
	if s, ok := strings.CutPrefix(text, "~"); ok {
		return sub(s, nil)
	}
	vars := map[string]any{}
	var b strings.Builder
	for {
		start := strings.IndexByte(text, '{')
		for start > 0 && text[start-1] == '$' { // a pseudo parameter
			end := start + strings.IndexByte(text[start:], '}') + 1
			b.WriteString(text[:end])
			text = text[end:]
			start = strings.IndexByte(text, '{')
		}
		if start < 0 {
			break
		}
		end := start + strings.IndexByte(text[start:], '}')
		name, parameter, _ := strings.Cut(text[start+1:end], "=")
		if name == "" {
			return values[parameter]
		}
		vars[name] = values[parameter]
		b.WriteString(text[:start] + "${" + name + "}")
		text = text[end+1:]
	}
	b.WriteString(text)
	if len(vars) == 0 {
		return b.String()
	}
	return sub(b.String(), vars)
}

// withValues replaces Refs to parameters of a policy template.
func withValues(v any, values map[string]any) any {
	switch v := v.(type) {
	case []any:
		l := make([]any, len(v))
		for i := range v {
			l[i] = withValues(v[i], values)
		}
		return l
	case map[string]any:
		if name, ok := v["Ref"].(string); ok && len(v) == 1 {
			if value, has := values[name]; has {
				return value
			}
		}
		m := make(map[string]any, len(v))
		for k := range v {
			m[k] = withValues(v[k], values)
		}
		return m
	}
	return v
}

var managedPolicies = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	path := ""
	for line := range strings.SplitSeq(managedPolicyText, "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '/':
			path = line
		default:
			for _, name := range strings.Fields(line) {
				all[name] = path + name
			}
		}
	}
	return all
})

// ManagedPolicyARN returns the ARN of AWS's managed policy of this name.
func ManagedPolicyARN(name string) (arn string, ok bool) {
	path, ok := managedPolicies()[name]
	return "arn:aws:iam::aws:policy" + path, ok
}

// policyTemplates replaces the policy templates among m's policies by the policies that they stand for.
func (m *macro) policyTemplates() *cause {
	policies, ok := m.properties["Policies"]
	if !ok || !truthy(policies) {
		return nil
	}
	list, isList := policies.([]any)
	if !isList {
		list = []any{policies}
	}
	result := make([]any, len(list))
	for i, p := range list {
		args, isIf := ifOf(p)
		switch {
		case isIf && len(args) == 3 && (isPolicyTemplate(args[1]) || isPolicyTemplate(args[2])):
			filled := []any{args[0], args[1], args[2]}
			for j := 1; j < 3; j++ {
				if isPolicyTemplate(args[j]) {
					statement, c := m.policyTemplate(args[j].(map[string]any))
					if c != nil {
						return c
					}
					filled[j] = statement
				}
			}
			result[i] = map[string]any{"Fn::If": filled}
		case isPolicyTemplate(p):
			statement, c := m.policyTemplate(p.(map[string]any))
			if c != nil {
				return c
			}
			result[i] = statement
		default:
			result[i] = p
		}
	}
	m.properties["Policies"] = result
	return nil
}

func isPolicyTemplate(v any) bool {
	m, ok := v.(map[string]any)
	if !ok || len(m) != 1 {
		return false
	}
	for name := range m {
		return policyTemplates()[name] != nil
	}
	return false
}

// policyTemplate returns the policy that a template stands for with these values.
func (m *macro) policyTemplate(p map[string]any) (any, *cause) {
	for name, v := range p {
		t := policyTemplates()[name]
		values, ok := v.(map[string]any)
		if !ok {
			return nil, invalidResource(m.id, "Must specify valid parameter values for policy template '%s'", name)
		}
		var missing []string
		for _, parameter := range t.parameters {
			if _, given := values[parameter]; !given {
				missing = append(missing, parameter)
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			return nil, invalidResource(m.id, "Following required parameters of template '%s' don't have values: %s", name, listText(missing))
		}
		statements := make([]any, len(t.statements))
		for i, s := range t.statements {
			statements[i] = s(values)
		}
		return map[string]any{"Statement": statements}, nil
	}
	return nil, nil
}

// kinds of an entry of Policies.
const (
	policyManaged = "managed"
	policyInline  = "statement"
	policyUnknown = "unknown"
)

func policyKind(p any) (string, *cause) {
	if _, ok := p.(string); ok {
		return policyManaged, nil
	}
	if args, isIf := ifOf(p); isIf {
		if len(args) != 3 {
			return "", invalidTemplate("Fn::If requires 3 arguments")
		}
		a, c := policyKind(args[1])
		if c != nil {
			return "", c
		}
		b, c := policyKind(args[2])
		switch {
		case c != nil:
			return "", c
		case a == b || isNoValue(args[2]):
			return a, nil
		case isNoValue(args[1]):
			return b, nil
		}
		return "", invalidTemplate("Different policy types within the same Fn::If statement is unsupported. Separate different policy types into different Fn::If statements")
	}
	if isIntrinsic(p) {
		return policyManaged, nil
	}
	if m, ok := p.(map[string]any); ok && m["Statement"] != nil {
		return policyInline, nil
	}
	return policyUnknown, nil
}

// A role says what the execution role of a function or state machine shall have.
type role struct {
	principal string
	trust     any // AssumeRolePolicyDocument; nil for that of the principal
	managed   []any
	documents []any
	policies  any
	path      any
	boundary  any
	tags      []any
}

func trustPolicy(principal string) map[string]any {
	return map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Action": []any{"sts:AssumeRole"}, "Effect": "Allow", "Principal": map[string]any{"Service": []any{principal}},
	}}}
}

// role makes the execution role of m.
func (m *macro) role(r role) (*made, *cause) {
	out := m.new(m.id+"Role", "AWS::IAM::Role", m.passed())
	list, isList := r.policies.([]any)
	if !isList && truthy(r.policies) {
		list = []any{r.policies}
	}
	for i, p := range list {
		kind, c := policyKind(p)
		if c != nil {
			return nil, c
		}
		switch kind {
		case policyInline:
			r.documents = append(r.documents, eachBranch(p, func(v any) any {
				return map[string]any{"PolicyName": fmt.Sprintf("%sPolicy%d", out.id, i), "PolicyDocument": v}
			}))
		case policyManaged:
			arn := eachBranch(p, func(v any) any {
				if s, ok := v.(string); ok {
					return m.managedARN(s)
				}
				return v
			})
			if !slices.ContainsFunc(r.managed, func(e any) bool { return sortedJSON(e) == sortedJSON(arn) }) {
				r.managed = append(r.managed, arn)
			}
		default:
			return nil, invalidResource(m.id, "Policy at index %d in the 'Policies' property is not valid", i)
		}
	}
	if r.trust == nil {
		r.trust = trustPolicy(r.principal)
	}
	out.set("AssumeRolePolicyDocument", r.trust)
	out.properties["ManagedPolicyArns"] = append([]any{}, r.managed...)
	if len(r.documents) > 0 {
		out.properties["Policies"] = r.documents
	}
	out.set("Path", r.path)
	out.set("PermissionsBoundary", r.boundary)
	if r.tags != nil {
		out.properties["Tags"] = r.tags
	}
	return out, nil
}

// eachBranch applies f to v, or to both branches of v if it is a Fn::If, but for AWS::NoValue.
func eachBranch(v any, f func(any) any) any {
	args, isIf := ifOf(v)
	if !isIf || len(args) != 3 {
		return f(v)
	}
	filled := []any{args[0], args[1], args[2]}
	for i := 1; i < 3; i++ {
		if !isNoValue(filled[i]) {
			filled[i] = f(filled[i])
		}
	}
	return map[string]any{"Fn::If": filled}
}

func (m *macro) managedARN(name string) string {
	lookup := m.env.ManagedPolicy
	if lookup == nil {
		lookup = ManagedPolicyARN
	}
	if arn, ok := lookup(name); ok {
		return arn
	}
	return name
}

// awsPolicy is the ARN of one of AWS's managed policies.
func (m *macro) awsPolicy(name string) string {
	return "arn:" + m.env.Partition + ":iam::aws:policy/" + name
}

// allow is an inline policy of one statement.
func allow(name, action string, resource any) map[string]any {
	return map[string]any{"PolicyName": name, "PolicyDocument": map[string]any{"Statement": []any{
		map[string]any{"Action": action, "Effect": "Allow", "Resource": resource},
	}}}
}

// allowToBucket is an inline policy that lets objects be put into a bucket.
func allowToBucket(name string, bucket any) map[string]any {
	return map[string]any{"PolicyName": name, "PolicyDocument": map[string]any{"Statement": []any{
		map[string]any{"Action": "s3:PutObject", "Effect": "Allow", "Resource": map[string]any{"Fn::Join": []any{"/", []any{bucket, "*"}}}},
		map[string]any{"Action": "s3:ListBucket", "Effect": "Allow", "Resource": bucket},
	}}}
}
