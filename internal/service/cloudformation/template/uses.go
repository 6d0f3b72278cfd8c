package template

import "strings"

// A Use is one name that a value uses: a parameter, a resource, or a resource's attribute.
type Use struct {
	Name      string
	Attribute string
	Parameter bool
}

// Uses returns what v uses, with Fn::If only in the branch that is taken, each once.
func (e *Evaluation) Uses(v any) []Use {
	var all []Use
	seen := map[Use]bool{}
	add := func(u Use) {
		_, u.Parameter = e.env.Parameters[u.Name]
		if !seen[u] && (u.Parameter || e.Resources[u.Name] != nil) {
			seen[u] = true
			all = append(all, u)
		}
	}
	e.uses(v, add)
	return all
}

func (e *Evaluation) uses(v any, add func(Use)) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			e.uses(x, add)
		}
	case map[string]any:
		fn, arg, ok := function(v)
		switch {
		case !ok:
			for _, k := range sortedKeys(v) {
				e.uses(v[k], add)
			}
		case fn == "Ref":
			if s, ok := arg.(string); ok {
				add(Use{Name: s})
			}
		case fn == "Fn::GetAtt":
			if id, attr, ok := getAttArgs(arg); ok {
				add(Use{Name: id, Attribute: text(attr)})
			}
		case fn == "Fn::If":
			if list, ok := arg.([]any); ok && len(list) == 3 {
				name, _ := list[0].(string)
				branch := list[2]
				if e.conditions[name] {
					branch = list[1]
				}
				e.uses(branch, add)
			}
		default:
			if fn == "Fn::Sub" {
				s, vars, _ := subArgs(arg)
				for _, p := range subParts(s) {
					if _, own := vars[p.text]; p.variable && !own {
						name, attr, _ := strings.Cut(p.text, ".")
						add(Use{Name: name, Attribute: attr})
					}
				}
			}
			e.uses(arg, add)
		}
	}
}
