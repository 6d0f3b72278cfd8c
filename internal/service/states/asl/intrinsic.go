package asl

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// An Expr is what may stand behind a key ending in ".$": a path into the input ($.a), the context object ($$.a) or a
// variable ($name.a), or a call of an intrinsic function.
type Expr struct {
	text    string
	kind    exprKind
	path    *Path
	name    string // of the variable or the function
	args    []*Expr
	literal any
	raw     string // a string literal with its escapes
}

type exprKind uint8

const (
	exprInput exprKind = iota
	exprContext
	exprVariable
	exprCall
	exprLiteral
)

const maxNesting = 10

var errExpr = errors.New("not a path or a call")

func (e *Expr) String() string { return e.text }

// IsCall tells whether the expression calls an intrinsic function.
func (e *Expr) IsCall() bool { return e.kind == exprCall }

// ParseExpr reads an expression.
func ParseExpr(text string) (*Expr, error) {
	p := &exprParser{text: text}
	e, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos != len(text) || e.kind == exprLiteral {
		return nil, errExpr
	}
	return e, nil
}

var variableName = regexp.MustCompile(`^[\pL\p{Nl}_][\pL\p{Nl}\p{Nd}\p{Mn}\p{Mc}\p{Pc}_]{0,79}$`)

// parsePathExpr reads a path into input, context or a variable.
func parsePathExpr(text string) (*Expr, error) {
	switch {
	case text == "":
		return nil, errExpr
	case strings.HasPrefix(text, "$$"):
		path, err := ParsePath(text[1:])
		return &Expr{text: text, kind: exprContext, path: path}, err
	case text == "$" || strings.HasPrefix(text, "$.") || strings.HasPrefix(text, "$["):
		path, err := ParsePath(text)
		return &Expr{text: text, kind: exprInput, path: path}, err
	case text[0] != '$':
		return nil, errExpr
	}
	end := strings.IndexAny(text, ".[")
	if end < 0 {
		end = len(text)
	}
	name := text[1:end]
	if !variableName.MatchString(name) {
		return nil, errExpr
	}
	path, err := ParsePath("$" + text[end:])
	return &Expr{text: text, kind: exprVariable, name: name, path: path}, err
}

// exprParser reads calls.
type exprParser struct {
	text string
	pos  int
}

func (p *exprParser) space() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t' || p.text[p.pos] == '\n' || p.text[p.pos] == '\r') {
		p.pos++
	}
}

func (p *exprParser) expr(depth int) (*Expr, error) {
	if depth > maxNesting {
		return nil, errExpr
	}
	p.space()
	if p.pos >= len(p.text) {
		return nil, errExpr
	}
	switch c := p.text[p.pos]; {
	case c == '$':
		end, err := p.pathEnd()
		if err != nil {
			return nil, err
		}
		text := p.text[p.pos:end]
		if depth > 0 {
			text = strings.TrimRight(text, " \t\r\n")
		}
		p.pos = end
		return parsePathExpr(text)
	case c == '\'':
		return p.str()
	case strings.HasPrefix(p.text[p.pos:], "States."):
		return p.call(depth)
	}
	end := strings.IndexAny(p.text[p.pos:], ",)")
	if end < 0 {
		return nil, errExpr
	}
	word := strings.TrimSpace(p.text[p.pos : p.pos+end])
	p.pos += end
	v, err := Decode([]byte(word))
	if err != nil {
		return nil, errExpr
	}
	switch v.(type) {
	case nil, bool, json.Number:
		return &Expr{text: word, kind: exprLiteral, literal: v}, nil
	}
	return nil, errExpr
}

// pathEnd finds where a path within arguments ends: at a comma or bracket that is not in brackets or quotes.
func (p *exprParser) pathEnd() (int, error) {
	depth := 0
	var quote byte
	for i := p.pos; i < len(p.text); i++ {
		c := p.text[i]
		switch {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case depth > 0 && (c == '\'' || c == '"'):
			quote = c
		case c == '[' || c == '(':
			depth++
		case (c == ']' || c == ')') && depth > 0:
			depth--
		case c == ',' || c == ')':
			return i, nil
		}
	}
	if quote != 0 || depth > 0 {
		return 0, errExpr
	}
	return len(p.text), nil
}

