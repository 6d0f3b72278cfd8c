package dynamodb

import (
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/expr"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// maxPage is how many bytes of items a page is made of.
const maxPage = 1 << 20

// A pageRequest is what Query and Scan have in common.
type pageRequest struct {
	index      string
	selects    string // Select
	projection *expr.Projection
	filter     matcher
	refs       []expr.Ref // attributes that the filter looks at
	startKey   item.Item
	limit      *int64
	consistent *bool
	capacity   *string
}

// pageParts are filter and projection of either kind.
type pageParts struct {
	filter, projection *string
	attributes         []string          // AttributesToGet
	older              []expr.Comparison // QueryFilter, ScanFilter
	operator           *string           // ConditionalOperator
}

// bind binds projection and filter. It is called when the key condition has been bound to p, and finds placeholders that nothing uses.
func (r *pageRequest) bind(p *expr.Params, parts pageParts) error {
	if len(parts.older) > 0 {
		r.filter = expr.Comparisons{List: parts.older, Or: is(parts.operator, "OR")}
		for _, c := range parts.older {
			r.refs = append(r.refs, expr.Ref{Name: c.Name})
		}
	}
	if parts.filter != nil {
		c, err := p.Condition("FilterExpression", *parts.filter)
		if err != nil {
			return err
		}
		r.filter, r.refs = c, c.Refs()
	}
	if parts.attributes != nil {
		r.projection = expr.Attributes(parts.attributes)
	}
	if parts.projection != nil {
		var err error
		if r.projection, err = p.Projection(*parts.projection); err != nil {
			return err
		}
	}
	return p.Unused()
}

// checkSelect refuses a Select that does not go with the rest.
func (r *pageRequest) checkSelect(hasExpression, isQuery bool) error {
	parameter := "AttributesToGet"
	if hasExpression {
		parameter = "ProjectionExpression"
	}
	switch {
	case r.selects == "SPECIFIC_ATTRIBUTES" && r.projection == nil:
		return item.Invalid("SPECIFIC_ATTRIBUTES requires either AttributesToGet or ProjectionExpression")
	case r.projection != nil && r.selects != "" && r.selects != "SPECIFIC_ATTRIBUTES":
		what := r.selects
		if what == "COUNT" {
			what = "only the Count"
		}
		text := "Cannot specify the " + parameter + " when choosing to get " + what
		if isQuery { // AWS: only there
			text = "1 validation error detected: " + text
		}
		return item.Invalid(text)
	case r.selects == "ALL_PROJECTED_ATTRIBUTES" && r.index == "":
		return item.Invalid("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
	}
	return nil
}

// A view is the table or index that a page is read from.
type view struct {
	engine.Index // the zero Index for the table itself
	key          engine.KeySchema
}

// view finds the index and checks what cannot be asked of it.
func (h *handle) view(r *pageRequest) (view, error) {
	if r.index == "" {
		return view{key: h.Key}, nil
	}
	x, ok := h.Index(r.index)
	switch {
	case !ok:
		return view{}, item.Invalid("The table does not have the specified index: " + r.index)
	case x.Global && value(r.consistent):
		return view{}, item.Invalid("Consistent reads are not supported on global secondary indexes")
	}
	return view{x, x.Key}, nil
}

// checkAll refuses to select all of a global index that does not have all.
func (h *handle) checkAll(v view, r *pageRequest) error {
	if _, partly := h.Projected[v.Name]; v.Global && partly && r.selects == "ALL_ATTRIBUTES" {
		return item.Invalid(invalidValues + "Select type ALL_ATTRIBUTES is not supported for global secondary index " + v.Name + " because its projection type is not ALL")
	}
	return nil
}

// start checks ExclusiveStartKey and returns its position.
func (h *handle) start(v view, key item.Item) (string, error) {
	want := map[string]item.Kind{}
	for _, a := range append(h.Key.Attrs(), v.key.Attrs()...) {
		want[a.Name] = a.Kind
	}
	if len(key) != len(want) {
		if v.Name == "" {
			return "", errStartKey + ": " + errKeySchema
		}
		return "", errStartKey
	}
	for name, kind := range want {
		if key.Get(name).Kind != kind {
			if v.Name == "" {
				return "", errStartKey + ": " + errKeySchema
			}
			return "", errStartKey
		}
	}
	p, ok := h.Position(v.Name, key)
	if !ok {
		return "", errStartKey
	}
	return p, nil
}

// page reads and answers.
func (h *handle) page(v view, r *pageRequest, span engine.Span, backwards bool) (*pageOutput, error) {
	p := h.table.Read(engine.Read{Index: v.Name, Span: span, Backwards: backwards, Limit: int(value(r.limit)), MaxBytes: maxPage})
	out := &pageOutput{ScannedCount: new(int64(len(p.Items)))}
	if p.Full {
		out.LastEvaluatedKey = keyItem(h.Schema, v.Name, p.Items[len(p.Items)-1])
	}
	items := p.Items
	counts := r.selects == "COUNT" && r.filter == nil
	if narrow := h.narrow(v, r); !counts && (r.filter != nil || narrow != nil || r.projection != nil) {
		items = nil
		for _, data := range p.Items {
			it, err := data.Decode()
			if err != nil {
				return nil, fmt.Errorf("read item: %w", err)
			}
			if narrow != nil {
				it = narrow(it)
			}
			if r.filter != nil && !r.filter.Match(it) {
				continue
			}
			if r.projection != nil {
				it = r.projection.Of(it)
			}
			if narrow != nil || r.projection != nil {
				data = item.Encode(it)
			}
			items = append(items, data)
		}
	}
	out.Count = new(int64(len(items)))
	if r.selects != "COUNT" {
		if out.Items = items; items == nil {
			out.Items = []item.Encoded{}
		}
	}
	units := readCost(p.Bytes, r.consistent)
	if v.Name == "" {
		out.ConsumedCapacity = consumed(r.capacity, h.Schema, h.Name, cost{table: units})
	} else {
		out.ConsumedCapacity = consumed(r.capacity, h.Schema, h.Name, cost{indexes: map[string]float64{v.Name: units}})
	}
	return out, nil
}

// narrow returns what an index makes of an item, or nil if it shows all of it. AWS: a local index fetches from the table what it does not
// have, when it is asked for it.
func (h *handle) narrow(v view, r *pageRequest) func(item.Item) item.Item {
	_, partly := h.Projected[v.Name]
	if v.Name == "" || !partly || !v.Global && (r.selects == "ALL_ATTRIBUTES" || r.projection != nil) {
		return nil
	}
	return func(it item.Item) item.Item { return project(h.Schema, v.Name, it) }
}

// project returns the attributes of it that the index shows.
func project(s *engine.Schema, index string, it item.Item) item.Item {
	shown, partly := s.Projected[index]
	if !partly {
		return it
	}
	x, _ := s.Index(index)
	for _, a := range append(s.Key.Attrs(), x.Key.Attrs()...) {
		shown = append(shown[:len(shown):len(shown)], a.Name)
	}
	out := item.Item{}
	for _, a := range it {
		if slices.Contains(shown, a.Name) {
			out = append(out, a)
		}
	}
	return out
}
