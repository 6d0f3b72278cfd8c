package dynamodb

import (
	"context"
	"reflect"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/awsapi/wire"
	"github.com/sallyport/sallyport/internal/resource"
)

// Resources are what CloudFormation can make here.
func (s *Service) Resources() []resource.Type {
	return []resource.Type{resource.New("AWS::DynamoDB::Table", resource.Handlers[tableProperties]{
		Create: s.createResource, Update: s.updateResource, Delete: s.deleteResource,
	})}
}

type tableProperties struct {
	AttributeDefinitions             []attributeProperty
	BillingMode                      *string
	ContributorInsightsSpecification map[string]any
	DeletionProtectionEnabled        *bool
	GlobalSecondaryIndexes           []indexProperty
	ImportSourceSpecification        map[string]any  `cfn:"createonly"`
	KeySchema                        []keyProperty   `cfn:"required,createonly"`
	KinesisStreamSpecification       map[string]any  // does nothing: there is no Kinesis here
	LocalSecondaryIndexes            []indexProperty `cfn:"createonly"`
	OnDemandThroughput               *onDemandProperty
	PointInTimeRecoverySpecification *recoveryProperty
	ProvisionedThroughput            *throughputProperty
	ResourcePolicy                   map[string]any
	SSESpecification                 *sseProperty
	StreamSpecification              *streamProperty
	TableClass                       *string
	TableName                        *string `cfn:"createonly"`
	Tags                             []resource.Tag
	TimeToLiveSpecification          *ttlProperty
	WarmThroughput                   *warmProperty
}

type (
	attributeProperty struct {
		AttributeName string `cfn:"required"`
		AttributeType string `cfn:"required"`
	}
	keyProperty struct {
		AttributeName string `cfn:"required"`
		KeyType       string `cfn:"required"`
	}
	indexProperty struct {
		IndexName                        string             `cfn:"required"`
		KeySchema                        []keyProperty      `cfn:"required"`
		Projection                       projectionProperty `cfn:"required"`
		ProvisionedThroughput            *throughputProperty
		OnDemandThroughput               *onDemandProperty
		WarmThroughput                   *warmProperty
		ContributorInsightsSpecification map[string]any
	}
	projectionProperty struct {
		NonKeyAttributes []string
		ProjectionType   *string
	}
	throughputProperty struct {
		ReadCapacityUnits  int64 `cfn:"required"`
		WriteCapacityUnits int64 `cfn:"required"`
	}
	onDemandProperty struct {
		MaxReadRequestUnits  *int64
		MaxWriteRequestUnits *int64
	}
	warmProperty struct {
		ReadUnitsPerSecond  *int64
		WriteUnitsPerSecond *int64
	}
	recoveryProperty struct {
		PointInTimeRecoveryEnabled *bool
		RecoveryPeriodInDays       *int64
	}
	sseProperty struct {
		KMSMasterKeyId *string
		SSEEnabled     bool `cfn:"required"`
		SSEType        *string
	}
	streamProperty struct {
		StreamViewType string `cfn:"required"`
		ResourcePolicy map[string]any
	}
	ttlProperty struct {
		AttributeName *string
		Enabled       bool `cfn:"required"`
	}
)

// checkedInput returns the properties as CreateTable takes them, if they are what the protocol would let through.
func (p *tableProperties) checkedInput(name string) (*shapes.CreateTableInput, error) {
	in := p.input(name)
	if err := wire.New(reflect.TypeFor[shapes.CreateTableInput]()).Validate(in); err != nil {
		return nil, errValidation("%s", err)
	}
	return in, checkCreate(in)
}

func (p *tableProperties) input(name string) *shapes.CreateTableInput {
	in := &shapes.CreateTableInput{
		TableName: &name, BillingMode: p.BillingMode, DeletionProtectionEnabled: p.DeletionProtectionEnabled, TableClass: p.TableClass,
		KeySchema: keyShapes(p.KeySchema), ProvisionedThroughput: p.ProvisionedThroughput.shape(),
		OnDemandThroughput: p.OnDemandThroughput.shape(), WarmThroughput: p.WarmThroughput.shape(),
	}
	for _, a := range p.AttributeDefinitions {
		in.AttributeDefinitions = append(in.AttributeDefinitions, &shapes.AttributeDefinition{AttributeName: &a.AttributeName, AttributeType: &a.AttributeType})
	}
	for _, x := range p.GlobalSecondaryIndexes {
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, x.shape())
	}
	for _, x := range p.LocalSecondaryIndexes {
		in.LocalSecondaryIndexes = append(in.LocalSecondaryIndexes, &shapes.LocalSecondaryIndex{
			IndexName: &x.IndexName, KeySchema: keyShapes(x.KeySchema), Projection: x.Projection.shape(),
		})
	}
	if p.StreamSpecification != nil {
		in.StreamSpecification = &shapes.StreamSpecification{StreamEnabled: new(true), StreamViewType: &p.StreamSpecification.StreamViewType}
	}
	if e := p.SSESpecification; e != nil {
		in.SSESpecification = &shapes.SSESpecification{Enabled: &e.SSEEnabled, KMSMasterKeyId: e.KMSMasterKeyId, SSEType: e.SSEType}
	}
	return in
}

func keyShapes(keys []keyProperty) (out []*shapes.KeySchemaElement) {
	for _, k := range keys {
		out = append(out, &shapes.KeySchemaElement{AttributeName: &k.AttributeName, KeyType: &k.KeyType})
	}
	return out
}