// str reads a literal in single quotes.
func (p *exprParser) str() (*Expr, error) {
	from := p.pos
	var b strings.Builder
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; c {
		case '\'':
			raw := p.text[from+1 : p.pos]
			p.pos++
			return &Expr{text: p.text[from:p.pos], kind: exprLiteral, literal: b.String(), raw: raw}, nil
		case '\\':
			p.pos++
			if p.pos >= len(p.text) || !strings.ContainsRune(`'{}\`, rune(p.text[p.pos])) {
				return nil, errExpr
			}
			b.WriteByte(p.text[p.pos])
		default:
			b.WriteByte(c)
		}
	}
	return nil, errExpr
}

func (p *exprParser) call(depth int) (*Expr, error) {
	from := p.pos
	open := strings.IndexByte(p.text[p.pos:], '(')
	if open < 0 {
		return nil, errExpr
	}
	name := strings.TrimSpace(strings.TrimPrefix(p.text[p.pos:p.pos+open], "States."))
	f, ok := intrinsics[name]
	if !ok {
		return nil, errExpr
	}
	p.pos += open + 1
	e := &Expr{kind: exprCall, name: name}
	for {
		p.space()
		if p.pos < len(p.text) && p.text[p.pos] == ')' && len(e.args) == 0 {
			p.pos++
			break
		}
		arg, err := p.expr(depth + 1)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, arg)
		p.space()
		if p.pos >= len(p.text) {
			return nil, errExpr
		}
		c := p.text[p.pos]
		p.pos++
		if c == ')' {
			break
		}
		if c != ',' {
			return nil, errExpr
		}
	}
	if len(e.args) < f.min || f.max >= 0 && len(e.args) > f.max {
		return nil, errExpr
	}
	e.text = p.text[from:p.pos]
	return e, nil
}

// Eval returns the expression's value; field names where it stands, for messages.
func (e *Expr) Eval(env *Env, field string) (any, *Failure) {
	switch e.kind {
	case exprLiteral:
		return e.literal, nil
	case exprCall:
		return e.evalCall(env, field)
	}
	root, name := env.Input, ""
	switch e.kind {
	case exprContext:
		root = env.Context
	case exprVariable:
		v, ok := env.Vars[e.name]
		if !ok {
			return nil, &Failure{Error: ErrRuntime, Cause: fmt.Sprintf("The variable '$%s' specified for the field '%s' could not be found", e.name, field)}
		}
		root, name = v, e.name
	}
	v, err := e.path.Get(root)
	if err == nil {
		return v, nil
	}
	where := "input"
	if name != "" {
		where = "variable"
	}
	return nil, &Failure{Error: ErrRuntime, Cause: fmt.Sprintf("The JSONPath '%s' specified for the field '%s' could not be found in the %s '%s'", e.text, field, where, Encode(root))}
}

func (e *Expr) evalCall(env *Env, field string) (any, *Failure) {
	args := make([]any, len(e.args))
	for i, a := range e.args {
		v, failure := a.Eval(env, field)
		if failure != nil {
			return nil, failure
		}
		if i == 0 && e.name == "Format" && a.kind == exprLiteral && a.raw != "" {
			v = a.raw
		}
		args[i] = v
	}
	v, err := intrinsics[e.name].f(env, args)
	if err != nil {
		return nil, &Failure{Error: ErrIntrinsic, Cause: fmt.Sprintf("The function '%s' had the following error: %s", e.text, err)}
	}
	return v, nil
}

// Variables calls f with the names of the variables that the expression reads.
func (e *Expr) Variables(f func(name string)) {
	if e.kind == exprVariable {
		f(e.name)
	}
	for _, a := range e.args {
		a.Variables(f)
	}
}
