package jsonpath

import (
	"errors"

	"github.com/sallyport/sallyport/internal/json"
)

// errMissing ends a walk that cannot find what must be there.
var errMissing = errors.New("not found")

// A walker follows paths through one document.
type walker struct {
	root any
	left int // visits that are still allowed
}

// results collects what the steps of one path lead to.
type results struct {
	path  *Path
	all   []any // of a path that is not definite
	last  any
	count int
}

// add takes a result. The parts of one among many count as visits, so that what comes out is bounded like the way to it.
func (w *walker) add(r *results, v any) {
	r.count++
	r.last = v
	if !r.path.definite && w.left >= 0 {
		w.weigh(v)
		r.all = append(r.all, v)
	}
}

func (w *walker) weigh(v any) {
	if w.left--; w.left < 0 {
		return
	}
	switch v := v.(type) {
	case string:
		w.left -= len(v) / 16
	case []any:
		for _, e := range v {
			w.weigh(e)
		}
	case *json.Object:
		for i := range v.Members {
			w.left -= len(v.Members[i].Name) / 16
			w.weigh(v.Members[i].Value)
		}
	}
}

// get is Path.Get with current as @.
func (w *walker) get(p *Path, current any) (any, bool, error) {
	if !p.relative {
		current = w.root
	}
	r := results{path: p}
	if len(p.steps) == 0 {
		return current, true, nil
	}
	switch err := w.walk(&r, p.steps, current); {
	case errors.Is(err, errMissing):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case w.left < 0:
		return nil, false, ErrTooMuch
	case p.definite:
		return r.last, r.count > 0, nil
	case r.all == nil:
		return []any{}, true, nil
	}
	return r.all, true, nil
}

func (w *walker) visit() error {
	w.left--
	if w.left < 0 {
		return ErrTooMuch
	}
	return nil
}

// walk takes the first step from v, and the rest from where that leads.
func (w *walker) walk(r *results, steps []step, v any) error {
	if err := w.visit(); err != nil {
		return err
	}
	s := &steps[0]
	switch s.kind {
	case property:
		return w.property(r, steps, v)
	case index, slice:
		list, ok := v.([]any)
		if !ok {
			if s.certain {
				return errMissing
			}
			return nil
		}
		if s.kind == index {
			return w.elements(r, steps, list, s.indexes)
		}
		return w.slice(r, steps, list)
	case wildcard:
		return w.children(v, func(child any) error { return w.next(r, steps, child) })
	case scan:
		return w.scan(r, steps[1:], v)
	case filter:
		return w.filter(r, steps, v)
	}
	result, err := w.function(s, v)
	if err != nil {
		return err
	}
	w.add(r, result)
	if s.leaf {
		return nil
	}
	return w.walk(r, steps[1:], result)
}

// next goes on behind the first step, or ends there.
func (w *walker) next(r *results, steps []step, v any) error {
	if steps[0].leaf {
		if err := w.visit(); err != nil {
			return err
		}
		w.add(r, v)
		return nil
	}
	return w.walk(r, steps[1:], v)
}

// children calls each with every member or element of v.
func (w *walker) children(v any, each func(any) error) error {
	switch v := v.(type) {
	case *json.Object:
		for i := range v.Members {
			if err := each(v.Members[i].Value); err != nil {
				return err
			}
		}
	case []any:
		for _, e := range v {
			if err := each(e); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *walker) property(r *results, steps []step, v any) error {
	s := &steps[0]
	o, ok := v.(*json.Object)
	if !ok {
		if s.certain {
			return errMissing
		}
		return nil
	}
	w.left -= len(o.Members) * len(s.names) / 16 // the search
	if len(s.names) > 1 && s.leaf {
		// Jayway: several names at the end make one object of the members that are there.
		merged := &json.Object{}
		for _, name := range s.names {
			if member, ok := o.Get(name); ok {
				merged.Set(name, member)
			}
		}
		w.add(r, merged)
		return nil
	}
	for _, name := range s.names {
		member, ok := o.Get(name)
		switch {
		case ok:
			if err := w.next(r, steps, member); err != nil {
				return err
			}
		case !s.leaf && s.certain && len(s.names) == 1:
			return errMissing
		}
	}
	return nil
}

func (w *walker) elements(r *results, steps []step, list []any, indexes []int) error {
	for _, i := range indexes {
		if i < 0 {
			i += len(list)
		}
		if i < 0 || i >= len(list) {
			continue
		}
		if err := w.next(r, steps, list[i]); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) slice(r *results, steps []step, list []any) error {
	n := len(list)
	from, to := 0, n
	switch s := &steps[0]; {
	case s.from == nil:
		if to = *s.to; to < 0 {
			to += n
		}
		to = min(to, n)
	case s.to == nil:
		if from = *s.from; from < 0 {
			from = max(from+n, 0)
		}
	default:
		// Jayway: with both bounds, negative ones count as each index does: from -2 to 1 is the last two and the first.
		from, to = max(*s.from, -n), min(*s.to, n)
	}
	for i := from; i < to; i++ {
		if err := w.elements(r, steps, list, []int{i}); err != nil {
			return err
		}
	}
	return nil
}

// scan takes the steps from v and from everything in it.
func (w *walker) scan(r *results, steps []step, v any) error {
	if err := w.visit(); err != nil {
		return err
	}
	if len(steps) == 0 { // "$..sum()" looks for nothing, and finds it nowhere
		return nil
	}
	o, isObject := v.(*json.Object)
	_, isList := v.([]any)
	if !isObject && !isList {
		return nil
	}
	match := false
	switch s := &steps[0]; s.kind {
	case property:
		match = isObject
		if match && len(s.names) == 1 {
			_, match = o.Get(s.names[0])
		}
	case index, slice:
		match = isList
	case wildcard, filter:
		match = true
	}
	if match {
		if err := w.walk(r, steps, v); err != nil {
			return err
		}
	}
	return w.children(v, func(child any) error { return w.scan(r, steps, child) })
}

// filter keeps the elements of a list that pass, or an object that does.
func (w *walker) filter(r *results, steps []step, v any) error {
	switch v := v.(type) {
	case *json.Object:
		pass, err := w.holds(steps[0].test, v)
		if err != nil || !pass {
			return err
		}
		return w.next(r, steps, v)
	case []any:
		for _, e := range v {
			pass, err := w.holds(steps[0].test, e)
			if err != nil {
				return err
			}
			if !pass {
				continue
			}
			if err := w.next(r, steps, e); err != nil {
				return err
			}
		}
		return nil
	}
	if steps[0].certain {
		return errMissing
	}
	return nil
}
