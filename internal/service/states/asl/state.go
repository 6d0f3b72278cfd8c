package asl

import (
	"slices"
	"strings"
)

var stateTypes = []string{"Task", "Wait", "Pass", "Succeed", "Fail", "Choice", "Parallel", "Map"}

// fieldsOf lists the fields of each type, beside Type, Comment and QueryLanguage: those of both languages, of JSONPath, of JSONata.
var fieldsOf = map[string][3][]string{
	"Pass":     {{"Next", "End", "Assign"}, {"InputPath", "OutputPath", "ResultPath", "Parameters", "Result"}, {"Output"}},
	"Task":     {{"Next", "End", "Assign", "Resource", "TimeoutSeconds", "HeartbeatSeconds", "Retry", "Catch", "Credentials"}, {"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "TimeoutSecondsPath", "HeartbeatSecondsPath"}, {"Arguments", "Output"}},
	"Choice":   {{"Choices", "Default", "Assign"}, {"InputPath", "OutputPath"}, {"Output"}},
	"Wait":     {{"Next", "End", "Assign", "Seconds", "Timestamp"}, {"InputPath", "OutputPath", "SecondsPath", "TimestampPath"}, {"Output"}},
	"Succeed":  {nil, {"InputPath", "OutputPath"}, {"Output"}},
	"Fail":     {{"Error", "Cause"}, {"ErrorPath", "CausePath"}, nil},
	"Parallel": {{"Next", "End", "Assign", "Branches", "Retry", "Catch"}, {"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector"}, {"Arguments", "Output"}},
	"Map": {
		{"Next", "End", "Assign", "ItemProcessor", "Iterator", "ItemSelector", "MaxConcurrency", "ToleratedFailureCount", "ToleratedFailurePercentage", "ItemReader", "ItemBatcher", "ResultWriter", "Label", "Retry", "Catch"},
		{"InputPath", "OutputPath", "ResultPath", "Parameters", "ResultSelector", "ItemsPath", "MaxConcurrencyPath", "ToleratedFailureCountPath", "ToleratedFailurePercentagePath"},
		{"Items", "Output"},
	},
}

// state reads one state.
func (p *parser) state(name string, o *Object, at string, jsonata bool) *State {
	s := &State{Name: name}
	if !p.required(o, at, "Type") {
		return s
	}
	s.Type = p.oneOf(o, at, "Type", stateTypes...)
	if s.Type == "" {
		return s
	}
	s.JSONata = p.language(o, at, jsonata)
	p.stateFields(s, o, at)
	if slices.Contains(fieldsOf[s.Type][0], "Next") {
		p.next(s, o, at)
	}
	p.dataFields(s, o, at)
	switch s.Type {
	case "Task":
		p.task(s, o, at)
	case "Choice":
		if p.required(o, at, "Choices") {
			s.Choices = p.rules(o, at, s.JSONata)
		}
		s.Default = p.str(o, at, "Default")
	case "Wait":
		p.wait(s, o, at)
	case "Fail":
		s.Error = p.field(s, o, at, "Error", "string")
		s.Cause = p.field(s, o, at, "Cause", "string")
	case "Parallel":
		p.parallel(s, o, at)
	case "Map":
		p.mapState(s, o, at)
	}
	s.Retry = p.retriers(o, at)
	s.Catch = p.catchers(o, at, s.JSONata)
	return s
}

func (p *parser) stateFields(s *State, o *Object, at string) {
	lists := fieldsOf[s.Type]
	mine, other, language := lists[1], lists[2], "JSONPath"
	if s.JSONata {
		mine, other, language = other, mine, "JSONata"
	}
	for _, name := range o.Names() {
		switch {
		case name == "Type" || name == "Comment" || name == "QueryLanguage":
		case slices.Contains(lists[0], name) || slices.Contains(mine, name):
		case slices.Contains(other, name):
			p.schema(at+"/"+name, "The field '%s' is not supported in a state that uses '%s' as its query language", name, language)
		default:
			p.schema(at+"/"+name, "Field is not supported")
		}
	}
}

// next reads Next and End, of which there must be one.
func (p *parser) next(s *State, o *Object, at string) {
	s.Next = p.str(o, at, "Next")
	if v, ok := o.Get("End"); ok {
		if s.End, ok = v.(bool); !ok {
			p.schema(at+"/End", "Expected value of type Boolean")
		}
	}
	_, hasNext := o.Get("Next")
	switch {
	case hasNext && s.End:
		p.schema(at, "A state cannot have both of these fields: [Next, End]")
	case !hasNext && !s.End:
		p.report("MISSING_END_STATE", at, "One of these fields is required: [Next, End]")
	}
}

// dataFields reads what says how data flows through the state.
func (p *parser) dataFields(s *State, o *Object, at string) {
	s.Assign = p.assign(o, at, s.JSONata)
	if s.JSONata {
		if v, ok := o.Get("Arguments"); ok {
			s.Arguments = p.queryTemplate(v, at+"/Arguments", "Arguments")
		}
		if v, ok := o.Get("Output"); ok {
			s.Output = p.queryTemplate(v, at+"/Output", "Output")
		}
		return
	}
	s.InputPath = p.pathField(o, at, "InputPath")
	s.OutputPath = p.pathField(o, at, "OutputPath")
	s.ResultPath = p.resultPath(o, at)
	if v, ok := o.Get("Parameters"); ok {
		s.Parameters = p.pathTemplate(v, at+"/Parameters")
	}
	if v, ok := o.Get("ResultSelector"); ok {
		s.ResultSelector = p.pathTemplate(v, at+"/ResultSelector")
	}
	s.Result, s.HasResult = o.Get("Result")
}

func (p *parser) pathField(o *Object, at, name string) *PathField {
	v, ok := o.Get(name)
	if !ok {
		return nil
	}
	if v == nil {
		return &PathField{Null: true}
	}
	text, _ := v.(string)
	expr, err := parsePathExpr(text)
	if err != nil {
		p.schema(at+"/"+name, "The value for the field '%s' must be a valid JSONPath", name)
		return nil
	}
	return &PathField{Expr: expr}
}

func (p *parser) resultPath(o *Object, at string) *PathField {
	v, ok := o.Get("ResultPath")
	if !ok {
		return nil
	}
	if v == nil {
		return &PathField{Null: true}
	}
	text, _ := v.(string)
	path, err := ParsePath(text)
	if err != nil || strings.HasPrefix(text, "$$") {
		p.schema(at+"/ResultPath", "Value is not a Reference Path: The reference path is not a valid JSONPath")
		return nil
	}
	if !path.IsReference() {
		p.schema(at+"/ResultPath", "Value is not a Reference Path: The reference path contains an operator that is not allowed")
		return nil
	}
	return &PathField{Reference: path}
}

func (p *parser) assign(o *Object, at string, jsonata bool) *Template {
	v, ok := o.Get("Assign")
	if !ok {
		return nil
	}
	vars, ok := v.(*Object)
	if !ok {
		p.schema(at+"/Assign", "Expected value of type Object")
		return nil
	}
	for _, name := range vars.Names() {
		bare := name
		if !jsonata {
			bare = strings.TrimSuffix(name, ".$")
		}
		if !variableName.MatchString(bare) || bare == "states" {
			p.schema(at+"/Assign", "The variable name '%s' is not valid", bare)
		}
	}
	if jsonata {
		return p.queryTemplate(v, at+"/Assign", "Assign")
	}
	return p.pathTemplate(v, at+"/Assign")
}

// field reads a member that may be a literal, a path under its name with "Path", or an expression. kind is what a literal must be.
func (p *parser) field(s *State, o *Object, at, name, kind string) Field {
	literal, has := o.Get(name)
	path, hasPath := o.Get(name + "Path")
	where := at + "/" + name
	switch {
	case s.JSONata && has:
		f := Field{Name: name, Literal: literal, Given: true}
		if text, ok := literal.(string); ok {
			f.Query = p.query(text, where)
		}
		if f.Query == nil {
			p.literal(literal, where, kind)
		}
		return f
	case s.JSONata:
		return Field{Name: name}
	case has && hasPath:
		p.schema(at, "Only one of these fields can be given: [%s, %sPath]", name, name)
	case hasPath:
		text, _ := path.(string)
		expr, err := ParseExpr(text)
		if err != nil || expr.IsCall() && kind != "string" {
			p.schema(at+"/"+name+"Path", "Value is not a Reference Path: The reference path is not a valid JSONPath")
			return Field{Name: name + "Path"}
		}
		return Field{Name: name + "Path", Expr: expr, Given: true}
	case has:
		p.literal(literal, where, kind)
	}
	return Field{Name: name, Literal: literal, Given: has}
}

// literal checks a value that is no expression.
func (p *parser) literal(v any, at, kind string) {
	switch kind {
	case "string":
		if _, ok := v.(string); !ok {
			p.schema(at, "Expected value of type String")
		}
	case "timestamp":
		if _, ok := timestampOf(v); !ok {
			p.schema(at, "String does not match RFC3339 timestamp")
		}
	case "percentage":
		if f, ok := floatOf(v); !ok || f < 0 || f > 100 {
			p.schema(at, "Value must be between 0 and 100")
		}
	case "any":
		if _, ok := intOf(v); !ok {
			p.schema(at, "Expected value of type Integer")
		}
	default: // the least that a whole number may be
		n, ok := intOf(v)
		switch {
		case !ok:
			p.schema(at, "Expected value of type Integer")
		case kind == "positive" && n < 1 || n < 0 || n > 99999999:
			p.schema(at, "Value is out of range")
		}
	}
}

func (p *parser) task(s *State, o *Object, at string) {
	if p.required(o, at, "Resource") {
		s.Resource = p.str(o, at, "Resource")
		p.resource(s.Resource, at+"/Resource")
	}
	s.Timeout = p.field(s, o, at, "TimeoutSeconds", "positive")
	s.Heartbeat = p.field(s, o, at, "HeartbeatSeconds", "positive")
	timeout, ok1 := intOf(s.Timeout.Literal)
	heartbeat, ok2 := intOf(s.Heartbeat.Literal)
	if ok1 && ok2 && heartbeat >= timeout {
		p.schema(at, "HeartbeatSeconds must be smaller than TimeoutSeconds")
	}
	if v, ok := o.Get("Credentials"); ok {
		c, ok := v.(*Object)
		_, role := c.Get("RoleArn")
		_, path := c.Get("RoleArn.$")
		if !ok || !role && (s.JSONata || !path) {
			p.schema(at+"/Credentials", "The field 'RoleArn' is required but was missing")
			return
		}
		if s.JSONata {
			s.Credentials = p.queryTemplate(v, at+"/Credentials", "Credentials")
		} else {
			s.Credentials = p.pathTemplate(v, at+"/Credentials")
		}
	}
}

func (p *parser) wait(s *State, o *Object, at string) {
	n := 0
	for _, name := range []string{"Seconds", "SecondsPath", "Timestamp", "TimestampPath"} {
		if _, ok := o.Get(name); ok {
			n++
		}
	}
	if n != 1 {
		p.schema(at, "A Wait state must have exactly one of these fields: [Seconds, SecondsPath, Timestamp, TimestampPath]")
		return
	}
	s.Seconds = p.field(s, o, at, "Seconds", "whole")
	s.Timestamp = p.field(s, o, at, "Timestamp", "timestamp")
}

func (p *parser) parallel(s *State, o *Object, at string) {
	if !p.required(o, at, "Branches") {
		return
	}
	v, _ := o.Get("Branches")
	if list, ok := v.([]any); ok && len(list) == 0 {
		p.schema(at+"/Branches", "Value cannot be empty")
	}
	p.each(o, at, "Branches", func(e *Object, where string, _ bool) {
		p.known(e, where, []string{"Comment", "StartAt", "States", "QueryLanguage"})
		s.Branches = append(s.Branches, p.machine(e, where, s.JSONata && p.inherits(o)))
	})
}

// inherits tells whether the inner states of a state speak its language: they do not if the state alone switched to JSONata.
func (p *parser) inherits(o *Object) bool {
	_, own := o.Get("QueryLanguage")
	return !own
}

func (p *parser) mapState(s *State, o *Object, at string) {
	raw, ok := o.Get("ItemProcessor")
	where := at + "/ItemProcessor"
	if !ok {
		if raw, ok = o.Get("Iterator"); !ok {
			p.schema(at, "These fields are required: [ItemProcessor]")
			return
		}
		where = at + "/Iterator"
	}
	processor, ok := raw.(*Object)
	if !ok {
		p.schema(where, "Expected value of type Object")
		return
	}
	p.known(processor, where, []string{"Comment", "StartAt", "States", "ProcessorConfig", "QueryLanguage"})
	s.Processor = p.machine(processor, where, s.JSONata && p.inherits(o))
	if c, ok := processor.Get("ProcessorConfig"); ok {
		config, _ := c.(*Object)
		s.Processor.Distributed = p.oneOf(config, where+"/ProcessorConfig", "Mode", "INLINE", "DISTRIBUTED") == "DISTRIBUTED"
		s.Processor.ExecutionType = p.oneOf(config, where+"/ProcessorConfig", "ExecutionType", "STANDARD", "EXPRESS")
	}
	p.items(s, o, at)
	s.MaxConcurrency = p.field(s, o, at, "MaxConcurrency", "whole")
	s.ToleratedCount = p.field(s, o, at, "ToleratedFailureCount", "whole")
	s.ToleratedPercentage = p.field(s, o, at, "ToleratedFailurePercentage", "percentage")
	if _, ok := o.Get("Label"); ok {
		s.Label = p.str(o, at, "Label")
		p.label(s.Label, at+"/Label")
	}
	s.Reader = p.reader(s, o, at)
	s.Batcher = p.batcher(s, o, at)
	s.Writer = p.writer(s, o, at)
}

func (p *parser) items(s *State, o *Object, at string) {
	if v, ok := o.Get("Items"); ok && s.JSONata {
		s.Items = p.queryTemplate(v, at+"/Items", "Items")
	}
	if _, ok := o.Get("ItemsPath"); ok && !s.JSONata {
		expr, err := parsePathExpr(p.str(o, at, "ItemsPath"))
		if err != nil {
			p.schema(at+"/ItemsPath", "Value is not a Reference Path: The reference path is not a valid JSONPath")
		}
		s.ItemsPath = expr
	}
	name := "ItemSelector"
	v, ok := o.Get(name)
	if !ok && !s.JSONata {
		name = "Parameters" // the old name
		v, ok = o.Get(name)
	}
	if !ok {
		return
	}
	if s.JSONata {
		s.ItemSelector = p.queryTemplate(v, at+"/"+name, name)
	} else {
		s.ItemSelector = p.pathTemplate(v, at+"/"+name)
	}
	s.Parameters = nil
}

// forbidden are the characters that labels must not have.
const forbidden = "<>{}[]?*\"#%\\^|~`$&,;:/ "

func (p *parser) label(label, at string) {
	switch {
	case label == "":
		p.schema(at, "Label cannot be empty")
	case len([]rune(label)) > 40:
		p.schema(at, "Label cannot exceed 40 characters")
	}
	for _, r := range label {
		if r < 0x20 || r >= 0x7f && r <= 0x9f || strings.ContainsRune(forbidden, r) || r == '\t' {
			p.schema(at, "Label contains invalid character: '%c'", r)
			return
		}
	}
}

// args reads Parameters or Arguments of a reader or writer.
func (p *parser) args(s *State, o *Object, at string) *Template {
	if s.JSONata {
		if v, ok := o.Get("Arguments"); ok {
			return p.queryTemplate(v, at+"/Arguments", "Arguments")
		}
		return nil
	}
	if v, ok := o.Get("Parameters"); ok {
		return p.pathTemplate(v, at+"/Parameters")
	}
	return nil
}

func (p *parser) part(o *Object, at, name string) (*Object, string) {
	v, ok := o.Get(name)
	if !ok {
		return nil, ""
	}
	part, ok := v.(*Object)
	if !ok {
		p.schema(at+"/"+name, "Expected value of type Object")
		return nil, ""
	}
	return part, at + "/" + name
}

func (p *parser) reader(s *State, o *Object, at string) *Reader {
	part, where := p.part(o, at, "ItemReader")
	if part == nil || !p.required(part, where, "Resource") {
		return nil
	}
	r := &Reader{Resource: p.str(part, where, "Resource"), Args: p.args(s, part, where)}
	config, where := p.part(part, where, "ReaderConfig")
	if config == nil {
		return r
	}
	r.Input = p.oneOf(config, where, "InputType", "CSV", "JSON", "JSONL", "MANIFEST", "PARQUET")
	r.Header = p.oneOf(config, where, "CSVHeaderLocation", "FIRST_ROW", "GIVEN")
	r.Delim = p.oneOf(config, where, "CSVDelimiter", "COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB")
	v, _ := config.Get("CSVHeaders")
	headers, _ := v.([]any)
	for _, h := range headers {
		name, _ := h.(string)
		r.Headers = append(r.Headers, name)
	}
	r.MaxItems = p.field(s, config, where, "MaxItems", "any")
	r.Flatten = p.oneOf(config, where, "Transformation", "NONE", "LOAD_AND_FLATTEN") == "LOAD_AND_FLATTEN"
	r.Manifest = p.oneOf(config, where, "ManifestType", "ATHENA_DATA", "S3_INVENTORY")
	if r.Pointer = p.str(config, where, "ItemsPointer"); r.Pointer != "" && r.Pointer[0] != '/' {
		p.schema(where+"/ItemsPointer", "Value is not a valid JSON Pointer")
	}
	switch {
	case r.Flatten && r.Input == "":
		p.schema(where, "These fields are required: [InputType]")
	case r.Manifest == "S3_INVENTORY" && r.Input != "" && r.Input != "CSV":
		p.schema(where, "Only one of these fields can be given: [ManifestType, InputType]")
	}
	return r
}

func (p *parser) batcher(s *State, o *Object, at string) *Batcher {
	part, where := p.part(o, at, "ItemBatcher")
	if part == nil {
		return nil
	}
	b := &Batcher{MaxItems: p.field(s, part, where, "MaxItemsPerBatch", "positive"), MaxBytes: p.field(s, part, where, "MaxInputBytesPerBatch", "positive")}
	if v, ok := part.Get("BatchInput"); ok {
		if s.JSONata {
			b.Input = p.queryTemplate(v, where+"/BatchInput", "ItemBatcher/BatchInput")
		} else {
			b.Input = p.pathTemplate(v, where+"/BatchInput")
		}
	}
	return b
}

func (p *parser) writer(s *State, o *Object, at string) *Writer {
	part, where := p.part(o, at, "ResultWriter")
	if part == nil {
		return nil
	}
	w := &Writer{Resource: p.str(part, where, "Resource"), Args: p.args(s, part, where)}
	if config, where := p.part(part, where, "WriterConfig"); config != nil {
		w.Transformation = p.oneOf(config, where, "Transformation", "NONE", "COMPACT", "FLATTEN")
		w.OutputType = p.oneOf(config, where, "OutputType", "JSON", "JSONL")
	}
	return w
}
