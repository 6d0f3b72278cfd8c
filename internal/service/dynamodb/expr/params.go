package expr

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// Params are the names and values of a request's expressions.
type Params struct {
	Names  map[string]string     // ExpressionAttributeNames
	Values map[string]item.Value // ExpressionAttributeValues
	Cache  *Cache                // of parsed expressions; may be nil

	bound []*source
}

// An env is a source's placeholders with what they stand for. What is not defined is "" or of kind None.
type env struct {
	names  []string
	values []item.Value
}

func (p *Params) bind(s *source) env {
	p.bound = append(p.bound, s)
	var e env
	if len(s.names) > 0 {
		e.names = make([]string, len(s.names))
		for i, n := range s.names {
			e.names[i] = p.Names[n]
		}
	}
	if len(s.values) > 0 {
		e.values = make([]item.Value, len(s.values))
		for i, v := range s.values {
			e.values[i] = p.Values[v]
		}
	}
	return e
}

// Unused returns an error if a name or a value is in none of the expressions bound so far.
func (p *Params) Unused() error {
	var names, values []string
	for n := range p.Names {
		if !slices.ContainsFunc(p.bound, func(s *source) bool { return slices.Contains(s.names, n) }) {
			names = append(names, n)
		}
	}
	for v := range p.Values {
		if !slices.ContainsFunc(p.bound, func(s *source) bool { return slices.Contains(s.values, v) }) {
			values = append(values, v)
		}
	}
	for _, u := range []struct {
		what string
		keys []string
	}{{"Names", names}, {"Values", values}} {
		if len(u.keys) > 0 {
			slices.Sort(u.keys)
			return item.Invalid("Value provided in ExpressionAttribute" + u.what + " unused in expressions: keys: {" + strings.Join(u.keys, ", ") + "}")
		}
	}
	return nil
}

// CheckKeys returns an error if a placeholder is not well formed. The maps themselves must not be empty when given.
func (p *Params) CheckKeys() error {
	if p.Names != nil && len(p.Names) == 0 {
		return item.Invalid("ExpressionAttributeNames must not be empty")
	}
	if err := checkKeys("ExpressionAttributeNames", '#', p.Names); err != nil {
		return err
	}
	if p.Values != nil && len(p.Values) == 0 {
		return item.Invalid("ExpressionAttributeValues must not be empty")
	}
	return checkKeys("ExpressionAttributeValues", ':', p.Values)
}

func checkKeys[V any](what string, prefix byte, m map[string]V) error {
	bad := ""
	for k := range m {
		if (len(k) < 2 || k[0] != prefix || word(k, 1) != len(k)) && (bad == "" || k < bad) {
			bad = k
			if k == "" {
				bad = " "
			}
		}
	}
	if bad != "" {
		return item.Invalid(what + ` contains invalid key: Syntax error; key: "` + strings.TrimSpace(bad) + `"`)
	}
	return nil
}

func (e env) name(el elem) string {
	if el.alias >= 0 {
		return e.names[el.alias]
	}
	return el.name
}

// undefined returns the first placeholder below n that stands for nothing.
func (e env) undefined(s *source, n *node) error {
	for _, el := range n.path {
		if el.alias >= 0 && e.names[el.alias] == "" {
			return item.Invalid("An expression attribute name used in the document path is not defined; attribute name: " + s.names[el.alias])
		}
	}
	if n.kind == valueNode && e.values[n.value].Kind == item.None {
		return item.Invalid("An expression attribute value used in expression is not defined; attribute value: " + s.values[n.value])
	}
	for _, a := range n.args {
		if err := e.undefined(s, a); err != nil {
			return err
		}
	}
	return nil
}

// A Ref is the use of an attribute: its name, and whether a path goes on inside it.
type Ref struct {
	Name   string
	Nested bool
}

func (e env) ref(path []elem) Ref { return Ref{e.name(path[0]), len(path) > 1} }

func (e env) refs(n *node, out []Ref) []Ref {
	if n.kind == pathNode {
		out = append(out, e.ref(n.path))
	}
	for _, a := range n.args {
		out = e.refs(a, out)
	}
	return out
}

// show writes a path as AWS does in errors: [a, [0], b].
func (e env) show(path []elem) string {
	var b strings.Builder
	b.WriteByte('[')
	for i, el := range path {
		if i > 0 {
			b.WriteString(", ")
		}
		if el.isIndex() {
			b.WriteString(indexText(el.index))
		} else {
			b.WriteString(e.name(el))
		}
	}
	b.WriteByte(']')
	return b.String()
}

func (e env) same(a, b elem) bool {
	if a.isIndex() || b.isIndex() {
		return a.isIndex() && b.isIndex() && a.index == b.index
	}
	return e.name(a) == e.name(b)
}

// overlap returns an error if two paths cannot stand in one expression: one lies within the other, or they disagree
// whether something is a list or a map.
func (e env) overlap(a, b []elem) error {
	for i := range min(len(a), len(b)) {
		if a[i].isIndex() != b[i].isIndex() {
			return item.Invalid("Two document paths conflict with each other; must remove or rewrite one of these paths; path one: " + e.show(a) + ", path two: " + e.show(b))
		}
		if !e.same(a[i], b[i]) {
			return nil
		}
	}
	return item.Invalid("Two document paths overlap with each other; must remove or rewrite one of these paths; path one: " + e.show(a) + ", path two: " + e.show(b))
}

// overlaps checks every pair. AWS: an overlap counts for more than a conflict.
func (e env) overlaps(paths [][]elem) error {
	var conflict error
	for i, b := range paths {
		for _, a := range paths[:i] {
			err := e.overlap(a, b)
			if err == nil {
				continue
			}
			if strings.HasPrefix(err.Error(), "Two document paths overlap") {
				return err
			}
			if conflict == nil {
				conflict = err
			}
		}
	}
	return conflict
}
