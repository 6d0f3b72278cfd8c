package poll

import (
	"encoding/json"

	"github.com/sallyport/sallyport/internal/eventpattern"
)

// A Filter says which records a function wants: those that one of its patterns matches. An empty one wants all.
type Filter []*eventpattern.Pattern

// ParseFilter reads patterns in the language of EventBridge.
func ParseFilter(patterns []string) (Filter, error) {
	var f Filter
	for _, text := range patterns {
		p, err := eventpattern.Parse(text)
		if err != nil {
			return nil, err
		}
		f = append(f, p)
	}
	return f, nil
}

func (f Filter) wants(record []byte) bool {
	if len(f) == 0 {
		return true
	}
	e, err := eventpattern.ParseEvent(record)
	if err != nil {
		return false
	}
	for _, p := range f {
		if p.Match(e) {
			return true
		}
	}
	return false
}

// unfolded returns a message with its body as the JSON that it is, for the filter. AWS: patterns of a body that is JSON are objects, and
// those of any other body are strings.
func (m message) unfolded() ([]byte, error) {
	var body any = m.Body
	var object map[string]any
	if json.Unmarshal([]byte(m.Body), &object) == nil {
		body = json.RawMessage(m.Body)
	}
	return json.Marshal(struct {
		message
		Body any `json:"body"`
	}{m, body})
}
