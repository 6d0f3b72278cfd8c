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
	mine, other, language, needed := lists[1], lists[2], "JSONPath", "JSONata"
	if s.JSONata {
		mine, other, language, needed = other, mine, needed, language
	}
	for _, name := range o.Names() {
		switch {
		case name == "Type" || name == "Comment" || name == "QueryLanguage":
		case slices.Contains(lists[0], name) || slices.Contains(mine, name):
		case slices.Contains(other, name):
			p.schema(at+"/"+name, "The QueryLanguage is set to '%s', but field '%s' is only supported for the '%s' QueryLanguage", language, name, needed)
		default:
			p.unsupported(at, name)
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
		p.schema(at, "There should only be one of the following fields: [Next, End]")
	case !hasNext && !s.End:
		p.schema(at, "This object should have only one of the following fields: [Next, End]")
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
	p.warnings(s, o, at)
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
		p.schema(at+"/"+name, "Value must be a valid JSONPath.")
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
		if bare == "states" {
			p.report("RESERVED_VARIABLE_NAME", at+"/Assign", "Cannot assign to reserved variable '$states'.")
		} else if !variableName.MatchString(bare) {
			p.report("INVALID_VARIABLE_NAME", at+"/Assign", "Invalid variable name '%s': the variable name contains invalid characters.", bare)
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
		p.only(o, at, name, name+"Path")
	case hasPath:
		text, _ := path.(string)
		expr, err := ParseExpr(text)
		if err != nil || expr.IsCall() && kind != "string" {
			p.notReference(at+"/"+name+"Path", text)
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
		if f, ok := floatOf(v); !ok {
			p.schema(at, "Expected value of type Integer")
		} else {
			p.between(at, f, 0, 100)
		}
	case "any":
		if _, ok := intOf(v); !ok {
			p.schema(at, "Expected value of type Integer")
		}
	default: // the least that a whole number may be
		n, ok := intOf(v)
		least := 0.0
		if kind == "positive" {
			least = 1
		}
		if !ok {
			p.schema(at, "Expected value of type Integer")
			return
		}
		p.between(at, float64(n), least, 99999999)
	}
}

func (p *parser) between(at string, v, least, most float64) {
	switch {
	case v < least:
		p.schema(at, "Minimum value is %v", int64(least))
	case v > most:
		p.schema(at, "Maximum value is %v", int64(most))
	}
}

// notReference reports a path that is no reference path.
func (p *parser) notReference(at, text string) {
	if !strings.HasPrefix(text, "$") {
		p.schema(at, "Value is not a Reference Path: Reference path didn't start with '$'")
		return
	}
	p.schema(at, "Value is not a Reference Path: The reference path is not a valid JSONPath")
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
		if r, known := ParseResource(s.Resource); known && r.Kind == ResourceActivity {
			p.schema(at+"/Credentials", "The field 'Credentials' is not supported for activities")
		}
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
	if !p.one(o, at, "SecondsPath", "Seconds", "TimestampPath", "Timestamp") {
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
