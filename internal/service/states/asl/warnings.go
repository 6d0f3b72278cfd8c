package asl

import "strings"

// warnings reports what looks like an expression of JSONPath where none is read.
func (p *parser) warnings(s *State, o *Object, at string) {
	for _, name := range []string{"Parameters", "ResultSelector", "ItemSelector", "Assign"} {
		if v, ok := o.Get(name); ok {
			p.noDollar(v, at+"/"+name)
		}
	}
	if s.HasResult {
		p.staticResult(s.Result, at+"/Result")
	}
	for _, name := range []string{"Error", "Cause"} {
		v, _ := o.Get(name)
		if kind := expressionKind(v); kind != "" && s.Type == "Fail" {
			p.warn("NO_PATH", at+"/"+name, "The value of '%s' looks like a %s. Instead of '%s', use '%sPath' to evaluate it as a %s at runtime.", name, kind, name, name, kind)
		}
	}
}

// expressionKind says what the text of a member looks like; empty if it is no expression.
func expressionKind(v any) string {
	text, _ := v.(string)
	switch {
	case strings.HasPrefix(text, "$"):
		if _, err := parsePathExpr(text); err == nil {
			return "JSONPath"
		}
	case strings.HasPrefix(text, "States."):
		if _, err := ParseExpr(text); err == nil {
			return "Intrinsic Function"
		}
	}
	return ""
}

// noDollar reports members of a template whose names lack ".$".
func (p *parser) noDollar(v any, at string) {
	switch v := v.(type) {
	case *Object:
		for _, m := range v.Members {
			kind := expressionKind(m.Value)
			if kind != "" && !strings.HasSuffix(m.Name, ".$") {
				article := map[string]string{"JSONPath": "a", "Intrinsic Function": "an"}[kind]
				p.warn("NO_DOLLAR", at, "The value of '%s' looks like %s %s. Instead of '%s', use '%s.$' to evaluate it as %s %s at runtime.", m.Name, article, kind, m.Name, m.Name, article, kind)
			}
			p.noDollar(m.Value, at+"/"+m.Name)
		}
	case []any:
		for _, e := range v {
			p.noDollar(e, at)
		}
	}
}

// staticResult reports members of a Pass state's Result that look like expressions: it has none.
func (p *parser) staticResult(v any, at string) {
	switch v := v.(type) {
	case *Object:
		for _, m := range v.Members {
			if strings.HasSuffix(m.Name, ".$") || expressionKind(m.Value) != "" {
				p.warn("PASS_RESULT_IS_STATIC", at, "The value of '%s' will not evaluate as a JSONPath or Intrinsic Function at runtime. Instead of 'Result', use 'Parameters' to evaluate it as a JSONPath or Intrinsic Function at runtime.", m.Name)
			}
			p.staticResult(m.Value, at)
		}
	case []any:
		for _, e := range v {
			p.staticResult(e, at)
		}
	}
}
