package asl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// A Definition is a parsed state machine.
type Definition struct {
	*Machine
	TimeoutSeconds int64 // zero: none
}

// A Machine is a set of states: the whole, a branch of a Parallel state or the processor of a Map state.
type Machine struct {
	StartAt string
	States  map[string]*State

	// For processors of Map states.
	Distributed   bool
	ExecutionType string // "STANDARD" or "EXPRESS"
}

// A State is one state. What its type does not have is zero.
type State struct {
	Name    string
	Type    string
	JSONata bool
	Next    string
	End     bool

	InputPath, OutputPath, ResultPath *PathField // nil: not given
	Parameters, ResultSelector        *Template  // JSONPath
	Arguments, Output                 *Template  // JSONata
	Assign                            *Template
	Result                            any // of a Pass state
	HasResult                         bool

	Resource           string
	Credentials        *Template
	Timeout, Heartbeat Field
	Retry              []*Retrier
	Catch              []*Catcher

	Choices []*Rule
	Default string

	Seconds, Timestamp Field // of a Wait state
	Error, Cause       Field // of a Fail state

	Branches []*Machine

	Processor           *Machine // of a Map state
	ItemsPath           *Expr
	Items               *Template
	ItemSelector        *Template
	MaxConcurrency      Field
	ToleratedCount      Field
	ToleratedPercentage Field
	Reader              *Reader
	Batcher             *Batcher
	Writer              *Writer
	Label               string
}

// A PathField is InputPath, OutputPath or ResultPath.
type PathField struct {
	Null      bool
	Expr      *Expr
	Reference *Path // of a ResultPath
}

// A Reader says where the items of a distributed Map state come from.
type Reader struct {
	Resource string
	Args     *Template
	Input    string // InputType
	Header   string // CSVHeaderLocation
	Headers  []string
	Delim    string
	MaxItems Field

	Pointer  string // to the items in an object of JSON: "/a/items"
	Flatten  bool   // of a list of objects, not these but what is in them
	Manifest string // "ATHENA_DATA" or "S3_INVENTORY"
}

// A Batcher says how items of a distributed Map state are put together.
type Batcher struct {
	Input              *Template
	MaxItems, MaxBytes Field
}

// A Writer says where the results of a distributed Map state go.
type Writer struct {
	Resource       string
	Args           *Template
	Transformation string
	OutputType     string
}

// A Diagnostic is one thing that is wrong with a definition.
type Diagnostic struct {
	Severity string // "ERROR" or "WARNING"
	Code     string // "SCHEMA_VALIDATION_FAILED"
	Message  string
	Location string // "/States/A/Next"
}

func (d Diagnostic) String() string {
	text := d.Code + ": " + d.Message
	if d.Location != "" {
		text += " at " + d.Location
	}
	return text
}

// Options are what a definition is checked for.
type Options struct {
	Express bool
	// Extensions allows what AWS refuses: aws-sdk:apigatewaymanagementapi.
	Extensions bool
}

// Parse reads and checks a definition. There is none if a diagnostic is an error.
func Parse(text []byte, o Options) (*Definition, []Diagnostic) {
	v, err := Decode(text)
	root, ok := v.(*Object)
	if err != nil || !ok {
		code := "SCHEMA_VALIDATION_FAILED"
		if err != nil && strings.TrimSpace(string(text)) != "" {
			return nil, []Diagnostic{{"ERROR", "INVALID_JSON_DESCRIPTION", "Invalid State Machine definition: " + jacksonError(text, err), ""}}
		}
		return nil, []Diagnostic{{"ERROR", code, "Definition must be a valid JSON object", ""}}
	}
	p := &parser{options: o, names: map[string]string{}, labels: map[string]bool{}}
	d := &Definition{}
	p.oneOf(root, "", "Version", "1.0")
	if t, ok := root.Get("TimeoutSeconds"); ok {
		d.TimeoutSeconds, _ = intOf(t)
		p.literal(t, "/TimeoutSeconds", "whole") // AWS: zero is no limit
	}
	p.known(root, "", []string{"Comment", "StartAt", "States", "TimeoutSeconds", "Version", "QueryLanguage"})
	global := p.language(root, "", false)
	d.Machine = p.machine(root, "", global)
	if !p.failed && !d.terminates() {
		p.fail(Diagnostic{"ERROR", "MISSING_END_STATE", "Workflow has no terminal state", ""})
	}
	if p.failed {
		return nil, p.diagnostics
	}
	return d, p.diagnostics
}

// ParseState reads one state, as TestState takes it.
func ParseState(name string, text []byte, o Options) (*State, []Diagnostic) {
	v, err := Decode(text)
	root, ok := v.(*Object)
	if err != nil || !ok {
		return nil, []Diagnostic{{"ERROR", "SCHEMA_VALIDATION_FAILED", "Definition must be a valid JSON object", ""}}
	}
	p := &parser{options: o, names: map[string]string{}, labels: map[string]bool{}, lone: true}
	s := p.state(name, root, "/States/"+name, false)
	if p.failed {
		return nil, p.diagnostics
	}
	return s, p.diagnostics
}

