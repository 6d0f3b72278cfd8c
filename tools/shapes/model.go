package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// A model is the part of api-2.json that we read.
type model struct {
	Metadata struct {
		APIVersion         string
		EndpointPrefix     string
		SigningName        string
		ServiceID          string
		Protocol           string
		JSONVersion        string
		TargetPrefix       string
		XMLNamespace       string
		AWSQueryCompatible any
	}
	Operations map[string]*operation
	Shapes     map[string]*shape
}

type operation struct {
	HTTP struct {
		Method       string
		RequestURI   string
		ResponseCode int
	}
	Input  *ref
	Output *ref
	Errors []ref
}

type shape struct {
	Type            string
	Required        []string
	Members         map[string]*ref
	Payload         string
	Member          *ref // of lists
	Key, Value      *ref // of maps
	Flattened       bool
	Min, Max        *float64
	Pattern         string
	Enum            []string
	TimestampFormat string
	EventStream     bool
	Exception       bool

	order []string // members as the model lists them
}

// A ref is a use of a shape.
type ref struct {
	Shape           string
	Location        string
	LocationName    string
	QueryName       string // in forms and XML, where a JSON service also speaks the Query protocol
	Flattened       bool
	TimestampFormat string
	ResultWrapper   string
}

func readModel(file string, patch any) (*model, error) {
	var doc any
	if err := readJSON(file, &doc); err != nil {
		return nil, err
	}
	b, err := json.Marshal(merge(doc, patch))
	if err != nil {
		return nil, err
	}
	m := new(model)
	if err := json.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	order, err := readOrder(file)
	if err != nil {
		return nil, err
	}
	for name, s := range m.Shapes {
		s.order = slices.DeleteFunc(order[name], func(member string) bool { return s.Members[member] == nil })
		for _, member := range sortedKeys(s.Members) { // those that the patch added come last
			if !slices.Contains(s.order, member) {
				s.order = append(s.order, member)
			}
		}
		for member, r := range s.Members {
			if m.Shapes[r.Shape] == nil {
				return nil, fmt.Errorf("%s: member %s.%s has the unknown shape %s", file, name, member, r.Shape)
			}
		}
	}
	return m, nil
}

// readOrder returns the members of each shape in the model's order, in which AWS reports violations.
func readOrder(file string) (map[string][]string, error) {
	var doc struct {
		Shapes map[string]struct{ Members json.RawMessage }
	}
	if err := readJSON(file, &doc); err != nil {
		return nil, err
	}
	order := map[string][]string{}
	for name, s := range doc.Shapes {
		if s.Members == nil {
			continue
		}
		dec := json.NewDecoder(bytes.NewReader(s.Members))
		if _, err := dec.Token(); err != nil {
			return nil, fmt.Errorf("%s: members of %s: %w", file, name, err)
		}
		for dec.More() {
			key, err := dec.Token()
			if err != nil {
				return nil, fmt.Errorf("%s: members of %s: %w", file, name, err)
			}
			order[name] = append(order[name], key.(string))
			var skipped json.RawMessage
			if err := dec.Decode(&skipped); err != nil {
				return nil, fmt.Errorf("%s: members of %s: %w", file, name, err)
			}
		}
	}
	return order, nil
}

// merge applies an RFC 7396 merge patch.
func merge(doc, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		if patch == nil {
			return doc
		}
		return patch
	}
	d, ok := doc.(map[string]any)
	if !ok {
		d = map[string]any{}
	}
	for k, v := range p {
		if v == nil {
			delete(d, k)
		} else {
			d[k] = merge(d[k], v)
		}
	}
	return d
}
