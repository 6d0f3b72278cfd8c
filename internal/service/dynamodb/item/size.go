package item

// Limits of AWS.
const (
	MaxSize  = 409_600 // bytes of an item, names included
	MaxDepth = 32      // levels of nesting
)

// Size returns how large AWS says that the item is: names and values.
func Size(it Item) int {
	n := 0
	for _, a := range it {
		n += len(a.Name) + ValueSize(a.Value)
	}
	return n
}

// ValueSize returns how large AWS says that the value is.
func ValueSize(v Value) int {
	switch v.Kind {
	case S, B:
		return len(v.Str)
	case N:
		return numberSize(v.Str)
	case SS, NS, BS:
		n := 0
		for _, m := range v.List {
			n += ValueSize(m)
		}
		return n
	case L:
		n := 3
		for _, e := range v.List {
			n += 1 + ValueSize(e)
		}
		return n
	case M:
		return 3 + len(v.Map) + Size(v.Map)
	}
	return 1 // NULL, BOOL
}

// numberSize: one byte, one for each pair of digits (as they stand to the point), one for a minus.
func numberSize(s string) int {
	d, err := parseDecimal(s)
	if err != nil || d.n == 0 {
		return 1
	}
	n := 1 + (d.n+1)/2
	if d.n%2 == 0 && d.exp%2 == 0 {
		n++
	}
	if d.neg {
		n++
	}
	return n
}

// depth returns how many levels of lists and maps v has.
func depth(v Value) int {
	n := 0
	for _, e := range v.List {
		n = max(n, depth(e))
	}
	for _, a := range v.Map {
		n = max(n, depth(a.Value))
	}
	if v.Kind == L || v.Kind == M {
		n++
	}
	return n
}

// TooDeep reports whether the item has more levels than AWS allows.
func TooDeep(it Item) bool {
	for _, a := range it {
		if (a.Value.Kind == L || a.Value.Kind == M) && depth(a.Value) > MaxDepth {
			return true
		}
	}
	return false
}
