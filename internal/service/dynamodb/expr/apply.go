package expr

import (
	"slices"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// What AWS says of an update that does not fit the item.
const (
	errMissing   = item.Invalid("The provided expression refers to an attribute that does not exist in the item")
	errIncorrect = item.Invalid("An operand in the update expression has an incorrect data type")
	errPath      = item.Invalid("The document path provided in the update expression is invalid for update")
)

// Apply returns the item as the update leaves it; old is not changed. Every right-hand side sees the old item.
func (u *Update) Apply(old item.Item) (item.Item, error) {
	values := make([]item.Value, len(u.ast.actions))
	for i, a := range u.ast.actions {
		if a.value == nil {
			continue
		}
		v, err := u.value(a.value, old)
		if err != nil {
			return nil, err
		}
		values[i] = v
	}
	root := draft{value: item.Value{Kind: item.M, Map: old}}
	for i, a := range u.ast.actions {
		if err := u.do(&root, a, values[i]); err != nil {
			return nil, err
		}
	}
	return root.done().Map, nil
}

func (u *Update) value(n *node, old item.Item) (item.Value, error) {
	switch n.kind {
	case valueNode:
		return u.env.values[n.value], nil
	case pathNode:
		v := u.env.lookup(n.path, old)
		if v.Kind == item.None {
			return v, errMissing
		}
		return v, nil
	}
	if n.op == "if_not_exists" {
		if v := u.env.lookup(n.args[0].path, old); v.Kind != item.None {
			return v, nil
		}
		return u.value(n.args[1], old)
	}
	x, err := u.value(n.args[0], old)
	if err != nil {
		return x, err
	}
	y, err := u.value(n.args[1], old)
	if err != nil {
		return y, err
	}
	if n.op == "list_append" {
		if x.Kind != item.L || y.Kind != item.L {
			return x, errIncorrect
		}
		return item.Value{Kind: item.L, List: slices.Concat(x.List, y.List)}, nil
	}
	if x.Kind != item.N || y.Kind != item.N {
		return x, errIncorrect
	}
	compute := item.Add
	if n.op == "-" {
		compute = item.Subtract
	}
	sum, err := compute(x.Str, y.Str)
	return item.Value{Kind: item.N, Str: sum}, err
}

// do makes one change.
func (u *Update) do(root *draft, a action, v item.Value) error {
	parent := root
	for _, el := range a.path[:len(a.path)-1] {
		if parent = parent.child(u.env, el); parent == nil {
			return errPath
		}
	}
	last := a.path[len(a.path)-1]
	if last.isIndex() && parent.value.Kind != item.L || !last.isIndex() && parent.value.Kind != item.M {
		return errPath
	}
	have := item.Value{}
	if c := parent.child(u.env, last); c != nil {
		have = c.value
	}
	switch a.verb {
	case remove:
		parent.put(u.env, last, item.Value{})
		return nil
	case add, del:
		var err error
		if v, err = combine(a.verb, have, v); err != nil {
			return err
		}
		if v.Kind == item.None && have.Kind == item.None {
			return nil
		}
	}
	parent.put(u.env, last, v)
	return nil
}

// combine returns what ADD or DELETE makes of have and v.
func combine(verb verb, have, v item.Value) (item.Value, error) {
	switch {
	case have.Kind == item.None && verb == add:
		return v, nil
	case have.Kind == item.None:
		return have, nil
	case have.Kind != v.Kind:
		return v, errIncorrect
	case verb == del:
		rest := item.Minus(have, v)
		if len(rest.List) == 0 {
			return item.Value{}, nil // AWS: there are no empty sets, the attribute goes
		}
		return rest, nil
	case v.Kind == item.N:
		sum, err := item.Add(have.Str, v.Str)
		return item.Value{Kind: item.N, Str: sum}, err
	}
	return item.Union(have, v), nil
}

// A draft is a value being changed. What is not touched stays shared with the old item.
type draft struct {
	value   item.Value
	members map[string]*draft // of a map, once one is touched
	list    []*draft          // of a list, once an element is touched; their indexes stay those of the old list
	beyond  []element         // what was set past the end of the list
}

type element struct {
	index int
	value *draft
}

// child returns what el leads to, or nil.
func (d *draft) child(e env, el elem) *draft {
	switch {
	case el.isIndex():
		d.open()
		if d.value.Kind != item.L || el.index >= len(d.list) || d.list[el.index].value.Kind == item.None {
			return nil
		}
		return d.list[el.index]
	case d.value.Kind != item.M:
		return nil
	}
	name := e.name(el)
	if c, ok := d.members[name]; ok {
		if c.value.Kind == item.None {
			return nil
		}
		return c
	}
	v := d.value.Map.Get(name)
	if v.Kind == item.None {
		return nil
	}
	return d.member(name, v)
}

func (d *draft) member(name string, v item.Value) *draft {
	if d.members == nil {
		d.members = map[string]*draft{}
	}
	c := &draft{value: v}
	d.members[name] = c
	return c
}

func (d *draft) open() {
	if d.value.Kind != item.L || d.list != nil {
		return
	}
	d.list = make([]*draft, len(d.value.List))
	for i, v := range d.value.List {
		d.list[i] = &draft{value: v}
	}
}

// put sets what el leads to; a value of kind None removes it.
func (d *draft) put(e env, el elem, v item.Value) {
	if !el.isIndex() {
		d.member(e.name(el), v)
		return
	}
	d.open()
	switch {
	case el.index < len(d.list):
		d.list[el.index] = &draft{value: v}
	case v.Kind != item.None:
		d.beyond = append(d.beyond, element{el.index, &draft{value: v}})
	}
}

// done returns the value with all changes made.
func (d *draft) done() item.Value {
	switch {
	case d.members != nil:
		attrs := make([]item.Attr, 0, len(d.value.Map)+len(d.members))
		for _, a := range d.value.Map {
			if _, touched := d.members[a.Name]; !touched {
				attrs = append(attrs, a)
			}
		}
		for name, c := range d.members {
			if v := c.done(); v.Kind != item.None {
				attrs = append(attrs, item.Attr{Name: name, Value: v})
			}
		}
		return item.Value{Kind: item.M, Map: item.FromAttrs(attrs)}
	case d.list != nil:
		list := make([]item.Value, 0, len(d.list)+len(d.beyond))
		for _, c := range d.list {
			if v := c.done(); v.Kind != item.None {
				list = append(list, v)
			}
		}
		// AWS: what is set past the end is appended, in the order of the indexes.
		slices.SortStableFunc(d.beyond, func(a, b element) int { return a.index - b.index })
		for _, b := range d.beyond {
			list = append(list, b.value.done())
		}
		return item.Value{Kind: item.L, List: list}
	}
	return d.value
}
