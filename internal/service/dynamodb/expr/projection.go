package expr

import (
	"slices"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A projection is a parsed projection expression.
type projection struct {
	source
	paths [][]elem
}

func noWord(string) bool { return false }

func parseProjection(src string) *projection {
	p := newParser(src)
	var paths [][]elem
	for p.err == nil {
		paths = append(paths, p.pathNode(noWord).path)
		if !p.take(',') {
			break
		}
	}
	p.finish()
	return &projection{source: p.source, paths: paths}
}

// A Projection picks parts of an item.
type Projection struct {
	paths [][]elem
	env   env
}

// Projection binds the ProjectionExpression src.
func (p *Params) Projection(src string) (*Projection, error) {
	ast := p.Cache.projection(src)
	if ast.err != nil {
		return nil, prefixed("ProjectionExpression", ast.err)
	}
	pr := &Projection{ast.paths, p.bind(&ast.source)}
	for _, path := range ast.paths {
		if err := pr.env.undefined(&ast.source, &node{path: path}); err != nil {
			return nil, prefixed("ProjectionExpression", err)
		}
	}
	if err := pr.env.overlaps(ast.paths); err != nil {
		return nil, prefixed("ProjectionExpression", err)
	}
	return pr, nil
}

// Attributes returns a projection of whole attributes, as AttributesToGet means it.
func Attributes(names []string) *Projection {
	pr := &Projection{}
	for _, n := range names {
		pr.paths = append(pr.paths, []elem{{name: n, alias: -1}})
	}
	return pr
}

// Refs returns which attributes the projection looks at.
func (pr *Projection) Refs() []Ref {
	var out []Ref
	for _, p := range pr.paths {
		out = append(out, pr.env.ref(p))
	}
	return out
}

// Of returns the parts of it that the projection picks: maps with the picked members, lists of the picked elements.
// A nil Projection picks all.
func (pr *Projection) Of(it item.Item) item.Item {
	if pr == nil {
		return it
	}
	return pr.env.pick(pr.paths, it)
}

// pick returns the parts of it that the paths reach, which do not overlap.
func (e env) pick(paths [][]elem, it item.Item) item.Item {
	v, _ := e.pickFrom(paths, 0, item.Value{Kind: item.M, Map: it})
	return v.Map
}

// pickFrom returns what paths, that all lead through v with their first depth elements, reach in v.
func (e env) pickFrom(paths [][]elem, depth int, v item.Value) (item.Value, bool) {
	if len(paths) == 1 && len(paths[0]) == depth {
		return v, true
	}
	switch v.Kind {
	case item.M:
		var attrs []item.Attr
		e.groups(paths, depth, func(el elem, group [][]elem) {
			if el.isIndex() {
				return
			}
			name := e.name(el)
			if inner := v.Map.Get(name); inner.Kind != item.None {
				if got, ok := e.pickFrom(group, depth+1, inner); ok {
					attrs = append(attrs, item.Attr{Name: name, Value: got})
				}
			}
		})
		return item.Value{Kind: item.M, Map: item.FromAttrs(attrs)}, len(attrs) > 0
	case item.L:
		type picked struct {
			index int
			value item.Value
		}
		var elements []picked
		e.groups(paths, depth, func(el elem, group [][]elem) {
			if !el.isIndex() || el.index >= len(v.List) {
				return
			}
			if got, ok := e.pickFrom(group, depth+1, v.List[el.index]); ok {
				elements = append(elements, picked{el.index, got})
			}
		})
		slices.SortFunc(elements, func(a, b picked) int { return a.index - b.index })
		list := item.Value{Kind: item.L}
		for _, p := range elements {
			list.List = append(list.List, p.value)
		}
		return list, len(elements) > 0
	}
	return item.Value{}, false
}

// groups calls f for each distinct element at depth with the paths that have it there.
func (e env) groups(paths [][]elem, depth int, f func(el elem, group [][]elem)) {
	done := make([]bool, len(paths))
	for i, p := range paths {
		if done[i] || len(p) <= depth {
			continue
		}
		group := [][]elem{p}
		for j := i + 1; j < len(paths); j++ {
			if q := paths[j]; !done[j] && len(q) > depth && e.same(p[depth], q[depth]) {
				done[j] = true
				group = append(group, q)
			}
		}
		f(p[depth], group)
	}
}
