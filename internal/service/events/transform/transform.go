// Package transform makes of an event what a target of EventBridge is to get: the part at an InputPath, or an InputTemplate filled
// with parts (template.go). It is pure; what is missing is AWS's business too: a missing part of a template is empty.
package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

// ErrPath says that a text is no path.
var ErrPath = errors.New("transform: not a JSON path")

// A Path is a JSON path of names, indexes and [*].
type Path []step

type step struct {
	name  string
	index int // of an array; negative counts from the end
	isIdx bool
	all   bool
}

// ParsePath reads $.detail.items[0]['a b'].
func ParsePath(text string) (Path, error) {
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return nil, ErrPath
	}
	var p Path
	for rest != "" {
		switch {
		case strings.HasPrefix(rest, ".*"):
			p, rest = append(p, step{all: true}), rest[2:]
		case rest[0] == '.':
			rest = rest[1:]
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			if end == 0 {
				return nil, ErrPath
			}
			p, rest = append(p, step{name: rest[:end]}), rest[end:]
		case rest[0] == '[':
			end := strings.IndexByte(rest, ']')
			if len(rest) > 2 && (rest[1] == '\'' || rest[1] == '"') {
				end = strings.Index(rest, string(rest[1])+"]") + 1
			}
			if end < 2 {
				return nil, ErrPath
			}
			s, err := bracket(rest[1:end])
			if err != nil {
				return nil, err
			}
			p, rest = append(p, s), rest[end+1:]
		default:
			return nil, ErrPath
		}
	}
	return p, nil
}

func bracket(text string) (step, error) {
	if text == "*" {
		return step{all: true}, nil
	}
	if c := text[0]; (c == '\'' || c == '"') && len(text) >= 2 && text[len(text)-1] == c {
		return step{name: text[1 : len(text)-1]}, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return step{}, ErrPath
	}
	return step{index: n, isIdx: true}, nil
}

// Pick returns the value at the path as it is written in the document, or nil. Several, which [*] finds, are an array.
func (p Path) Pick(doc []byte) json.RawMessage {
	for i, s := range p {
		doc = bytes.TrimSpace(doc)
		if s.all {
			return p[i+1:].pickAll(doc)
		}
		if doc = s.pick(doc); doc == nil {
			return nil
		}
	}
	return bytes.TrimSpace(doc)
}

func (s step) pick(doc []byte) json.RawMessage {
	if s.isIdx {
		var items []json.RawMessage
		if json.Unmarshal(doc, &items) != nil {
			return nil
		}
		i := s.index
		if i < 0 {
			i += len(items)
		}
		if i < 0 || i >= len(items) {
			return nil
		}
		return items[i]
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(doc, &members) != nil {
		return nil
	}
	return members[s.name]
}

func (p Path) pickAll(doc []byte) json.RawMessage {
	var items []json.RawMessage
	if json.Unmarshal(doc, &items) != nil {
		return nil
	}
	found := []json.RawMessage{}
	for _, item := range items {
		if v := p.Pick(item); v != nil {
			found = append(found, v)
		}
	}
	out, err := json.Marshal(found)
	if err != nil {
		return nil
	}
	return out
}
