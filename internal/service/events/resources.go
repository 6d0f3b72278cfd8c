package events

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/events"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{
		resource.New("AWS::Events::Rule", resource.Handlers[ruleProperties]{Create: s.createRuleResource, Update: s.updateRuleResource, Delete: s.deleteRuleResource}),
		resource.New("AWS::Events::EventBus", resource.Handlers[busProperties]{Create: s.createBusResource, Update: s.updateBusResource, Delete: s.deleteBusResource}),
		resource.New("AWS::Events::EventBusPolicy", resource.Handlers[busPolicyProperties]{Create: s.putBusPolicy, Update: s.updateBusPolicy, Delete: s.deleteBusPolicy}),
		resource.New("AWS::Events::Archive", resource.Handlers[archiveProperties]{Create: s.createArchiveResource, Update: s.updateArchiveResource, Delete: s.deleteArchiveResource}),
		resource.New("AWS::Events::Connection", resource.Handlers[connectionProperties]{Create: s.createConnectionResource, Update: s.updateConnectionResource, Delete: s.deleteConnectionResource}),
		resource.New("AWS::Events::ApiDestination", resource.Handlers[destinationProperties]{Create: s.createDestinationResource, Update: s.updateDestinationResource, Delete: s.deleteDestinationResource}),
	}
}

type ruleProperties struct {
	Description        *string
	EventBusName       *string `cfn:"createonly"`
	EventPattern       json.RawMessage
	Name               *string `cfn:"createonly"`
	RoleArn            *string
	ScheduleExpression *string
	State              *string
	Tags               []resource.Tag
	Targets            []*shapes.Target
}

// patternText returns a property that is JSON, or a string of JSON.
func patternText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

func (p *ruleProperties) rule(r resource.Request, name string) (*rule, error) {
	if len(p.Targets) > maxTargets {
		return nil, errLimit()
	}
	for _, t := range p.Targets {
		if t.Id == nil || t.Arn == nil {
			return nil, invalid("A target needs Id and Arn.")
		}
		if err := checkTarget(t); err != nil {
			return nil, err
		}
	}
	targets := p.Targets
	if targets == nil {
		targets = []*shapes.Target{} // not those of before
	}
	return &rule{
		Name: name, Pattern: patternText(p.EventPattern), Schedule: value(p.ScheduleExpression), State: value(p.State), Description: value(p.Description),
		Role: value(p.RoleArn), Tags: r.WithTags(resource.TagMap(p.Tags)), Targets: targets, Token: r.Token,
	}, nil
}

func (s *Service) createRuleResource(ctx context.Context, r resource.Request, p *ruleProperties) (resource.Result, error) {
	name := value(p.Name)
	if name == "" {
		name = r.PhysicalName(64)
	}
	return s.storeRuleResource(ctx, r, p, name)
}

func (s *Service) storeRuleResource(ctx context.Context, r resource.Request, p *ruleProperties, name string) (resource.Result, error) {
	next, err := p.rule(r, name)
	if err != nil {
		return resource.Result{}, err
	}
	b := busNamed(ctx, p.EventBusName)
	if r.PhysicalID != "" {
		next.Token = "" // an update may find what another token made
	}
	made, err := s.storeRule(ctx, b, next)
	if err != nil {
		return resource.Result{}, err
	}
	id := made.Name
	if b.name != defaultBus {
		id = b.name + "|" + made.Name
	}
	return resource.Result{PhysicalID: id, Attributes: map[string]any{"Arn": made.arn()}}, nil
}

func (s *Service) updateRuleResource(ctx context.Context, r resource.Request, p, _ *ruleProperties) (resource.Result, error) {
	return s.storeRuleResource(ctx, r, p, r.PhysicalID[strings.LastIndexByte(r.PhysicalID, '|')+1:])
}

func (s *Service) deleteRuleResource(ctx context.Context, r resource.Request) error {
	text, _ := r.Properties["EventBusName"].(string)
	b := busNamed(ctx, optional(text))
	_, err := s.rules.Edit(ctx, b.ruleKey(r.PhysicalID[strings.LastIndexByte(r.PhysicalID, '|')+1:]), func(*rule) (*rule, error) { return nil, nil })
	return err
}

type busProperties struct {
	DeadLetterConfig *struct{ Arn *string }
	Description      *string
	EventSourceName  *string `cfn:"createonly"`
	KmsKeyIdentifier *string
	LogConfig        any
	Name             string `cfn:"required,createonly"`
	Policy           json.RawMessage
	Tags             []resource.Tag
}