func (x indexProperty) shape() *shapes.GlobalSecondaryIndex {
	return &shapes.GlobalSecondaryIndex{
		IndexName: &x.IndexName, KeySchema: keyShapes(x.KeySchema), Projection: x.Projection.shape(), ProvisionedThroughput: x.ProvisionedThroughput.shape(),
		OnDemandThroughput: x.OnDemandThroughput.shape(), WarmThroughput: x.WarmThroughput.shape(),
	}
}

func (p projectionProperty) shape() *shapes.Projection {
	return &shapes.Projection{NonKeyAttributes: p.NonKeyAttributes, ProjectionType: p.ProjectionType}
}

func (t *throughputProperty) shape() *shapes.ProvisionedThroughput {
	if t == nil {
		return nil
	}
	return &shapes.ProvisionedThroughput{ReadCapacityUnits: &t.ReadCapacityUnits, WriteCapacityUnits: &t.WriteCapacityUnits}
}

func (t *onDemandProperty) shape() *shapes.OnDemandThroughput {
	if t == nil {
		return nil
	}
	return &shapes.OnDemandThroughput{MaxReadRequestUnits: t.MaxReadRequestUnits, MaxWriteRequestUnits: t.MaxWriteRequestUnits}
}

func (t *warmProperty) shape() *shapes.WarmThroughput {
	if t == nil {
		return nil
	}
	return &shapes.WarmThroughput{ReadUnitsPerSecond: t.ReadUnitsPerSecond, WriteUnitsPerSecond: t.WriteUnitsPerSecond}
}

// extras sets what CreateTable does not take.
func (p *tableProperties) extras(d *definition) {
	d.TTL = ""
	if t := p.TimeToLiveSpecification; t != nil && t.Enabled {
		d.TTL = value(t.AttributeName)
	}
	d.PITR = p.PointInTimeRecoverySpecification != nil && value(p.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled)
}

func (d *definition) result(name string) resource.Result {
	out := resource.Result{PhysicalID: name, Attributes: map[string]any{"Arn": d.ARN}}
	if st := d.current(); st != nil {
		out.Attributes["StreamArn"] = d.streamARN(*st)
	}
	return out
}

func (s *Service) createResource(ctx context.Context, r resource.Request, p *tableProperties) (resource.Result, error) {
	name := value(p.TableName)
	if name == "" {
		name = r.PhysicalName(255)
	}
	in, err := p.checkedInput(name)
	if err != nil {
		return resource.Result{}, visible(err)
	}
	_, _, err = s.makeTable(ctx, in, r.Token)
	if err = visible(err); awsapi.Code(err) == "ResourceInUseException" {
		// A step that was repeated finds what it made before.
		if d, _, other := s.defined(ctx, name); other == nil && d.Token != "" && d.Token == r.Token {
			err = nil
		}
	}
	if err != nil {
		return resource.Result{}, err
	}
	d, _, err := s.change(ctx, name, func(d *definition) error {
		d.Tags = r.WithTags(resource.TagMap(p.Tags)) // CloudFormation's own begin with aws:, which nobody else may set
		p.extras(d)
		return nil
	})
	if err != nil {
		return resource.Result{}, visible(err)
	}
	return d.result(name), nil
}

// updateResource makes the definition what the properties say. Unlike UpdateTable it may change several indexes at once, which
// CloudFormation on AWS does not.
func (s *Service) updateResource(ctx context.Context, r resource.Request, p, old *tableProperties) (resource.Result, error) {
	in, err := p.checkedInput(r.PhysicalID)
	if err != nil {
		return resource.Result{}, visible(err)
	}
	now := time.Now()
	d, _, err := s.change(ctx, r.PhysicalID, func(d *definition) error {
		d.Attributes, d.Global = in.AttributeDefinitions, in.GlobalSecondaryIndexes
		d.Throughput, d.OnDemand, d.Warm = in.ProvisionedThroughput, in.OnDemandThroughput, in.WarmThroughput
		d.Protected, d.Class, d.SSE = value(in.DeletionProtectionEnabled), in.TableClass, in.SSESpecification
		billing := provisioned
		if is(in.BillingMode, onDemand) {
			billing = onDemand
		}
		if billing == onDemand && d.Billing != onDemand {
			d.OnDemandSince = &now
		}
		d.Billing = billing
		if viewOf(p) != viewOf(old) {
			d.closeStream(now)
			if v := viewOf(p); v != "" {
				d.openStream(v, now)
			}
		}
		before, after := r.WithTags(resource.TagMap(old.Tags)), r.WithTags(resource.TagMap(p.Tags))
		for k := range before {
			delete(d.Tags, k)
		}
		if d.Tags == nil {
			d.Tags = map[string]string{}
		}
		for k, v := range after {
			d.Tags[k] = v
		}
		p.extras(d)
		return nil
	})
	if err != nil {
		return resource.Result{}, visible(err)
	}
	return d.result(r.PhysicalID), nil
}

func viewOf(p *tableProperties) string {
	if p.StreamSpecification == nil {
		return ""
	}
	return p.StreamSpecification.StreamViewType
}

func (s *Service) deleteResource(ctx context.Context, r resource.Request) error {
	_, err := s.deleteTable(ctx, &shapes.DeleteTableInput{TableName: &r.PhysicalID})
	if err = visible(err); awsapi.Code(err) == "ResourceNotFoundException" {
		return nil
	}
	return err
}
