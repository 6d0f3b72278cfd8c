package states

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	tree "github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are the resource types of CloudFormation that are made here.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{s.machineResource(), s.versionResource(), s.aliasResource(), s.activityResource()}
}

type machineProperties struct {
	Definition              json.RawMessage
	DefinitionString        *string
	DefinitionS3Location    *s3Location
	DefinitionSubstitutions map[string]any
	EncryptionConfiguration *encryptionProperties
	LoggingConfiguration    *loggingProperties
	RoleArn                 string  `cfn:"required"`
	StateMachineName        *string `cfn:"createonly"`
	StateMachineType        *string `cfn:"createonly"`
	Tags                    []resource.Tag
	TracingConfiguration    *struct{ Enabled *bool }
}

type s3Location struct {
	Bucket  string `cfn:"required"`
	Key     string `cfn:"required"`
	Version *string
}

type loggingProperties struct {
	Destinations []struct {
		CloudWatchLogsLogGroup *struct{ LogGroupArn *string }
	}
	IncludeExecutionData *bool
	Level                *string
}

type encryptionProperties struct {
	KmsDataKeyReusePeriodSeconds *int64
	KmsKeyId                     *string
	Type                         string `cfn:"required"`
}

func (p *encryptionProperties) shape() *shapes.EncryptionConfiguration {
	if p == nil {
		return nil
	}
	return &shapes.EncryptionConfiguration{Type: &p.Type, KmsKeyId: p.KmsKeyId, KmsDataKeyReusePeriodSeconds: p.KmsDataKeyReusePeriodSeconds}
}

func (p *loggingProperties) shape() *shapes.LoggingConfiguration {
	if p == nil {
		return nil
	}
	out := &shapes.LoggingConfiguration{Level: p.Level, IncludeExecutionData: p.IncludeExecutionData}
	for _, d := range p.Destinations {
		destination := &shapes.LogDestination{}
		if d.CloudWatchLogsLogGroup != nil {
			destination.CloudWatchLogsLogGroup = &shapes.CloudWatchLogsLogGroup{LogGroupArn: d.CloudWatchLogsLogGroup.LogGroupArn}
		}
		out.Destinations = append(out.Destinations, destination)
	}
	return out
}

func (s *Service) machineResource() resource.Type {
	return resource.New("AWS::StepFunctions::StateMachine", resource.Handlers[machineProperties]{
		Create: func(ctx context.Context, r resource.Request, p *machineProperties) (resource.Result, error) {
			text, err := s.definitionOf(ctx, p)
			if err != nil {
				return resource.Result{}, err
			}
			m := &stateMachine{
				Name: deref(p.StateMachineName), Type: cmp.Or(deref(p.StateMachineType), standard), Role: p.RoleArn, Created: s.millis(),
				Tracing: p.TracingConfiguration != nil && deref(p.TracingConfiguration.Enabled), Tags: r.WithTags(resource.TagMap(p.Tags)), NextVersion: 1, Token: r.Token,
			}
			if m.Encryption, err = encryptionOf(p.EncryptionConfiguration.shape()); err != nil {
				return resource.Result{}, err
			}
			if m.Name == "" {
				m.Name = r.PhysicalName(80)
			}
			if err := s.makeMachine(ctx, placeOf(ctx), m, text, p.LoggingConfiguration.shape()); err != nil {
				return resource.Result{}, err
			}
			return machineResult(ctx, m), nil
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *machineProperties) (resource.Result, error) {
			text, err := s.definitionOf(ctx, p)
			if err != nil {
				return resource.Result{}, err
			}
			in := &shapes.UpdateStateMachineInput{
				Definition: &text, RoleArn: &p.RoleArn, LoggingConfiguration: p.LoggingConfiguration.shape(),
				TracingConfiguration:    &shapes.TracingConfiguration{Enabled: new(p.TracingConfiguration != nil && deref(p.TracingConfiguration.Enabled))},
				EncryptionConfiguration: p.EncryptionConfiguration.shape(),
			}
			_, m, err := s.editMachine(ctx, r.PhysicalID, func(m *stateMachine) error {
				m.Tags = r.WithTags(resource.TagMap(p.Tags))
				if in.LoggingConfiguration == nil {
					m.Logging = nil
				}
				if in.EncryptionConfiguration == nil {
					m.Encryption = nil
				}
				return s.change(ctx, m, in)
			})
			if err != nil {
				return resource.Result{}, err
			}
			return machineResult(ctx, m), nil
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			_, err := s.deleteStateMachine(ctx, &shapes.DeleteStateMachineInput{StateMachineArn: &r.PhysicalID})
			return err
		},
	})
}

