package item

import (
	"cmp"
	"slices"
	"strings"
)

// A Kind is one of the ten types of an attribute value.
type Kind uint8

// Kinds. The zero Kind is that of no value at all. The numbers are part of the binary form.
const (
	None Kind = iota
	S
	N
	B
	SS
	NS
	BS
	M
	L
	NULL
	BOOL
)

var kindNames = [...]string{"", "S", "N", "B", "SS", "NS", "BS", "M", "L", "NULL", "BOOL"}

// String returns AWS's descriptor: "S", "NS", "BOOL".
func (k Kind) String() string { return kindNames[k] }

// KindOf returns the kind with this descriptor, or None.
func KindOf(descriptor string) Kind {
	for k, name := range kindNames {
		if k > 0 && name == descriptor {
			return Kind(k)
		}
	}
	return None
}

// IsSet reports whether k is a set of strings, numbers or binaries.
func (k Kind) IsSet() bool { return k == SS || k == NS || k == BS }

// Member returns the kind of a set's members.
func (k Kind) Member() Kind {
	switch k {
	case SS:
		return S
	case NS:
		return N
	case BS:
		return B
	}
	return None
}

// A Value is one attribute value. Values are not changed once made, so that trees may share them.
type Value struct {
	Kind Kind
	True bool    // BOOL
	Str  string  // S, B (the bytes themselves), N (normalised text, see ParseNumber)
	List []Value // L; the members of a set, sorted and each once
	Map  Item    // M
}

// An Attr is one attribute of an item.
type Attr struct {
	Name  string
	Value Value
}

// An Item is a list of attributes, sorted by name, each name once.
type Item []Attr

// String makes a value of kind S.
func String(s string) Value { return Value{Kind: S, Str: s} }

// Get returns the attribute's value; its Kind is None if there is none.
func (it Item) Get(name string) Value {
	if i, ok := it.find(name); ok {
		return it[i].Value
	}
	return Value{}
}

func (it Item) find(name string) (int, bool) {
	return slices.BinarySearchFunc(it, name, func(a Attr, name string) int { return strings.Compare(a.Name, name) })
}

// With returns it with the attribute set to v; it itself is not changed.
func (it Item) With(name string, v Value) Item {
	i, found := it.find(name)
	out := make(Item, 0, len(it)+1)
	out = append(out, it[:i]...)
	out = append(out, Attr{name, v})
	if found {
		i++
	}
	return append(out, it[i:]...)
}

// Without returns it without the attribute; it itself is not changed.
func (it Item) Without(name string) Item {
	i, found := it.find(name)
	if !found {
		return it
	}
	out := make(Item, 0, len(it)-1)
	return append(append(out, it[:i]...), it[i+1:]...)
}

// FromAttrs sorts attrs into an Item. Of several with one name, the last counts.
func FromAttrs(attrs []Attr) Item {
	sorted := true
	for i := 1; i < len(attrs); i++ {
		if attrs[i-1].Name >= attrs[i].Name {
			sorted = false
			break
		}
	}
	if sorted {
		return attrs
	}
	slices.SortStableFunc(attrs, func(a, b Attr) int { return strings.Compare(a.Name, b.Name) })
	out := attrs[:0]
	for i, a := range attrs {
		if i+1 < len(attrs) && attrs[i+1].Name == a.Name {
			continue
		}
		out = append(out, a)
	}
	return out
}

// Equal reports whether two values are the same: numbers by value, sets as sets.
func Equal(a, b Value) bool {
	if a.Kind != b.Kind || a.True != b.True || a.Str != b.Str || len(a.List) != len(b.List) {
		return false
	}
	for i := range a.List {
		if !Equal(a.List[i], b.List[i]) {
			return false
		}
	}
	return EqualItems(a.Map, b.Map)
}

// EqualItems reports whether two items are the same.
func EqualItems(a, b Item) bool {
	return slices.EqualFunc(a, b, func(x, y Attr) bool { return x.Name == y.Name && Equal(x.Value, y.Value) })
}

// Compare orders two values of one kind: S and B by bytes, N by value. ok is false where there is no order.
func Compare(a, b Value) (order int, ok bool) {
	if a.Kind != b.Kind {
		return 0, false
	}
	switch a.Kind {
	case S, B:
		return strings.Compare(a.Str, b.Str), true
	case N:
		return CompareNumbers(a.Str, b.Str), true
	}
	return 0, false
}

// NewSet makes a set of kind k of members, which it sorts in place; members that come twice are taken once.
func NewSet(k Kind, members []Value) Value {
	slices.SortFunc(members, compareMembers)
	members = slices.CompactFunc(members, func(a, b Value) bool { return a.Str == b.Str })
	return Value{Kind: k, List: members}
}

// Has reports whether the set or list v has the member m.
func (v Value) Has(m Value) bool {
	if v.Kind.IsSet() {
		if v.Kind.Member() != m.Kind {
			return false
		}
		_, found := slices.BinarySearchFunc(v.List, m, compareMembers)
		return found
	}
	return slices.ContainsFunc(v.List, func(e Value) bool { return Equal(e, m) })
}

func compareMembers(a, b Value) int {
	if a.Kind == N {
		return CompareNumbers(a.Str, b.Str)
	}
	return cmp.Compare(a.Str, b.Str)
}

// Union returns the set of all members of a and b, which are sets of one kind.
func Union(a, b Value) Value {
	return NewSet(a.Kind, slices.Concat(a.List, b.List))
}

// Minus returns the set of members of a that b does not have.
func Minus(a, b Value) Value {
	var rest []Value
	for _, m := range a.List {
		if !b.Has(m) {
			rest = append(rest, m)
		}
	}
	return Value{Kind: a.Kind, List: rest}
}
