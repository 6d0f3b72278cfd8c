package sam

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

// Name is the transform's name.
const Name = "AWS::Serverless-2016-10-31"

// Env is what the transform knows of the place of the deployment.
type Env struct {
	Account, Region, Partition string
	Parameters                 map[string]any // what a Ref to each parameter is

	// ManagedPolicy returns the ARN of AWS's managed policy of this name; nil means ManagedPolicyARN.
	ManagedPolicy func(name string) (arn string, ok bool)
}

// An Error is a document that the transform refuses.
type Error struct {
	Causes []string // one sentence or more each, in AWS's words
	template.Position
}

// Message returns AWS's text, without the name of the transform.
func (e *Error) Message() string {
	return fmt.Sprintf("Invalid Serverless Application Specification document. Number of errors found: %d. %s", len(e.Causes), strings.Join(e.Causes, " "))
}

// Reason returns what CloudFormation says of the failure.
func (e *Error) Reason() string {
	return "Transform " + Name + " failed with: " + e.Message()
}

// Error returns the reason with the place, for people.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Reason()
	}
	return fmt.Sprintf("%s (line %d, column %d)", e.Reason(), e.Line, e.Column)
}

// A cause is one error in a document. id is what AWS sorts by: the logical id of a resource or an event.
type cause struct {
	id, text string
	resource string // where to point to, if not id
}

func (c *cause) Error() string { return c.text }

func invalidResource(id, format string, args ...any) *cause {
	return &cause{id: id, text: fmt.Sprintf("Resource with id [%s] is invalid. %s", id, fmt.Sprintf(format, args...))}
}

func invalidEvent(id, format string, args ...any) *cause {
	return &cause{id: id, text: fmt.Sprintf("Event with id [%s] is invalid. %s", id, fmt.Sprintf(format, args...))}
}

func invalidTemplate(format string, args ...any) *cause {
	return &cause{text: "Structure of the SAM template is invalid. " + fmt.Sprintf(format, args...)}
}

// A made is one resource of CloudFormation that the transform makes.
type made struct {
	id, typ    string
	properties map[string]any
	attributes map[string]any // DependsOn, Condition, DeletionPolicy, ...
}

// set sets a property unless v is nil.
func (m *made) set(name string, v any) {
	if v != nil {
		m.properties[name] = v
	}
}

func (m *made) resource() map[string]any {
	r := map[string]any{"Type": m.typ, "Properties": m.properties}
	for k, v := range m.attributes {
		if v != nil {
			r[k] = v
		}
	}
	return r
}

// A macro is one resource of a type of SAM, while it is written out.
type macro struct {
	*transformer
	id         string
	typ        string
	properties map[string]any
	attributes map[string]any // those that its own resource gets
	dependsOn  any
}

// new returns a resource that belongs to m.
func (m *macro) new(id, typ string, attributes map[string]any) *made {
	return &made{id: id, typ: typ, properties: map[string]any{}, attributes: maps.Clone(attributes)}
}

// own returns m's main resource: it has all attributes.
func (m *macro) own(id, typ string) *made {
	r := m.new(id, typ, m.attributes)
	if r.attributes == nil {
		r.attributes = map[string]any{}
	}
	if m.dependsOn != nil {
		r.attributes["DependsOn"] = m.dependsOn
	}
	return r
}

// passed returns the attributes that every resource of m gets.
func (m *macro) passed() map[string]any {
	all := map[string]any{}
	for _, name := range []string{"Condition", "DeletionPolicy", "UpdateReplacePolicy"} {
		if v, ok := m.attributes[name]; ok {
			all[name] = v
		}
	}
	return all
}

// A transformer works on one document.
type transformer struct {
	env        Env
	doc        *template.Document
	parameters map[string]any
	conditions map[string]any
	original   map[string]map[string]any // resources as they were given, with Globals
	out        map[string]any            // resources as they will be
	renamed    map[string]string
	referable  map[string]map[string]string // by logical id and property, the logical id it stands for
	deploys    []*preference
	sets       map[string]*made // record set groups by id
	embedded   []string         // connectors that other resources carry
	causes     []*cause
}

