package sam

import (
	"fmt"
	"slices"
)

const (
	deploymentApplication = "ServerlessDeploymentApplication"
	deploymentRole        = "CodeDeployServiceRole"
	deploymentCondition   = "ServerlessCodeDeployCondition"
)

var deploymentTypes = words(`Canary10Percent5Minutes Canary10Percent10Minutes Canary10Percent15Minutes Canary10Percent30Minutes Linear10PercentEvery1Minute
	Linear10PercentEvery2Minutes Linear10PercentEvery3Minutes Linear10PercentEvery10Minutes AllAtOnce`)

// A preference is the DeploymentPreference of one function.
type preference struct {
	id        string // of the function
	enabled   bool
	typ       any
	alarms    any
	role      any
	triggers  any
	condition string
	tags      map[string]any
}

// deploymentPreference reads a function's DeploymentPreference, and gives its alias the policy for updates.
func (m *macro) deploymentPreference(alias *made) *cause {
	config, ok := m.properties["DeploymentPreference"].(map[string]any)
	if !ok || len(config) == 0 {
		return nil
	}
	known := func(name string) any { return m.resolveMaps(m.resolve(config[name])) }
	enabled := config["Enabled"] == nil || truthy(known("Enabled")) && known("Enabled") != "false" && known("Enabled") != "False"
	pref := &preference{id: m.id, enabled: enabled}
	m.deploys = append(m.deploys, pref)
	through := false
	if v, has := config["PassthroughCondition"]; has {
		switch b := m.resolveMaps(m.resolve(v)); {
		case b == true || b == "true" || b == "True":
			through = true
		case b == false || b == "false" || b == "False":
		case isIntrinsic(b):
			return invalidResource(m.id, "Unsupported intrinsic: the only intrinsic functions supported for property PassthroughCondition are FindInMap and parameter Refs.")
		default:
			return invalidResource(m.id, "Invalid value for property PassthroughCondition.")
		}
	}
	if !enabled {
		return nil
	}
	if _, has := config["Type"]; !has {
		return invalidResource(m.id, "'DeploymentPreference' is missing required Property 'Type'")
	}
	hooks, ok := config["Hooks"].(map[string]any)
	if !ok && config["Hooks"] != nil {
		return invalidResource(m.id, "'Hooks' property of 'DeploymentPreference' must be a dictionary")
	}
	pref.typ, pref.alarms, pref.role, pref.triggers = known("Type"), config["Alarms"], config["Role"], config["TriggerConfigurations"]
	if through {
		pref.condition, _ = m.attributes["Condition"].(string)
	}
	if on, _ := m.properties["PropagateTags"].(bool); on {
		pref.tags, _ = m.properties["Tags"].(map[string]any)
	}
	if alias == nil {
		return invalidResource(m.id, "'DeploymentPreference' requires AutoPublishAlias property to be specified.")
	}
	update := map[string]any{"ApplicationName": ref(deploymentApplication), "DeploymentGroupName": ref(m.id + "DeploymentGroup")}
	for from, to := range map[string]string{"PreTraffic": "BeforeAllowTrafficHook", "PostTraffic": "AfterAllowTrafficHook"} {
		if truthy(hooks[from]) {
			update[to] = hooks[from]
		}
	}
	alias.attributes["UpdatePolicy"] = map[string]any{"CodeDeployLambdaAliasUpdate": update}
	return nil
}

// deployments adds what all preferences share, and a deployment group for each.
func (t *transformer) deployments() *cause {
	var enabled []*preference
	for _, p := range t.deploys {
		if p.enabled {
			enabled = append(enabled, p)
		}
	}
	if len(enabled) == 0 {
		return nil
	}
	attributes := map[string]any{}
	if c := t.sharedCondition(enabled); c != "" {
		attributes["Condition"] = c
	}
	tags := map[string]any{}
	ownRoles := true
	for _, p := range enabled {
		for k, v := range p.tags {
			tags[k] = v
		}
		ownRoles = ownRoles && truthy(p.role)
	}
	application := &made{id: deploymentApplication, typ: "AWS::CodeDeploy::Application", properties: map[string]any{"ComputePlatform": "Lambda"}, attributes: attributes}
	roles := &made{id: deploymentRole, typ: "AWS::IAM::Role", attributes: attributes, properties: map[string]any{
		"AssumeRolePolicyDocument": trustPolicy("codedeploy.amazonaws.com"),
		"ManagedPolicyArns":        []any{"arn:" + t.env.Partition + ":iam::aws:policy/service-role/AWSCodeDeployRoleForLambda"},
	}}
	if len(tags) > 0 {
		application.set("Tags", tagList(tags))
		roles.set("Tags", tagList(tags))
	}
	t.out[application.id] = application.resource()
	if !ownRoles {
		t.out[roles.id] = roles.resource()
	}
	for _, p := range enabled {
		group, c := p.group()
		if c != nil {
			return c
		}
		t.out[group.id] = group.resource()
	}
	return nil
}

