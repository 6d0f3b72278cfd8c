package transform

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Template is an InputTransformer, checked.
type Template struct {
	paths map[string]Path
	text  string
}

// A Context is what templates may name beside their paths.
type Context struct {
	RuleARN, RuleName string
	Ingested          time.Time
}

// placeholder is <name>. Anything else between angle brackets is text.
var placeholder = regexp.MustCompile(`<([A-Za-z0-9_\-.]+)>`)

var builtIn = []string{
	"aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time", "aws.events.event", "aws.events.event.json",
}

// An UnknownError names a placeholder that has no path.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return "transform: no path for <" + e.Name + ">" }

// NewTemplate checks an InputTransformer. The error is an *UnknownError or ErrPath.
func NewTemplate(paths map[string]string, text string) (*Template, error) {
	t := &Template{paths: map[string]Path{}, text: text}
	for name, p := range paths {
		path, err := ParsePath(p)
		if err != nil {
			return nil, err
		}
		t.paths[name] = path
	}
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if _, ok := t.paths[m[1]]; !ok && !slices.Contains(builtIn, m[1]) {
			return nil, &UnknownError{m[1]}
		}
	}
	return t, nil
}

// Fill returns the template with the event's parts in it. Within quotes a part is text: a string without its quotes, anything else
// without any. Elsewhere it is JSON.
func (t *Template) Fill(event []byte, c Context) []byte {
	var out bytes.Buffer
	quoted := false
	for rest := t.text; rest != ""; {
		at := placeholder.FindStringSubmatchIndex(rest)
		plain := rest
		if at != nil {
			plain = rest[:at[0]]
		}
		out.WriteString(plain)
		quoted = endsQuoted(plain, quoted)
		if at == nil {
			break
		}
		v := t.part(rest[at[2]:at[3]], event, c)
		if quoted {
			v = unquote(v)
		} else if v == nil {
			v = []byte(`""`) // AWS: a missing part is empty, not null
		}
		out.Write(v)
		rest = rest[at[1]:]
	}
	return out.Bytes()
}

// endsQuoted tells whether the end of text is inside quotes, if its beginning was or was not.
func endsQuoted(text string, quoted bool) bool {
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quoted:
			i++
		case text[i] == '"':
			quoted = !quoted
		}
	}
	return quoted
}

// part returns a JSON value, or nil.
func (t *Template) part(name string, event []byte, c Context) []byte {
	if p, ok := t.paths[name]; ok {
		return compact(p.Pick(event))
	}
	switch name {
	case "aws.events.rule-arn":
		return quote(c.RuleARN)
	case "aws.events.rule-name":
		return quote(c.RuleName)
	case "aws.events.event.ingestion-time":
		return quote(c.Ingested.UTC().Format("2006-01-02T15:04:05Z"))
	case "aws.events.event": // AWS: without the detail
		return withoutDetail(event)
	default:
		return compact(event)
	}
}

func quote(s string) []byte {
	b, _ := json.Marshal(s) // a string can always be written
	return b
}

func compact(doc []byte) []byte {
	if doc == nil {
		return nil
	}
	var out bytes.Buffer
	if json.Compact(&out, doc) != nil {
		return doc
	}
	return out.Bytes()
}

// unquote writes a value as it stands within quotes. AWS: {"a":"b"} becomes {a:b}.
func unquote(v []byte) []byte {
	if len(v) > 0 && v[0] == '"' {
		return v[1 : len(v)-1]
	}
	return bytes.ReplaceAll(v, []byte(`"`), nil)
}

func withoutDetail(event []byte) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(event, &members) != nil {
		return compact(event)
	}
	var out strings.Builder
	out.WriteByte('{')
	for _, name := range []string{"version", "id", "detail-type", "source", "account", "time", "region", "resources", "replay-name"} {
		v, ok := members[name]
		if !ok {
			continue
		}
		if out.Len() > 1 {
			out.WriteByte(',')
		}
		out.Write(quote(name))
		out.WriteByte(':')
		out.Write(compact(v))
	}
	out.WriteByte('}')
	return []byte(out.String())
}
