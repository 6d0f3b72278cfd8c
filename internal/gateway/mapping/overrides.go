package mapping

import (
	"strconv"

	"github.com/sallyport/sallyport/internal/vtl"
)

func (c *Call) requestOverride() *vtl.Map {
	if c.request == nil {
		c.request = overrides("path", "header", "querystring")
	}
	return c.request
}

func (c *Call) responseOverride() *vtl.Map {
	if c.response == nil {
		c.response = overrides("header")
	}
	return c.response
}

// overrides makes what templates find before they assign.
func overrides(names ...string) *vtl.Map {
	m := &vtl.Map{Hidden: true}
	for _, name := range names {
		m.Put(name, &vtl.Map{})
	}
	return m
}

// Overrides are the parameters of the request to the backend that templates set themselves. They replace those that requestParameters map.
type Overrides struct {
	Path, Query, Header map[string][]string
}

// Overrides returns what was assigned to $context.requestOverride so far. A list gives a parameter with several values.
func (c *Call) Overrides() Overrides {
	if c.request == nil {
		return Overrides{}
	}
	return Overrides{
		Path:   parameters(c.request.Get("path")),
		Query:  parameters(c.request.Get("querystring")),
		Header: parameters(c.request.Get("header")),
	}
}

func parameters(v any) map[string][]string {
	m, ok := v.(*vtl.Map)
	if !ok || m.Len() == 0 {
		return nil
	}
	out := make(map[string][]string, m.Len())
	for name, value := range m.All() {
		out[name] = texts(value)
	}
	return out
}

// maxText bounds what a parameter costs to print.
const maxText = 1 << 16

func texts(v any) []string {
	items := []any{v}
	if list, ok := v.(*vtl.List); ok {
		items = list.Items
	}
	out := make([]string, 0, len(items))
	for _, item := range items {
		if text, err := vtl.String(vtl.NewMeter(maxText), item); err == nil {
			out = append(out, text)
		}
	}
	return out
}

// StatusOverride returns what was assigned to $context.responseOverride.status. AWS: what is no integer from 100 to 599 is ignored.
func (c *Call) StatusOverride() (status int, ok bool) {
	if c.response == nil {
		return 0, false
	}
	text, err := vtl.String(vtl.NewMeter(maxText), c.response.Get("status"))
	if err != nil {
		return 0, false
	}
	status, err = strconv.Atoi(text)
	return status, err == nil && status >= 100 && status <= 599
}
