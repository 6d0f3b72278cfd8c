package integration

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/selection"
)

// The key of templates and integration responses that answer when no other does; both spellings occur.
const (
	defaultKey        = "$default"
	escapedDefaultKey = `\$default`
)

// passthrough is what happens to a body that no template was chosen for.
type passthrough string

const (
	whenNoTemplates passthrough = "WHEN_NO_TEMPLATES"
	never           passthrough = "NEVER"
)

// requestTemplates chooses the template for what goes to a backend.
type requestTemplates struct {
	templates map[string]Template
	by        *selection.Expression // nil: none was given
	otherwise passthrough
}

func (b Backends) requestTemplates(m *apigateway.Integration) requestTemplates {
	t := requestTemplates{templates: readTemplates(m.RequestTemplates), otherwise: passthrough(m.PassthroughBehavior)}
	if m.TemplateSelectionExpression != "" {
		t.by = selection.Parse(m.TemplateSelectionExpression)
	}
	return t
}

// choose returns the template for a message, nil if the body passes through, or a failure if it may not.
func (t *requestTemplates) choose(r *Request) (Template, *Failure) {
	if tmpl := chooseTemplate(t.templates, t.by, r.Body, nil); tmpl != nil {
		return tmpl, nil
	}
	// AWS: an only template for JSON answers for all.
	if tmpl := t.templates["application/json"]; tmpl != nil && (len(t.templates) == 1 || t.by == nil) {
		return tmpl, nil
	}
	if t.otherwise == never || t.otherwise == whenNoTemplates && len(t.templates) > 0 {
		return nil, &Failure{
			Status: 415, Message: unsupportedMedia,
			Cause: fmt.Errorf("no request template was chosen, and passthroughBehavior is %s", t.otherwise),
			Hint:  "add a template under $default, or set passthroughBehavior to WHEN_NO_MATCH",
		}
	}
	return nil, nil
}

// chooseTemplate returns the template that by names, else that under $default, else nil.
func chooseTemplate(templates map[string]Template, by *selection.Expression, body []byte, lookup func(string) string) Template {
	if by != nil {
		if key, ok := by.Append(nil, body, lookup); ok {
			if t := templates[string(key)]; t != nil {
				return t
			}
		}
	}
	if t := templates[defaultKey]; t != nil {
		return t
	}
	return templates[escapedDefaultKey]
}

// Values of contentHandlingStrategy.
const (
	toBinary = "CONVERT_TO_BINARY"
	toText   = "CONVERT_TO_TEXT"
)

// values reports whether one of the templates needs Request.Values.
func (t *requestTemplates) values() bool { return needValues(t.templates) }

func needValues(templates map[string]Template) bool {
	for _, t := range templates {
		if _, ok := t.(literal); !ok {
			return true
		}
	}
	return false
}

// problems returns why templates could not be read.
func problems(templates map[string]Template) []error {
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(templates)) {
		if t, ok := templates[key].(invalid); ok {
			errs = append(errs, t.err)
		}
	}
	return errs
}

// problems returns what is wrong with keys and templates.
func (rs *responses) problems() []error {
	var errs []error
	for i := range rs.all {
		if rs.all[i].err != nil {
			errs = append(errs, rs.all[i].err)
		}
		errs = append(errs, problems(rs.all[i].templates)...)
	}
	if rs.otherwise != nil {
		errs = append(errs, problems(rs.otherwise.templates)...)
	}
	return errs
}

// responses chooses what answers for a backend.
type responses struct {
	all       []response // with a pattern, in order of creation
	otherwise *response  // $default
	none      bool       // there are none at all
}

type response struct {
	key       string
	pattern   *regexp.Regexp
	err       error // why the key is no pattern
	templates map[string]Template
	by        *selection.Expression
	handling  string // contentHandlingStrategy
}

