package cloudformation

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

// knownAfterApply is how a change set writes a value that is known only when the change has been made.
const knownAfterApply = "{{changeSet:KNOWN_AFTER_APPLY}}"

// A change is what an operation would do to one resource.
type change struct {
	Action       string // "Add", "Modify", "Remove"
	LogicalID    string
	PhysicalID   string `json:",omitempty"`
	Type         string
	Replacement  string         `json:",omitempty"` // "True", "False", "Conditional"
	PolicyAction string         `json:",omitempty"`
	Scope        []string       `json:",omitempty"`
	Details      []changeDetail `json:",omitempty"`
	Before       string         `json:",omitempty"` // JSON
	After        string         `json:",omitempty"` // JSON
}

// A changeDetail is one reason of a change.
type changeDetail struct {
	Source     string // "DirectModification", ...
	Cause      string `json:",omitempty"`
	Evaluation string // "Static", "Dynamic"
	Attribute  string // "Properties", "Tags", "Metadata", ...
	Name       string `json:",omitempty"`
	Recreation string // "Never", "Always", "Conditionally"
	Kind       string `json:",omitempty"` // "Add", "Modify", "Remove"
	Before     string `json:",omitempty"`
	After      string `json:",omitempty"`
}

// A comparison finds what an update of a stack would change.
type comparison struct {
	s         *Service
	st        *stack // nil for a new stack
	now       *template.Evaluation
	old       *template.Template // nil for a new stack
	resources map[string]*resourceState
	given     map[string]bool // parameters whose values are new
	values    bool            // as with IncludePropertyValues

	replaced map[string]bool // resources that will be new, or may be
	modified map[string]bool
}

// compare returns what deploying p would change, sorted by logical id. st is nil for a new stack. AWS: there are two answers. Without
// values a change set also lists what may change because an attribute of another resource may; with values
// it takes such attributes as they are, and gives one more reason for what follows a replaced resource.
func (s *Service) compare(ctx context.Context, st *stack, p *prepared, values bool) ([]change, error) {
	c := &comparison{s: s, st: st, resources: map[string]*resourceState{}, given: map[string]bool{}, values: values, replaced: map[string]bool{}, modified: map[string]bool{}}
	var oldEval *template.Evaluation
	before := map[string]parameterValue{}
	if st != nil && st.Template != "" {
		text, err := s.templateOf(ctx, st.UUID, st.Template)
		if err != nil {
			return nil, err
		}
		if oldEval, err = s.evaluate(ctx, text, st, s.environment(ctx, st)); err != nil {
			return nil, err
		}
		c.old = oldEval.Template
		if c.resources, err = s.resourcesOf(ctx, st.UUID); err != nil {
			return nil, err
		}
		for _, v := range st.Parameters {
			before[v.Key] = v
		}
	}
	for _, v := range p.settings.Parameters {
		b, had := before[v.Key]
		if !had || b.Value != v.Value || b.Resolved != "" && b.Resolved != v.Resolved {
			c.given[v.Key] = true
		}
	}
	env := s.environment(ctx, &stack{ID: stackID(st), Name: stackNameOf(st), settings: p.settings})
	env.Parameters = parameterRefs(p.template.Parameters, p.settings.Parameters)
	env.Ref, env.GetAtt, env.Dynamic = c.ref, c.attribute, nil
	env.Import = func(name string) (any, error) { return s.imported(ctx, name) }
	c.now = p.evaluation.With(env)
	changes, err := c.changes(p)
	if err != nil {
		return nil, err
	}
	for id, res := range c.resources {
		if !res.live() || slices.Contains(c.now.Active(), id) {
			continue
		}
		removal, err := c.removal(oldEval, res)
		if err != nil {
			return nil, err
		}
		changes = append(changes, removal)
	}
	slices.SortFunc(changes, func(a, b change) int { return strings.Compare(a.LogicalID, b.LogicalID) })
	return changes, nil
}

func stackID(st *stack) string {
	if st == nil {
		return ""
	}
	return st.ID
}

func stackNameOf(st *stack) string {
	if st == nil {
		return ""
	}
	return st.Name
}

