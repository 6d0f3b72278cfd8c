package jsonpath

import (
	"fmt"
	"strconv"

	"github.com/sallyport/sallyport/internal/json"
)

// Missing says in Jayway's words why a definite path leads nowhere in doc. It is for paths that Get did not find.
func (p *Path) Missing(doc any) string {
	at := "$"
	for i := range p.steps {
		s := &p.steps[i]
		switch {
		case s.kind == property && len(s.names) == 1:
			name := s.names[0]
			o, ok := doc.(*json.Object)
			if !ok && (doc == nil || i == 0) {
				return "Missing property in path " + at
			} else if !ok {
				return fmt.Sprintf("Expected to find an object with property ['%s'] in path %s but found '%s'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.", name, at, javaClass(doc))
			}
			at += "['" + name + "']"
			if doc, ok = o.Get(name); !ok && s.leaf {
				return "No results for path: " + at
			} else if !ok {
				return "Missing property in path " + at
			}
		case s.kind == index && len(s.indexes) == 1:
			list, ok := doc.([]any)
			n := s.indexes[0]
			if !ok {
				return fmt.Sprintf("Filter: [%d] can only be applied to arrays. Current context is: %s", n, json.AppendString(nil, doc))
			}
			at += "[" + strconv.Itoa(n) + "]"
			if n < 0 {
				n += len(list)
			}
			if n < 0 || n >= len(list) {
				return "No results for path: " + at
			}
			doc = list[n]
		default:
			return "No results for path: " + at
		}
	}
	return "No results for path: " + at
}

// javaClass is what Jayway calls the type of a value.
func javaClass(v any) string {
	switch v.(type) {
	case string:
		return "java.lang.String"
	case bool:
		return "java.lang.Boolean"
	case []any:
		return "java.util.ArrayList"
	}
	return "java.lang.Integer"
}
