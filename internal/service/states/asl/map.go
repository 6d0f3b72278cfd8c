package asl

import (
	"slices"
	"strings"
)

func (p *parser) mapState(s *State, o *Object, at string) {
	if !p.one(o, at, "ItemProcessor", "Iterator") {
		return
	}
	raw, ok := o.Get("ItemProcessor")
	where := at + "/ItemProcessor"
	if !ok {
		raw, _ = o.Get("Iterator")
		where = at + "/Iterator"
	}
	processor, ok := raw.(*Object)
	if !ok {
		p.schema(where, "Expected value of type Object")
		return
	}
	p.known(processor, where, []string{"Comment", "StartAt", "States", "ProcessorConfig", "QueryLanguage"})
	s.Processor = p.machine(processor, where, s.JSONata && p.inherits(o))
	if config, where := p.part(processor, where, "ProcessorConfig"); config != nil {
		p.processorConfig(s.Processor, config, where)
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

// processorConfig reads how a Map state's iterations run.
func (p *parser) processorConfig(m *Machine, config *Object, at string) {
	m.Distributed = p.oneOf(config, at, "Mode", "INLINE", "DISTRIBUTED") == "DISTRIBUTED"
	_, typed := config.Get("ExecutionType")
	switch {
	case m.Distributed && p.options.Express:
		p.schema(at+"/Mode", "The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines")
	case m.Distributed:
		p.required(config, at, "ExecutionType")
	case typed:
		p.unsupported(at, "ExecutionType")
	}
	m.ExecutionType = p.oneOf(config, at, "ExecutionType", "STANDARD", "EXPRESS")
}

// forbidden are the characters that labels must not have.
const forbidden = "<>{}[]?*\"#%\\^|~`$&,;:/ "

func (p *parser) label(label, at string) {
	switch {
	case label == "":
		p.report("INVALID_LABEL_NAME", at, "Label cannot be empty")
	case len([]rune(label)) > 40:
		p.report("INVALID_LABEL_NAME", at, "Label '%s' exceeds the 40-character limit allowed by the service", label)
	case p.labels[label]:
		p.report("DUPLICATE_LABEL_NAME", at, "Duplicate Label name: %s", label)
	}
	p.labels[label] = true
	for _, r := range label {
		if r < 0x20 || r >= 0x7f && r <= 0x9f || strings.ContainsRune(forbidden, r) || r == '\t' {
			p.report("INVALID_LABEL_NAME", at, "Label contains invalid character: '%c'", r)
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
	if action, ok := s3Action(r.Resource); !ok || action != "getObject" && action != "listObjectsV2" {
		p.schema(where+"/Resource", "The field 'Resource' does not match any of the allowed values")
	}
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
	p.readerConfig(r, config, where)
	return r
}

// readerConfig checks what belongs together in an ItemReader.
func (p *parser) readerConfig(r *Reader, config *Object, at string) {
	_, headed := config.Get("CSVHeaderLocation")
	switch {
	case r.Flatten && r.Input == "":
		p.required(config, at, "InputType")
	case r.Manifest == "S3_INVENTORY" && r.Input != "":
		p.only(config, at, "ManifestType", "InputType")
	case r.Input == "CSV" && !headed && r.Manifest == "":
		p.schema(at, "The field 'CSVHeaderLocation' is required")
	case headed && (r.Input == "JSON" || r.Input == "JSONL" || r.Input == "PARQUET"):
		p.unsupported(at, "CSVHeaderLocation")
	}
	if r.Header == "GIVEN" {
		p.required(config, at, "CSVHeaders")
	}
}

// s3Action returns the action of S3 that a reader or writer names.
func s3Action(resource string) (string, bool) {
	parts := strings.SplitN(resource, ":", 3)
	if len(parts) < 3 || parts[0] != "arn" {
		return "", false
	}
	return strings.CutPrefix(parts[2], "states:::s3:")
}

func (p *parser) batcher(s *State, o *Object, at string) *Batcher {
	part, where := p.part(o, at, "ItemBatcher")
	if part == nil {
		return nil
	}
	names := []string{"MaxItemsPerBatch", "MaxInputBytesPerBatch"}
	if !s.JSONata {
		names = append(names, "MaxItemsPerBatchPath", "MaxInputBytesPerBatchPath")
	}
	p.known(part, where, append([]string{"BatchInput"}, names...))
	if !slices.ContainsFunc(names, func(name string) bool { _, ok := part.Get(name); return ok }) {
		p.schema(where, "This object should have at least one of the following fields: [%s]", strings.Join(names, ", "))
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
	if _, ok := part.Get("WriterConfig"); !ok {
		p.required(part, where, "Resource")
	}
	w := &Writer{Resource: p.str(part, where, "Resource"), Args: p.args(s, part, where)}
	if action, ok := s3Action(w.Resource); w.Resource != "" && (!ok || action != "putObject") {
		p.schema(where+"/Resource", "The field 'Resource' does not match any of the allowed values")
	}
	if config, where := p.part(part, where, "WriterConfig"); config != nil {
		w.Transformation = p.oneOf(config, where, "Transformation", "NONE", "COMPACT", "FLATTEN")
		w.OutputType = p.oneOf(config, where, "OutputType", "JSON", "JSONL")
	}
	return w
}
