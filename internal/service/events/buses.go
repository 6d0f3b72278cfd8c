package events

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/store/follow"
)

// findBus returns a bus's document, an empty one for the default bus, or the error that there is none.
func (s *Service) findBus(ctx context.Context, b busRef) (*eventBus, error) {
	doc, err := s.buses.Get(ctx, b.key())
	if err != nil {
		return nil, err
	}
	if doc == nil {
		if b.name != defaultBus {
			return nil, errNoBus(b.name)
		}
		doc = &eventBus{Place: b.place, Name: b.name}
	}
	return doc, nil
}

// editBus changes a bus that must exist.
func (s *Service) editBus(ctx context.Context, b busRef, f func(*eventBus) error) (*eventBus, error) {
	return s.buses.Edit(ctx, b.key(), func(doc *eventBus) (*eventBus, error) {
		if doc == nil {
			if b.name != defaultBus {
				return nil, errNoBus(b.name)
			}
			doc = &eventBus{Place: b.place, Name: b.name, Created: now()}
		}
		doc.Modified = now()
		return doc, f(doc)
	})
}

func (s *Service) createEventBus(ctx context.Context, in *shapes.CreateEventBusInput) (*shapes.CreateEventBusOutput, error) {
	if in.EventSourceName != nil {
		return nil, awsapi.Errorf("OperationDisabledException", 400, "Sallyport has no partner event sources.")
	}
	if strings.Contains(*in.Name, "/") {
		return nil, invalid("Event bus name must not contain '/'.")
	}
	doc := &eventBus{Name: *in.Name, Description: value(in.Description), KMSKey: value(in.KmsKeyIdentifier), Tags: tagMap(in.Tags)}
	if in.DeadLetterConfig != nil {
		doc.DeadLetter = value(in.DeadLetterConfig.Arn)
	}
	b, err := s.makeBus(ctx, doc)
	if err != nil {
		return nil, err
	}
	return &shapes.CreateEventBusOutput{
		EventBusArn: new(b.arn()), Description: in.Description, KmsKeyIdentifier: in.KmsKeyIdentifier, DeadLetterConfig: in.DeadLetterConfig,
	}, nil
}

// makeBus stores a bus of which there is none yet, but for one that the same token made before.
func (s *Service) makeBus(ctx context.Context, doc *eventBus) (busRef, error) {
	b := busRef{placeOf(ctx), doc.Name}
	if doc.Name == defaultBus {
		return b, exists("Event bus %s already exists.", doc.Name)
	}
	doc.Place, doc.Created = b.place, now()
	doc.Modified = doc.Created
	_, err := s.buses.Edit(ctx, b.key(), func(old *eventBus) (*eventBus, error) {
		if old != nil && (doc.Token == "" || old.Token != doc.Token) {
			return nil, exists("Event bus %s already exists.", doc.Name)
		}
		return doc, nil
	})
	return b, err
}

func (s *Service) describeEventBus(ctx context.Context, in *shapes.DescribeEventBusInput) (*shapes.DescribeEventBusOutput, error) {
	b := busNamed(ctx, in.Name)
	doc, err := s.findBus(ctx, b)
	if err != nil {
		return nil, err
	}
	out := &shapes.DescribeEventBusOutput{
		Name: &b.name, Arn: new(b.arn()), Description: optional(doc.Description), KmsKeyIdentifier: optional(doc.KMSKey), Policy: doc.policyText(),
	}
	if doc.DeadLetter != "" {
		out.DeadLetterConfig = &shapes.DeadLetterConfig{Arn: &doc.DeadLetter}
	}
	if !doc.Created.IsZero() {
		out.CreationTime, out.LastModifiedTime = &doc.Created, &doc.Modified
	}
	return out, nil
}

func (d *eventBus) policyText() *string {
	if d.Policy == nil || len(d.Policy.Statement) == 0 {
		return nil
	}
	text, err := json.Marshal(d.Policy)
	if err != nil { // it came as JSON
		return nil
	}
	return new(string(text))
}

