package sam

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

func stateMachineSchema(typ string) []property {
	switch typ {
	case "ScheduleV2":
		return eventSchemas[typ]
	case "EventBridgeRule":
		typ = "CloudWatchEvent"
	}
	return stateMachineEvents[typ]
}

// stateMachine writes AWS::Serverless::StateMachine out.
func (m *macro) stateMachine() ([]*made, *cause) {
	p := m.properties
	if c := m.checkEvents(stateMachineSchema); c != nil {
		return nil, c
	}
	sm := m.own(m.id, "AWS::StepFunctions::StateMachine")
	if truthy(p["DefinitionSubstitutions"]) {
		sm.set("DefinitionSubstitutions", p["DefinitionSubstitutions"])
	}
	if c := m.definition(sm); c != nil {
		return nil, c
	}
	all := []*made{sm}
	tags, _ := m.tags("stateMachine:createdBy")
	switch {
	case truthy(p["Role"]) && truthy(p["Policies"]):
		return nil, invalidResource(m.id, "Specify either 'Role' or 'Policies' (but not both at the same time) or neither of them")
	case truthy(p["Role"]):
		sm.set("RoleArn", p["Role"])
	default:
		policies, isList := p["Policies"].([]any)
		if !isList && truthy(p["Policies"]) {
			policies = []any{p["Policies"]}
		}
		policies = slices.Clone(policies)
		if tracing, _ := p["Tracing"].(map[string]any); tracing["Enabled"] == true {
			policies = append(policies, "AWSXrayWriteOnlyAccess")
		}
		execution, c := m.role(role{principal: "states.amazonaws.com", policies: policies, path: p["RolePath"], boundary: p["PermissionsBoundary"], tags: tags})
		if c != nil {
			return nil, c
		}
		sm.set("RoleArn", getAtt(execution.id, "Arn"))
		all = append(all, execution)
	}
	for from, to := range map[string]string{"Name": "StateMachineName", "Type": "StateMachineType", "Logging": "LoggingConfiguration", "Tracing": "TracingConfiguration"} {
		sm.set(to, p[from])
	}
	sm.set("Tags", tags)
	alias, c := m.stateMachineAlias(sm)
	if c != nil {
		return nil, c
	}
	all = append(all, alias...)
	target := any(ref(sm.id))
	if truthy(p["UseAliasAsEventTarget"]) && len(alias) > 0 {
		target = ref(alias[1].id)
	}
	for _, e := range m.events() {
		res, c := e.stateMachineEvent(target)
		if c != nil {
			return nil, c
		}
		all = append(all, res...)
	}
	m.propagateTags(all)
	return all, nil
}

// definition sets the machine's definition: from an object of Amazon S3, or as text.
func (m *macro) definition(sm *made) *cause {
	p := m.properties
	switch {
	case truthy(p["Definition"]) && truthy(p["DefinitionUri"]):
		return invalidResource(m.id, "Specify either 'Definition' or 'DefinitionUri' property and not both.")
	case truthy(p["Definition"]):
		definition := clone(p["Definition"])
		found := map[string]any{}
		definition = substitute(definition, found)
		if len(found) > 0 {
			if own, ok := p["DefinitionSubstitutions"].(map[string]any); ok {
				for k, v := range own {
					found[k] = v
				}
			}
			sm.set("DefinitionSubstitutions", found)
		}
		var lines []any
		for line := range strings.SplitSeq(prettyJSON(definition), "\n") {
			lines = append(lines, line)
		}
		sm.set("DefinitionString", map[string]any{"Fn::Join": []any{"\n", lines}})
	case truthy(p["DefinitionUri"]):
		location, c := m.location(m.id, "DefinitionUri", map[string]string{"Bucket": "Bucket", "Key": "Key", "Version": "Version"})
		if c != nil {
			return c
		}
		sm.set("DefinitionS3Location", location)
	default:
		return invalidResource(m.id, "Either 'Definition' or 'DefinitionUri' property must be specified.")
	}
	return nil
}

