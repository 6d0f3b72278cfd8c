package eventpattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// An Event is a JSON object, flattened: the scalars at each path. It may be held against many patterns.
type Event struct {
	fields map[string][]field
	arrays int
}

// A field is a scalar with the objects in arrays that it is in.
type field struct {
	scalar
	in []place
}

// A place is one item of an array.
type place struct{ array, item int }

var errNoObject = errors.New("eventpattern: the event is not an object")

// ParseEvent reads an event.
func ParseEvent(event []byte) (*Event, error) {
	d := json.NewDecoder(bytes.NewReader(event))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("eventpattern: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("eventpattern: more than one value")
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	return NewEvent(o), nil
}

// NewEvent takes an event as encoding/json decodes it, with numbers as json.Number or float64.
func NewEvent(o map[string]any) *Event {
	e := &Event{fields: map[string][]field{}}
	e.object("", o, nil)
	return e
}

func (e *Event) object(prefix string, o map[string]any, in []place) {
	for name, v := range o {
		path := name
		if prefix != "" {
			path = prefix + "." + name
		}
		e.value(path, v, in)
	}
}

func (e *Event) value(path string, v any, in []place) {
	switch v := v.(type) {
	case map[string]any:
		e.object(path, v, in)
	case []any:
		e.arrays++
		id := e.arrays
		for i, item := range v {
			at := in
			switch item.(type) {
			case map[string]any, []any:
				at = append(in[:len(in):len(in)], place{id, i})
			}
			e.value(path, item, at)
		}
	case string:
		e.add(path, scalar{text, v}, in)
	case json.Number:
		e.add(path, scalar{number, canonical(v.String())}, in)
	case float64:
		b, _ := json.Marshal(v)
		e.add(path, scalar{number, canonical(string(b))}, in)
	case bool:
		e.add(path, scalar{boolean, fmt.Sprint(v)}, in)
	case nil:
		e.add(path, scalar{null, "null"}, in)
	}
}

func (e *Event) add(path string, s scalar, in []place) {
	e.fields[path] = append(e.fields[path], field{s, in})
}

// Has tells whether there is a scalar at each of the paths.
func (e *Event) Has(paths ...string) bool {
	for _, p := range paths {
		if len(e.fields[p]) == 0 {
			return false
		}
	}
	return true
}
