package integration

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/jsonpath"
)

// A place is where in a request to a backend a parameter goes.
type place string

const (
	inHeader place = "header"
	inQuery  place = "querystring"
	inPath   place = "path"
)

// A parameter is one entry of requestParameters.
type parameter struct {
	place place
	name  string
	source
}

// A source is where a parameter's value comes from.
type source struct {
	kind  sourceKind
	name  string         // of a header, query parameter or variable
	text  string         // of a constant
	multi bool           // all values, not only the last
	pick  int            // number of the variable in parameters.context
	path  *jsonpath.Path // in the body
}

type sourceKind uint8

const (
	constant sourceKind = iota
	fromHeader
	fromQuery
	fromBody
	fromBodyPath
	fromContext
	nowhere // what a WebSocket API has not, such as path parameters
)

// parameters are those of an integration, compiled.
type parameters struct {
	all     []parameter
	context *json.Picker // of the variables in $context; nil if there are none
	picked  int
	body    bool // there are paths in the body
}

// forbiddenHeaders may not be mapped; the second list is that of integrations with AWS services.
var (
	forbiddenHeaders    = []string{"Content-Length", "Transfer-Encoding", "X-Amzn-Trace-Id", "X-Amzn-Apigateway-Api-Id"}
	forbiddenAWSHeaders = []string{"Authorization", "Connection", "Expect", "Proxy-Authenticate", "TE"}
)

// checkHeader returns an error for a header that neither mappings nor templates may set. AWS: such a call fails when it is made.
func checkHeader(name string, aws bool) error {
	is := func(s string) bool { return strings.EqualFold(s, name) }
	if slices.ContainsFunc(forbiddenHeaders, is) || aws && slices.ContainsFunc(forbiddenAWSHeaders, is) {
		return fmt.Errorf("header %s may not be mapped", name)
	}
	return nil
}

// compileParameters reads requestParameters. aws says that the backend is a service of AWS.
func compileParameters(mappings, variables map[string]string, aws bool) (parameters, error) {
	var p parameters
	var paths []json.Path
	for _, target := range slices.Sorted(maps.Keys(mappings)) { // so that every call is like the other
		rest, ok := strings.CutPrefix(target, "integration.request.")
		where, name, named := strings.Cut(rest, ".")
		if !ok || !named || name == "" {
			return p, fmt.Errorf("request parameter %q is no target: integration.request.header.{name} or the like", target)
		}
		q := parameter{place: place(strings.TrimPrefix(where, "multivalue")), name: name}
		switch q.place {
		case inHeader:
			if err := checkHeader(name, aws); err != nil {
				return p, fmt.Errorf("request parameter %s: %w", target, err)
			}
		case inQuery, inPath:
		default:
			return p, fmt.Errorf("request parameter %q is no target: integration.request.header.{name} or the like", target)
		}
		var err error
		if q.source, err = readSource(mappings[target], variables); err != nil {
			return p, fmt.Errorf("request parameter %s: %w", target, err)
		}
		if q.kind == fromContext {
			q.pick = len(paths)
			paths = append(paths, contextPath(q.source.name))
		}
		p.body = p.body || q.kind == fromBodyPath
		p.all = append(p.all, q)
	}
	if len(paths) > json.MaxPaths {
		return p, fmt.Errorf("more than %d request parameters from context", json.MaxPaths)
	}
	if len(paths) > 0 {
		p.context, p.picked = json.NewPicker(paths...), len(paths)
	}
	return p, nil
}

