package sam

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

//go:embed connectors.txt
var connectorText string

// A profile is what a connector between two types makes.
type profile struct {
	ofDestination bool                // the policy is for the destination's role
	names         []string            // kinds of access, in the order of the text
	lines         map[string][]string // statements by kind of access
}

var profiles = sync.OnceValue(func() map[string]*profile {
	all := map[string]*profile{}
	var cur *profile
	access := ""
	for line := range strings.SplitSeq(connectorText, "\n") {
		switch {
		case line == "" || line[0] == '#':
		case line[0] != ' ':
			key, ofDestination := strings.CutPrefix(line, "!")
			cur = &profile{ofDestination: ofDestination, lines: map[string][]string{}}
			all[key] = cur
		case !strings.HasPrefix(line, "  "):
			access = strings.TrimSpace(line)
			cur.names = append(cur.names, access)
		default:
			cur.lines[access] = append(cur.lines[access], line)
		}
	}
	return all
})

// embeddedConnectors makes resources of the connectors that other resources carry in their attribute Connectors.
func (t *transformer) embeddedConnectors() *cause {
	for _, id := range t.doc.Keys("Resources") {
		r := t.original[id]
		v, has := r["Connectors"]
		if !has {
			continue
		}
		connectors, ok := v.(map[string]any)
		if !ok {
			return invalidResource(id, "Attribute 'Connectors' should be a map.")
		}
		r = maps.Clone(r)
		delete(r, "Connectors")
		t.original[id] = r
		for _, name := range sortedKeys(connectors) {
			full := id + name
			def, ok := connectors[name].(map[string]any)
			if !ok {
				return invalidResource(full, "%s.%s should be a map.", id, full)
			}
			properties, ok := clone(def["Properties"]).(map[string]any)
			if !ok {
				return invalidResource(id, "Attribute 'Connectors.%s.Properties' should be a map.", name)
			}
			source := map[string]any{"Id": id}
			if more, ok := properties["SourceReference"].(map[string]any); ok {
				maps.Copy(source, more)
				source["Id"] = id
				delete(properties, "SourceReference")
			}
			properties["Source"] = source
			def = maps.Clone(def)
			def["Type"], def["Properties"] = "AWS::Serverless::Connector", properties
			if _, taken := t.original[full]; taken {
				return &cause{id: id, text: fmt.Sprintf("Transforming resource with id [%s] attempts to create a new resource with id [%s] and type \"AWS::Serverless::Connector\". A resource with that id already exists within this template. Please use a different id for that resource.", id, full)}
			}
			t.original[full] = def
			t.embedded = append(t.embedded, full)
		}
	}
	return nil
}

// An end is one of the two resources of a connector.
type end struct {
	typ            string
	arn, name      any
	role, resource any
}

// end finds a resource of a connector: by logical id, or as the connector describes it.
func (m *macro) end(v any) (*end, *cause) {
	def, _ := v.(map[string]any)
	id, hasID := def["Id"].(string)
	others := 0
	for k := range def {
		if k != "Id" && k != "Qualifier" {
			others++
		}
	}
	if hasID == (others > 0) {
		return nil, invalidResource(m.id, "Must provide 'Id' (with optional 'Qualifier') or a supported combination of other properties.")
	}
	if !hasID {
		typ, ok := def["Type"].(string)
		if !ok || typ == "" {
			return nil, invalidResource(m.id, "'Type' is missing or not a string.")
		}
		plain := map[string]string{
			"AWS::Serverless::Function": "AWS::Lambda::Function", "AWS::Serverless::StateMachine": "AWS::StepFunctions::StateMachine",
			"AWS::Serverless::SimpleTable": "AWS::DynamoDB::Table",
		}
		if p := plain[typ]; p != "" {
			typ = p
		}
		return &end{typ: typ, arn: def["Arn"], name: def["Name"], role: def["RoleName"], resource: def["ResourceId"]}, nil
	}
	r, ok := m.out[id].(map[string]any)
	if !ok {
		return nil, invalidResource(m.id, "Unable to find resource with logical ID '%s'.", id)
	}
	e := &end{arn: getAtt(id, "Arn"), resource: ref(id)}
	e.typ, _ = r["Type"].(string)
	properties, _ := r["Properties"].(map[string]any)
	switch e.typ {
	case "AWS::SNS::Topic":
		e.arn = ref(id)
	case "AWS::Lambda::Function":
		e.role = roleName(properties["Role"])
	case "AWS::StepFunctions::StateMachine":
		e.arn, e.role, e.name = ref(id), roleName(properties["RoleArn"]), getAtt(id, "Name")
	case "AWS::Events::EventBus":
		e.name = getAtt(id, "Name")
	}
	return e, nil
}

// typeOf returns the type of a connector's end as the template writes it.
func (m *macro) typeOf(v any, e *end) string {
	def, _ := v.(map[string]any)
	id, _ := def["Id"].(string)
	if typ, ok := m.original[id]["Type"].(string); ok {
		return typ
	}
	return e.typ
}

