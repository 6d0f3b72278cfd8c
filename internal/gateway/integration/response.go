package integration

import (
	"fmt"
	"regexp"
	"strings"

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
	t := requestTemplates{templates: b.templates(m.RequestTemplates), otherwise: passthrough(m.PassthroughBehavior)}
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
}

func (b Backends) responses(models []apigateway.IntegrationResponse) responses {
	rs := responses{none: len(models) == 0}
	for _, m := range models {
		r := response{key: m.Key, templates: b.templates(m.ResponseTemplates)}
		if m.TemplateSelectionExpression != "" {
			r.by = selection.Parse(m.TemplateSelectionExpression)
		}
		if m.Key == defaultKey || m.Key == escapedDefaultKey {
			rs.otherwise = &r
			continue
		}
		// AWS: the pattern is Java's and must match all of the value.
		source := strings.TrimSuffix(strings.TrimPrefix(m.Key, "/"), "/")
		r.pattern, r.err = regexp.Compile(`\A(?:` + source + `)\z`)
		rs.all = append(rs.all, r)
	}
	return rs
}

// answer makes the response of the integration response that value (a status or an error message) chooses.
func (rs *responses) answer(resp Response, value string, r *Request) (Response, error) {
	chosen := rs.otherwise
	for i := range rs.all {
		c := &rs.all[i]
		if c.err != nil {
			return Response{}, broken(fmt.Errorf("integration response key %s: %w", c.key, c.err), "write the pattern without lookahead and back references")
		}
		if c.pattern.MatchString(value) {
			chosen = c
			break
		}
	}
	if chosen == nil {
		if rs.none && (r.Connect || !r.TwoWay) {
			return resp, nil // the backend's status alone decides
		}
		return Response{}, broken(fmt.Errorf("no integration response answers for %q", value), "add one with key $default")
	}
	lookup := func(name string) string {
		if name == "integration.response.statuscode" {
			return fmt.Sprint(resp.Status)
		}
		return ""
	}
	t := chooseTemplate(chosen.templates, chosen.by, r.Body, lookup)
	if t == nil {
		return resp, nil
	}
	body, err := t.Render(nil, resp.Body, r)
	if err != nil {
		return Response{}, broken(fmt.Errorf("render response template of %s: %w", chosen.key, err), "")
	}
	resp.Body = body
	return resp, nil
}
