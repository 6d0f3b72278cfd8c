package template

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxNodes bounds what aliases can blow a template up to.
const maxNodes = 400_000

// maxDepth bounds how deep values nest.
const maxDepth = 200

// A Document is a template as plain values: nil, bool, json.Number, string, []any and map[string]any, with short tags
// written out ("!Ref X" is {"Ref": "X"}), and the places where they stood in the text.
type Document struct {
	Root map[string]any
	at   map[string]Position // by path: "Resources/Table/Properties/Tags/0"
}

// At returns where the value at path began, or where the nearest value around it did.
func (d *Document) At(path ...string) Position {
	for n := len(path); n > 0; n-- {
		if p, ok := d.at[strings.Join(path[:n], "/")]; ok {
			return p
		}
	}
	return Position{}
}

// Derive returns a document with another content and the places of d: what a transform made of it.
func (d *Document) Derive(root map[string]any) *Document {
	return &Document{Root: root, at: d.at}
}

// Keys returns the keys of the map at path in the order of the text; those that have no place there come last, sorted.
func (d *Document) Keys(path ...string) []string {
	v := any(d.Root)
	for _, p := range path {
		m, _ := v.(map[string]any)
		v = m[p]
	}
	m, _ := v.(map[string]any)
	keys := sortedKeys(m)
	prefix := strings.Join(path, "/")
	if prefix != "" {
		prefix += "/"
	}
	slices.SortStableFunc(keys, func(a, b string) int {
		pa, okA := d.at[prefix+a]
		pb, okB := d.at[prefix+b]
		switch {
		case okA && !okB:
			return -1
		case okB && !okA:
			return 1
		case pa.Line != pb.Line:
			return pa.Line - pb.Line
		}
		return pa.Column - pb.Column
	})
	return keys
}

// Parse reads a template written in JSON or YAML.
func Parse(text []byte) (*Document, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	d := &Document{at: map[string]Position{}}
	var root any
	var err error
	if trimmed := bytes.TrimSpace(text); len(trimmed) > 0 && trimmed[0] == '{' {
		root, err = parseJSON(d, text)
	} else {
		root, err = parseYAML(d, text)
	}
	if err != nil {
		return nil, err
	}
	m, ok := root.(map[string]any)
	if !ok {
		return nil, errorAt(Position{}, "Template format error: unsupported structure.")
	}
	d.Root = m
	return d, nil
}

// JSON

type jsonParser struct {
	dec  *json.Decoder
	text []byte
	doc  *Document
}

func parseJSON(d *Document, text []byte) (any, error) {
	p := &jsonParser{dec: json.NewDecoder(bytes.NewReader(text)), text: text, doc: d}
	p.dec.UseNumber()
	var all json.RawMessage
	if syntax, ok := errors.AsType[*json.SyntaxError](json.Unmarshal(text, &all)); ok {
		return nil, p.malformed(syntax.Offset)
	}
	v, err := p.value("", 0)
	var e *Error
	if err != nil && !errors.As(err, &e) {
		return nil, p.malformed(int64(len(text)))
	}
	return v, err
}

// malformed says that the byte before offset is wrong. AWS: the column is that of the byte after it.
func (p *jsonParser) malformed(offset int64) *Error {
	pos := p.position(offset)
	return errorAt(pos, "Template format error: JSON not well-formed. (line %d, column %d)", pos.Line, pos.Column)
}

func (p *jsonParser) position(offset int64) Position {
	before := p.text[:min(max(offset, 0), int64(len(p.text)))]
	return Position{Line: bytes.Count(before, []byte("\n")) + 1, Column: len(before) - bytes.LastIndexByte(before, '\n')}
}

func (p *jsonParser) value(path string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, p.malformed(p.dec.InputOffset())
	}
	tok, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		return p.object(path, depth)
	case json.Delim('['):
		list := []any{}
		for p.dec.More() {
			v, err := p.value(join(path, strconv.Itoa(len(list))), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := p.dec.Token()
		return list, err
	}
	return tok, nil
}

func (p *jsonParser) object(path string, depth int) (any, error) {
	m := map[string]any{}
	for p.dec.More() {
		tok, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		key, ok := tok.(string)
		if !ok {
			return nil, p.malformed(p.dec.InputOffset())
		}
		at := p.position(p.dec.InputOffset() - int64(len(key)) - 2)
		if _, dup := m[key]; dup {
			return nil, errorAt(at, "Template format error: JSON not well-formed. Duplicate key %s (line %d, column %d)", key, at.Line, at.Column)
		}
		p.doc.at[join(path, key)] = at
		if m[key], err = p.value(join(path, key), depth+1); err != nil {
			return nil, err
		}
	}
	_, err := p.dec.Token()
	return m, err
}

// YAML

type yamlParser struct {
	doc   *Document
	nodes int
	open  map[*yaml.Node]bool // aliases being expanded
}

var yamlErrorLine = regexp.MustCompile(`line (\d+)`)

func parseYAML(d *Document, text []byte) (any, error) {
	var n yaml.Node
	if err := unmarshalYAML(text, &n); err != nil {
		p := Position{Line: 1, Column: 1}
		if m := yamlErrorLine.FindStringSubmatch(err.Error()); m != nil {
			p.Line, _ = strconv.Atoi(m[1])
		}
		return nil, malformedYAML(p, "")
	}
	if n.Kind != yaml.DocumentNode || len(n.Content) == 0 {
		return nil, nil
	}
	p := &yamlParser{doc: d, open: map[*yaml.Node]bool{}}
	return p.value(n.Content[0], "", 0)
}