// roleName returns a Ref to the role whose ARN v is.
func roleName(v any) any {
	m, _ := v.(map[string]any)
	switch args := m["Fn::GetAtt"].(type) {
	case []any:
		if len(args) > 0 {
			return map[string]any{"Ref": args[0]}
		}
	case string:
		id, _, _ := strings.Cut(args, ".")
		return ref(id)
	}
	return nil
}

// connector writes AWS::Serverless::Connector out, as far as it ends in a policy for a role. Connectors that end in the policy of a
// queue or topic, or in a permission of a function, are refused.
func (m *macro) connector() ([]*made, *cause) {
	destinations, multiple := m.properties["Destination"].([]any)
	if !multiple {
		destinations = []any{m.properties["Destination"]}
	}
	if len(destinations) == 0 {
		return nil, invalidResource(m.id, "'Destination' is an empty list")
	}
	var all []*made
	for i, d := range destinations {
		destination, c := m.end(d)
		if c != nil {
			return nil, c
		}
		source, c := m.end(m.properties["Source"])
		if c != nil {
			return nil, c
		}
		name := m.id + "Policy"
		if multiple {
			name = fmt.Sprintf("%sPolicyDestination%d", m.id, i)
		}
		policy, c := m.connect(name, source, destination)
		if c != nil {
			return nil, c
		}
		policy.attributes["Metadata"] = map[string]any{"aws:sam:connectors": map[string]any{m.id: map[string]any{
			"Source": map[string]any{"Type": m.typeOf(m.properties["Source"], source)}, "Destination": map[string]any{"Type": m.typeOf(d, destination)},
		}}}
		all = append(all, policy)
	}
	return all, nil
}

func (m *macro) connect(name string, source, destination *end) (*made, *cause) {
	p := profiles()[source.typ+" "+destination.typ]
	if p == nil {
		return nil, invalidResource(m.id, "Unable to create connector from %s to %s; it's not supported or the template is invalid.", source.typ, destination.typ)
	}
	permissions, _ := m.properties["Permissions"].([]any)
	if len(permissions) == 0 {
		return nil, invalidResource(m.id, "'Permissions' cannot be empty; valid values are: %s.", strings.Join(p.names, ", "))
	}
	for _, permission := range permissions {
		if s, _ := permission.(string); !slices.Contains(p.names, s) {
			return nil, invalidResource(m.id, "Unsupported 'Permissions' provided for connector from %s to %s; valid values are: %s.", source.typ, destination.typ, strings.Join(p.names, ", "))
		}
	}
	role, where := source.role, "Source"
	if p.ofDestination {
		role, where = destination.role, "Destination"
	}
	if role == nil {
		return nil, invalidResource(m.id, "Unable to get IAM role name from '%s' resource.", where)
	}
	var statements []any
	for _, access := range p.names {
		if slices.Contains(permissions, any(access)) {
			statements = append(statements, connectorStatements(p.lines[access], source, destination)...)
		}
	}
	policy := m.own(name, "AWS::IAM::ManagedPolicy")
	policy.set("PolicyDocument", map[string]any{"Version": "2012-10-17", "Statement": statements})
	policy.set("Roles", []any{role})
	return policy, nil
}

// connectorStatements reads the statements of one kind of access.
func connectorStatements(lines []string, source, destination *end) []any {
	var all []any
	var cur map[string]any
	for _, line := range lines {
		switch text := strings.TrimSpace(line); {
		case strings.HasPrefix(text, ": "):
			resources, _ := cur["Resource"].([]any)
			cur["Resource"] = append(resources, connectorResource(text[2:], source, destination))
		case strings.HasPrefix(text, "? "):
			var condition any
			if json.Unmarshal([]byte(text[2:]), &condition) == nil {
				cur["Condition"] = condition
			}
		default:
			cur = map[string]any{"Effect": "Allow"}
			var actions []any
			for _, a := range strings.Fields(text) {
				actions = append(actions, a)
			}
			cur["Action"] = actions
			all = append(all, cur)
		}
	}
	return all
}

// connectorResource fills %{Source.Arn} and the like into a resource.
func connectorResource(text string, source, destination *end) any {
	vars := map[string]any{}
	for name, v := range map[string]any{
		"Source.Arn": source.arn, "Destination.Arn": destination.arn, "Source.Name": source.name, "Destination.Name": destination.name,
		"Source.ResourceId": source.resource, "Destination.ResourceId": destination.resource,
	} {
		if text == "%{"+name+"}" {
			return v
		}
		if strings.Contains(text, "%{"+name+"}") {
			plain := strings.ReplaceAll(name, ".", "")
			text = strings.ReplaceAll(text, "%{"+name+"}", "${"+plain+"}")
			vars[plain] = v
		}
	}
	if len(vars) == 0 {
		vars = nil
	}
	if vars == nil && !strings.Contains(text, "${") {
		return text
	}
	return sub(text, vars)
}