func (s *Service) listEventBuses(ctx context.Context, in *shapes.ListEventBusesInput) (*shapes.ListEventBusesOutput, error) {
	p := placeOf(ctx)
	docs, err := s.buses.List(ctx, p.key("bus"))
	if err != nil {
		return nil, err
	}
	docs = slices.DeleteFunc(docs, func(d *eventBus) bool { return d.Name == defaultBus })
	first, err := s.findBus(ctx, busRef{p, defaultBus})
	if err != nil {
		return nil, err
	}
	docs = append(docs, first)
	slices.SortFunc(docs, func(a, b *eventBus) int { return strings.Compare(a.Name, b.Name) })
	docs = slices.DeleteFunc(docs, func(d *eventBus) bool { return !strings.HasPrefix(d.Name, value(in.NamePrefix)) })
	docs, next, err := page(docs, func(d *eventBus) string { return d.Name }, in.Limit, in.NextToken)
	if err != nil {
		return nil, err
	}
	out := &shapes.ListEventBusesOutput{EventBuses: []*shapes.EventBus{}, NextToken: next}
	for _, d := range docs {
		out.EventBuses = append(out.EventBuses, &shapes.EventBus{Name: &d.Name, Arn: new(busRef{p, d.Name}.arn()), Policy: d.policyText()})
	}
	return out, nil
}