func (p *busProperties) fill(r resource.Request, d *eventBus) error {
	d.Description, d.KMSKey, d.DeadLetter = value(p.Description), value(p.KmsKeyIdentifier), ""
	if p.DeadLetterConfig != nil {
		d.DeadLetter = value(p.DeadLetterConfig.Arn)
	}
	d.Tags = r.WithTags(resource.TagMap(p.Tags))
	if p.Policy != nil {
		d.Policy = new(policyDocument)
		if err := json.Unmarshal([]byte(patternText(p.Policy)), d.Policy); err != nil {
			return invalid("Parameter Policy is not valid.")
		}
	}
	return nil
}

func busResult(b busRef) resource.Result {
	return resource.Result{PhysicalID: b.name, Attributes: map[string]any{"Arn": b.arn(), "Name": b.name, "Policy": ""}}
}

func (s *Service) createBusResource(ctx context.Context, r resource.Request, p *busProperties) (resource.Result, error) {
	d := &eventBus{Name: p.Name, Token: r.Token}
	if err := p.fill(r, d); err != nil {
		return resource.Result{}, err
	}
	b, err := s.makeBus(ctx, d)
	return busResult(b), err
}

func (s *Service) updateBusResource(ctx context.Context, r resource.Request, p, _ *busProperties) (resource.Result, error) {
	b := busRef{placeOf(ctx), r.PhysicalID}
	_, err := s.editBus(ctx, b, func(d *eventBus) error { return p.fill(r, d) })
	return busResult(b), err
}

func (s *Service) deleteBusResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteEventBus(ctx, &shapes.DeleteEventBusInput{Name: &r.PhysicalID})
	return gone(err)
}

type busPolicyProperties struct {
	Action       *string
	Condition    *shapes.Condition
	EventBusName *string `cfn:"createonly"`
	Principal    *string
	Statement    json.RawMessage
	StatementId  string `cfn:"required,createonly"`
}

func (s *Service) putBusPolicy(ctx context.Context, r resource.Request, p *busPolicyProperties) (resource.Result, error) {
	out := resource.Result{PhysicalID: r.PhysicalName(128)}
	if p.Statement == nil {
		_, err := s.putPermission(ctx, &shapes.PutPermissionInput{
			EventBusName: p.EventBusName, Action: p.Action, Principal: p.Principal, StatementId: &p.StatementId, Condition: p.Condition,
		})
		return out, err
	}
	var statement map[string]any
	if err := json.Unmarshal(p.Statement, &statement); err != nil {
		return out, invalid("Parameter Statement is not valid.")
	}
	statement["Sid"] = p.StatementId
	data, err := json.Marshal(statement)
	if err != nil {
		return out, fmt.Errorf("encode statement: %w", err)
	}
	_, err = s.editBus(ctx, busNamed(ctx, p.EventBusName), func(d *eventBus) error {
		if d.Policy == nil {
			d.Policy = &policyDocument{Version: "2012-10-17"}
		}
		d.Policy.drop(p.StatementId)
		d.Policy.Statement = append(d.Policy.Statement, data)
		return nil
	})
	return out, err
}

func (s *Service) updateBusPolicy(ctx context.Context, r resource.Request, p, _ *busPolicyProperties) (resource.Result, error) {
	_, err := s.putBusPolicy(ctx, r, p)
	return resource.Result{PhysicalID: r.PhysicalID}, err
}

func (s *Service) deleteBusPolicy(ctx context.Context, r resource.Request) error {
	busName, _ := r.Properties["EventBusName"].(string)
	id, _ := r.Properties["StatementId"].(string)
	_, err := s.removePermission(ctx, &shapes.RemovePermissionInput{EventBusName: optional(busName), StatementId: &id})
	return gone(err)
}

// gone makes a deletion of what does not exist a success.
func gone(err error) error {
	if awsapi.Code(err) == "ResourceNotFoundException" {
		return nil
	}
	return err
}

type archiveProperties struct {
	ArchiveName      *string `cfn:"createonly"`
	Description      *string
	EventPattern     json.RawMessage
	KmsKeyIdentifier *string
	RetentionDays    *int64
	SourceArn        string `cfn:"required,createonly"`
}

func archiveResult(a *archive) resource.Result {
	return resource.Result{PhysicalID: a.Name, Attributes: map[string]any{"ArchiveName": a.Name, "Arn": a.arn()}}
}

func (s *Service) createArchiveResource(ctx context.Context, r resource.Request, p *archiveProperties) (resource.Result, error) {
	name := value(p.ArchiveName)
	if name == "" {
		name = r.PhysicalName(48)
	}
	b := busNamed(ctx, &p.SourceArn)
	a := &archive{Name: name, Bus: b.name, Description: value(p.Description), Pattern: patternText(p.EventPattern), Days: value(p.RetentionDays), Token: r.Token}
	if err := s.makeArchive(ctx, b, a); err != nil {
		return resource.Result{}, err
	}
	return archiveResult(a), nil
}

