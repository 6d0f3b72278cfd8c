package vtl

import "fmt"

// A node is a part of a template.
type node interface {
	render(s *state) error
}

// text stands for itself.
type text string

func (t text) render(s *state) error {
	s.out = append(s.out, t...)
	if err := s.full(); err != nil {
		return err
	}
	return s.meter.Spend(1)
}

// set is #set.
type set struct {
	pos    int
	target *reference
	value  expr
}

func (n *set) render(s *state) error {
	if err := s.meter.Spend(1); err != nil {
		return s.t.at(n.pos, err)
	}
	v, err := s.eval(n.value)
	if err != nil {
		return err
	}
	return s.t.at(n.pos, n.target.assign(s, v))
}

// conditional is #if with its #elseif and #else.
type conditional struct {
	cases     []branch
	otherwise []node
}

type branch struct {
	test expr
	body []node
}

func (n *conditional) render(s *state) error {
	for _, c := range n.cases {
		v, err := s.eval(c.test)
		if err != nil {
			return err
		}
		if truth(v) {
			return s.render(c.body)
		}
	}
	return s.render(n.otherwise)
}

// foreach is #foreach.
type foreach struct {
	pos  int
	slot int // of the loop's variable
	over expr
	body []node
}

func (n *foreach) render(s *state) error {
	v, err := s.eval(n.over)
	if err != nil {
		return err
	}
	items := items(v)
	if err := s.meter.Spend(len(items) + 1); err != nil {
		return s.t.at(n.pos, err)
	}
	before := s.vars[n.slot]
	s.loop = &loop{count: len(items), parent: s.loop}
	for i, item := range items {
		if i >= maxIterations {
			err = s.t.at(n.pos, fmt.Errorf("#foreach has more than %d rounds", maxIterations))
			break
		}
		if item == nil {
			item = ""
		}
		s.loop.index = i
		s.vars[n.slot] = item
		if err = s.render(n.body); err != nil {
			break
		}
	}
	s.loop = s.loop.parent
	s.vars[n.slot] = before
	if err == errBreak {
		return nil
	}
	return err
}

// items returns what #foreach goes over: the elements of a list or what an iterator has left, the values of a map, nothing else. AWS: a text has no rounds.
func items(v any) []any {
	switch v := v.(type) {
	case *List:
		return v.Items[:len(v.Items):len(v.Items)]
	case *Map:
		return v.values()
	case *iterator:
		rest := v.items
		v.items = nil
		return rest
	}
	return nil
}

// define is #define.
type define struct {
	slot int
	body *definition
}

func (n *define) render(s *state) error {
	s.vars[n.slot] = n.body
	return nil
}

// stop ends a render, or a loop.
type stop struct{ how error }

func (n stop) render(*state) error { return n.how }

// forbidden is a directive that fails when it is reached. AWS: there is nothing to #parse or #include.
type forbidden struct {
	pos  int
	word string
}

func (n *forbidden) render(s *state) error {
	return s.t.at(n.pos, fmt.Errorf("#%s: there are no other templates", n.word))
}

// render makes a reference a node: it prints.
func (r *reference) render(s *state) error {
	if err := s.meter.Spend(1 + len(r.parts)); err != nil {
		return s.t.at(r.pos, err)
	}
	if r.names != nil {
		if p, ok := s.variable(r.slot).(Printer); ok {
			if out, ok := p.AppendPath(&s.meter, s.out, r.names); ok {
				s.out = out
				return s.full()
			}
		}
	}
	v, err := r.eval(s)
	if err != nil {
		return err
	}
	return s.t.at(r.pos, s.print(v))
}