// attributes that a resource of SAM passes to its main resource.
var supportedAttributes = []string{"DeletionPolicy", "UpdatePolicy", "Condition", "UpdateReplacePolicy", "Metadata"}

// order in which types are written out: events change other resources.
var order = map[string]int{
	"AWS::Serverless::Function": 0, "AWS::Serverless::StateMachine": 1, "AWS::Serverless::WebSocketApi": 2, "AWS::Serverless::SimpleTable": 3,
	"AWS::Serverless::LayerVersion": 3, "AWS::Serverless::Connector": 4,
}

// Transform writes the types of SAM in d out. What it refuses is an *Error.
func Transform(d *template.Document, env Env) (*template.Document, error) {
	t := &transformer{
		env: env, doc: d, renamed: map[string]string{}, referable: map[string]map[string]string{}, sets: map[string]*made{},
		original: map[string]map[string]any{}, out: map[string]any{},
	}
	root := maps.Clone(d.Root)
	if c := t.read(root); c != nil {
		return nil, t.failed(c)
	}
	ids := append(d.Keys("Resources"), t.embedded...)
	slices.SortStableFunc(ids, func(a, b string) int { return t.orderOf(a) - t.orderOf(b) })
	for _, id := range ids {
		if err := t.one(id); err != nil {
			t.causes = append(t.causes, err)
		}
	}
	if err := t.deployments(); err != nil {
		t.causes = append(t.causes, err)
	}
	if len(t.causes) > 0 {
		return nil, t.failed(t.causes...)
	}
	root["Resources"] = t.out
	if len(t.conditions) > 0 {
		root["Conditions"] = t.conditions
	}
	delete(root, "Globals")
	delete(root, "Transform")
	return d.Derive(t.rewrite(root).(map[string]any)), nil
}

func (t *transformer) orderOf(id string) int {
	typ, _ := t.original[id]["Type"].(string)
	if n, ok := order[typ]; ok {
		return n
	}
	return 5
}

// failed makes one error of causes.
func (t *transformer) failed(causes ...*cause) *Error {
	slices.SortStableFunc(causes, func(a, b *cause) int { return strings.Compare(a.id, b.id) })
	e := &Error{}
	for _, c := range causes {
		if slices.Contains(e.Causes, c.text) {
			continue
		}
		e.Causes = append(e.Causes, c.text)
		if e.Line == 0 {
			id := c.resource
			if id == "" {
				id = c.id
			}
			e.Position = t.doc.At("Resources", id)
			if id == "Globals" || id == "" {
				e.Position = t.doc.At(id)
			}
		}
	}
	return e
}

// read checks the frame of the document, and merges Globals into its resources.
func (t *transformer) read(root map[string]any) *cause {
	for _, section := range []string{"Mappings", "Parameters"} {
		if v, has := root[section]; has {
			if _, ok := v.(map[string]any); !ok {
				return invalidTemplate("'Mappings' or 'Parameters' is either null or not a valid dictionary.")
			}
		}
	}
	resources, ok := root["Resources"].(map[string]any)
	if !ok || len(resources) == 0 {
		return invalidTemplate("'Resources' section is required")
	}
	for _, id := range t.doc.Keys("Resources") {
		r, ok := resources[id].(map[string]any)
		if !ok {
			return invalidTemplate("All 'Resources' must be Objects. If you're using YAML, this may be an indentation issue.")
		}
		t.original[id] = r
	}
	for _, id := range t.doc.Keys("Resources") {
		if p, has := t.original[id]["Properties"]; has && t.serverless(id) {
			if _, isMap := p.(map[string]any); !isMap {
				return invalidResource(id, "Attribute 'Properties' should be a map.")
			}
		}
	}
	if c := t.embeddedConnectors(); c != nil {
		return c
	}
	t.parameters = t.parameterValues(root)
	if c, ok := root["Conditions"].(map[string]any); ok {
		t.conditions = maps.Clone(c)
	} else {
		t.conditions = map[string]any{}
	}
	if c := t.globals(root); c != nil {
		return c
	}
	for _, id := range t.doc.Keys("Resources") {
		if c, has := t.original[id]["Condition"]; has && t.serverless(id) {
			if _, ok := c.(string); !ok {
				return invalidTemplate("Every Condition member must be a string.")
			}
		}
		t.out[id] = t.original[id]
	}
	for _, id := range t.embedded {
		t.out[id] = t.original[id]
	}
	return nil
}