// parser reads a definition and collects what is wrong with it.
type parser struct {
	options     Options
	diagnostics []Diagnostic
	failed      bool
	names       map[string]string // of all states, with their locations
	labels      map[string]bool
	lone        bool // only one state is read, the others are unknown
	depth       int
}

func (p *parser) report(code, at, format string, args ...any) {
	if at == "" {
		at = "/"
	}
	p.fail(Diagnostic{"ERROR", code, fmt.Sprintf(format, args...), at})
}

func (p *parser) fail(d Diagnostic) {
	p.failed = true
	p.diagnostics = append(p.diagnostics, d)
}

// warn reports what is allowed, but hardly meant.
func (p *parser) warn(code, at, format string, args ...any) {
	p.diagnostics = append(p.diagnostics, Diagnostic{"WARNING", code, fmt.Sprintf(format, args...), at})
}

func (p *parser) schema(at, format string, args ...any) {
	p.report("SCHEMA_VALIDATION_FAILED", at, format, args...)
}

// required reports the members that are missing.
func (p *parser) required(o *Object, at string, names ...string) bool {
	var missing []string
	for _, name := range names {
		if _, ok := o.Get(name); !ok {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		p.schema(at, "These fields are required: [%s]", strings.Join(missing, ", "))
	}
	return len(missing) == 0
}

// known reports members that nobody knows.
func (p *parser) known(o *Object, at string, names []string) {
next:
	for _, name := range o.Names() {
		for _, k := range names {
			if k == name {
				continue next
			}
		}
		p.unsupported(at, name)
	}
}

func (p *parser) unsupported(at, name string) {
	p.schema(at+"/"+name, "Field '%s' is not supported", name)
}

// only reports that more than one of some fields is given.
func (p *parser) only(o *Object, at string, names ...string) {
	n := 0
	for _, name := range names {
		if _, ok := o.Get(name); ok {
			n++
		}
	}
	if n > 1 {
		p.schema(at, "There should only be one of the following fields: [%s]", strings.Join(names, ", "))
	}
}

// one reports that not exactly one of some fields is given.
func (p *parser) one(o *Object, at string, names ...string) bool {
	before := len(p.diagnostics)
	p.only(o, at, names...)
	if len(p.diagnostics) > before {
		return false
	}
	for _, name := range names {
		if _, ok := o.Get(name); ok {
			return true
		}
	}
	p.schema(at, "This object should have only one of the following fields: [%s]", strings.Join(names, ", "))
	return false
}

func (p *parser) oneOf(o *Object, at, name string, values ...string) string {
	v, ok := o.Get(name)
	if !ok {
		return ""
	}
	s, _ := v.(string)
	for _, want := range values {
		if s == want {
			return s
		}
	}
	if name == "Type" {
		p.schema(at+"/"+name, "The field '%s' should have one of these values: [%s]", name, strings.Join(values, ", "))
	} else {
		p.schema(at+"/"+name, "Value should be one of the following: [%s]", strings.Join(values, ", "))
	}
	return ""
}

// language tells whether JSONata is spoken here.
func (p *parser) language(o *Object, at string, outer bool) bool {
	switch p.oneOf(o, at, "QueryLanguage", "JSONPath", "JSONata") {
	case "JSONata":
		return true
	case "JSONPath":
		if outer {
			p.schema(at, "'QueryLanguage' can not be 'JSONPath' if set to 'JSONata' for whole state machine")
		}
		return false
	}
	return outer
}

// machine reads StartAt and States.
func (p *parser) machine(o *Object, at string, jsonata bool) *Machine {
	m := &Machine{States: map[string]*State{}}
	if !p.required(o, at, "States", "StartAt") {
		return m
	}
	if p.depth++; p.depth > 50 {
		p.report("TOO_DEEPLY_NESTED", at, "The nesting of states is too deep")
		return m
	}
	defer func() { p.depth-- }()
	m.StartAt = p.str(o, at, "StartAt")
	raw, _ := o.Get("States")
	states, ok := raw.(*Object)
	if !ok {
		p.schema(at+"/States", "Expected value of type Object")
		return m
	}
	if states.Len() == 0 {
		p.schema(at+"/States", "Value cannot be empty")
		return m
	}
	for _, member := range states.Members {
		name := member.Name
		where := at + "/States/" + name
		if before, twice := p.names[name]; twice {
			p.report("DUPLICATE_STATE_NAME", where, "Duplicate State name: %s", name)
			_ = before
		}
		p.names[name] = where
		if n := len([]rune(name)); n > 80 {
			p.report("INVALID_STATE_NAME", where, "State name '%s' exceeds the 80-character limit allowed by the service", name)
		} else if n == 0 {
			p.report("INVALID_STATE_NAME", where, "State name cannot be empty")
		}
		body, ok := member.Value.(*Object)
		if !ok {
			p.schema(where, "Expected value of type Object")
			continue
		}
		m.States[name] = p.state(name, body, where, jsonata)
	}
	if !p.failed { // AWS: first the schema
		p.targets(m, states.Names(), at)
	}
	return m
}

// targets checks that transitions lead somewhere, and that all states are reached.
func (p *parser) targets(m *Machine, order []string, at string) {
	reached := map[string]bool{}
	var visit func(name, from string)
	visit = func(name, from string) {
		s := m.States[name]
		if s == nil {
			if _, there := p.names[name]; !there || m.States[name] == nil {
				p.report("MISSING_TRANSITION_TARGET", from, "Missing 'Next' target: %s", name)
			}
			return
		}
		if reached[name] {
			return
		}
		reached[name] = true
		for _, t := range s.transitions() {
			visit(t.target, at+"/States/"+name+t.at)
		}
	}
	visit(m.StartAt, at+"/StartAt")
	for _, name := range order {
		if !reached[name] {
			p.report("MISSING_TRANSITION_TARGET", at+"/States/"+name, "State \"%s\" is not reachable.", name)
		}
	}
}

// terminates tells whether a machine has a state that ends it.
func (m *Machine) terminates() bool {
	for _, s := range m.States {
		if s.End || s.Type == "Succeed" || s.Type == "Fail" {
			return true
		}
	}
	return false
}

type transition struct{ target, at string }

func (s *State) transitions() []transition {
	var list []transition
	if s.Next != "" {
		list = append(list, transition{s.Next, "/Next"})
	}
	for i, r := range s.Choices {
		list = append(list, transition{r.Next, fmt.Sprintf("/Choices[%d]/Next", i)})
	}
	if s.Default != "" {
		list = append(list, transition{s.Default, "/Default"})
	}
	for i, c := range s.Catch {
		list = append(list, transition{c.Next, fmt.Sprintf("/Catch[%d]/Next", i)})
	}
	return list
}

// str reads a string member.
func (p *parser) str(o *Object, at, name string) string {
	v, ok := o.Get(name)
	if !ok {
		return ""
	}
	s, ok := v.(string)
	if !ok {
		p.schema(at+"/"+name, "Expected value of type String")
	}
	return s
}

// jacksonError words a syntax error as AWS's parser does, as far as that can be told.
func jacksonError(text []byte, err error) string {
	var syntax *json.SyntaxError
	if e, ok := err.(*json.SyntaxError); ok { //nolint:errorlint // the decoder's own
		syntax = e
	}
	trimmed := strings.TrimSpace(string(text))
	if rest, ok := strings.CutPrefix(trimmed, "{"); ok {
		if rest = strings.TrimSpace(rest); rest != "" && rest[0] != '"' && rest[0] != '}' {
			return fmt.Sprintf("Unexpected character ('%c' (code %d)): was expecting double-quote to start field name", rest[0], rest[0])
		}
	}
	if trimmed != "" && isWord(trimmed[0]) {
		end := 0
		for end < len(trimmed) && isWord(trimmed[end]) {
			end++
		}
		return fmt.Sprintf("Unrecognized token '%s': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')", trimmed[:end])
	}
	if syntax != nil && syntax.Offset > 0 && int(syntax.Offset) <= len(text) {
		c := text[syntax.Offset-1]
		return fmt.Sprintf("Unexpected character ('%c' (code %d))", c, c)
	}
	return "Unexpected end-of-input"
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// JSONError words what is wrong with text that is no JSON.
func JSONError(text []byte) string {
	_, err := Decode(text)
	if err == nil {
		return ""
	}
	return jacksonError(text, err)
}

// IteratesOver tells whether a machine within this one is a Map state's, or stands within such.
func (m *Machine) IteratesOver(inner *Machine) bool {
	for _, s := range m.States {
		if p := s.Processor; p != nil && (p == inner || p.contains(inner)) {
			return true
		}
		for _, b := range s.Branches {
			if b.IteratesOver(inner) {
				return true
			}
		}
	}
	return false
}

// contains tells whether a machine stands within this one.
func (m *Machine) contains(inner *Machine) bool {
	for _, s := range m.States {
		for _, in := range append(slices.Clone(s.Branches), s.Processor) {
			if in != nil && (in == inner || in.contains(inner)) {
				return true
			}
		}
	}
	return false
}

// Find returns the machine, this one or one within its states, that has a state of this name; nil if none has.
func (m *Machine) Find(name string) *Machine {
	if m.States[name] != nil {
		return m
	}
	for _, s := range m.States {
		for _, inner := range append(slices.Clone(s.Branches), s.Processor) {
			if inner == nil {
				continue
			}
			if found := inner.Find(name); found != nil {
				return found
			}
		}
	}
	return nil
}
