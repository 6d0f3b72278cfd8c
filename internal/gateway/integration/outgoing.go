package integration

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
)

// An outgoing is what goes to a backend, in no protocol yet.
type outgoing struct {
	header []Field
	query  []Field
	path   map[string]string // values of {placeholders} in the URI
	body   []byte
}

// get returns the last value of a header, or "".
func (o *outgoing) get(name string) string {
	for _, f := range o.header {
		if strings.EqualFold(f.Name, name) && len(f.Values) > 0 {
			return f.Values[len(f.Values)-1]
		}
	}
	return ""
}

// setHeader replaces a header, whatever its case was. AWS: the new one keeps the case that it is written in.
func (o *outgoing) setHeader(name string, values []string) {
	for i := range o.header {
		if strings.EqualFold(o.header[i].Name, name) {
			o.header[i] = Field{name, values}
			return
		}
	}
	o.header = append(o.header, Field{name, values})
}

// add sets a header that has no value yet.
func (o *outgoing) add(name, value string) {
	if !slices.ContainsFunc(o.header, func(f Field) bool { return strings.EqualFold(f.Name, name) }) {
		o.header = append(o.header, Field{name, []string{value}})
	}
}

func (o *outgoing) setPath(name, value string) {
	if o.path == nil {
		o.path = map[string]string{}
	}
	o.path[name] = value
}

// outgoings makes what goes to a backend: template, parameters, overrides, content handling, in AWS's order.
type outgoings struct {
	requests   requestTemplates
	proxy      bool // the body passes as it is
	parameters parameters
	decode     bool // CONVERT_TO_BINARY
	aws        bool // the backend is a service of AWS
}

func (b Backends) outgoings(m *apigateway.Integration, st Stage) (outgoings, error) {
	aws := m.Type == apigateway.AWS
	p, err := compileParameters(m.RequestParameters, st.Variables, aws)
	o := outgoings{proxy: m.Type == apigateway.HTTPProxy, parameters: p, decode: m.ContentHandling == toBinary, aws: aws}
	if !o.proxy {
		o.requests = b.requestTemplates(m)
	}
	return o, err
}

// values reports whether Request.Values is needed.
func (o *outgoings) values() bool { return o.requests.values() || o.parameters.values() }

// make makes what goes to a backend. out has the headers and the query that are there before.
func (o *outgoings) make(out *outgoing, r *Request) error {
	rendered := false
	out.body = r.Body
	if !o.proxy {
		t, f := o.requests.choose(r)
		if f != nil {
			return f
		}
		if t != nil {
			body, err := t.Render(nil, r.Body, r)
			if err != nil {
				return broken(fmt.Errorf("render request template: %w", err), "")
			}
			out.body, rendered = body, true
		}
	}
	o.parameters.apply(out, r)
	if err := o.override(out, &r.Overrides); err != nil {
		return err
	}
	if !o.decode {
		return nil
	}
	if rendered {
		return broken(errors.New("CONVERT_TO_BINARY cannot be applied to what a template rendered"), "remove contentHandlingStrategy or the template")
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(out.body)))
	if err != nil {
		return broken(fmt.Errorf("CONVERT_TO_BINARY: the message is no base64: %w", err), "remove contentHandlingStrategy, or send base64")
	}
	out.body = decoded
	return nil
}

// override replaces mapped values by what the template assigned.
func (o *outgoings) override(out *outgoing, by *Overrides) error {
	for _, name := range slices.Sorted(maps.Keys(by.Header)) {
		if err := checkHeader(name, o.aws); err != nil {
			return broken(fmt.Errorf("request template: %w", err), "")
		}
		out.setHeader(name, by.Header[name])
	}
	for _, name := range slices.Sorted(maps.Keys(by.Query)) {
		out.query = slices.DeleteFunc(out.query, func(f Field) bool { return f.Name == name })
		out.query = append(out.query, Field{name, by.Query[name]})
	}
	for name, values := range by.Path {
		if len(values) > 0 {
			out.setPath(name, values[len(values)-1])
		}
	}
	return nil
}

// A target is an address with places in it for path parameters, split where they are.
type target struct {
	text  []string // one more than names
	names []string // "id"; "rest+" takes slashes
}

var placeholder = regexp.MustCompile(`\{[a-zA-Z0-9._$-]+\+?\}`)

func readTarget(uri string) target {
	var t target
	at := 0
	for _, m := range placeholder.FindAllStringIndex(uri, -1) {
		t.text = append(t.text, uri[at:m[0]])
		t.names = append(t.names, uri[m[0]+1:m[1]-1])
		at = m[1]
	}
	t.text = append(t.text, uri[at:])
	return t
}

// fill returns the address for one call.
func (t *target) fill(path map[string]string) (string, error) {
	if len(t.names) == 0 {
		return t.text[0], nil
	}
	var b strings.Builder
	for i, name := range t.names {
		b.WriteString(t.text[i])
		plain, greedy := strings.CutSuffix(name, "+")
		value, ok := path[plain]
		if !ok {
			return "", fmt.Errorf("{%s} in the integration's URI has no value", name)
		}
		if greedy {
			for i, segment := range strings.Split(value, "/") {
				if i > 0 {
					b.WriteByte('/')
				}
				b.WriteString(url.PathEscape(segment))
			}
			continue
		}
		b.WriteString(url.PathEscape(value))
	}
	b.WriteString(t.text[len(t.names)])
	return b.String(), nil
}

// appendQuery appends parameters to a query string, in their order.
func appendQuery(raw string, fields []Field) string {
	var b strings.Builder
	b.WriteString(raw)
	for _, f := range fields {
		for _, value := range f.Values {
			if b.Len() > 0 {
				b.WriteByte('&')
			}
			b.WriteString(escapeQuery(f.Name))
			b.WriteByte('=')
			b.WriteString(escapeQuery(value))
		}
	}
	return b.String()
}

// escapeQuery escapes as signatures want it: a blank is %20.
func escapeQuery(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
