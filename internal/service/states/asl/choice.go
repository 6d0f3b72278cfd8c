package asl

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Rule is one of the Choices of a Choice state.
type Rule struct {
	Next      string
	Assign    *Template
	Output    *Template // JSONata
	condition *condition
	query     Field // JSONata: Condition
}

// A condition is And, Or, Not, or one test of a variable.
type condition struct {
	op       string // "And", "Or", "Not" or "StringEquals"
	parts    []*condition
	variable *Expr
	literal  any
	other    *Expr // of operators ending in Path
}

// Holds tells whether the rule's condition is true.
func (r *Rule) Holds(env *Env) (bool, *Failure) {
	if r.condition != nil {
		return r.condition.holds(env)
	}
	if r.query.Query == nil {
		b, _ := r.query.Literal.(bool)
		return b, nil
	}
	v, failure := r.query.Query.Eval(env, r.query.Name)
	if failure != nil {
		return false, failure
	}
	b, ok := v.(bool)
	if !ok {
		return false, r.query.Query.NotA(r.query.Name, "boolean", v)
	}
	return b, nil
}

func (c *condition) holds(env *Env) (bool, *Failure) {
	switch c.op {
	case "And", "Or":
		for _, part := range c.parts {
			ok, failure := part.holds(env)
			if failure != nil || ok == (c.op == "Or") {
				return ok, failure
			}
		}
		return c.op == "And", nil
	case "Not":
		ok, failure := c.parts[0].holds(env)
		return !ok, failure
	}
	v, err := c.variable.lookup(env)
	if c.op == "IsPresent" {
		return (err == nil) == c.literal, nil
	}
	if err != nil {
		return false, &Failure{Error: ErrRuntime, Cause: fmt.Sprintf("Invalid path '%s': The choice state's condition path references an invalid value.", c.variable.text)}
	}
	want := c.literal
	if c.other != nil {
		if want, err = c.other.lookup(env); err != nil {
			return false, &Failure{Error: ErrRuntime, Cause: fmt.Sprintf("Invalid path '%s': The choice state's condition path references an invalid value.", c.other.text)}
		}
	}
	return test(strings.TrimSuffix(c.op, "Path"), v, want), nil
}

// test applies an operator.
func test(op string, v, want any) bool {
	switch op {
	case "IsNull":
		return (v == nil) == want
	case "IsBoolean":
		_, ok := v.(bool)
		return ok == want
	case "IsNumeric":
		_, ok := v.(json.Number)
		return ok == want
	case "IsString":
		_, ok := v.(string)
		return ok == want
	case "IsTimestamp":
		_, ok := timestampOf(v)
		return ok == want
	case "BooleanEquals":
		b, ok := v.(bool)
		return ok && b == want
	case "StringMatches":
		s, ok := v.(string)
		pattern, _ := want.(string)
		return ok && like(s, pattern)
	}
	kind, relation := splitOperator(op)
	var c int
	switch kind {
	case "String":
		a, ok1 := v.(string)
		b, ok2 := want.(string)
		if !ok1 || !ok2 {
			return false
		}
		c = strings.Compare(a, b)
	case "Numeric":
		a, ok1 := v.(json.Number)
		b, ok2 := want.(json.Number)
		if !ok1 || !ok2 {
			return false
		}
		x, _ := floatOf(a)
		y, _ := floatOf(b)
		c = cmp.Compare(x, y)
	case "Timestamp":
		a, ok1 := timestampOf(v)
		b, ok2 := timestampOf(want)
		if !ok1 || !ok2 {
			return false
		}
		c = a.Compare(b)
	}
	switch relation {
	case "Equals":
		return c == 0
	case "LessThan":
		return c < 0
	case "LessThanEquals":
		return c <= 0
	case "GreaterThan":
		return c > 0
	}
	return c >= 0
}

func splitOperator(op string) (kind, relation string) {
	for _, kind := range []string{"String", "Numeric", "Timestamp"} {
		if rest, ok := strings.CutPrefix(op, kind); ok {
			return kind, rest
		}
	}
	return "", op
}

// timestampOf reads RFC 3339 as AWS takes it: with T and Z (or an offset) in upper case.
func timestampOf(v any) (time.Time, bool) {
	s, ok := v.(string)
	if !ok {
		return time.Time{}, false
	}
	t, err := ParseTime(s)
	return t, err == nil
}

// ParseTime reads an ISO 8601 date and time with offset.
func ParseTime(s string) (time.Time, error) {
	if strings.ContainsAny(s, "tz") {
		return time.Time{}, fmt.Errorf("timestamp %q in lower case", s)
	}
	return time.Parse(time.RFC3339Nano, s)
}

// like matches *, with a backslash before what stands for itself.
func like(s, pattern string) bool {
	// star and from remember the last *, to which matching goes back.
	i, j, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, from = j, i
			j++
		case j+1 < len(pattern) && pattern[j] == '\\' && pattern[j+1] == s[i]:
			i, j = i+1, j+2
		case j < len(pattern) && pattern[j] != '\\' && pattern[j] == s[i]:
			i, j = i+1, j+1
		case star >= 0:
			from++
			i, j = from, star+1
		default:
			return false
		}
	}
	for j < len(pattern) && pattern[j] == '*' {
		j++
	}
	return j == len(pattern)
}

// operators and the types that they want.
var operators = func() map[string]string {
	m := map[string]string{"StringMatches": "string", "BooleanEquals": "boolean"}
	for _, kind := range []struct{ name, literal string }{{"String", "string"}, {"Numeric", "number"}, {"Timestamp", "timestamp"}} {
		for _, relation := range []string{"Equals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals"} {
			m[kind.name+relation] = kind.literal
			m[kind.name+relation+"Path"] = "path"
		}
	}
	m["BooleanEqualsPath"] = "path"
	for _, is := range []string{"IsNull", "IsPresent", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"} {
		m[is] = "boolean"
	}
	return m
}()