// substitute replaces functions and dynamic references in a definition by ${definition_substitution_N}, which found then has.
func substitute(v any, found map[string]any) any {
	dynamic := func(v any) bool {
		s, ok := v.(string)
		return isIntrinsic(v) || ok && strings.HasPrefix(s, "{{resolve:") && strings.HasSuffix(s, "}}")
	}
	replace := func(v any) any {
		if !dynamic(v) {
			return substitute(v, found)
		}
		name := fmt.Sprintf("definition_substitution_%d", len(found)+1)
		found[name] = v
		return "${" + name + "}"
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			v[k] = replace(v[k])
		}
	case []any:
		for i := range v {
			v[i] = replace(v[i])
		}
	}
	return v
}

// prettyJSON returns v as Python's json.dumps would with an indent of four and sorted keys.
func prettyJSON(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "    ")
	if enc.Encode(v) != nil {
		return ""
	}
	return ascii(strings.TrimSuffix(b.String(), "\n"))
}

// stateMachineAlias makes the version and the alias that AutoPublishAlias asks for.
func (m *macro) stateMachineAlias(sm *made) ([]*made, *cause) {
	p := m.properties
	name := p["AutoPublishAlias"]
	switch {
	case !truthy(name) && truthy(p["UseAliasAsEventTarget"]):
		return nil, invalidResource(m.id, "'UseAliasAsEventTarget' requires 'AutoPublishAlias' property to be specified.")
	case !truthy(name) && truthy(p["DeploymentPreference"]):
		return nil, invalidResource(m.id, "'DeploymentPreference' requires 'AutoPublishAlias' property to be specified.")
	case !truthy(name):
		return nil, nil
	}
	version := m.new(m.id+"Version", "AWS::StepFunctions::StateMachineVersion", m.passed())
	for _, policy := range []string{"DeletionPolicy", "UpdateReplacePolicy"} {
		if _, has := version.attributes[policy]; !has {
			version.attributes[policy] = "Retain"
		}
	}
	version.set("StateMachineArn", ref(sm.id))
	version.set("StateMachineRevisionId", getAtt(sm.id, "StateMachineRevisionId"))
	alias := m.new(fmt.Sprintf("%sAlias%v", m.id, name), "AWS::StepFunctions::StateMachineAlias", m.passed())
	alias.set("Name", name)
	deployment := map[string]any{"Type": "ALL_AT_ONCE"}
	if own, ok := p["DeploymentPreference"].(map[string]any); ok && len(own) > 0 {
		deployment = clone(own).(map[string]any)
	}
	deployment["StateMachineVersionArn"] = ref(version.id)
	alias.set("DeploymentPreference", deployment)
	return []*made{version, alias}, nil
}

// stateMachineEvent writes one event of a state machine out.
func (e *event) stateMachineEvent(arn any) ([]*made, *cause) {
	if e.typ == "ScheduleV2" {
		return e.scheduler(arn, "states:StartExecution", "StartExecutionPolicy")
	}
	rule := e.new(e.eid, "AWS::Events::Rule", e.passed())
	names := []string{"Input", "RetryPolicy"}
	if e.typ == "Schedule" {
		rule.set("ScheduleExpression", e.p["Schedule"])
		if c := e.ruleState(rule); c != nil {
			return nil, c
		}
		rule.set("Name", e.p["Name"])
		rule.set("Description", e.p["Description"])
	} else {
		names = append(names, "InputPath", "InputTransformer")
		rule.set("EventBusName", e.p["EventBusName"])
		rule.set("EventPattern", e.p["Pattern"])
		rule.set("Name", e.p["RuleName"])
		if truthy(e.p["State"]) {
			rule.set("State", e.p["State"])
		}
	}
	all := []*made{rule}
	roleARN := e.p["RoleArn"]
	if roleARN == nil {
		r := e.new(e.eid+"Role", "AWS::IAM::Role", e.passed())
		r.set("AssumeRolePolicyDocument", trustPolicy("events.amazonaws.com"))
		r.set("Policies", []any{allow(r.id+"StartExecutionPolicy", "states:StartExecution", arn)})
		if truthy(e.properties["PermissionsBoundary"]) {
			r.set("PermissionsBoundary", e.properties["PermissionsBoundary"])
		}
		all = append(all, r)
		roleARN = getAtt(r.id, "Arn")
	}
	queue, queues, c := e.deadLetters(getAtt(rule.id, "Arn"))
	if c != nil {
		return nil, c
	}
	target := e.ruleTarget(arn, "StepFunctionsTarget", queue, names...)
	target["RoleArn"] = roleARN
	rule.set("Targets", []any{target})
	return append(all, queues...), nil
}
