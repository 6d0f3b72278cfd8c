package mapping

import (
	"strconv"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/vtl"
)

// requestContext is $context. Plain values are read from its JSON when they are asked for.
type requestContext struct{ call *Call }

var _ vtl.Printer = (*requestContext)(nil)

// Property implements vtl.Object.
func (c *requestContext) Property(m *vtl.Meter, name string) any {
	switch name {
	case "requestOverride":
		return c.call.requestOverride()
	case "responseOverride":
		return c.call.responseOverride()
	}
	if part, ok := c.call.parts[name]; ok {
		return part
	}
	_ = m.Spend(len(c.call.Context) / 16)
	raw := c.call.find(name)
	if len(raw) == 0 {
		if text := c.call.derived(name); text != "" {
			return text
		}
		return nil
	}
	if raw[0] == '"' {
		return string(json.AppendUnquoted(nil, raw[1:len(raw)-1]))
	}
	v, err := json.ParseLenient(raw)
	if err != nil {
		return nil
	}
	part := vtl.FromJSON(v)
	if m, ok := part.(*vtl.Map); ok {
		m.Hidden = name == "identity" // AWS: it prints nothing as a whole
		if c.call.parts == nil {
			c.call.parts = map[string]any{}
		}
		c.call.parts[name] = m
	}
	return part
}

// AppendPath implements vtl.Printer.
func (c *requestContext) AppendPath(m *vtl.Meter, dst []byte, names []string) ([]byte, bool) {
	if names[0] == "requestOverride" || names[0] == "responseOverride" || len(names) > 2 {
		return dst, false
	}
	if _, known := c.call.parts[names[0]]; known {
		return dst, false // a template may have changed it
	}
	_ = m.Spend(len(c.call.Context) / 64)
	raw := c.call.find(names...)
	if len(raw) == 0 {
		if len(names) == 1 {
			dst = append(dst, c.call.derived(names[0])...)
		}
		return dst, true
	}
	switch raw[0] {
	case '"':
		return json.AppendUnquoted(dst, raw[1:len(raw)-1]), true
	case '{', '[':
		return dst, false
	case 'n':
		return dst, true
	}
	return append(dst, raw...), true
}

// Call implements vtl.Object.
func (c *requestContext) Call(m *vtl.Meter, method string, args []any) (any, error) {
	if err := m.Spend(10); err != nil {
		return nil, err
	}
	switch {
	case method == "get" && len(args) == 1:
		name, err := vtl.String(m, args[0])
		return c.Property(m, name), err
	case method == "keySet" && len(args) == 0:
		list := &vtl.List{}
		v, err := json.ParseLenient(c.call.Context)
		if o, ok := v.(*json.Object); ok && err == nil {
			for _, member := range o.Members {
				list.Items = append(list.Items, member.Name)
			}
		}
		return list, m.Spend(len(c.call.Context) / 16)
	}
	return nil, nil
}

// find returns the JSON text of a member of the context, nil if there is none.
func (c *Call) find(names ...string) []byte {
	var steps [2]json.Step
	for i, name := range names {
		steps[i].Name = name
	}
	var span [1]json.Span
	if !json.NewPicker(steps[:len(names)]).Pick(c.Context, span[:]) {
		return nil
	}
	return span[0].Of(c.Context)
}

// derived returns what the request does not know.
func (c *Call) derived(name string) string {
	if name == "status" && c.Status != 0 {
		return strconv.Itoa(c.Status)
	}
	return ""
}
