package template

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Limits of CloudFormation.
const (
	MaxResources  = 500
	MaxParameters = 200
	MaxOutputs    = 200
	MaxMappings   = 200
)

// A Template is a document whose structure has been checked.
type Template struct {
	*Document
	Description string
	Transforms  []string
	Metadata    any
	Parameters  []*Parameter
	Conditions  map[string]any
	Mappings    map[string]any
	Rules       map[string]any
	Resources   map[string]*Resource
	Outputs     []*Output
}

// A Resource is one member of Resources as it was written, its functions not resolved.
type Resource struct {
	ID                  string
	Type                string
	Properties          map[string]any
	DependsOn           []string
	Condition           string
	DeletionPolicy      string
	UpdateReplacePolicy string
	Metadata            any
	Position            Position
}

// An Output is one member of Outputs as it was written.
type Output struct {
	Name        string
	Description string
	Value       any
	Export      any // the value of Export.Name, or nil
	Condition   string
}

var (
	alphanumeric = regexp.MustCompile(`^[a-zA-Z0-9]+$`)
	sections     = []string{
		"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Rules", "Mappings", "Conditions", "Transform", "Resources", "Outputs", "Hooks",
	}
	resourceMembers = []string{
		"Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy", "UpdatePolicy", "CreationPolicy", "Metadata", "Version",
	}
	deletionPolicies = []string{"Delete", "Retain", "RetainExceptOnCreate", "Snapshot"}
)

// New checks the structure of a document without macros, and returns it as a template: every section's form, every
// function's arguments, and that whatever is referred to exists.
func New(d *Document) (*Template, error) {
	t := &Template{Document: d, Metadata: d.Root["Metadata"], Resources: map[string]*Resource{}}
	var unknown []string
	for _, k := range d.Keys() {
		if !slices.Contains(sections, k) {
			unknown = append(unknown, k)
		}
	}
	if len(unknown) > 0 {
		return nil, errorAt(d.At(unknown[0]), "Invalid template property or properties [%s]", strings.Join(unknown, ", "))
	}
	for _, read := range []func() error{t.readHead, t.readParameters, t.readMappings, t.readConditions, t.readResources, t.readOutputs} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return t, newChecker(t).template()
}

func (t *Template) readHead() error {
	if v, ok := t.Root["AWSTemplateFormatVersion"]; ok {
		if s, _ := scalarText(v); s != "2010-09-09" {
			return errorAt(t.At("AWSTemplateFormatVersion"), "Template format error: %s is not a supported value for AWSTemplateFormatVersion.", text(v))
		}
	}
	if v, ok := t.Root["Description"]; ok && v != nil {
		s, isString := v.(string)
		if !isString {
			return errorAt(t.At("Description"), "Template format error: Description must be a string.")
		}
		if len(s) > 1024 {
			return errorAt(t.At("Description"), "Template format error: 'Description' length is greater than 1024.")
		}
		t.Description = s
	}
	var err error
	t.Transforms, err = Transforms(t.Document)
	return err
}

// Transforms returns the names of a document's macros in the order in which they are applied.
func Transforms(d *Document) ([]string, error) {
	v, ok := d.Root["Transform"]
	if !ok || v == nil {
		return nil, nil
	}
	list, isList := v.([]any)
	if !isList {
		list = []any{v}
	}
	var names []string
	for _, e := range list {
		switch e := e.(type) {
		case string:
			names = append(names, e)
		case map[string]any:
			name, ok := e["Name"].(string)
			if !ok {
				return nil, errorAt(d.At("Transform"), "Key Name of transform definition must be a string.")
			}
			names = append(names, name)
		default:
			return nil, errorAt(d.At("Transform"), "Template format error: Transform must be a string or a list of strings.")
		}
	}
	return names, nil
}

func (t *Template) readMappings() error {
	m, err := t.section("Mappings")
	if err != nil {
		return err
	}
	t.Mappings = m
	if len(m) > MaxMappings {
		return errorAt(t.At("Mappings"), "Template format error: Number of mappings, %d, is greater than maximum allowed, %d", len(m), MaxMappings)
	}
	for _, name := range t.Keys("Mappings") {
		if name == "Fn::Transform" {
			continue
		}
		top, ok := m[name].(map[string]any)
		if !ok {
			return errorAt(t.At("Mappings", name), "Template format error: Every Mappings member %s must be a map", name)
		}
		for _, k := range t.Keys("Mappings", name) {
			second, ok := top[k].(map[string]any)
			if !ok {
				return errorAt(t.At("Mappings", name, k), "Template format error: Every Mappings member %s must be a map", k)
			}
			for attr, v := range second {
				if _, isMap := v.(map[string]any); isMap {
					return errorAt(t.At("Mappings", name, k, attr), "Template format error: Every Mappings attribute must be a String or a List.")
				}
			}
		}
	}
	return nil
}

func (t *Template) readConditions() error {
	var err error
	if t.Conditions, err = t.section("Conditions"); err != nil {
		return err
	}
	t.Rules, err = t.section("Rules")
	return err
}

// section returns a member of the template that must be a map.
func (t *Template) section(name string) (map[string]any, error) {
	v, ok := t.Root[name]
	if !ok {
		return nil, nil
	}
	if v == nil {
		return nil, errorAt(t.At(name), "[/%s] 'null' values are not allowed in templates", name)
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errorAt(t.At(name), "Template format error: %s must be an object.", name)
	}
	return m, nil
}