func (s *Service) updateEventBus(ctx context.Context, in *shapes.UpdateEventBusInput) (*shapes.UpdateEventBusOutput, error) {
	b := busNamed(ctx, in.Name)
	_, err := s.editBus(ctx, b, func(d *eventBus) error {
		d.Description, d.KMSKey, d.DeadLetter = value(in.Description), value(in.KmsKeyIdentifier), ""
		if in.DeadLetterConfig != nil {
			d.DeadLetter = value(in.DeadLetterConfig.Arn)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return &shapes.UpdateEventBusOutput{
		Arn: new(b.arn()), Name: &b.name, Description: in.Description, KmsKeyIdentifier: in.KmsKeyIdentifier, DeadLetterConfig: in.DeadLetterConfig,
	}, nil
}

func (s *Service) deleteEventBus(ctx context.Context, in *shapes.DeleteEventBusInput) (*shapes.DeleteEventBusOutput, error) {
	b := busNamed(ctx, in.Name)
	if b.name == defaultBus {
		return nil, invalid("Cannot delete event bus default.")
	}
	rules, err := s.rules.List(ctx, b.rulesPrefix())
	if err != nil {
		return nil, err
	}
	if len(rules) > 0 {
		return nil, invalid("Cannot delete event bus %s: it still has rules.", b.name)
	}
	_, err = s.buses.Edit(ctx, b.key(), func(*eventBus) (*eventBus, error) { return nil, nil })
	return &shapes.DeleteEventBusOutput{}, err
}

func (s *Service) putPermission(ctx context.Context, in *shapes.PutPermissionInput) (*shapes.PutPermissionOutput, error) {
	b := busNamed(ctx, in.EventBusName)
	if in.Policy != nil {
		if in.Action != nil || in.Principal != nil || in.StatementId != nil {
			return nil, invalid("Parameter Policy must not be used together with Action, Principal or StatementId.")
		}
		p := new(policyDocument)
		if err := json.Unmarshal([]byte(*in.Policy), p); err != nil || len(p.Statement) == 0 {
			return nil, awsapi.Errorf("ValidationException", 400, "Parameter Policy is not valid.")
		}
		_, err := s.editBus(ctx, b, func(d *eventBus) error { d.Policy = p; return nil })
		return &shapes.PutPermissionOutput{}, err
	}
	if in.Action == nil || in.Principal == nil || in.StatementId == nil {
		return nil, invalid("Parameters Action, Principal and StatementId must be specified.")
	}
	statement, err := json.Marshal(b.statement(in))
	if err != nil {
		return nil, fmt.Errorf("encode statement: %w", err)
	}
	_, err = s.editBus(ctx, b, func(d *eventBus) error {
		if d.Policy == nil {
			d.Policy = &policyDocument{Version: "2012-10-17"}
		}
		d.Policy.drop(*in.StatementId)
		d.Policy.Statement = append(d.Policy.Statement, statement)
		return nil
	})
	return &shapes.PutPermissionOutput{}, err
}

type busStatement struct {
	Sid       string
	Effect    string
	Principal any
	Action    string
	Resource  string
	Condition map[string]map[string]string `json:",omitempty"`
}

func (b busRef) statement(in *shapes.PutPermissionInput) busStatement {
	st := busStatement{Sid: *in.StatementId, Effect: "Allow", Principal: "*", Action: *in.Action, Resource: b.arn()}
	if *in.Principal != "*" {
		st.Principal = map[string]string{"AWS": "arn:aws:iam::" + *in.Principal + ":root"}
	}
	if c := in.Condition; c != nil {
		st.Condition = map[string]map[string]string{*c.Type: {*c.Key: *c.Value}}
	}
	return st
}

// drop removes the statement of an id.
func (p *policyDocument) drop(id string) (found bool) {
	n := len(p.Statement)
	p.Statement = slices.DeleteFunc(p.Statement, func(raw json.RawMessage) bool {
		var st struct{ Sid string }
		return json.Unmarshal(raw, &st) == nil && st.Sid == id
	})
	return len(p.Statement) < n
}

func (s *Service) removePermission(ctx context.Context, in *shapes.RemovePermissionInput) (*shapes.RemovePermissionOutput, error) {
	b := busNamed(ctx, in.EventBusName)
	_, err := s.editBus(ctx, b, func(d *eventBus) error {
		if value(in.RemoveAllPermissions) {
			d.Policy = nil
			return nil
		}
		if d.Policy == nil || in.StatementId == nil || !d.Policy.drop(*in.StatementId) {
			if d.Policy == nil && in.StatementId != nil {
				return notFound("Statement with the provided id does not exist.")
			}
			if in.StatementId == nil {
				return invalid("Parameter StatementId must be specified.")
			}
			return notFound("Statement with the provided id does not exist.")
		}
		return nil
	})
	return &shapes.RemovePermissionOutput{}, err
}

// A tagged thing is a bus or a rule.
func (s *Service) editTags(ctx context.Context, resource string, f func(map[string]string) map[string]string) (tags map[string]string, err error) {
	b, name, ok := parseResource(resource)
	switch {
	case !ok:
		return nil, invalid("Parameter %s is not valid. Reason: Provided Arn is not in correct format.", resource)
	case name == "":
		d, err := s.editBus(ctx, b, func(d *eventBus) error {
			if f == nil {
				return follow.ErrUnchanged
			}
			d.Tags = f(d.Tags)
			return nil
		})
		if err != nil || d == nil {
			return nil, err
		}
		return d.Tags, nil
	}
	r, err := s.editRule(ctx, b, name, func(r *rule) error {
		if f == nil {
			return follow.ErrUnchanged
		}
		r.Tags = f(r.Tags)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r.Tags, nil
}

// parseResource reads the ARN of a bus or, with a name, of a rule.
func parseResource(text string) (b busRef, ruleName string, ok bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) != 6 || parts[2] != "events" {
		return b, "", false
	}
	b.place = place{parts[4], parts[3]}
	if name, ok := strings.CutPrefix(parts[5], "event-bus/"); ok {
		b.name = name
		return b, "", true
	}
	rest, ok := strings.CutPrefix(parts[5], "rule/")
	if !ok {
		return b, "", false
	}
	b.name = defaultBus
	if i := strings.LastIndexByte(rest, '/'); i >= 0 {
		b.name, rest = rest[:i], rest[i+1:]
	}
	return b, rest, true
}

func (s *Service) tagResource(ctx context.Context, in *shapes.TagResourceInput) (*shapes.TagResourceOutput, error) {
	_, err := s.editTags(ctx, *in.ResourceARN, func(tags map[string]string) map[string]string {
		if tags == nil {
			tags = map[string]string{}
		}
		for k, v := range tagMap(in.Tags) {
			tags[k] = v
		}
		return tags
	})
	return &shapes.TagResourceOutput{}, err
}

func (s *Service) untagResource(ctx context.Context, in *shapes.UntagResourceInput) (*shapes.UntagResourceOutput, error) {
	_, err := s.editTags(ctx, *in.ResourceARN, func(tags map[string]string) map[string]string {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
		return tags
	})
	return &shapes.UntagResourceOutput{}, err
}

func (s *Service) listTagsForResource(ctx context.Context, in *shapes.ListTagsForResourceInput) (*shapes.ListTagsForResourceOutput, error) {
	tags, err := s.editTags(ctx, *in.ResourceARN, nil)
	if err != nil {
		return nil, err
	}
	return &shapes.ListTagsForResourceOutput{Tags: tagList(tags)}, nil
}

func tagMap(tags []*shapes.Tag) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	m := map[string]string{}
	for _, t := range tags {
		m[*t.Key] = *t.Value
	}
	return m
}

func tagList(tags map[string]string) []*shapes.Tag {
	list := []*shapes.Tag{}
	for k, v := range tags {
		list = append(list, &shapes.Tag{Key: &k, Value: &v})
	}
	slices.SortFunc(list, func(a, b *shapes.Tag) int { return strings.Compare(*a.Key, *b.Key) })
	return list
}
