package policy

import (
	"errors"

	"github.com/sallyport/sallyport/internal/json"
)

// A Document is a policy.
type Document struct {
	Version    string
	ID         string
	Statements []Statement
}

// A Statement is one rule of a policy. Of each pair such as Action and NotAction at most one is set.
type Statement struct {
	Sid          string
	Allow        bool // Effect
	Action       []string
	NotAction    []string
	Resource     []string
	NotResource  []string
	Principal    *Principals
	NotPrincipal *Principals
	Condition    []Condition

	variables bool // of version 2012-10-17
}

// Principals are those whom a statement is about.
type Principals struct {
	Any       bool // "*"
	AWS       []string
	Service   []string
	Federated []string
	Canonical []string
}

// A Condition is one operator with one key.
type Condition struct {
	Operator string // "StringEquals", "ForAllValues:ArnLikeIfExists"
	Key      string
	Values   []string
}

// A SyntaxError says why a document cannot be read, in IAM's words.
type SyntaxError struct {
	Message string
}

func (e *SyntaxError) Error() string { return e.Message }

var (
	errJSON   = &SyntaxError{"This policy contains invalid Json"}
	errSyntax = &SyntaxError{"Syntax errors in policy."}
)

const current = "2012-10-17"

// Parse reads a policy document. The error is a *SyntaxError.
func Parse(text []byte) (*Document, error) {
	var raw any
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, errJSON
	}
	m, ok := raw.(map[string]any)
	if !ok {
		return nil, errJSON
	}
	d := &Document{}
	for name, v := range m {
		switch name {
		case "Version":
			d.Version, ok = v.(string)
			ok = ok && (d.Version == current || d.Version == "2008-10-17")
		case "Id", "ID":
			d.ID, ok = v.(string)
		case "Statement":
		default:
			ok = false
		}
		if !ok {
			return nil, errSyntax
		}
	}
	list, ok := m["Statement"].([]any)
	if !ok {
		list = []any{m["Statement"]}
	}
	for _, v := range list {
		s, err := parseStatement(v)
		if err != nil {
			return nil, err
		}
		s.variables = d.Version == current
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

func parseStatement(v any) (Statement, error) {
	var s Statement
	m, ok := v.(map[string]any)
	if !ok {
		return s, errSyntax
	}
	var errs []error
	list := func(v any) []string {
		l, err := stringList(v)
		errs = append(errs, err)
		return l
	}
	for name, v := range m {
		switch name {
		case "Sid":
			s.Sid, ok = v.(string)
		case "Effect":
			s.Allow = v == "Allow"
			ok = s.Allow || v == "Deny"
		case "Action":
			s.Action = list(v)
		case "NotAction":
			s.NotAction = list(v)
		case "Resource":
			s.Resource = list(v)
		case "NotResource":
			s.NotResource = list(v)
		case "Principal":
			p, err := parsePrincipals(v)
			s.Principal = p
			errs = append(errs, err)
		case "NotPrincipal":
			p, err := parsePrincipals(v)
			s.NotPrincipal = p
			errs = append(errs, err)
		case "Condition":
			c, err := parseConditions(v)
			s.Condition = c
			errs = append(errs, err)
		default:
			ok = false
		}
		if !ok {
			return s, errSyntax
		}
	}
	has := func(a string) bool { _, ok := m[a]; return ok }
	if !has("Effect") || has("Action") == has("NotAction") || has("Resource") && has("NotResource") || has("Principal") && has("NotPrincipal") || errors.Join(errs...) != nil {
		return s, errSyntax
	}
	return s, nil
}

// stringList reads a string or a list of strings. Numbers and booleans, which conditions may have, become strings.
func stringList(v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		return []string{v}, nil
	case bool, float64:
		text, err := json.Marshal(v)
		return []string{string(text)}, err
	case []any:
		out := []string{}
		for _, e := range v {
			if _, nested := e.([]any); nested {
				return nil, errSyntax
			}
			s, err := stringList(e)
			if err != nil {
				return nil, err
			}
			out = append(out, s...)
		}
		return out, nil
	}
	return nil, errSyntax
}

func parsePrincipals(v any) (*Principals, error) {
	if v == "*" {
		return &Principals{Any: true}, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errSyntax
	}
	p := &Principals{}
	for kind, v := range m {
		list, err := stringList(v)
		if err != nil {
			return nil, err
		}
		switch kind {
		case "AWS":
			p.AWS = list
		case "Service":
			p.Service = list
		case "Federated":
			p.Federated = list
		case "CanonicalUser":
			p.Canonical = list
		default:
			return nil, errSyntax
		}
	}
	return p, nil
}

func parseConditions(v any) ([]Condition, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errSyntax
	}
	var out []Condition
	for operator, v := range m {
		if _, _, _, ok := readOperator(operator); !ok {
			return nil, errSyntax
		}
		keys, ok := v.(map[string]any)
		if !ok {
			return nil, errSyntax
		}
		for key, v := range keys {
			values, err := stringList(v)
			if err != nil {
				return nil, err
			}
			out = append(out, Condition{operator, key, values})
		}
	}
	return out, nil
}