func (s *Service) updateArchiveResource(ctx context.Context, r resource.Request, p, _ *archiveProperties) (resource.Result, error) {
	a, err := s.archives.Edit(ctx, placeOf(ctx).key("archive", r.PhysicalID), func(a *archive) (*archive, error) {
		if a == nil {
			return nil, errNoArchive(r.PhysicalID)
		}
		a.Description, a.Pattern, a.Days = value(p.Description), patternText(p.EventPattern), value(p.RetentionDays)
		return a, nil
	})
	if err != nil {
		return resource.Result{}, err
	}
	return archiveResult(a), nil
}

func (s *Service) deleteArchiveResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteArchive(ctx, &shapes.DeleteArchiveInput{ArchiveName: &r.PhysicalID})
	return gone(err)
}

type connectionProperties struct {
	AuthParameters                   *shapes.CreateConnectionAuthRequestParameters
	AuthorizationType                string `cfn:"required"`
	Description                      *string
	InvocationConnectivityParameters any
	KmsKeyIdentifier                 *string
	Name                             *string `cfn:"createonly"`
}

func connectionResult(c *connection) resource.Result {
	return resource.Result{PhysicalID: c.Name, Attributes: map[string]any{
		"Arn": c.arn(), "ArnForPolicy": c.Place.arn("connection/" + c.Name), "SecretArn": "arn:aws:secretsmanager:" + c.Place.Region + ":" + c.Place.Account + ":secret:events!connection/" + c.Name + "/" + c.ID,
	}}
}

func (s *Service) createConnectionResource(ctx context.Context, r resource.Request, p *connectionProperties) (resource.Result, error) {
	name := value(p.Name)
	if name == "" {
		name = r.PhysicalName(64)
	}
	c := &connection{Name: name, Description: value(p.Description), Kind: p.AuthorizationType, Auth: p.AuthParameters, Token: r.Token}
	if err := s.makeConnection(ctx, c); err != nil {
		return resource.Result{}, err
	}
	return connectionResult(c), nil
}

func (s *Service) updateConnectionResource(ctx context.Context, r resource.Request, p, _ *connectionProperties) (resource.Result, error) {
	c, err := s.editConnection(ctx, "update", r.PhysicalID, func(c *connection) error {
		c.Description, c.Kind, c.Auth, c.State, c.Authorized = value(p.Description), p.AuthorizationType, p.AuthParameters, authorized, now()
		return c.check()
	})
	if err != nil {
		return resource.Result{}, err
	}
	return connectionResult(c), nil
}

func (s *Service) deleteConnectionResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteConnection(ctx, &shapes.DeleteConnectionInput{Name: &r.PhysicalID})
	return gone(err)
}

type destinationProperties struct {
	ConnectionArn                string `cfn:"required"`
	Description                  *string
	HttpMethod                   string `cfn:"required"`
	InvocationEndpoint           string `cfn:"required"`
	InvocationRateLimitPerSecond *int64
	Name                         *string `cfn:"createonly"`
}

func destinationResult(d *destination) resource.Result {
	return resource.Result{PhysicalID: d.Name, Attributes: map[string]any{"Arn": d.arn(), "ArnForPolicy": d.Place.arn("api-destination/" + d.Name)}}
}

func (s *Service) createDestinationResource(ctx context.Context, r resource.Request, p *destinationProperties) (resource.Result, error) {
	name := value(p.Name)
	if name == "" {
		name = r.PhysicalName(64)
	}
	d := &destination{
		Name: name, Description: value(p.Description), Connection: p.ConnectionArn, Endpoint: p.InvocationEndpoint, Method: p.HttpMethod,
		Rate: value(p.InvocationRateLimitPerSecond), Token: r.Token,
	}
	if err := s.makeDestination(ctx, d); err != nil {
		return resource.Result{}, err
	}
	return destinationResult(d), nil
}

func (s *Service) updateDestinationResource(ctx context.Context, r resource.Request, p, _ *destinationProperties) (resource.Result, error) {
	d, err := s.destinations.Edit(ctx, placeOf(ctx).key("destination", r.PhysicalID), func(d *destination) (*destination, error) {
		if d == nil {
			return nil, errNoDestination("update", r.PhysicalID)
		}
		d.Description, d.Connection, d.Endpoint, d.Method, d.Rate = value(p.Description), p.ConnectionArn, p.InvocationEndpoint, p.HttpMethod, value(p.InvocationRateLimitPerSecond)
		d.Modified = now()
		return d, s.checkDestination(ctx, d)
	})
	if err != nil {
		return resource.Result{}, err
	}
	return destinationResult(d), nil
}

func (s *Service) deleteDestinationResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteAPIDestination(ctx, &shapes.DeleteApiDestinationInput{Name: &r.PhysicalID})
	return gone(err)
}
