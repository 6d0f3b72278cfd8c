package eventpattern

import (
	"fmt"
	"slices"
	"strings"
)

// A Pattern says which events are wanted. It may be used by many goroutines.
type Pattern struct {
	alternatives [][]leaf
}

// A leaf is what a pattern asks of one path: one of the values there must please one of the matchers, or nothing may be there.
type leaf struct {
	path     string
	absent   bool // {"exists": false} is among the matchers
	matchers []matcher
}

// maxAlternatives bounds what $or multiplies to. AWS: 1000.
const maxAlternatives = 1000

const tooComplex = "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a wildcard character"

// Parse reads a pattern. The error is a *SyntaxError.
func Parse(pattern string) (*Pattern, error) {
	r := &reader{in: pattern}
	if c := r.next(); c == '[' || c == '"' || c >= '0' && c <= '9' {
		return nil, r.fail(r.pos+1, "Filter is not an object")
	}
	root, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if root.kind != object {
		return nil, r.fail(root.to, "Filter is not an object")
	}
	if r.next() != 0 {
		return nil, r.unexpected("unexpected character after the end of the pattern")
	}
	c := compiler{r}
	alternatives, err := c.object(root, "", [][]leaf{nil})
	if err != nil {
		return nil, err
	}
	for _, a := range alternatives { // what is cheap to refuse comes first
		slices.SortStableFunc(a, func(x, y leaf) int { return strings.Count(x.path, ".") - strings.Count(y.path, ".") })
	}
	return &Pattern{alternatives}, nil
}

type compiler struct{ *reader }

// object adds what n asks for to each of the alternatives.
func (c compiler) object(n *node, prefix string, to [][]leaf) (_ [][]leaf, err error) {
	if len(n.members) == 0 {
		return nil, c.fail(n.to, "Empty objects are not allowed")
	}
	for _, m := range n.last() {
		if m.name == "$or" && isOr(m.value) {
			if to, err = c.or(m.value, prefix, to); err != nil {
				return nil, err
			}
			continue
		}
		path := m.name
		if prefix != "" {
			path = prefix + "." + m.name
		}
		switch m.value.kind {
		case object:
			if to, err = c.object(m.value, path, to); err != nil {
				return nil, err
			}
		case array:
			l, err := c.leaf(m.value, path)
			if err != nil {
				return nil, err
			}
			for i := range to {
				to[i] = add(to[i], l)
			}
		default:
			return nil, c.fail(m.value.to, "%q must be an object or an array", m.name)
		}
	}
	return to, nil
}

// add puts a leaf into an alternative. AWS: of two that ask of one path, the later counts.
func add(to []leaf, l leaf) []leaf {
	to = slices.Clone(to)
	for i := range to {
		if to[i].path == l.path {
			to[i] = l
			return to
		}
	}
	return append(to, l)
}

// reserved are the match types, which make an object in an array a matcher, not a part of an $or.
var reserved = []string{"exactly", "prefix", "suffix", "equals-ignore-case", "numeric", "anything-but", "exists", "cidr", "wildcard"}

// isOr tells whether the value of a key named $or is AWS's: two or more objects that are no matchers.
func isOr(n *node) bool {
	if n.kind != array || len(n.items) < 2 {
		return false
	}
	for _, item := range n.items {
		if item.kind != object || len(item.members) == 0 {
			return false
		}
		for _, m := range item.members {
			if slices.Contains(reserved, m.name) {
				return false
			}
		}
	}
	return true
}

func (c compiler) or(n *node, prefix string, to [][]leaf) ([][]leaf, error) {
	var all [][]leaf
	for _, item := range n.items {
		one, err := c.object(item, prefix, slices.Clone(to))
		if err != nil {
			return nil, err
		}
		if all = append(all, one...); len(all) > maxAlternatives {
			return nil, &SyntaxError{Reason: tooComplex}
		}
	}
	return all, nil
}

func (c compiler) leaf(n *node, path string) (leaf, error) {
	l := leaf{path: path}
	if len(n.items) == 0 {
		return l, c.fail(n.to, "Empty arrays are not allowed")
	}
	for _, item := range n.items {
		switch item.kind {
		case array:
			return l, c.fail(item.from, "Match value must be String, number, true, false, or null")
		case object:
			m, absent, err := c.expression(item)
			if err != nil {
				return l, err
			}
			if absent {
				l.absent = true
			} else {
				l.matchers = append(l.matchers, m)
			}
		default:
			l.matchers = append(l.matchers, exactly(item))
		}
	}
	return l, nil
}

// expression reads one matcher such as {"prefix": "x"}; absent is true for {"exists": false}.
func (c compiler) expression(n *node) (m matcher, absent bool, err error) {
	if len(n.members) == 0 {
		return nil, false, c.fail(n.to, "Match expression name not found")
	}
	name, v := n.members[0].name, n.members[0].value
	switch name {
	case "exactly":
		if v.kind != text {
			return nil, false, c.fail(v.to, "exact match pattern must be a string")
		}
		m = exactly(v)
	case "prefix", "suffix":
		m, err = c.affix(name, v)
	case "equals-ignore-case":
		if v.kind != text {
			return nil, false, c.fail(v.from, "equals-ignore-case match pattern must be a string")
		}
		m = equalFold(v.text)
	case "wildcard":
		m, err = c.wildcard(v)
	case "cidr":
		if v.kind != text { // AWS: says prefix
			return nil, false, c.fail(v.from, "prefix match pattern must be a string")
		}
		m, err = inNetwork(v.text)
	case "numeric":
		m, err = c.numeric(v)
	case "exists":
		if v.kind != boolean {
			return nil, false, c.fail(v.to, "exists match pattern must be either true or false.")
		}
		m, absent = anything, v.text == "false"
	case "anything-but":
		m, err = c.anythingBut(v)
	default:
		return nil, false, c.fail(v.to, "Unrecognized match type %s", name)
	}
	if err == nil && len(n.members) > 1 {
		return nil, false, c.fail(n.members[1].after, "Only one key allowed in match expression")
	}
	return m, absent, err
}