func (t *Template) readResources() error {
	if v, ok := t.Root["Resources"]; ok {
		if _, isMap := v.(map[string]any); !isMap {
			return errorAt(t.At("Resources"), "Template format error: Any Resources member must be an object.")
		}
	}
	ids := t.Keys("Resources")
	if len(ids) == 0 {
		return errorAt(Position{}, "Template format error: At least one Resources member must be defined.")
	}
	if len(ids) > MaxResources {
		return errorAt(t.At("Resources"), "Template format error: Number of resources, %d, is greater than maximum allowed, %d", len(ids), MaxResources)
	}
	for _, id := range ids {
		r, err := t.readResource(id)
		if err != nil {
			return err
		}
		t.Resources[id] = r
	}
	return nil
}

func (t *Template) readResource(id string) (*Resource, error) {
	at := t.At("Resources", id)
	if !alphanumeric.MatchString(id) {
		return nil, errorAt(at, "Template format error: Resource name %s is non alphanumeric.", id)
	}
	raw := t.Root["Resources"].(map[string]any)[id]
	if raw == nil {
		return nil, errorAt(at, "[/Resources/%s] 'null' values are not allowed in templates", id)
	}
	m, ok := raw.(map[string]any)
	if !ok {
		return nil, errorAt(at, "Template format error: [/Resources/%s] Any Resources member must be an object.", id)
	}
	for _, k := range t.Keys("Resources", id) {
		if !slices.Contains(resourceMembers, k) {
			return nil, errorAt(t.At("Resources", id, k), "Invalid template resource property '%s'", k)
		}
		if m[k] == nil {
			return nil, errorAt(t.At("Resources", id, k), "[/Resources/%s/%s] 'null' values are not allowed in templates", id, k)
		}
	}
	r := &Resource{ID: id, Properties: map[string]any{}, Metadata: m["Metadata"], Position: at}
	if r.Type, ok = m["Type"].(string); !ok {
		return nil, errorAt(at, "Template format error: [/Resources/%s] Every Resources object must contain a Type member.", id)
	}
	if p, has := m["Properties"]; has {
		if r.Properties, ok = p.(map[string]any); !ok {
			return nil, errorAt(t.At("Resources", id, "Properties"), "Template format error: [/Resources/%s/Properties] Every Properties member must be an object.", id)
		}
	}
	return r, t.readAttributes(r, m)
}

func (t *Template) readAttributes(r *Resource, m map[string]any) error {
	bad := func(member, want string) error {
		return errorAt(t.At("Resources", r.ID, member), "Template format error: Every %s member must be %s.", member, want)
	}
	switch d := m["DependsOn"].(type) {
	case nil:
	case string:
		r.DependsOn = []string{d}
	case []any:
		for _, e := range d {
			s, ok := e.(string)
			if !ok {
				return bad("DependsOn", "a string")
			}
			r.DependsOn = append(r.DependsOn, s)
		}
	default:
		return bad("DependsOn", "a string or a list of strings")
	}
	var ok bool
	if c, has := m["Condition"]; has {
		if r.Condition, ok = c.(string); !ok {
			return bad("Condition", "a string")
		}
	}
	for member, into := range map[string]*string{"DeletionPolicy": &r.DeletionPolicy, "UpdateReplacePolicy": &r.UpdateReplacePolicy} {
		p, has := m[member]
		if !has {
			continue
		}
		if *into, ok = p.(string); !ok {
			return bad(member, "a string")
		}
		if !slices.Contains(deletionPolicies, *into) {
			return errorAt(t.At("Resources", r.ID, member), "Template error: Unrecognized %s %s for resource %s", member, *into, r.ID)
		}
	}
	return nil
}

func (t *Template) readOutputs() error {
	outputs, err := t.section("Outputs")
	if err != nil {
		return err
	}
	if len(outputs) > MaxOutputs {
		return errorAt(t.At("Outputs"), "Template format error: Number of outputs, %d, is greater than maximum allowed, %d", len(outputs), MaxOutputs)
	}
	for _, name := range t.Keys("Outputs") {
		m, ok := outputs[name].(map[string]any)
		if !ok {
			return errorAt(t.At("Outputs", name), "Template format error: Every Outputs member must contain a Value object")
		}
		if !alphanumeric.MatchString(name) {
			return errorAt(t.At("Outputs", name), "Template format error: Output name %s is non alphanumeric.", name)
		}
		o := &Output{Name: name}
		if o.Value, ok = m["Value"]; !ok {
			return errorAt(t.At("Outputs", name), "Template format error: Every Outputs member must contain a Value object")
		}
		if o.Value == nil {
			return errorAt(t.At("Outputs", name, "Value"), "[/Outputs/%s/Value] 'null' values are not allowed in templates", name)
		}
		o.Description, _ = m["Description"].(string)
		if c, has := m["Condition"]; has {
			if o.Condition, ok = c.(string); !ok {
				return errorAt(t.At("Outputs", name, "Condition"), "Template format error: Every Condition member must be a string.")
			}
		}
		if e, has := m["Export"]; has {
			export, _ := e.(map[string]any)
			if o.Export = export["Name"]; o.Export == nil {
				return errorAt(t.At("Outputs", name, "Export"), "Template format error: Output %s is malformed. The Name field of every Export member must be specified.", name)
			}
		}
		t.Outputs = append(t.Outputs, o)
	}
	return nil
}

// scalarText returns the text of a string, number or boolean.
func scalarText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		if v {
			return "true", true
		}
		return "false", true
	case float64, int, int64:
		return fmt.Sprint(v), true
	}
	return "", false
}

// text returns any value as text, for messages.
func text(v any) string {
	if s, ok := scalarText(v); ok {
		return s
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}
