package wire

import (
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// ReadForm reads the parameters of the Query protocol into v: Name=…, Tags.member.1.Key=…, Attributes.entry.1.key=….
// Unknown parameters are ignored; a bare "Tags=" is an empty list.
func (t *Type) ReadForm(form url.Values, v any) error {
	root := &formNode{}
	for name, values := range form {
		if len(values) > 0 {
			root.add(name, values[0])
		}
	}
	return root.structure(t, t.structOf(v))
}

// A formNode is a part of a parameter's name, with what stands below it.
type formNode struct {
	value string
	set   bool
	below map[string]*formNode
}

func (n *formNode) add(name, value string) {
	for depth := 0; depth < maxDepth; depth++ {
		part, rest, more := strings.Cut(name, ".")
		if n.below == nil {
			n.below = map[string]*formNode{}
		}
		next := n.below[part]
		if next == nil {
			next = &formNode{}
			n.below[part] = next
		}
		n = next
		if !more {
			break
		}
		name = rest
	}
	n.value, n.set = value, true
}

func (n *formNode) structure(t *Type, v reflect.Value) error {
	for i := range t.fields {
		f := &t.fields[i]
		child := n.below[f.form]
		if child == nil {
			continue
		}
		if err := child.field(f, f.shape, v.Field(f.index)); err != nil {
			return err
		}
	}
	return nil
}

// field reads n into v. The names of list elements and map entries are those of f.
func (n *formNode) field(f *field, s *shape, v reflect.Value) error {
	switch s.kind {
	case kStruct:
		return n.structure(s.st, s.place(v))
	case kList:
		return n.list(f, s, v)
	case kMap:
		return n.dictionary(f, s, v)
	}
	if !n.set {
		return nil
	}
	if !setScalar(s, v, n.value) {
		return &SerializationError{"Value " + n.value + " at '" + f.name + "' is not a valid " + javaName(s)}
	}
	return nil
}

func (n *formNode) list(f *field, s *shape, v reflect.Value) error {
	items := n
	if !f.flat {
		items = n.below[f.member]
		if items == nil && f.member != "member" {
			items = n.below["member"]
		}
	}
	list := reflect.MakeSlice(s.typ, 0, 4)
	for _, item := range items.numbered() {
		e := reflect.New(s.elem.typ).Elem()
		if err := item.field(f, s.elem, e); err != nil {
			return err
		}
		if s.elem.scalar() || s.elem.kind == kStruct && !e.IsZero() || s.elem.kind == kList || s.elem.kind == kMap {
			list = reflect.Append(list, e)
		}
	}
	v.Set(list)
	return nil
}

func (n *formNode) dictionary(f *field, s *shape, v reflect.Value) error {
	entries := n
	if !f.flat {
		entries = n.below["entry"]
	}
	m := reflect.MakeMap(s.typ)
	for _, entry := range entries.numbered() {
		key, value := entry.below[f.key], entry.below[f.value]
		if key == nil || value == nil {
			continue
		}
		e := reflect.New(s.elem.typ).Elem()
		if err := value.field(f, s.elem, e); err != nil {
			return err
		}
		m.SetMapIndex(reflect.ValueOf(key.value).Convert(s.typ.Key()), e)
	}
	v.Set(m)
	return nil
}

// numbered returns what stands below n under numbers, in their order. n may be nil.
func (n *formNode) numbered() []*formNode {
	if n == nil {
		return nil
	}
	type item struct {
		at   int
		node *formNode
	}
	var items []item
	for name, child := range n.below {
		if at, err := strconv.Atoi(name); err == nil {
			items = append(items, item{at, child})
		}
	}
	slices.SortFunc(items, func(a, b item) int { return a.at - b.at })
	nodes := make([]*formNode, len(items))
	for i, it := range items {
		nodes[i] = it.node
	}
	return nodes
}
