package sam

import (
	"fmt"
	"slices"
)

// functionEvents are the types of events that a function may have.
var functionEvents = func(typ string) []property {
	if typ == "EventBridgeRule" {
		typ = "CloudWatchEvent"
	}
	return eventSchemas[typ]
}

// An event is one member of Events.
type event struct {
	*macro
	name string // in the template
	eid  string // logical id of what it stands for
	typ  string
	p    map[string]any
}

// events returns m's events in the order of the text.
func (m *macro) events() []*event {
	all, _ := m.properties["Events"].(map[string]any)
	names := m.doc.Keys("Resources", m.id, "Properties", "Events")
	var list []*event
	for _, name := range names {
		def, _ := all[name].(map[string]any)
		typ, _ := def["Type"].(string)
		p, _ := def["Properties"].(map[string]any)
		list = append(list, &event{macro: m, name: name, eid: m.id + name, typ: typ, p: p})
	}
	return list
}

// checkEvents checks the properties of all events.
func (m *macro) checkEvents(schemaOf func(typ string) []property) *cause {
	for _, e := range m.events() {
		def, ok := m.properties["Events"].(map[string]any)[e.name].(map[string]any)
		s := schemaOf(e.typ)
		if ok && slices.Contains(foreignEvents, e.typ) {
			return m.wrap(invalidEvent(e.name, "Events of type %s are not supported here.", e.typ))
		}
		if !ok || s == nil {
			return m.wrap(invalidEvent(e.name, "Resource dict has missing or invalid value for key Type. Event Type is: %s.", noneText(def["Type"])))
		}
		if !alphanumeric(e.eid) {
			return invalidResource(e.eid, "Logical ids must be alphanumeric.")
		}
		if p, has := def["Properties"]; has {
			if _, isMap := p.(map[string]any); !isMap {
				return invalidResource(e.eid, "Properties of a resource must be an object.")
			}
		}
		if c := m.check(s, e.eid, e.typ, e.p, []string{"Resources", m.id, "Properties", "Events", e.name, "Properties"}); c != nil {
			return c
		}
	}
	return nil
}

// foreignEvents are events of AWS that nothing here can send.
var foreignEvents = words("Api HttpApi MSK MQ SelfManagedKafka DocumentDB IoTRule AlexaSkill Cognito")

func noneText(v any) string {
	if v == nil {
		return "None"
	}
	return fmt.Sprint(v)
}

// wrap says of an event's error to which resource it belongs.
func (m *macro) wrap(c *cause) *cause {
	if c == nil {
		return nil
	}
	return invalidResource(m.id, "%s", c.text)
}