// readSource reads the value of a mapping.
func readSource(text string, variables map[string]string) (source, error) {
	if len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'' {
		return source{text: text[1 : len(text)-1]}, nil
	}
	if name, ok := strings.CutPrefix(text, "context."); ok {
		return source{kind: fromContext, name: name}, nil
	}
	if name, ok := strings.CutPrefix(text, "stageVariables."); ok {
		if value, ok := variables[name]; ok {
			return source{text: value}, nil
		}
		return source{kind: nowhere}, nil
	}
	rest, ok := strings.CutPrefix(text, "route.request.")
	if !ok {
		rest, ok = strings.CutPrefix(text, "method.request.") // REST APIs' word for it, which is taken, too
	}
	where, name, _ := strings.Cut(rest, ".")
	if where == "body" && name == "" && ok {
		return source{kind: fromBody}, nil
	}
	if !ok || name == "" {
		return source{}, fmt.Errorf("%q is no source: route.request.…, context.…, stageVariables.… or 'text'", text)
	}
	switch where {
	case "header", "multivalueheader":
		return source{kind: fromHeader, name: name, multi: where != "header"}, nil
	case "querystring", "multivaluequerystring":
		return source{kind: fromQuery, name: name, multi: where != "querystring"}, nil
	case "body":
		path, err := jsonpath.Compile("$." + name)
		if err != nil {
			return source{}, fmt.Errorf("%q is no source: %w", text, err)
		}
		return source{kind: fromBodyPath, path: path}, nil
	case "path":
		return source{kind: nowhere}, nil
	}
	return source{}, fmt.Errorf("%q is no source: route.request.%s is unknown", text, where)
}

func contextPath(name string) json.Path {
	var p json.Path
	for part := range strings.SplitSeq(name, ".") {
		p = append(p, json.Step{Name: part})
	}
	return p
}

// values reports whether parameters need Request.Values.
func (p *parameters) values() bool {
	return slices.ContainsFunc(p.all, func(q parameter) bool { return q.kind == fromContext || q.kind == fromHeader || q.kind == fromQuery })
}

// apply adds the parameters to a request. AWS: what has no source is left out.
func (p *parameters) apply(out *outgoing, r *Request) {
	var few [8]json.Span
	spans := few[:]
	if p.picked > len(few) {
		spans = make([]json.Span, p.picked)
	}
	spans = spans[:p.picked]
	if p.context != nil {
		p.context.Pick(r.Context, spans)
	}
	var body any
	if p.body && len(r.Body) > 0 {
		body, _ = json.ParseLenient(r.Body) // what cannot be read has no values
	}
	for i := range p.all {
		q := &p.all[i]
		values := q.values(r, spans, body)
		if len(values) == 0 {
			continue
		}
		switch q.place {
		case inHeader:
			out.setHeader(q.name, values)
		case inQuery:
			out.query = append(out.query, Field{q.name, values})
		case inPath:
			out.setPath(q.name, values[len(values)-1])
		}
	}
}

// values returns what the source has now; nil if it has nothing.
func (s *source) values(r *Request, context []json.Span, body any) []string {
	switch s.kind {
	case constant:
		return []string{s.text}
	case fromHeader:
		return s.of(r.Headers, strings.EqualFold)
	case fromQuery:
		return s.of(r.Query, func(a, b string) bool { return a == b })
	case fromBody:
		if len(r.Body) > 0 {
			return []string{string(r.Body)}
		}
	case fromBodyPath:
		if value, found, err := s.path.Get(body); err == nil && found && value != nil {
			return []string{string(json.AppendString(nil, value))}
		}
	case fromContext:
		if text := context[s.pick].Of(r.Context); text != nil && string(text) != "null" {
			return []string{plain(text)}
		}
	}
	return nil
}

func (s *source) of(fields []Field, same func(a, b string) bool) []string {
	for _, f := range fields {
		if !same(f.Name, s.name) || len(f.Values) == 0 {
			continue
		}
		if s.multi {
			return f.Values
		}
		return f.Values[len(f.Values)-1:] // AWS: of many the last
	}
	return nil
}

// plain returns the text of a JSON value: strings without quotes, all else as it is written.
func plain(text []byte) string {
	if text[0] == '"' {
		return string(json.AppendUnquoted(nil, text[1:len(text)-1]))
	}
	return string(text)
}