// serverless reports whether a resource has a type that the transform knows.
func (t *transformer) serverless(id string) bool {
	typ, _ := t.original[id]["Type"].(string)
	_, ok := order[typ]
	return ok
}

// The types are written out one after the other, connectors last: they look at what the others have become.

// one writes one resource out.
func (t *transformer) one(id string) *cause {
	r := t.original[id]
	typ, _ := r["Type"].(string)
	if _, ok := order[typ]; !ok {
		return nil
	}
	if !alphanumeric(id) {
		return invalidResource(id, "Logical ids must be alphanumeric.")
	}
	properties, _ := r["Properties"].(map[string]any)
	m := &macro{transformer: t, id: id, typ: typ, properties: clone(properties).(map[string]any), attributes: map[string]any{}, dependsOn: r["DependsOn"]}
	for _, name := range supportedAttributes {
		if v, has := r[name]; has {
			m.attributes[name] = v
		}
	}
	all, err := m.expand()
	if err != nil {
		if err.resource == "" {
			err.resource = id
		}
		return err
	}
	delete(t.out, id)
	for _, res := range all {
		if _, taken := t.original[res.id]; taken && res.id != id && !t.mayReplace(res) {
			return &cause{id: id, text: fmt.Sprintf("Transforming resource with id [%s] attempts to create a new resource with id [%s] and type %q. A resource with that id already exists within this template. Please use a different id for that resource.", id, res.id, res.typ)}
		}
		t.out[res.id] = res.resource()
	}
	return nil
}

// mayReplace reports whether the transform may write over a resource of the template: buckets get their notifications.
func (t *transformer) mayReplace(res *made) bool {
	typ, _ := t.original[res.id]["Type"].(string)
	return typ == res.typ && typ == "AWS::S3::Bucket"
}

// expand returns the resources that m stands for.
func (m *macro) expand() ([]*made, *cause) {
	if m.typ == "AWS::Serverless::Function" || m.typ == "AWS::Serverless::StateMachine" {
		if c := m.policyTemplates(); c != nil {
			return nil, c
		}
	}
	if c := m.check(schemas[m.typ], m.id, m.typ, m.properties, []string{"Resources", m.id, "Properties"}); c != nil {
		return nil, c
	}
	switch m.typ {
	case "AWS::Serverless::Function":
		return m.function()
	case "AWS::Serverless::SimpleTable":
		return m.table()
	case "AWS::Serverless::LayerVersion":
		return m.layer()
	case "AWS::Serverless::StateMachine":
		return m.stateMachine()
	case "AWS::Serverless::WebSocketApi":
		return m.webSocketAPI()
	}
	return m.connector()
}

// refer lets other parts of the template say id.Property for the first resource of each type.
func (m *macro) refer(all []*made, properties map[string]string) {
	for property, typ := range properties {
		for _, r := range all {
			if r.typ == typ {
				if m.referable[m.id] == nil {
					m.referable[m.id] = map[string]string{}
				}
				m.referable[m.id][property] = r.id // AWS: the last one counts
			}
		}
	}
}

func alphanumeric(s string) bool {
	for _, r := range s {
		if !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
			return false
		}
	}
	return s != ""
}

// clone returns a deep copy of a value.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = clone(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = clone(e)
		}
		return l
	}
	return v
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
