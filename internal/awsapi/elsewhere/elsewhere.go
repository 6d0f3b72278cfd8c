package elsewhere

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Service is a service of AWS as its callers see it.
type Service struct {
	SDK     string // "databasemigration", as aws-sdk integrations of state machines name it
	Class   string // "DatabaseMigration", as the SDK for Java does in errors
	Host    string // "dms", of dms.us-east-1.amazonaws.com
	Signing string // "dms", in signatures

	Target      string // "AmazonDMSv20160101", of X-Amz-Target; empty: operations have paths
	JSONVersion string // "1.1"

	Lower bool     // members begin in lower case; in SDKs they do not
	Maps  []string // the members whose keys are no members

	operations string // a line each: name, method, URI, places of members
}

// Find returns a service by the name that SDKs or signatures give it, or nil.
func Find(name string) *Service {
	at := -1
	for i := range services {
		switch s := &services[i]; {
		case s.SDK == name:
			return s
		case at < 0 && (s.Signing == name || s.Host == name):
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	return &services[at]
}

// For returns the service that has an operation, among those that SDKs or signatures call so: those of one signing name may be several.
func For(name, operation string) *Service {
	for i := range services {
		s := &services[i]
		if (s.SDK == name || s.Signing == name || s.Host == name) && s.has(operation) {
			return s
		}
	}
	return nil
}

// has tells whether the service has an operation, as far as is known.
func (s *Service) has(operation string) bool {
	return s.Target != "" || strings.Contains(s.operations, "\n"+operation+" ")
}

// A Request is one call as it goes over the network, unsigned.
type Request struct {
	Method string
	Path   string // escaped
	Query  url.Values
	Header http.Header
	Body   []byte

	answer map[string]place // members that are not in the answer's body
	whole  string           // the member that is the answer's body
}

// A place is where a member is that is not in a JSON body.
type place struct{ kind, name string }

// ErrNoOperation says that a service has no such operation, as far as is known.
var ErrNoOperation = errors.New("there is no such operation")

// Request makes a request of a JSON document, whose members have the names that SDKs give them.
func (s *Service) Request(operation string, document []byte) (*Request, error) {
	var members map[string]any
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	if err := d.Decode(&members); err != nil {
		return nil, fmt.Errorf("the input must be a JSON object: %w", err)
	}
	if s.Lower {
		members = s.recase(members, lowerFirst).(map[string]any)
	}
	if s.Target != "" {
		body, err := json.Marshal(members)
		if err != nil {
			return nil, fmt.Errorf("encode input: %w", err)
		}
		return &Request{Method: http.MethodPost, Path: "/", Body: body, Header: http.Header{
			"Content-Type": {"application/x-amz-json-" + s.JSONVersion}, "X-Amz-Target": {s.Target + "." + operation},
		}}, nil
	}
	return s.restRequest(operation, members)
}

// restRequest makes the request of an operation that has a path.
func (s *Service) restRequest(operation string, members map[string]any) (*Request, error) {
	var words []string
	for line := range strings.Lines(s.operations) {
		if name, rest, _ := strings.Cut(strings.TrimSpace(line), " "); name == operation {
			words = strings.Fields(rest)
		}
	}
	if words == nil {
		return nil, ErrNoOperation
	}
	path, query, _ := strings.Cut(words[1], "?")
	r := &Request{Method: words[0], Path: path, Header: http.Header{}, Query: url.Values{}, answer: map[string]place{}}
	if fixed, err := url.ParseQuery(query); err == nil {
		r.Query = fixed
	}
	whole := ""
	for _, word := range words[2:] {
		kind, member, _ := strings.Cut(word, "=")
		member, name, _ := strings.Cut(member, ":")
		answer, isAnswer := strings.CutPrefix(kind, "<")
		switch {
		case isAnswer && answer == "payload":
			r.whole = member
		case isAnswer:
			r.answer[member] = place{answer, name}
		case kind == "payload":
			whole = member
		default:
			r.put(kind, name, members[member])
			delete(members, member)
		}
	}
	if strings.Contains(r.Path, "{") {
		return nil, fmt.Errorf("the input lacks a member that %s %s needs", r.Method, words[1])
	}
	return r, r.fill(members, whole)
}

// put places a member outside the body.
func (r *Request) put(kind, name string, v any) {
	if v == nil {
		return
	}
	switch kind {
	case "uri":
		r.Path = strings.ReplaceAll(r.Path, "{"+name+"}", url.PathEscape(text(v)))
		r.Path = strings.ReplaceAll(r.Path, "{"+name+"+}", strings.ReplaceAll(url.PathEscape(text(v)), "%2F", "/"))
	case "header":
		r.Header.Set(name, text(v))
	case "querystring":
		if list, ok := v.([]any); ok {
			for _, e := range list {
				r.Query.Add(name, text(e))
			}
			return
		}
		r.Query.Set(name, text(v))
	}
}

// fill makes the body: of the member that is the whole of it, or of those that are left.
func (r *Request) fill(members map[string]any, whole string) (err error) {
	var v any = members
	if whole != "" {
		v = members[whole]
	}
	if s, isText := v.(string); isText && whole != "" { // a blob, which may be text
		if r.Body, err = base64.StdEncoding.DecodeString(s); err != nil {
			r.Body = []byte(s)
		}
	} else if len(members) > 0 || r.Method == http.MethodPost || r.Method == http.MethodPut {
		if r.Body, err = json.Marshal(v); err != nil {
			return fmt.Errorf("encode input: %w", err)
		}
	}
	if r.Body != nil && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return nil
}

// Answer makes a JSON document, with the names that SDKs have, of the answer to a request.
func (s *Service) Answer(r *Request, header http.Header, body []byte) ([]byte, error) {
	members := map[string]any{}
	switch {
	case r.whole != "":
		var v any
		if d := json.NewDecoder(bytes.NewReader(body)); utf8.Valid(body) {
			if d.UseNumber(); d.Decode(&v) != nil {
				v = string(body)
			}
		} else {
			v = base64.StdEncoding.EncodeToString(body)
		}
		members[upperFirst(r.whole)] = v
	case len(bytes.TrimSpace(body)) > 0:
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if err := d.Decode(&members); err != nil {
			return nil, fmt.Errorf("decode the answer: %w", err)
		}
		if s.Lower {
			members = s.recase(members, upperFirst).(map[string]any)
		}
	}
	for member, at := range r.answer {
		if v := header.Get(at.name); v != "" && at.kind == "header" {
			members[upperFirst(member)] = v
		}
	}
	return json.Marshal(members)
}

// recase changes the first letters of members, but not of keys of maps.
func (s *Service) recase(v any, f func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, part := range v {
			if inner, ok := part.(map[string]any); ok && slices.Contains(s.Maps, lowerFirst(name)) {
				keys := make(map[string]any, len(inner))
				for key, e := range inner {
					keys[key] = s.recase(e, f)
				}
				out[f(name)] = keys
				continue
			}
			out[f(name)] = s.recase(part, f)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = s.recase(v[i], f)
		}
		return out
	}
	return v
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	}
	return fmt.Sprint(v)
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