// sharedCondition returns the condition of what all preferences share: that any of theirs holds, if all have one.
func (t *transformer) sharedCondition(enabled []*preference) string {
	var names []string
	for _, p := range enabled {
		if p.condition == "" {
			return ""
		}
		if !slices.Contains(names, p.condition) {
			names = append(names, p.condition)
		}
	}
	if len(names) == 1 {
		return names[0]
	}
	slices.Sort(names)
	for n := (len(names) - 2) / 9; len(names) > 1; n-- { // Fn::Or takes ten
		name := deploymentCondition
		if n > 0 {
			name = fmt.Sprintf("%s%d", deploymentCondition, n)
		}
		take := min(len(names), 10)
		var or []any
		for _, c := range names[:take] {
			or = append(or, map[string]any{"Condition": c})
		}
		t.conditions[name] = map[string]any{"Fn::Or": or}
		names = append(names[take:], name)
	}
	return deploymentCondition
}

// group makes the deployment group of one function.
func (p *preference) group() (*made, *cause) {
	g := &made{id: p.id + "DeploymentGroup", typ: "AWS::CodeDeploy::DeploymentGroup", properties: map[string]any{}, attributes: map[string]any{}}
	if truthy(p.alarms) && !isNoValue(p.alarms) {
		alarms, c := p.alarmConfiguration()
		if c != nil {
			return nil, c
		}
		g.set("AlarmConfiguration", alarms)
	}
	g.set("ApplicationName", ref(deploymentApplication))
	g.set("AutoRollbackConfiguration", map[string]any{"Enabled": true, "Events": []any{"DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"}})
	g.set("DeploymentConfigName", deploymentConfig(clone(p.typ), ""))
	g.set("DeploymentStyle", map[string]any{"DeploymentType": "BLUE_GREEN", "DeploymentOption": "WITH_TRAFFIC_CONTROL"})
	g.set("ServiceRoleArn", getAtt(deploymentRole, "Arn"))
	if truthy(p.role) {
		g.set("ServiceRoleArn", p.role)
	}
	if truthy(p.triggers) {
		g.set("TriggerConfigurations", p.triggers)
	}
	if len(p.tags) > 0 {
		g.set("Tags", tagList(p.tags))
	}
	if p.condition != "" {
		g.attributes["Condition"] = p.condition
	}
	return g, nil
}

func (p *preference) alarmConfiguration() (any, *cause) {
	var failed *cause
	configuration := func(v any) any {
		list, ok := v.([]any)
		if !ok {
			failed = invalidResource(p.id, "Alarms must be a list")
			return nil
		}
		if len(list) == 0 || isNoValue(list[0]) {
			return map[string]any{}
		}
		var alarms []any
		for _, a := range list {
			alarms = append(alarms, map[string]any{"Name": a})
		}
		return map[string]any{"Enabled": true, "Alarms": alarms}
	}
	args, isIf := ifOf(p.alarms)
	if !isIf || len(args) != 3 {
		return configuration(p.alarms), failed
	}
	return map[string]any{"Fn::If": []any{args[0], configuration(args[1]), configuration(args[2])}}, failed
}

// deploymentConfig replaces AWS's own types by the names of CodeDeploy's configurations, wherever they stand in v.
func deploymentConfig(v any, inside string) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = deploymentConfig(v[i], "")
		}
	case map[string]any:
		if isIntrinsic(v) {
			for k := range v {
				v[k] = deploymentConfig(v[k], k)
			}
		}
	case string:
		if slices.Contains(deploymentTypes, v) {
			args := []any{"CodeDeployDefault.Lambda${ConfigName}", map[string]any{"ConfigName": v}}
			if inside == "Fn::Sub" {
				return args
			}
			return map[string]any{"Fn::Sub": args}
		}
	}
	return v
}