func machineResult(ctx context.Context, m *stateMachine) resource.Result {
	arn := placeOf(ctx).arn("stateMachine", m.Name)
	return resource.Result{PhysicalID: arn, Attributes: map[string]any{"Arn": arn, "Name": m.Name, "StateMachineRevisionId": cmp.Or(m.Revision, "INITIAL")}}
}

// definitionOf returns the definition of a machine in a template, with its substitutions made.
func (s *Service) definitionOf(ctx context.Context, p *machineProperties) (string, error) {
	var text string
	switch {
	case p.DefinitionString != nil:
		text = *p.DefinitionString
	case p.Definition != nil:
		var b bytes.Buffer
		if err := json.Indent(&b, p.Definition, "", "  "); err != nil {
			return "", failure("InvalidDefinition", "Invalid State Machine Definition: %s", err)
		}
		text = b.String()
	case p.DefinitionS3Location != nil:
		l := p.DefinitionS3Location
		data, err := s.readObject(ctx, l.Bucket, l.Key, deref(l.Version))
		if err != nil {
			return "", err
		}
		text = string(data)
	default:
		return "", failure("InvalidRequest", "One of Definition, DefinitionString, or DefinitionS3Location must be specified")
	}
	return substitute(text, p.DefinitionSubstitutions), nil
}

// substitute replaces ${name} by its value. AWS: what has no value stays.
func substitute(text string, values map[string]any) string {
	if len(values) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(values))
	for name, v := range values {
		value, ok := v.(string)
		if !ok {
			b, _ := json.Marshal(v) // it came from JSON
			value = string(b)
		}
		quoted := string(tree.AppendQuoted(nil, value))
		pairs = append(pairs, "${"+name+"}", quoted[1:len(quoted)-1])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// readObject reads a whole object of S3.
func (s *Service) readObject(ctx context.Context, bucket, key, version string) ([]byte, error) {
	if s.cfg.Objects == nil {
		return nil, fmt.Errorf("read s3://%s/%s: there is no S3 here", bucket, key)
	}
	r, err := s.cfg.Objects.Open(ctx, bucket, key, version)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read s3://%s/%s: %w", bucket, key, err)
	}
	return data, nil
}

type versionProperties struct {
	Description            *string `cfn:"createonly"`
	StateMachineArn        string  `cfn:"required,createonly"`
	StateMachineRevisionId *string `cfn:"createonly"`
}

func (s *Service) versionResource() resource.Type {
	return resource.New("AWS::StepFunctions::StateMachineVersion", resource.Handlers[versionProperties]{
		Create: func(ctx context.Context, _ resource.Request, p *versionProperties) (resource.Result, error) {
			out, err := s.publishStateMachineVersion(ctx, &shapes.PublishStateMachineVersionInput{StateMachineArn: &p.StateMachineArn, RevisionId: p.StateMachineRevisionId, Description: p.Description})
			if err != nil {
				return resource.Result{}, err
			}
			return resource.Result{PhysicalID: *out.StateMachineVersionArn, Attributes: map[string]any{"Arn": *out.StateMachineVersionArn}}, nil
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			_, err := s.deleteStateMachineVersion(ctx, &shapes.DeleteStateMachineVersionInput{StateMachineVersionArn: &r.PhysicalID})
			return err
		},
	})
}