// affix reads prefix and suffix.
func (c compiler) affix(name string, v *node) (matcher, error) {
	if v.kind == object {
		if len(v.members) == 0 {
			return nil, c.fail(v.to, "%s expression name not found", strings.ToUpper(name[:1])+name[1:])
		}
		inner := v.members[0]
		if inner.name != "equals-ignore-case" {
			return nil, c.fail(inner.value.to, "Unsupported %s pattern: %s", name, inner.name)
		}
		if inner.value.kind != text {
			return nil, c.fail(inner.value.from, "equals-ignore-case match pattern must be a string")
		}
		if len(v.members) > 1 {
			return nil, c.fail(v.members[1].after, "Only one key allowed in match expression")
		}
		return affixFold(name, inner.value.text), nil
	}
	if v.kind != text {
		return nil, c.fail(v.to0(), "%s match pattern must be a string", name)
	}
	return affix(name, v.text), nil
}

// to0 is where AWS's parser stands when it has seen the value: behind scalars, in the beginning of the others.
func (n *node) to0() int {
	if n.kind == object || n.kind == array || n.kind == text {
		return n.from
	}
	return n.to
}

func (c compiler) wildcard(v *node) (matcher, error) {
	if v.kind != text {
		return nil, c.fail(v.to0(), "wildcard match pattern must be a string")
	}
	w, err := parseWildcard(v.text)
	if e, ok := err.(*SyntaxError); ok && e.Reason != tooComplex {
		return nil, c.fail(v.to, "%s", e.Reason)
	} else if err != nil {
		return nil, err
	}
	return w.matches, nil
}

func (c compiler) numeric(v *node) (matcher, error) {
	if v.kind != array {
		return nil, c.fail(v.to0(), "Value of numeric must be an array.")
	}
	var terms []comparison
	for i := 0; i < len(v.items); i += 2 {
		op := v.items[i]
		if op.kind != text {
			return nil, c.fail(op.to, "Invalid member in numeric match: %s", op.text)
		}
		if len(terms) == 2 || len(terms) == 1 && terms[0].op == "=" {
			return nil, c.fail(op.to, "Too many terms in numeric range expression")
		}
		switch op.text {
		case "=", "<", "<=", ">", ">=":
		default:
			return nil, c.fail(op.to, "Unrecognized numeric range operator: %s", op.text)
		}
		if len(terms) == 1 && (op.text == "=" || op.text[0] == terms[0].op[0]) {
			return nil, c.fail(op.to, "Bad numeric range operator: %s", op.text)
		}
		if i+1 == len(v.items) || v.items[i+1].kind != number {
			at := v.to
			if i+1 < len(v.items) {
				at = v.items[i+1].to0()
			}
			return nil, c.fail(at, "Value of %s must be numeric", op.text)
		}
		terms = append(terms, newComparison(op.text, v.items[i+1].text))
	}
	switch {
	case len(terms) == 0:
		return nil, c.fail(v.to, "Invalid member in numeric match: ]")
	case len(terms) == 2 && empty(terms[0], terms[1]):
		return nil, c.fail(v.to, "Bottom must be less than top")
	}
	return compare(terms), nil
}

func (c compiler) anythingBut(v *node) (matcher, error) {
	const notOne = "Value of anything-but must be an array or single string/number value."
	switch v.kind {
	case text, number:
		return not(exactly(v)), nil
	case array:
		var all []matcher
		for i, item := range v.items {
			if item.kind != text && item.kind != number {
				return nil, c.fail(item.to0(), "Inside anything but list, start|null|boolean is not supported.")
			}
			if i > 0 && item.kind != v.items[0].kind {
				return nil, c.fail(item.to0(), "Inside anything but list, either all values are number or string, mixed type is not supported")
			}
			all = append(all, exactly(item))
		}
		if len(all) == 0 {
			return nil, c.fail(v.to, "Empty arrays are not allowed")
		}
		return not(all...), nil
	case object:
	default:
		return nil, c.fail(v.to0(), notOne)
	}
	if len(v.members) == 0 {
		return nil, c.fail(v.to, "Anything-But expression name not found")
	}
	op, arg := v.members[0].name, v.members[0].value
	items := []*node{arg}
	if arg.kind == array {
		items = arg.items
	}
	if arg.kind == object {
		return nil, c.fail(arg.from, notOne)
	}
	var all []matcher
	for _, item := range items {
		m, err := c.butOne(op, v, item)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, c.fail(arg.to, "Empty arrays are not allowed")
	}
	if len(v.members) > 1 {
		return nil, c.fail(v.members[1].after, "Only one key allowed in match expression")
	}
	return not(all...), nil
}

// butOne reads one value of {"anything-but": {op: value}}.
func (c compiler) butOne(op string, v, item *node) (matcher, error) {
	switch op {
	case "prefix", "suffix":
		if item.kind != text {
			return nil, c.fail(item.to0(), "prefix/suffix match pattern must be a string")
		}
		if item.text == "" {
			return nil, c.fail(item.to, "Null prefix/suffix not allowed")
		}
		return affix(op, item.text), nil
	case "equals-ignore-case":
		if item.kind != text {
			return nil, c.fail(item.to0(), "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.")
		}
		return equalFold(item.text), nil
	case "wildcard":
		return c.wildcard(item)
	}
	return nil, c.fail(v.members[0].value.to, "%s", fmt.Sprintf("Unsupported anything-but pattern: %s", op))
}