// responses compiles integration responses. AWS: what their responseParameters map has no place in a message, and none on $connect.
func (b Backends) responses(models []apigateway.IntegrationResponse) responses {
	rs := responses{none: len(models) == 0}
	for _, m := range models {
		r := response{key: m.Key, templates: readTemplates(m.ResponseTemplates), handling: m.ContentHandling}
		if m.TemplateSelectionExpression != "" {
			r.by = selection.Parse(m.TemplateSelectionExpression)
		}
		if m.Key == defaultKey || m.Key == escapedDefaultKey {
			rs.otherwise = &r
			continue
		}
		r.pattern, r.err = apigateway.ResponsePattern(m.Key)
		rs.all = append(rs.all, r)
	}
	return rs
}

// values reports whether one of the templates needs Request.Values.
func (rs *responses) values() bool {
	if rs.otherwise != nil && needValues(rs.otherwise.templates) {
		return true
	}
	return slices.ContainsFunc(rs.all, func(r response) bool { return needValues(r.templates) })
}

// loop reports whether how long one of the templates takes depends on the data.
func (rs *responses) loop() bool {
	return rs.otherwise != nil && loop(rs.otherwise.templates) || slices.ContainsFunc(rs.all, func(r response) bool { return loop(r.templates) })
}

// choose returns the integration response for a value, and whether a pattern chose it. There may be none: then it is nil.
func (rs *responses) choose(value string) (chosen *response, matched bool, err error) {
	for i := range rs.all {
		c := &rs.all[i]
		if c.err != nil {
			return nil, false, broken(fmt.Errorf("integration response: %w", c.err), "")
		}
		if c.pattern.MatchString(value) {
			return c, true, nil
		}
	}
	return rs.otherwise, false, nil
}

// answer makes the response of the integration response that value (a status or an error message) chooses.
func (rs *responses) answer(got reply, value string, r *Request) (Response, error) {
	chosen, _, err := rs.choose(value)
	switch {
	case err != nil:
		return Response{}, err
	case chosen != nil:
		return chosen.answer(got, r)
	case rs.none && (r.Connect || !r.TwoWay):
		return Response{Status: got.status}, nil // the backend's status alone decides
	}
	return Response{}, broken(fmt.Errorf("no integration response answers for %q", value), "add one with key $default")
}

// replySize is the room for what a template renders, before it has to grow.
const replySize = 512

func (c *response) answer(got reply, r *Request) (Response, error) {
	body := got.body
	switch c.handling {
	case toText:
		body = base64.StdEncoding.AppendEncode(nil, body)
	case toBinary:
		var err error
		if body, err = base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(body)); err != nil {
			return Response{}, broken(fmt.Errorf("integration response %s: CONVERT_TO_BINARY: the backend's answer is no base64: %w", c.key, err), "remove contentHandlingStrategy")
		}
	}
	resp := Response{Status: got.status}
	if t := chooseTemplate(c.templates, c.by, r.Body, got.lookup); t != nil {
		r.Status = got.status
		var err error
		if body, err = t.Render(make([]byte, 0, replySize), body, r); err != nil {
			return Response{}, broken(fmt.Errorf("render response template of %s: %w", c.key, err), "")
		}
		if s := r.Overrides.Status; s >= 100 && s <= 599 {
			resp.Status = s
		}
	}
	if resp.Body = body; !utf8.Valid(body) {
		resp.Body = asText(body)
	}
	return resp, nil
}

// lookup returns the variables that only templateSelectionExpression of an integration response has.
func (r *reply) lookup(name string) string {
	if name == "integration.response.statuscode" {
		return r.statusText()
	}
	if field, ok := strings.CutPrefix(name, "integration.response.header."); ok {
		if values := r.get(field); len(values) > 0 {
			return values[len(values)-1]
		}
	}
	if field, ok := strings.CutPrefix(name, "integration.response.multivalueheader."); ok {
		if values := r.get(field); len(values) > 0 {
			return "[" + strings.Join(values, ", ") + "]"
		}
	}
	return ""
}

func (r *reply) statusText() string {
	if r.status == http.StatusOK {
		return "200"
	}
	return strconv.Itoa(r.status)
}