type aliasProperties struct {
	Name                 *string `cfn:"createonly"`
	Description          *string
	RoutingConfiguration []routeProperties
	DeploymentPreference *struct {
		StateMachineVersionArn string `cfn:"required"`
		Type                   string `cfn:"required"`
		Interval, Percentage   *int64
		Alarms                 []string
	}
}

type routeProperties struct {
	StateMachineVersionArn string `cfn:"required"`
	Weight                 int64  `cfn:"required"`
}

// routes are an alias's versions. A deployment preference says how fast a version takes over; here it does at once.
func (p *aliasProperties) routes() []*shapes.RoutingConfigurationListItem {
	if p.DeploymentPreference != nil {
		return []*shapes.RoutingConfigurationListItem{{StateMachineVersionArn: &p.DeploymentPreference.StateMachineVersionArn, Weight: new(int64(100))}}
	}
	var items []*shapes.RoutingConfigurationListItem
	for _, r := range p.RoutingConfiguration {
		items = append(items, &shapes.RoutingConfigurationListItem{StateMachineVersionArn: new(r.StateMachineVersionArn), Weight: new(r.Weight)})
	}
	return items
}

func (s *Service) aliasResource() resource.Type {
	result := func(arn string) resource.Result {
		return resource.Result{PhysicalID: arn, Attributes: map[string]any{"Arn": arn}}
	}
	return resource.New("AWS::StepFunctions::StateMachineAlias", resource.Handlers[aliasProperties]{
		Create: func(ctx context.Context, r resource.Request, p *aliasProperties) (resource.Result, error) {
			name := deref(p.Name)
			if name == "" {
				name = r.PhysicalName(80)
			}
			items := p.routes()
			if len(items) == 0 {
				return resource.Result{}, errValidation("Routing configuration must contain one or two state machine version ARNs")
			}
			arn, err := s.makeAlias(ctx, &alias{Name: name, Description: deref(p.Description), Token: r.Token}, items)
			return result(arn), err
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *aliasProperties) (resource.Result, error) {
			_, err := s.updateStateMachineAlias(ctx, &shapes.UpdateStateMachineAliasInput{StateMachineAliasArn: &r.PhysicalID, Description: new(deref(p.Description)), RoutingConfiguration: p.routes()})
			return result(r.PhysicalID), err
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			_, err := s.deleteStateMachineAlias(ctx, &shapes.DeleteStateMachineAliasInput{StateMachineAliasArn: &r.PhysicalID})
			if code(err) == codeNoResource {
				return nil
			}
			return err
		},
	})
}

type activityProperties struct {
	Name                    string                `cfn:"required,createonly"`
	EncryptionConfiguration *encryptionProperties `cfn:"createonly"`
	Tags                    []resource.Tag
}

func (s *Service) activityResource() resource.Type {
	result := func(ctx context.Context, name string) resource.Result {
		arn := placeOf(ctx).arn("activity", name)
		return resource.Result{PhysicalID: arn, Attributes: map[string]any{"Arn": arn, "Name": name}}
	}
	return resource.New("AWS::StepFunctions::Activity", resource.Handlers[activityProperties]{
		Create: func(ctx context.Context, r resource.Request, p *activityProperties) (resource.Result, error) {
			key, err := encryptionOf(p.EncryptionConfiguration.shape())
			if err == nil {
				err = s.makeActivity(ctx, &activity{Name: p.Name, Tags: r.WithTags(resource.TagMap(p.Tags)), Token: r.Token, Encryption: key})
			}
			return result(ctx, p.Name), err
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *activityProperties) (resource.Result, error) {
			err := s.editTags(ctx, r.PhysicalID, func(tags map[string]string) {
				clear(tags)
				for k, v := range r.WithTags(resource.TagMap(p.Tags)) {
					tags[k] = v
				}
			})
			return result(ctx, p.Name), err
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			_, err := s.deleteActivity(ctx, &shapes.DeleteActivityInput{ActivityArn: &r.PhysicalID})
			return err
		},
	})
}
