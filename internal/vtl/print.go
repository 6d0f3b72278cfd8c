package vtl

import (
	"strconv"

	"github.com/sallyport/sallyport/internal/json"
)

// print appends v to the output as AWS prints it.
func (s *state) print(v any) error {
	switch v := v.(type) {
	case nil:
		return nil
	case string:
		s.out = append(s.out, v...)
		if err := s.meter.Spend(len(v) / 64); err != nil {
			return err
		}
		return s.full()
	case *definition:
		if s.depth++; s.depth > maxNested {
			return ErrTooMuch
		}
		err := s.render(v.nodes)
		s.depth--
		if err == errBreak {
			err = nil
		}
		return err
	case *Map:
		if v.Hidden {
			return nil
		}
	case *List, mapEntry:
	case Object:
		return nil
	}
	p := printer{out: s.out, max: s.start + maxOutput, meter: &s.meter}
	err := p.value(v, 0)
	s.out = p.out
	return err
}

// string returns what v prints.
func (s *state) string(v any) (string, error) {
	if text, ok := v.(string); ok {
		return text, nil
	}
	mark := len(s.out)
	err := s.print(v)
	text := string(s.out[mark:])
	s.out = s.out[:mark]
	return text, err
}

// String returns what v prints, or a part of it if that is very long. Objects use it for their arguments.
func String(m *Meter, v any) (string, error) {
	if text, ok := v.(string); ok || v == nil {
		return text, nil
	}
	switch v := v.(type) {
	case *Map:
		if v.Hidden {
			return "", nil
		}
	case mapEntry:
	case Object:
		return "", nil
	}
	p := printer{max: maxOutput, meter: m}
	err := p.value(v, 0)
	return string(p.out), err
}

// A printer appends values, and stops when there is too much.
type printer struct {
	out   []byte
	max   int
	meter *Meter
}

func (p *printer) value(v any, depth int) error {
	if err := p.enter(depth); err != nil {
		return err
	}
	switch v := v.(type) {
	case nil:
		p.out = append(p.out, "null"...)
	case string:
		p.out = append(p.out, v...)
	case int64:
		p.out = strconv.AppendInt(p.out, v, 10)
	case float64:
		p.out = json.AppendDouble(p.out, v)
	case bool, json.Number:
		p.out = json.AppendString(p.out, v)
	case mapEntry:
		p.out = append(append(p.out, v.key...), '=')
		return p.value(v.m.Get(v.key), depth+1)
	case *List:
		return p.list(v, depth)
	case *Map:
		return p.mapping(v, depth)
	}
	return nil
}

func (p *printer) enter(depth int) error {
	if depth > maxDeep || len(p.out) > p.max {
		return ErrTooMuch
	}
	return p.meter.Spend(1)
}

// list prints as Java's lists do, or as JSON. AWS: what came from JSON stays it.
func (p *printer) list(l *List, depth int) error {
	if l.JSON {
		return p.json(l, depth)
	}
	p.out = append(p.out, '[')
	for i, e := range l.Items {
		if i > 0 {
			p.out = append(p.out, ", "...)
		}
		if err := p.value(e, depth+1); err != nil {
			return err
		}
	}
	p.out = append(p.out, ']')
	return nil
}

func (p *printer) mapping(m *Map, depth int) error {
	p.out = append(p.out, '{')
	for i, e := range m.entries {
		if i > 0 {
			p.out = append(p.out, ", "...)
		}
		p.out = append(append(p.out, e.key...), '=')
		if err := p.value(e.value, depth+1); err != nil {
			return err
		}
	}
	p.out = append(p.out, '}')
	return nil
}

func (p *printer) json(v any, depth int) error {
	if err := p.enter(depth); err != nil {
		return err
	}
	switch v := v.(type) {
	case *List:
		p.out = append(p.out, '[')
		for i, e := range v.Items {
			if i > 0 {
				p.out = append(p.out, ',')
			}
			if err := p.json(e, depth+1); err != nil {
				return err
			}
		}
		p.out = append(p.out, ']')
	case *Map:
		p.out = append(p.out, '{')
		for i, e := range v.entries {
			if i > 0 {
				p.out = append(p.out, ',')
			}
			p.out = append(json.AppendQuoted(p.out, e.key), ':')
			if err := p.json(e.value, depth+1); err != nil {
				return err
			}
		}
		p.out = append(p.out, '}')
	case string:
		p.out = json.AppendQuoted(p.out, v)
	case nil, bool, int64, float64, json.Number:
		return p.value(v, depth)
	default:
		p.out = append(p.out, "null"...)
	}
	return nil
}