// functionEvents makes what the function's events stand for.
func (m *macro) functionEvents(t *target) ([]*made, *cause) {
	var all []*made
	events := m.events()
	slices.SortStableFunc(events, func(a, b *event) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	for _, e := range events {
		var res []*made
		var c *cause
		switch e.typ {
		case "Schedule":
			res, c = e.schedule(t)
		case "CloudWatchEvent", "EventBridgeRule":
			res, c = e.rule(t)
		case "ScheduleV2":
			res, c = e.scheduler(t.arn, "lambda:InvokeFunction", "LambdaPolicy")
		case "CloudWatchLogs":
			res = e.subscription(t)
		case "SNS":
			res = e.topic(t)
		case "S3":
			res, c = e.bucket(t)
		default:
			res, c = e.mapping(t)
		}
		if c != nil {
			return nil, m.wrap(c)
		}
		all = append(all, res...)
	}
	return all, nil
}

// permission lets a service invoke the function.
func (e *event) permission(t *target, principal string, source any) *made {
	p := e.new(e.eid+"Permission", "AWS::Lambda::Permission", e.passed())
	p.set("Action", "lambda:InvokeFunction")
	p.set("FunctionName", t.name)
	p.set("Principal", principal)
	p.set("SourceArn", source)
	return p
}

// ruleState sets whether a rule is enabled.
func (e *event) ruleState(rule *made) *cause {
	if truthy(e.p["State"]) && e.p["Enabled"] != nil {
		return invalidEvent(e.name, "State and Enabled Properties cannot both be specified.")
	}
	if truthy(e.p["State"]) {
		rule.set("State", e.p["State"])
	}
	if e.p["Enabled"] != nil {
		rule.set("State", map[bool]string{true: "ENABLED", false: "DISABLED"}[truthy(e.p["Enabled"])])
	}
	return nil
}

// deadLetters returns the queue for what could not be delivered, and makes it if none is named. source is what sends to it;
// nil means that the queue needs no policy.
func (e *event) deadLetters(source any) (arn any, res []*made, c *cause) {
	config, ok := e.p["DeadLetterConfig"].(map[string]any)
	if !ok {
		return nil, nil, nil
	}
	_, hasARN := config["Arn"]
	typ, hasType := config["Type"]
	switch {
	case hasARN && hasType:
		return nil, nil, invalidEvent(e.eid, "You can either define 'Arn' or 'Type' property of DeadLetterConfig.")
	case hasType && typ != "SQS":
		return nil, nil, invalidEvent(e.eid, "The only valid value for 'Type' property of DeadLetterConfig is 'SQS'.")
	case !hasARN && !hasType:
		return nil, nil, invalidEvent(e.eid, "No 'Arn' or 'Type' property provided for DeadLetterConfig.")
	case config["Arn"] != nil:
		return config["Arn"], nil, nil
	}
	id := e.eid + "Queue"
	if given := config["QueueLogicalId"]; given != nil {
		if _, isString := given.(string); !isString {
			return nil, nil, invalidEvent(e.eid, "QueueLogicalId must be a string")
		}
		id = given.(string)
	}
	queue := e.new(id, "AWS::SQS::Queue", e.passed())
	arn = getAtt(id, "Arn")
	if source == nil {
		return arn, []*made{queue}, nil
	}
	policy := e.new(e.eid+"QueuePolicy", "AWS::SQS::QueuePolicy", e.passed())
	policy.set("PolicyDocument", map[string]any{"Version": "2012-10-17", "Statement": []any{map[string]any{
		"Action": "sqs:SendMessage", "Effect": "Allow", "Principal": map[string]any{"Service": "events.amazonaws.com"}, "Resource": arn,
		"Condition": map[string]any{"ArnEquals": map[string]any{"aws:SourceArn": source}},
	}}})
	policy.set("Queues", []any{ref(id)})
	return arn, []*made{queue, policy}, nil
}

// ruleTarget is the target of a rule.
func (e *event) ruleTarget(arn any, suffix string, deadLetters any, names ...string) map[string]any {
	id := any(e.eid[:min(len(e.eid), 64-len(suffix))] + suffix)
	if own, ok := e.p["Target"].(map[string]any); ok && own["Id"] != nil {
		id = own["Id"]
	}
	target := map[string]any{"Arn": arn, "Id": id}
	for _, name := range names {
		if e.p[name] != nil {
			target[name] = e.p[name]
		}
	}
	if deadLetters != nil {
		target["DeadLetterConfig"] = map[string]any{"Arn": deadLetters}
	}
	return target
}

// schedule writes the event Schedule of a function out.
func (e *event) schedule(t *target) ([]*made, *cause) {
	rule := e.new(e.eid, "AWS::Events::Rule", e.passed())
	rule.set("ScheduleExpression", e.p["Schedule"])
	if c := e.ruleState(rule); c != nil {
		return nil, c
	}
	rule.set("Name", e.p["Name"])
	rule.set("Description", e.p["Description"])
	source := getAtt(rule.id, "Arn")
	arn, queues, c := e.deadLetters(source)
	if c != nil {
		return nil, c
	}
	rule.set("Targets", []any{e.ruleTarget(t.arn, "LambdaTarget", arn, "Input", "RetryPolicy")})
	return append(append([]*made{rule}, queues...), e.permission(t, "events.amazonaws.com", source)), nil
}

// rule writes the events EventBridgeRule and CloudWatchEvent of a function out.
func (e *event) rule(t *target) ([]*made, *cause) {
	rule := e.new(e.eid, "AWS::Events::Rule", e.passed())
	rule.set("EventBusName", e.p["EventBusName"])
	rule.set("EventPattern", e.p["Pattern"])
	rule.set("Name", e.p["RuleName"])
	source := getAtt(rule.id, "Arn")
	arn, queues, c := e.deadLetters(source)
	if c != nil {
		return nil, c
	}
	if c := e.ruleState(rule); c != nil {
		return nil, c
	}
	rule.set("Targets", []any{e.ruleTarget(t.arn, "LambdaTarget", arn, "Input", "InputPath", "RetryPolicy", "InputTransformer")})
	return append(queues, rule, e.permission(t, "events.amazonaws.com", source)), nil
}

// scheduler writes the event ScheduleV2 out, for a function or a state machine.
func (e *event) scheduler(arn any, action, policyName string) ([]*made, *cause) {
	s := e.new(e.eid, "AWS::Scheduler::Schedule", e.passed())
	for _, name := range words("ScheduleExpression Description StartDate EndDate ScheduleExpressionTimezone GroupName KmsKeyArn") {
		s.set(name, e.p[name])
	}
	if truthy(e.p["State"]) {
		s.set("State", e.p["State"])
	}
	if truthy(e.p["OmitName"]) {
		if truthy(e.p["Name"]) {
			return nil, invalidEvent(e.eid, "Name cannot be set when OmitName is True")
		}
	} else if s.set("Name", e.eid); truthy(e.p["Name"]) {
		s.set("Name", e.p["Name"])
	}
	s.set("FlexibleTimeWindow", map[string]any{"Mode": "OFF"})
	if truthy(e.p["FlexibleTimeWindow"]) {
		s.set("FlexibleTimeWindow", e.p["FlexibleTimeWindow"])
	}
	queue, queues, c := e.deadLetters(nil)
	if c != nil {
		return nil, c
	}
	all := append([]*made{s}, queues...)
	roleARN := e.p["RoleArn"]
	if !truthy(roleARN) {
		r := e.new(e.eid+"Role", "AWS::IAM::Role", e.passed())
		r.set("AssumeRolePolicyDocument", trustPolicy("scheduler.amazonaws.com"))
		policies := []any{allow(e.eid+policyName, action, arn)}
		if queue != nil {
			policies = append(policies, allow(e.eid+"SQSPolicy", "sqs:SendMessage", queue))
		}
		r.set("Policies", policies)
		if truthy(e.p["PermissionsBoundary"]) {
			r.set("PermissionsBoundary", e.p["PermissionsBoundary"])
		}
		all = append(all, r)
		roleARN = getAtt(r.id, "Arn")
	}
	target := map[string]any{"Arn": arn, "RoleArn": roleARN}
	for _, name := range []string{"Input", "RetryPolicy"} {
		if e.p[name] != nil {
			target[name] = e.p[name]
		}
	}
	if queue != nil {
		target["DeadLetterConfig"] = map[string]any{"Arn": queue}
	}
	s.set("Target", target)
	return all, nil
}

// subscription writes the event CloudWatchLogs out.
func (e *event) subscription(t *target) []*made {
	source := sub("arn:"+e.env.Partition+":logs:${AWS::Region}:${AWS::AccountId}:log-group:${__LogGroupName__}:*", map[string]any{"__LogGroupName__": e.p["LogGroupName"]})
	permission := e.permission(t, "logs.amazonaws.com", source)
	filter := e.new(e.eid, "AWS::Logs::SubscriptionFilter", e.passed())
	filter.attributes["DependsOn"] = []any{permission.id}
	filter.set("LogGroupName", e.p["LogGroupName"])
	filter.set("FilterPattern", e.p["FilterPattern"])
	filter.set("DestinationArn", t.arn)
	return []*made{permission, filter}
}

// topic writes the event SNS out. A queue between topic and function (SqsSubscription) is not made.
func (e *event) topic(t *target) []*made {
	s := e.new(e.eid, "AWS::SNS::Subscription", e.passed())
	s.set("Protocol", "lambda")
	s.set("Endpoint", t.arn)
	s.set("TopicArn", e.p["Topic"])
	for _, name := range words("Region FilterPolicy FilterPolicyScope RedrivePolicy") {
		s.set(name, e.p[name])
	}
	return []*made{s, e.permission(t, "sns.amazonaws.com", e.p["Topic"])}
}

// bucket writes the event S3 out: the bucket of the template gets a notification.
func (e *event) bucket(t *target) ([]*made, *cause) {
	reference, _ := e.p["Bucket"].(map[string]any)
	id, _ := reference["Ref"].(string)
	bucket, ok := e.out[id].(map[string]any)
	if !ok {
		return nil, invalidEvent(e.name, "S3 events must reference an S3 bucket in the same template.")
	}
	permission := e.permission(t, "s3.amazonaws.com", nil)
	permission.set("SourceAccount", ref("AWS::AccountId"))
	properties, _ := clone(bucket["Properties"]).(map[string]any)
	if properties == nil {
		properties = map[string]any{}
	}
	notification, _ := properties["NotificationConfiguration"].(map[string]any)
	if notification == nil {
		notification = map[string]any{}
	}
	lambdas, _ := notification["LambdaConfigurations"].([]any)
	names, isList := e.p["Events"].([]any)
	if !isList {
		names = []any{e.p["Events"]}
	}
	for _, name := range names {
		config := map[string]any{"Event": name, "Function": t.arn}
		if truthy(e.p["Filter"]) {
			config["Filter"] = e.p["Filter"]
		}
		lambdas = append(lambdas, config)
	}
	notification["LambdaConfigurations"] = lambdas
	properties["NotificationConfiguration"] = notification
	changed := &made{id: id, typ: "AWS::S3::Bucket", properties: properties, attributes: map[string]any{}}
	for k, v := range bucket {
		if k != "Type" && k != "Properties" {
			changed.attributes[k] = v
		}
	}
	depends, isList := bucket["DependsOn"].([]any)
	if one, isText := bucket["DependsOn"].(string); isText && !isList {
		depends = []any{one}
	}
	changed.attributes["DependsOn"] = append(slices.Clone(depends), permission.id)
	return []*made{permission, changed}, nil
}
