package vtl

import "slices"

// values returns the values of a map.
func (m *Map) values() []any {
	out := make([]any, len(m.entries))
	for i, e := range m.entries {
		out[i] = e.value
	}
	return out
}

// callMap calls a method of a map.
func (s *state) callMap(m *Map, method string, args []any) (any, error) {
	switch len(args) {
	case 0:
		return s.callMapPlain(m, method)
	case 1:
		if other, ok := args[0].(*Map); ok && method == "putAll" {
			for _, e := range slices.Clone(other.entries) {
				if err := s.put(m, e.key, e.value); err != nil {
					return nil, err
				}
			}
			return nil, nil
		}
		if method == "containsValue" {
			i, err := s.find(m.values(), args[0])
			return i >= 0, err
		}
		key, err := s.string(args[0])
		if err != nil {
			return nil, err
		}
		switch method {
		case "get":
			return s.get(m, key)
		case "remove":
			if err := s.meter.Spend(m.Len()); err != nil {
				return nil, err
			}
			return m.remove(key), nil
		case "containsKey":
			return m.find(key) >= 0, s.meter.Spend(1)
		}
	case 2:
		key, err := s.string(args[0])
		if err != nil {
			return nil, err
		}
		old := m.Get(key)
		switch method {
		case "put": // AWS: the value before
			return old, s.put(m, key, args[1])
		case "putIfAbsent":
			if old == nil {
				err = s.put(m, key, args[1])
			}
			return old, err
		case "getOrDefault":
			if m.find(key) < 0 {
				return args[1], nil
			}
			return old, nil
		}
	}
	return nil, nil
}

func (s *state) callMapPlain(m *Map, method string) (any, error) {
	if err := s.meter.Spend(1); err != nil {
		return nil, err
	}
	switch method {
	case "size":
		return int64(m.Len()), nil
	case "isEmpty":
		return m.Len() == 0, nil
	case "clear":
		m.entries, m.index = nil, nil
		return nil, nil
	case "keySet", "values", "entrySet":
		if err := s.meter.Spend(m.Len()); err != nil {
			return nil, err
		}
		list := &List{Items: m.values()}
		for i, e := range m.entries {
			switch method {
			case "keySet":
				list.Items[i] = e.key
			case "entrySet":
				list.Items[i] = mapEntry{m, e.key}
			}
		}
		return list, nil
	}
	return nil, nil
}

// find returns where v is among items, -1 if nowhere.
func (s *state) find(items []any, v any) (int, error) {
	for i, item := range items {
		if err := s.meter.Spend(1); err != nil {
			return -1, err
		}
		if same, err := s.equals(item, v); err != nil || same {
			return i, err
		}
	}
	return -1, nil
}

// callList calls a method of a list.
func (s *state) callList(l *List, method string, args []any) (any, error) {
	switch len(args) {
	case 0:
		return s.callListPlain(l, method)
	case 1:
		return s.callListWithOne(l, method, args[0], args)
	case 2:
		i, ok := index(args, 0)
		if !ok {
			return nil, nil
		}
		switch method {
		case "set":
			if i < 0 || i >= len(l.Items) {
				return nil, nil
			}
			old := l.Items[i]
			l.Items[i] = args[1]
			return old, nil
		case "add":
			if i < 0 || i > len(l.Items) {
				return nil, nil
			}
			l.Items = slices.Insert(l.Items, i, args[1])
			return nil, s.grown(l, len(l.Items)-i)
		case "subList":
			j, ok := index(args, 1)
			if !ok || i < 0 || j > len(l.Items) || i > j {
				return nil, nil
			}
			return &List{Items: slices.Clone(l.Items[i:j])}, s.meter.Spend(j - i)
		}
	}
	return nil, nil
}

// grown accounts for n elements that were moved or added.
func (s *state) grown(l *List, n int) error {
	if len(l.Items) > maxEntries {
		return ErrTooMuch
	}
	return s.meter.Spend(1 + n)
}

func (s *state) callListPlain(l *List, method string) (any, error) {
	switch method {
	case "size", "count", "length":
		return int64(len(l.Items)), nil
	case "isEmpty":
		return len(l.Items) == 0, nil
	case "clear":
		l.Items = nil
	case "iterator", "listIterator":
		return &iterator{items: l.Items[:len(l.Items):len(l.Items)]}, nil
	case "toArray":
		return &List{Items: slices.Clone(l.Items), array: true}, s.meter.Spend(len(l.Items))
	case "toJSONString":
		if l.JSON {
			return s.string(l)
		}
	}
	return nil, nil
}

func (s *state) callListWithOne(l *List, method string, arg any, args []any) (any, error) {
	i, isIndex := index(args, 0)
	other, isList := arg.(*List)
	switch method {
	case "get":
		return s.at(l, arg)
	case "add":
		l.Items = append(l.Items, arg)
		return true, s.grown(l, 1)
	case "addAll":
		if !isList {
			return nil, nil
		}
		l.Items = append(l.Items, other.Items...)
		return len(other.Items) > 0, s.grown(l, len(other.Items))
	case "remove":
		if isIndex { // Java: an integer is an index, not an element
			if i < 0 || i >= len(l.Items) {
				return nil, nil
			}
			old := l.Items[i]
			l.Items = slices.Delete(l.Items, i, i+1)
			return old, s.meter.Spend(len(l.Items))
		}
		at, err := s.find(l.Items, arg)
		if err == nil && at >= 0 {
			l.Items = slices.Delete(l.Items, at, at+1)
		}
		return at >= 0, err
	case "contains":
		at, err := s.find(l.Items, arg)
		return at >= 0, err
	case "indexOf":
		at, err := s.find(l.Items, arg)
		return int64(at), err
	case "containsAll":
		if !isList {
			return nil, nil
		}
		for _, e := range other.Items {
			if at, err := s.find(l.Items, e); err != nil || at < 0 {
				return false, err
			}
		}
		return true, nil
	}
	return nil, nil
}