// unmarshalYAML turns a panic of the library into an error: the text comes from outside.
func unmarshalYAML(text []byte, n *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: %v", r)
		}
	}()
	return yaml.Unmarshal(text, n)
}

func malformedYAML(p Position, detail string) *Error {
	if detail != "" {
		detail = " " + detail
	}
	return errorAt(p, "Template format error: YAML not well-formed.%s (line %d, column %d)", detail, p.Line, p.Column)
}

func place(n *yaml.Node) Position { return Position{Line: n.Line, Column: n.Column} }

func (p *yamlParser) value(n *yaml.Node, path string, depth int) (any, error) {
	if p.nodes++; p.nodes > maxNodes || depth > maxDepth {
		return nil, malformedYAML(place(n), "Too many nested values.")
	}
	if _, known := p.doc.at[path]; !known && path != "" {
		p.doc.at[path] = place(n)
	}
	if n.Kind == yaml.AliasNode {
		if n.Alias == nil || p.open[n.Alias] {
			return nil, malformedYAML(place(n), "The alias refers to itself.")
		}
		p.open[n.Alias] = true
		defer delete(p.open, n.Alias)
		return p.value(n.Alias, path, depth+1)
	}
	v, err := p.untagged(n, path, depth)
	if err != nil || !strings.HasPrefix(n.Tag, "!") || strings.HasPrefix(n.Tag, "!!") {
		return v, err
	}
	return p.short(n, v)
}

func (p *yamlParser) untagged(n *yaml.Node, path string, depth int) (any, error) {
	switch n.Kind {
	case yaml.MappingNode:
		return p.mapping(n, path, depth)
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, c := range n.Content {
			v, err := p.value(c, join(path, strconv.Itoa(i)), depth+1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.ScalarNode:
		return scalar(n), nil
	}
	return nil, malformedYAML(place(n), "")
}

func (p *yamlParser) mapping(n *yaml.Node, path string, depth int) (any, error) {
	m := make(map[string]any, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if k.Kind == yaml.AliasNode && k.Alias != nil {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			return nil, malformedYAML(place(k), "")
		}
		if k.Tag == "!!merge" {
			merges = append(merges, n.Content[i+1])
			continue
		}
		if _, dup := m[k.Value]; dup {
			return nil, malformedYAML(place(k), "Duplicate key "+k.Value)
		}
		sub := join(path, k.Value)
		p.doc.at[sub] = place(k)
		v, err := p.value(n.Content[i+1], sub, depth+1)
		if err != nil {
			return nil, err
		}
		m[k.Value] = v
	}
	for _, src := range merges {
		if err := p.merge(m, src, path, depth); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// merge adds what "<<" brings: the deployment tools of AWS resolve it before they upload a template.
func (p *yamlParser) merge(m map[string]any, src *yaml.Node, path string, depth int) error {
	v, err := p.value(src, join(path, "<<"), depth+1)
	if err != nil {
		return err
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		from, ok := e.(map[string]any)
		if !ok {
			return malformedYAML(place(src), "")
		}
		for k, v := range from {
			if _, own := m[k]; !own {
				m[k] = v
			}
		}
	}
	return nil
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// scalar reads a scalar as CloudFormation does: only true and false are booleans; dates, numbers with leading zeros,
// yes, no, on and off are strings.
func scalar(n *yaml.Node) any {
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	if !plain || n.Tag == "!!str" && n.Style&yaml.TaggedStyle != 0 {
		return n.Value
	}
	switch n.Value {
	case "true", "True", "TRUE":
		return true
	case "false", "False", "FALSE":
		return false
	case "", "~", "null", "Null", "NULL":
		if strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!") {
			return n.Value
		}
		return nil
	}
	if jsonNumber.MatchString(n.Value) {
		return json.Number(n.Value)
	}
	return n.Value
}

// shortTags are the functions that may be written as tags.
var shortTags = []string{
	"And", "Base64", "Cidr", "Equals", "FindInMap", "GetAZs", "GetAtt", "If", "ImportValue", "Join", "Length", "Not", "Or", "Select",
	"Split", "Sub", "ToJsonString", "Transform", "Contains", "EachMemberEquals", "EachMemberIn", "RefAll", "ValueOf", "ValueOfAll",
}

func (p *yamlParser) short(n *yaml.Node, v any) (any, error) {
	name := strings.TrimPrefix(n.Tag, "!")
	if num, ok := v.(json.Number); ok {
		v = num.String()
	}
	switch {
	case name == "Ref" || name == "Condition":
		return map[string]any{name: v}, nil
	case name == "GetAtt":
		if s, ok := v.(string); ok {
			if id, attr, ok := strings.Cut(s, "."); ok {
				v = []any{id, attr}
			}
		}
	case strings.HasPrefix(name, "ForEach::") || slices.Contains(shortTags, name):
	default:
		return nil, malformedYAML(place(n), "Unknown tag "+n.Tag)
	}
	return map[string]any{"Fn::" + name: v}, nil
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "/" + key
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
