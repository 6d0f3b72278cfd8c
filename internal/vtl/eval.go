package vtl

import (
	"fmt"

	"github.com/sallyport/sallyport/internal/json"
)

func (s *state) eval(e expr) (any, error) {
	if err := s.meter.Spend(1); err != nil {
		return nil, err
	}
	return e.eval(s)
}

func (e literal) eval(*state) (any, error) { return e.value, nil }

func (e *compound) eval(s *state) (any, error) {
	mark := len(s.out)
	if err := s.render(e.nodes); err != nil {
		return nil, err
	}
	v := string(s.out[mark:])
	s.out = s.out[:mark]
	return v, nil
}

func (e *listOf) eval(s *state) (any, error) {
	list := &List{Items: make([]any, len(e.items))}
	for i, item := range e.items {
		var err error
		if list.Items[i], err = s.eval(item); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func (e *mapOf) eval(s *state) (any, error) {
	m := &Map{}
	for i := range e.keys {
		key, err := s.eval(e.keys[i])
		if err != nil {
			return nil, err
		}
		name, err := s.string(key)
		if err != nil {
			return nil, err
		}
		value, err := s.eval(e.values[i])
		if err != nil {
			return nil, err
		}
		m.Put(name, value)
	}
	return m, nil
}

// maxSpan bounds a range: no loop goes over more.
const maxSpan = 1_000_000

func (e *span) eval(s *state) (any, error) {
	step, n := int64(1), e.to-e.from
	if n < 0 {
		step, n = -1, -n
	}
	if n < 0 || n >= maxSpan {
		return nil, ErrTooMuch
	}
	if err := s.meter.Spend(int(n)); err != nil {
		return nil, err
	}
	list := &List{Items: make([]any, n+1)}
	for i := range list.Items {
		list.Items[i] = e.from + int64(i)*step
	}
	return list, nil
}

func (e *unary) eval(s *state) (any, error) {
	v, err := s.eval(e.expr)
	if err != nil {
		return nil, err
	}
	if e.op == "!" {
		return !truth(v), nil
	}
	return arithmetic("-", int64(0), v), nil
}

func (e *binary) eval(s *state) (any, error) {
	left, err := s.eval(e.left)
	if err != nil {
		return nil, err
	}
	switch {
	case e.op == "||" && truth(left):
		return true, nil
	case e.op == "&&" && !truth(left):
		return false, nil
	}
	right, err := s.eval(e.right)
	if err != nil {
		return nil, err
	}
	switch e.op {
	case "||", "&&":
		return truth(right), nil
	case "==", "!=":
		same, err := s.equal(left, right, 0)
		return same == (e.op == "=="), s.t.at(e.pos, err)
	case "<", "<=", ">", ">=":
		return ordered(e.op, left, right), nil
	case "+":
		_, a := left.(string)
		_, b := right.(string)
		if a || b {
			v, err := s.concat(left, right)
			return v, s.t.at(e.pos, err)
		}
	}
	return arithmetic(e.op, left, right), nil
}

func (s *state) concat(left, right any) (any, error) {
	a, err := s.string(left)
	if err != nil {
		return nil, err
	}
	b, err := s.string(right)
	if err == nil && len(a)+len(b) > maxOutput {
		err = ErrTooMuch
	}
	if err == nil {
		err = s.meter.Spend((len(a) + len(b)) / 64)
	}
	if err != nil {
		return nil, err
	}
	return a + b, nil
}

// truth tells what #if makes of a value. AWS: all but false is true, also what is missing.
func truth(v any) bool { return v != false }

// eval returns the value that the reference leads to. AWS: the empty string if there is none.
func (r *reference) eval(s *state) (any, error) {
	v, err := s.follow(s.variable(r.slot), r.parts)
	if err != nil {
		return nil, s.t.at(r.pos, err)
	}
	if v == nil {
		return "", nil
	}
	return v, nil
}

// follow takes the parts from v.
func (s *state) follow(v any, parts []part) (any, error) {
	for i := range parts {
		var err error
		if v, err = s.part(v, &parts[i]); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (s *state) part(v any, p *part) (any, error) {
	if err := s.meter.Spend(1); err != nil {
		return nil, err
	}
	if d, ok := v.(*definition); ok {
		var err error
		if v, err = s.string(d); err != nil {
			return nil, err
		}
	}
	if v == nil {
		v = ""
	}
	switch {
	case p.index != nil:
		index, err := s.eval(p.index)
		if err != nil {
			return nil, err
		}
		return s.at(v, index)
	case !p.call:
		return s.property(v, p.name)
	}
	base := len(s.args)
	for _, a := range p.args {
		arg, err := s.eval(a)
		if err != nil {
			return nil, err
		}
		s.args = append(s.args, arg)
	}
	result, err := s.call(v, p.name, s.args[base:])
	clear(s.args[base:])
	s.args = s.args[:base]
	if text, ok := result.(string); ok && err == nil {
		if len(text) > maxOutput {
			return nil, ErrTooMuch
		}
		err = s.meter.Spend(len(text) / 64)
	}
	return result, err
}

// at returns the element of a list or the value of a map. AWS's behaviour outside of a list is not known: nothing is there.
func (s *state) at(v, index any) (any, error) {
	switch v := v.(type) {
	case *List:
		n, ok := integerOf(index)
		if !ok || n < 0 || n >= int64(len(v.Items)) {
			return nil, nil
		}
		return v.Items[n], nil
	case *Map:
		key, err := s.string(index)
		if err != nil {
			return nil, err
		}
		return s.get(v, key)
	case Object:
		name, err := s.string(index)
		if err != nil {
			return nil, err
		}
		return v.Property(&s.meter, name), nil
	}
	return nil, nil
}

// get looks a key up, which takes its time in a map without an index.
func (s *state) get(m *Map, key string) (any, error) {
	return m.Get(key), s.meter.Spend(1 + len(key)/64)
}

// property returns what a name leads to: a map's value, or a getter.
func (s *state) property(v any, name string) (any, error) {
	switch v := v.(type) {
	case *Map:
		return s.get(v, name)
	case Object:
		return v.Property(&s.meter, name), nil
	case *List:
		switch {
		case name == "empty":
			return len(v.Items) == 0, nil
		case name == "length" && v.array:
			return int64(len(v.Items)), nil
		}
	case string:
		if name == "empty" {
			return v == "", nil
		}
	}
	return nil, nil
}

// A setter is an Object whose properties may be set.
type setter interface {
	SetProperty(name string, value any)
}

// assign sets what the reference leads to. AWS: where nothing can be set nothing happens.
func (r *reference) assign(s *state, value any) error {
	if len(r.parts) == 0 {
		s.vars[r.slot] = value
		return nil
	}
	last := &r.parts[len(r.parts)-1]
	owner, err := s.follow(s.variable(r.slot), r.parts[:len(r.parts)-1])
	if err != nil || last.call {
		return err
	}
	name := last.name
	if last.index != nil {
		index, err := s.eval(last.index)
		if err != nil {
			return err
		}
		if list, ok := owner.(*List); ok {
			if n, ok := integerOf(index); ok && n >= 0 && n < int64(len(list.Items)) {
				list.Items[n] = value
			}
			return nil
		}
		if name, err = s.string(index); err != nil {
			return err
		}
	}
	switch owner := owner.(type) {
	case *Map:
		return s.put(owner, name, value)
	case setter:
		owner.SetProperty(name, value)
	}
	return nil
}

// maxEntries bounds the lists and maps of a template.
const maxEntries = 1_000_000

func (s *state) put(m *Map, key string, value any) error {
	m.Put(key, value)
	if m.Len() > maxEntries {
		return fmt.Errorf("a map has more than %d entries: %w", maxEntries, ErrTooMuch)
	}
	return s.meter.Spend(1 + len(key)/64)
}

// integerOf returns a value as an integer, if it is one.
func integerOf(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case json.Number:
		n, ok := numberOf(v)
		return n.i, ok && n.kind == whole
	}
	return 0, false
}
