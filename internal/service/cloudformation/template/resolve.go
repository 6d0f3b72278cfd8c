package template

import (
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/internal/resource"
)

// unknown is a value that will be known only when a resource exists.
var unknown = resource.Unknown

// Resolve returns v with every function replaced by its value. What is not known yet is resource.Unknown.
func (e *Evaluation) Resolve(v any) (any, error) {
	r, err := e.resolve(v)
	if err != nil || e.env.Dynamic == nil {
		return r, err
	}
	return e.dynamic(r)
}

func (e *Evaluation) resolve(v any) (any, error) {
	switch v := v.(type) {
	case []any:
		list := make([]any, 0, len(v))
		for _, x := range v {
			r, err := e.resolve(x)
			if err != nil {
				return nil, err
			}
			if r != (noValue{}) {
				list = append(list, r)
			}
		}
		return list, nil
	case map[string]any:
		if fn, arg, ok := function(v); ok {
			return e.call(fn, arg)
		}
		m := make(map[string]any, len(v))
		for _, k := range sortedKeys(v) {
			r, err := e.resolve(v[k])
			if err != nil {
				return nil, err
			}
			if _, none := r.(noValue); !none {
				m[k] = r
			}
		}
		return m, nil
	}
	return v, nil
}

var dynamicReference = regexp.MustCompile(`\{\{resolve:([a-z0-9-]+):([^{}]+)\}\}`)

// dynamic replaces dynamic references in all strings of v.
func (e *Evaluation) dynamic(v any) (any, error) {
	switch v := v.(type) {
	case string:
		if !strings.Contains(v, "{{resolve:") {
			return v, nil
		}
		var failed error
		s := dynamicReference.ReplaceAllStringFunc(v, func(ref string) string {
			m := dynamicReference.FindStringSubmatch(ref)
			value, err := e.env.Dynamic(m[1], m[2])
			if err != nil && failed == nil {
				failed = err
			}
			return value
		})
		return s, failed
	case []any:
		list := make([]any, len(v))
		for i := range v {
			r, err := e.dynamic(v[i])
			if err != nil {
				return nil, err
			}
			list[i] = r
		}
		return list, nil
	case map[string]any:
		m := make(map[string]any, len(v))
		for k := range v {
			r, err := e.dynamic(v[k])
			if err != nil {
				return nil, err
			}
			m[k] = r
		}
		return m, nil
	}
	return v, nil
}

// A subPart is a piece of the string of a Fn::Sub.
type subPart struct {
	text     string
	variable bool
}

// subParts splits the string of a Fn::Sub at its variables; "${!X}" stands for the text "${X}".
func subParts(s string) []subPart {
	var parts []subPart
	for {
		start := strings.Index(s, "${")
		if start < 0 {
			break
		}
		end := strings.IndexByte(s[start:], '}')
		if end < 0 {
			break
		}
		end += start
		if start > 0 {
			parts = append(parts, subPart{text: s[:start]})
		}
		name := s[start+2 : end]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			parts = append(parts, subPart{text: "${" + literal + "}"})
		} else {
			parts = append(parts, subPart{text: strings.TrimSpace(name), variable: true})
		}
		s = s[end+1:]
	}
	if s != "" {
		parts = append(parts, subPart{text: s})
	}
	return parts
}

// subArgs returns the arguments of a Fn::Sub.
func subArgs(arg any) (s string, vars map[string]any, ok bool) {
	if s, ok := arg.(string); ok {
		return s, nil, true
	}
	list, isList := arg.([]any)
	if !isList || len(list) == 0 || len(list) > 2 {
		return "", nil, false
	}
	if s, ok = list[0].(string); !ok {
		return "", nil, false
	}
	if len(list) == 2 {
		if vars, ok = list[1].(map[string]any); !ok {
			return "", nil, false
		}
	}
	return s, vars, true
}

// refs collects the resources that v refers to, with Fn::If only in the branch that is taken.
func (e *Evaluation) refs(v any, add func(id string)) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			e.refs(x, add)
		}
	case map[string]any:
		fn, arg, ok := function(v)
		if !ok {
			for _, k := range sortedKeys(v) {
				e.refs(v[k], add)
			}
			return
		}
		e.functionRefs(fn, arg, add)
	}
}

func (e *Evaluation) functionRefs(fn string, arg any, add func(id string)) {
	named := func(id string) {
		if e.Resources[id] != nil {
			add(id)
		}
	}
	switch fn {
	case "Ref":
		if s, ok := arg.(string); ok {
			named(s)
		}
		return
	case "Fn::GetAtt":
		if id, attr, ok := getAttArgs(arg); ok {
			named(id)
			e.refs(attr, add)
		}
		return
	case "Fn::Sub":
		s, vars, _ := subArgs(arg)
		for _, p := range subParts(s) {
			if _, own := vars[p.text]; p.variable && !own {
				name, _, _ := strings.Cut(p.text, ".")
				named(name)
			}
		}
	case "Fn::If":
		if list, ok := arg.([]any); ok && len(list) == 3 {
			name, _ := list[0].(string)
			if e.conditions[name] {
				e.refs(list[1], add)
			} else {
				e.refs(list[2], add)
			}
			return
		}
	}
	e.refs(arg, add)
}
