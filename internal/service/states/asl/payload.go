package asl

import (
	"fmt"
	"strconv"
	"strings"
)

// A Template makes a payload: JSON of which some strings are expressions.
type Template struct {
	kind    templateKind
	literal any // also the whole of a template without expressions
	names   []string
	parts   []*Template
	expr    *Expr
	query   *Query
	field   string // where it stands, for messages
}

type templateKind uint8

const (
	templateLiteral templateKind = iota
	templateObject
	templateList
	templateExpr
	templateQuery
)

// Literal returns the template's text as it was written, if it has no expressions.
func (t *Template) Literal() (any, bool) { return t.literal, t != nil && t.kind == templateLiteral }

// Query returns the expression that the template is, or nil.
func (t *Template) Query() *Query { return t.query }

// Member returns a member of an object, or nil.
func (t *Template) Member(name string) *Template {
	if t == nil || t.kind != templateObject {
		return nil
	}
	for i := range t.names {
		if t.names[i] == name {
			return t.parts[i]
		}
	}
	return nil
}

// Eval returns the payload.
func (t *Template) Eval(env *Env) (any, *Failure) {
	switch t.kind {
	case templateObject:
		o := &Object{}
		for i, name := range t.names {
			v, failure := t.parts[i].Eval(env)
			if failure != nil {
				return nil, failure
			}
			o.Set(name, v)
		}
		return o, nil
	case templateList:
		list := make([]any, len(t.parts))
		for i := range t.parts {
			v, failure := t.parts[i].Eval(env)
			if failure != nil {
				return nil, failure
			}
			list[i] = v
		}
		return list, nil
	case templateExpr:
		return t.expr.Eval(env, t.field)
	case templateQuery:
		return t.query.Eval(env, t.field)
	}
	return t.literal, nil
}

// pathTemplate compiles a template of JSONPath: members whose names end in ".$" are expressions.
func (p *parser) pathTemplate(v any, at string) *Template {
	switch v := v.(type) {
	case *Object:
		t := &Template{kind: templateObject}
		for _, m := range v.Members {
			name, part := m.Name, m.Value
			bare, dynamic := strings.CutSuffix(name, ".$")
			if !dynamic {
				t.names = append(t.names, name)
				t.parts = append(t.parts, p.pathTemplate(part, at+"/"+name))
				continue
			}
			text, ok := part.(string)
			expr, err := ParseExpr(text)
			if !ok || err != nil {
				p.schema(at, "The value for the field '%s' must be a valid JSONPath or a valid intrinsic function call", name)
				continue
			}
			if _, both := v.Get(bare); both {
				p.schema(at, "The field '%s' is defined twice", bare)
			}
			t.names = append(t.names, bare)
			t.parts = append(t.parts, &Template{kind: templateExpr, expr: expr, field: name})
		}
		return t
	case []any:
		t := &Template{kind: templateList}
		for i := range v {
			t.parts = append(t.parts, p.pathTemplate(v[i], at+"/"+strconv.Itoa(i)))
		}
		return t
	}
	return &Template{literal: v}
}

// queryTemplate compiles a template of JSONata: strings within {% %} are expressions.
func (p *parser) queryTemplate(v any, at, field string) *Template {
	switch v := v.(type) {
	case *Object:
		t := &Template{kind: templateObject, field: field}
		for _, m := range v.Members {
			t.names = append(t.names, m.Name)
			t.parts = append(t.parts, p.queryTemplate(m.Value, at+"/"+m.Name, field+"/"+m.Name))
		}
		return t
	case []any:
		t := &Template{kind: templateList, field: field}
		for i := range v {
			index := "[" + strconv.Itoa(i) + "]"
			t.parts = append(t.parts, p.queryTemplate(v[i], at+index, field+index))
		}
		return t
	case string:
		if q := p.query(v, at); q != nil {
			return &Template{kind: templateQuery, query: q, field: field}
		}
	}
	return &Template{literal: v, field: field}
}

// query compiles s if it is an expression, else it returns nil.
func (p *parser) query(s, at string) *Query {
	text, ok := QueryText(s)
	if !ok {
		if strings.HasPrefix(s, "{%") || strings.HasSuffix(s, "%}") {
			p.schema(at, "JSONata string must start with {%% and end with %%}")
		}
		return nil
	}
	q, err := ParseQuery(text)
	if err != nil {
		p.schema(at, "The JSONata expression '%s' could not be parsed: %s", strings.TrimSpace(text), err)
		return &Query{text: text}
	}
	return q
}

// A Field is a member of a state that is a literal, a path (its name then ends in "Path") or a JSONata expression.
type Field struct {
	Name    string // "SecondsPath"
	Literal any
	Expr    *Expr
	Query   *Query
	Given   bool
}

// Value returns the field's value. A path that leads nowhere is a failure whose text only the caller knows: then found is false.
func (f *Field) Value(env *Env) (v any, found bool, failure *Failure) {
	switch {
	case f.Query != nil:
		v, failure = f.Query.Eval(env, f.Name)
		return v, failure == nil, failure
	case f.Expr == nil:
		return f.Literal, true, nil
	case f.Expr.kind == exprCall:
		v, failure = f.Expr.Eval(env, f.Name)
		return v, failure == nil, failure
	}
	v, err := f.Expr.lookup(env)
	return v, err == nil, nil
}

// lookup follows a path.
func (e *Expr) lookup(env *Env) (any, error) {
	switch e.kind {
	case exprContext:
		return e.path.Get(env.Context)
	case exprVariable:
		v, ok := env.Vars[e.name]
		if !ok {
			return nil, &ErrNoPath{Detail: "No results for path: $" + e.name}
		}
		return e.path.Get(v)
	}
	return e.path.Get(env.Input)
}

// Lookup follows a path, with AWS's failure if it leads nowhere.
func (e *Expr) Lookup(env *Env) (any, *Failure) {
	if e.kind == exprCall {
		return e.Eval(env, "")
	}
	v, err := e.lookup(env)
	if err != nil {
		return nil, &Failure{Error: ErrRuntime, Cause: fmt.Sprintf("Invalid path '%s' : %s", e.text, err)}
	}
	return v, nil
}