func (p *parser) rules(o *Object, at string, jsonata bool) []*Rule {
	v, _ := o.Get("Choices")
	if list, ok := v.([]any); ok && len(list) == 0 {
		p.schema(at+"/Choices", "Value cannot be empty")
	}
	var rules []*Rule
	p.each(o, at, "Choices", func(e *Object, where string, _ bool) {
		r := &Rule{}
		if p.required(e, where, "Next") {
			r.Next = p.str(e, where, "Next")
		}
		r.Assign = p.assign(e, where, jsonata)
		if jsonata {
			if !p.queryRule(e, where) {
				return
			}
			if v, ok := e.Get("Condition"); ok {
				r.query = Field{Name: fmt.Sprintf("Choices[%d]/Condition", len(rules)), Literal: v, Given: true}
				if s, ok := v.(string); ok {
					if r.query.Query = p.query(s, where+"/Condition"); r.query.Query == nil {
						p.schema(where+"/Condition", "The value for the field 'Condition' must be a valid JSONata expression")
					}
				} else if _, ok := v.(bool); !ok {
					p.schema(where+"/Condition", "Expected value of type Boolean")
				}
			}
			if v, ok := e.Get("Output"); ok {
				r.Output = p.queryTemplate(v, where+"/Output", fmt.Sprintf("Choices[%d]/Output", len(rules)))
			}
		} else {
			r.condition = p.condition(e, where, 0)
		}
		rules = append(rules, r)
	})
	return rules
}

func (p *parser) condition(e *Object, at string, depth int) *condition {
	if depth > 50 {
		p.schema(at, "The nesting of conditions is too deep")
		return &condition{op: "And"}
	}
	var found []*condition
	for _, m := range e.Members {
		name, v := m.Name, m.Value
		where := at + "/" + name
		switch name {
		case "Next", "Assign":
			if depth > 0 {
				p.schema(where, "Field '%s' is not supported", name)
			}
		case "Variable", "Comment":
		case "Condition", "Output":
			p.schema(where, "The QueryLanguage is set to 'JSONPath', but field '%s' is only supported for the 'JSONata' QueryLanguage", name)
			return &condition{op: "And"}
		case "And", "Or":
			c := &condition{op: name}
			if list, ok := v.([]any); !ok || len(list) == 0 {
				p.schema(where, "Value cannot be empty")
			}
			p.each(e, at, name, func(part *Object, where string, _ bool) {
				c.parts = append(c.parts, p.condition(part, where, depth+1))
			})
			found = append(found, c)
		case "Not":
			part, ok := v.(*Object)
			if !ok {
				p.schema(where, "Expected value of type Object")
				continue
			}
			found = append(found, &condition{op: name, parts: []*condition{p.condition(part, where, depth+1)}})
		default:
			want, ok := operators[name]
			if !ok {
				p.schema(where, "Field '%s' is not supported", name)
				continue
			}
			found = append(found, p.test(e, at, name, want))
		}
	}
	if len(found) != 1 {
		p.notOne(e, at)
		return &condition{op: "And"}
	}
	return found[0]
}

// selectors are the members of a rule of which there is one.
var selectors = []string{"And", "Or", "Not", "Variable", "Condition"}

// notOne reports a rule that has not one test.
func (p *parser) notOne(e *Object, at string) {
	var tests []string
	n := 0
	for _, name := range e.Names() {
		if operators[name] != "" {
			tests = append(tests, name)
		}
		if slices.Contains(selectors, name) {
			n++
		}
	}
	if n == 1 && len(tests) > 1 {
		p.only(e, at, tests...)
		return
	}
	p.schema(at, "The object must have only one of the following fields, [%s]", strings.Join(selectors, ", "))
}

// queryRule checks the members of a rule in JSONata.
func (p *parser) queryRule(e *Object, at string) bool {
	before := len(p.diagnostics)
	for _, name := range e.Names() {
		switch {
		case operators[name] != "" || slices.Contains(selectors, name) && name != "Condition":
			p.schema(at+"/"+name, "The QueryLanguage is set to 'JSONata', but field '%s' is only supported for the 'JSONPath' QueryLanguage", name)
		case !slices.Contains([]string{"Next", "Condition", "Assign", "Output", "Comment"}, name):
			p.unsupported(at, name)
		}
	}
	if len(p.diagnostics) > before {
		return false
	}
	_, ok := e.Get("Condition")
	if !ok {
		p.notOne(e, at)
	}
	return ok
}

// test reads a comparison.
func (p *parser) test(e *Object, at, name, want string) *condition {
	literal, _ := e.Get(name)
	c := &condition{op: name, literal: literal}
	where := at + "/" + name
	if p.required(e, at, "Variable") {
		text := p.str(e, at, "Variable")
		var err error
		if c.variable, err = parsePathExpr(text); err != nil {
			p.notReference(at+"/Variable", text)
		}
	}
	ok := true
	switch want {
	case "string":
		_, ok = c.literal.(string)
	case "number":
		_, ok = c.literal.(json.Number)
	case "boolean":
		_, ok = c.literal.(bool)
	case "timestamp":
		if _, ok = timestampOf(c.literal); !ok {
			p.schema(where, "String does not match RFC3339 timestamp")
			return c
		}
	case "path":
		text, _ := c.literal.(string)
		expr, err := parsePathExpr(text)
		if err != nil {
			p.schema(where, "Value is not a Reference Path: The reference path is not a valid JSONPath")
			return c
		}
		c.other = expr
	}
	if !ok {
		p.schema(where, "Expected value of type %s", strings.ToUpper(want[:1])+want[1:])
	}
	return c
}