func (c *comparison) ref(id string) any {
	if res := c.resources[id]; res.live() && !c.replaced[id] {
		return res.ref()
	}
	return resource.Unknown
}

func (c *comparison) attribute(id, name string) (any, error) {
	if res := c.resources[id]; res.live() && !c.replaced[id] && (c.values || !c.modified[id]) {
		return res.attribute(name)
	}
	return resource.Unknown, nil
}

// changes looks at each resource of the new template, those first that others depend on.
func (c *comparison) changes(p *prepared) ([]change, error) {
	var all []change
	done := map[string]bool{}
	var visit func(id string) error
	visit = func(id string) error {
		if done[id] {
			return nil
		}
		done[id] = true
		for _, d := range c.now.Dependencies(id) {
			if err := visit(d); err != nil {
				return err
			}
		}
		ch, err := c.one(id, p.settings.Tags)
		if ch != nil {
			all = append(all, *ch)
		}
		return err
	}
	for _, id := range c.now.Active() {
		if err := visit(id); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// one returns the change of one resource of the new template, or nil.
func (c *comparison) one(id string, tags []tag) (*change, error) {
	def := c.now.Resources[id]
	properties, err := c.now.Properties(id)
	if err != nil {
		return nil, err
	}
	cur := c.resources[id]
	if !cur.live() {
		return &change{Action: "Add", LogicalID: id, Type: def.Type, After: propertyContext(properties)}, nil
	}
	ch := &change{
		Action: "Modify", LogicalID: id, PhysicalID: cur.PhysicalID, Type: def.Type, Replacement: "False",
		Before: propertyContext(cur.Properties), After: propertyContext(properties),
	}
	createOnly := c.s.typeOf(def.Type).CreateOnly()
	changed := changedProperties(known(cur.Properties), known(properties))
	if !slices.Equal(cur.Tags, tags) && !slices.Contains(changed, "Tags") && c.s.taggable(cur) {
		changed = append(changed, "Tags")
	}
	for _, name := range changed {
		fixed := slices.Contains(createOnly, name)
		details := c.details(id, name, cur.Properties, properties, fixed)
		for _, d := range details {
			switch {
			case !fixed:
			case d.Evaluation == "Static" || d.Source == "DirectModification":
				ch.Replacement = "True"
			case ch.Replacement == "False":
				ch.Replacement = "Conditional"
			}
		}
		ch.Details = append(ch.Details, details...)
		ch.scope(details[0].Attribute)
	}
	for attribute, differs := range map[string]bool{
		"Metadata":            !sameValue(cur.Metadata, def.Metadata),
		"DeletionPolicy":      cur.DeletionPolicy != def.DeletionPolicy,
		"UpdateReplacePolicy": cur.UpdateReplacePolicy != def.UpdateReplacePolicy,
	} {
		if differs {
			ch.Details = append(ch.Details, changeDetail{Source: "DirectModification", Evaluation: "Static", Attribute: attribute, Recreation: "Never"})
			ch.scope(attribute)
		}
	}
	if len(ch.Details) == 0 {
		return nil, nil
	}
	c.modified[id] = true
	if ch.Replacement != "False" {
		c.replaced[id] = true
		ch.PolicyAction = "ReplaceAndDelete"
		if strings.HasPrefix(def.UpdateReplacePolicy, "Retain") {
			ch.PolicyAction = "ReplaceAndRetain"
		} else if def.UpdateReplacePolicy == "Snapshot" {
			ch.PolicyAction = "ReplaceAndSnapshot"
		}
	}
	return ch, nil
}

func (ch *change) scope(attribute string) {
	if !slices.Contains(ch.Scope, attribute) {
		ch.Scope = append(ch.Scope, attribute)
	}
}

// details returns the reasons why a property changes.
func (c *comparison) details(id, name string, old, now map[string]any, fixed bool) []changeDetail {
	d := changeDetail{Attribute: "Properties", Name: name, Evaluation: "Static", Recreation: "Never", Kind: "Modify"}
	if fixed {
		d.Recreation = "Always"
	}
	if name == "Tags" {
		d.Attribute, d.Name = "Tags", ""
	}
	b, had := old[name]
	a, has := now[name]
	switch {
	case !had:
		d.Kind = "Add"
	case !has:
		d.Kind = "Remove"
	}
	if had {
		d.Before = valueText(b)
	}
	if has {
		d.After = valueText(a)
	}
	var all []changeDetail
	add := func(source, cause, evaluation string) {
		x := d
		x.Source, x.Cause, x.Evaluation = source, cause, evaluation
		all = append(all, x)
	}
	expression := c.now.Resources[id].Properties[name]
	for _, use := range c.now.Uses(expression) {
		switch {
		case use.Parameter:
			if c.given[use.Name] {
				add("ParameterReference", use.Name, "Static")
			}
		case use.Attribute == "" && c.replaced[use.Name]:
			add("ResourceReference", use.Name, "Static")
		case use.Attribute != "" && c.replaced[use.Name]:
			add("ResourceAttribute", use.Name+"."+use.Attribute, "Static")
		case use.Attribute != "" && c.modified[use.Name]:
			add("ResourceAttribute", use.Name+"."+use.Attribute, "Dynamic")
			if fixed {
				all[len(all)-1].Recreation = "Conditionally"
			}
		}
	}
	var before any
	if r := c.oldResource(id); r != nil {
		before = r.Properties[name]
	}
	byParameter := slices.ContainsFunc(all, func(d changeDetail) bool { return d.Source == "ParameterReference" })
	switch {
	case byParameter, c.values && len(all) > 0:
		add("DirectModification", "", "Dynamic")
	case len(all) == 0 || !sameValue(before, expression):
		add("DirectModification", "", "Static")
	}
	return all
}

func (c *comparison) oldResource(id string) *template.Resource {
	if c.old == nil {
		return nil
	}
	return c.old.Resources[id]
}

func (c *comparison) removal(old *template.Evaluation, res *resourceState) (change, error) {
	ch := change{Action: "Remove", LogicalID: res.LogicalID, PhysicalID: res.PhysicalID, Type: res.Type, PolicyAction: "Delete", Before: propertyContext(res.Properties)}
	if strings.HasPrefix(res.DeletionPolicy, "Retain") {
		ch.PolicyAction = "Retain"
	} else if res.DeletionPolicy == "Snapshot" {
		ch.PolicyAction = "Snapshot"
	}
	if old == nil || old.Resources[res.LogicalID] == nil {
		return ch, nil
	}
	properties, err := old.Properties(res.LogicalID) // AWS: what it referred to is shown as unknown
	if err == nil {
		ch.Before = propertyContext(properties)
	}
	return ch, nil
}

// propertyContext returns properties as a change set shows them.
func propertyContext(p map[string]any) string {
	return string(encode(map[string]any{"Properties": known(p)}))
}

// known replaces what is not known in properties by AWS's words for it.
func known(p map[string]any) map[string]any {
	m, _ := knownValue(p).(map[string]any)
	return m
}

func knownValue(v any) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for k, e := range v {
			m[k] = knownValue(e)
		}
		return m
	case []any:
		l := make([]any, len(v))
		for i, e := range v {
			l[i] = knownValue(e)
		}
		return l
	}
	if v == resource.Unknown {
		return knownAfterApply
	}
	return v
}

func valueText(v any) string {
	if s, ok := knownValue(v).(string); ok {
		return s
	}
	return string(encode(knownValue(v)))
}

// unchanged reports whether deploying p would leave a stack as it is.
func (s *Service) unchanged(st *stack, p *prepared, changes []change) bool {
	if len(changes) > 0 || !slices.Equal(st.Tags, p.settings.Tags) {
		return false
	}
	// The outputs are compared as they would be: nothing else has changed, so all they refer to is known.
	evaluation := p.evaluation
	now, err := evaluation.ResolveOutputs()
	if err != nil {
		return false
	}
	is := map[string]output{}
	for _, o := range st.Outputs {
		is[o.Key] = o
	}
	for _, o := range now {
		if (is[o.Name] != output{Key: o.Name, Value: o.Value, Description: o.Description, Export: o.Export}) {
			return false
		}
		delete(is, o.Name)
	}
	return len(is) == 0
}

// sortedNames returns the keys of a set.
func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
