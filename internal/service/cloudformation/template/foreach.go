package template

import (
	"strings"
)

// LanguageExtensions is the transform that brings Fn::ForEach, Fn::Length and Fn::ToJsonString.
const LanguageExtensions = "AWS::LanguageExtensions"

const errForEach = "Template error: every Fn::ForEach object requires three parameters, the identifier, the collection and the output"

// Extend expands Fn::ForEach, and resolves the functions that AWS::LanguageExtensions allows where otherwise only text may stand.
func Extend(d *Document, env *Env) (*Document, error) {
	mappings, _ := d.Root["Mappings"].(map[string]any)
	e := &Evaluation{Template: &Template{Document: d, Mappings: mappings, Transforms: []string{LanguageExtensions}}, env: env, conditions: map[string]bool{}}
	x := &extender{eval: e}
	root := make(map[string]any, len(d.Root))
	for _, k := range d.Keys() {
		v, err := x.expand(d.Root[k], nil, k)
		if err != nil {
			return nil, err
		}
		root[k] = v
	}
	resources, _ := root["Resources"].(map[string]any)
	for _, r := range resources {
		m, _ := r.(map[string]any)
		for _, attr := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
			if f, isMap := m[attr].(map[string]any); isMap {
				v, err := e.Resolve(f)
				if err != nil {
					return nil, err
				}
				m[attr] = v
			}
		}
	}
	return d.Derive(root), nil
}

// An extender writes loops out.
type extender struct {
	eval *Evaluation
	made int
}

// expand returns v with its loops written out, under the loop variables vars.
func (x *extender) expand(v any, vars map[string]string, path string) (any, error) {
	if x.made++; x.made > maxNodes {
		return nil, errorAt(x.eval.At(path), "Template format error: Fn::ForEach makes the template too large")
	}
	switch v := v.(type) {
	case string:
		return replaceVariables(v, vars), nil
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			r, err := x.expand(e, vars, path)
			if err != nil {
				return nil, err
			}
			list = append(list, r)
		}
		return list, nil
	case map[string]any:
		if name, ok := v["Ref"].(string); ok && len(v) == 1 {
			if value, isVar := vars[name]; isVar {
				return value, nil
			}
		}
		m := make(map[string]any, len(v))
		for _, k := range sortedKeys(v) {
			if strings.HasPrefix(k, "Fn::ForEach::") {
				if err := x.loop(m, k, v[k], vars, path); err != nil {
					return nil, err
				}
				continue
			}
			r, err := x.expand(v[k], vars, path)
			if err != nil {
				return nil, err
			}
			m[replaceVariables(k, vars)] = r
		}
		return m, nil
	}
	return v, nil
}

// loop writes one Fn::ForEach out into m.
func (x *extender) loop(m map[string]any, name string, def any, vars map[string]string, path string) error {
	args, _ := def.([]any)
	if len(args) != 3 {
		return errorAt(x.eval.At(path, name), "%s", errForEach)
	}
	variable, ok := args[0].(string)
	body, isMap := args[2].(map[string]any)
	if !ok || !isMap {
		return errorAt(x.eval.At(path, name), "%s", errForEach)
	}
	collection, err := x.collection(args[1], vars, path)
	if err != nil {
		return err
	}
	for _, value := range collection {
		inner := map[string]string{variable: value}
		for k, v := range vars {
			if k != variable {
				inner[k] = v
			}
		}
		made, err := x.expand(body, inner, path)
		if err != nil {
			return err
		}
		for k, v := range made.(map[string]any) {
			if _, dup := m[k]; dup {
				return errorAt(x.eval.At(path, name), "Template error: %s makes the key %s twice", name, k)
			}
			m[k] = v
		}
	}
	return nil
}

// collection returns the values that a loop goes over; a list inside it is taken apart.
func (x *extender) collection(v any, vars map[string]string, path string) ([]string, error) {
	v, err := x.expand(v, vars, path)
	if err != nil {
		return nil, err
	}
	if v, err = x.eval.Resolve(v); err != nil {
		return nil, err
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errorAt(x.eval.At(path), "Template error: the collection of Fn::ForEach must be a list")
	}
	var all []string
	for _, e := range list {
		if inner, isList := e.([]any); isList {
			for _, i := range inner {
				all = append(all, text(i))
			}
			continue
		}
		all = append(all, text(e))
	}
	return all, nil
}

// replaceVariables writes the values of loop variables into text: ${X}, and &{X} for values with letters that ids cannot have.
func replaceVariables(s string, vars map[string]string) string {
	for name, value := range vars {
		s = strings.ReplaceAll(s, "${"+name+"}", value)
		s = strings.ReplaceAll(s, "&{"+name+"}", strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
				return r
			}
			return -1
		}, value))
	}
	return s
}

// Include replaces each Fn::Transform of AWS::Include with the document that it names.
func Include(d *Document, open func(location string) ([]byte, error)) (*Document, error) {
	if !hasInclude(d.Root) {
		return d, nil
	}
	root, err := include(d.Root, open, 0)
	if err != nil {
		return nil, err
	}
	return d.Derive(root.(map[string]any)), nil
}

func hasInclude(v any) bool {
	found := false
	visit(v, func(fn string, _ any) { found = found || fn == "Fn::Transform" })
	if m, ok := v.(map[string]any); ok && !found {
		for _, section := range m {
			if s, ok := section.(map[string]any); ok && s["Fn::Transform"] != nil {
				return true
			}
		}
	}
	return found
}

func include(v any, open func(string) ([]byte, error), depth int) (any, error) {
	if depth > maxDepth {
		return nil, errorAt(Position{}, "Transform AWS::Include failed with: documents include each other")
	}
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			r, err := include(v[i], open, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = r
		}
		return list, nil
	case map[string]any:
		m := make(map[string]any, len(v))
		for _, k := range sortedKeys(v) {
			if k != "Fn::Transform" {
				r, err := include(v[k], open, depth+1)
				if err != nil {
					return nil, err
				}
				m[k] = r
			}
		}
		t, has := v["Fn::Transform"]
		if !has {
			return m, nil
		}
		included, err := includeOne(t, open)
		if err != nil {
			return nil, err
		}
		for k, e := range included {
			if _, own := m[k]; !own {
				m[k] = e
			}
		}
		return m, nil
	}
	return v, nil
}

func includeOne(t any, open func(string) ([]byte, error)) (map[string]any, error) {
	def, _ := t.(map[string]any)
	parameters, _ := def["Parameters"].(map[string]any)
	location, isText := parameters["Location"].(string)
	if def["Name"] != "AWS::Include" {
		return nil, errorAt(Position{}, "No transform named %s found.", text(def["Name"]))
	}
	if !isText {
		return nil, errorAt(Position{}, "Transform AWS::Include failed with: The location parameter must be a string.")
	}
	text, err := open(location)
	if err != nil {
		return nil, err
	}
	doc, err := Parse(text)
	if err != nil {
		return nil, err
	}
	return doc.Root, nil
}
