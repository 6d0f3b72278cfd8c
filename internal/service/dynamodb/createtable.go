package dynamodb

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// Limits of tables.
const (
	maxGlobalIndexes = 20
	maxLocalIndexes  = 5
	maxUnits         = 1_000_000_000_000
)

func (s *Service) createTable(ctx context.Context, in *shapes.CreateTableInput) (*shapes.CreateTableOutput, error) {
	d, h, err := s.makeTable(ctx, in, "")
	if err != nil {
		return nil, err
	}
	// AWS: the answer says CREATING. The table is there already, so that the first question for it finds it.
	return &shapes.CreateTableOutput{TableDescription: d.describe(h, "CREATING")}, nil
}

// makeTable makes a table. token is that of the CloudFormation step that does so.
func (s *Service) makeTable(ctx context.Context, in *shapes.CreateTableInput, token string) (*definition, *handle, error) {
	name, err := tableName(ctx, *in.TableName)
	if err != nil {
		return nil, nil, err
	}
	if err := checkCreate(in); err != nil {
		return nil, nil, err
	}
	now := time.Now()
	d := &definition{
		ID: newUUID(), ARN: tableARN(ctx, name), Created: now, Token: token,
		Attributes: in.AttributeDefinitions, KeySchema: in.KeySchema,
		Billing: provisioned, Throughput: in.ProvisionedThroughput,
		Global: in.GlobalSecondaryIndexes, Local: in.LocalSecondaryIndexes,
		Protected: value(in.DeletionProtectionEnabled), Class: in.TableClass, SSE: in.SSESpecification,
		OnDemand: in.OnDemandThroughput, Warm: in.WarmThroughput, Policy: value(in.ResourcePolicy), Tags: map[string]string{},
	}
	if is(in.BillingMode, onDemand) {
		d.Billing, d.OnDemandSince = onDemand, &now
	}
	for _, t := range in.Tags {
		d.Tags[*t.Key] = *t.Value
	}
	if spec := in.StreamSpecification; spec != nil && *spec.StreamEnabled {
		d.openStream(value(spec.StreamViewType), now)
	}
	schema, err := d.schema(name)
	if err != nil {
		return nil, nil, err
	}
	sp, err := s.space(ctx)
	if err != nil {
		return nil, nil, err
	}
	if err := sp.CreateTable(ctx, schema); errors.Is(err, engine.ErrTableExists) {
		return nil, nil, errTableExists(name)
	} else if err != nil {
		return nil, nil, err
	}
	return d, &handle{schema, sp.Table(name), sp}, nil
}

// newUUID returns a random UUID.
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func checkCreate(in *shapes.CreateTableInput) error {
	if err := checkBilling(in.BillingMode, in.ProvisionedThroughput); err != nil {
		return err
	}
	if err := checkNewStream(in.StreamSpecification); err != nil {
		return err
	}
	if err := checkTags(in.Tags); err != nil {
		return err
	}
	defined := attributeNames(in.AttributeDefinitions)
	for i, name := range defined {
		if slices.Contains(defined[:i], name) {
			return item.Invalid("Attribute Name is duplicated: " + name)
		}
	}
	if len(in.KeySchema) > len(defined) {
		return item.Invalid("Invalid KeySchema: Some index key attribute have no definition")
	}
	if err := checkKeySchema(in.KeySchema, defined); err != nil {
		return err
	}
	if in.LocalSecondaryIndexes == nil && in.GlobalSecondaryIndexes == nil && len(in.KeySchema) != len(defined) {
		return item.Invalid(invalidValues + "Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions")
	}
	names := map[string]bool{}
	if in.LocalSecondaryIndexes != nil {
		if err := checkLocal(in, defined, names); err != nil {
			return err
		}
	}
	if in.GlobalSecondaryIndexes != nil {
		if err := checkGlobals(in, defined, names); err != nil {
			return err
		}
	}
	return checkUsed(in.AttributeDefinitions, in.KeySchema, in.GlobalSecondaryIndexes, in.LocalSecondaryIndexes)
}

func checkBilling(mode *string, t *shapes.ProvisionedThroughput) error {
	switch {
	case is(mode, onDemand) && t != nil:
		return item.Invalid(invalidValues + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case is(mode, onDemand):
		return nil
	case t == nil || t.ReadCapacityUnits == nil || t.WriteCapacityUnits == nil:
		return item.Invalid(invalidValues + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED")
	case *t.ReadCapacityUnits > maxUnits:
		return errValidation("Given value %d for ReadCapacityUnits is out of bounds", *t.ReadCapacityUnits)
	case *t.WriteCapacityUnits > maxUnits:
		return errValidation("Given value %d for WriteCapacityUnits is out of bounds", *t.WriteCapacityUnits)
	}
	return nil
}

func checkNewStream(spec *shapes.StreamSpecification) error {
	switch {
	case spec == nil:
	case *spec.StreamEnabled && spec.StreamViewType == nil:
		return item.Invalid(invalidValues + "Table is being created with a stream enabled, UpdateViewType is required")
	case !*spec.StreamEnabled && spec.StreamViewType != nil:
		return item.Invalid(invalidValues + "Table is being created with a stream disabled, UpdateViewType should not be specified")
	}
	return nil
}

func attributeNames(attrs []*shapes.AttributeDefinition) []string {
	var out []string
	for _, a := range attrs {
		out = append(out, *a.AttributeName)
	}
	return out
}

func keyNames(elements []*shapes.KeySchemaElement) []string {
	var out []string
	for _, e := range elements {
		out = append(out, *e.AttributeName)
	}
	return out
}

func checkKeySchema(elements []*shapes.KeySchemaElement, defined []string) error {
	keys := keyNames(elements)
	for _, k := range keys {
		if !slices.Contains(defined, k) {
			return item.Invalid(invalidValues + "Some index key attributes are not defined in AttributeDefinitions. Keys: [" +
				strings.Join(keys, ", ") + "], AttributeDefinitions: [" + strings.Join(defined, ", ") + "]")
		}
	}
	switch {
	case len(keys) > 1 && keys[0] == keys[1]:
		return item.Invalid("Both the Hash Key and the Range Key element in the KeySchema have the same name")
	case *elements[0].KeyType != "HASH":
		return item.Invalid("Invalid KeySchema: The first KeySchemaElement is not a HASH key type")
	case len(keys) > 1 && *elements[1].KeyType != "RANGE":
		return item.Invalid("Invalid KeySchema: The second KeySchemaElement is not a RANGE key type")
	}
	return nil
}

func checkProjection(p *shapes.Projection) error {
	switch {
	case p.ProjectionType == nil:
		return item.Invalid(invalidValues + "Unknown ProjectionType: null")
	case *p.ProjectionType != "INCLUDE" && p.NonKeyAttributes != nil:
		return item.Invalid(invalidValues + "ProjectionType is " + *p.ProjectionType + ", but NonKeyAttributes is specified")
	case *p.ProjectionType == "INCLUDE" && p.NonKeyAttributes == nil:
		return item.Invalid(invalidValues + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
	}
	for i, name := range p.NonKeyAttributes {
		if slices.Contains(p.NonKeyAttributes[:i], name) {
			return item.Invalid(invalidValues + "Duplicate element in NonKeyAttributes: " + name)
		}
	}
	return nil
}

func takeIndexName(name string, names map[string]bool) error {
	if names[name] {
		return item.Invalid(invalidValues + "Duplicate index name: " + name)
	}
	names[name] = true
	return nil
}

func checkLocal(in *shapes.CreateTableInput, defined []string, names map[string]bool) error {
	switch {
	case len(in.LocalSecondaryIndexes) == 0:
		return item.Invalid(invalidValues + "List of LocalSecondaryIndexes is empty")
	case len(in.KeySchema) != 2:
		return item.Invalid(invalidValues + "Table KeySchema does not have a range key, which is required when specifying a LocalSecondaryIndex")
	}
	hash := *in.KeySchema[0].AttributeName
	for _, x := range in.LocalSecondaryIndexes {
		if err := checkKeySchema(x.KeySchema, defined); err != nil {
			return err
		}
		if len(x.KeySchema) != 2 {
			return item.Invalid(invalidValues + "Index KeySchema does not have a range key for index: " + *x.IndexName)
		}
		if own := *x.KeySchema[0].AttributeName; own != hash {
			return item.Invalid(invalidValues + "Index KeySchema does not have the same leading hash key as table KeySchema for index: " +
				*x.IndexName + ". index hash key: " + own + ", table hash key: " + hash)
		}
		if err := checkProjection(x.Projection); err != nil {
			return err
		}
		if err := takeIndexName(*x.IndexName, names); err != nil {
			return err
		}
	}
	if len(in.LocalSecondaryIndexes) > maxLocalIndexes {
		return item.Invalid(invalidValues + "Number of LocalSecondaryIndexes exceeds per-table limit of 5")
	}
	return nil
}

func checkGlobals(in *shapes.CreateTableInput, defined []string, names map[string]bool) error {
	if len(in.GlobalSecondaryIndexes) == 0 {
		return item.Invalid(invalidValues + "List of GlobalSecondaryIndexes is empty")
	}
	for _, x := range in.GlobalSecondaryIndexes {
		if err := checkGlobal(x, defined, value(in.BillingMode)); err != nil {
			return err
		}
		if err := takeIndexName(*x.IndexName, names); err != nil {
			return err
		}
	}
	if len(in.GlobalSecondaryIndexes) > maxGlobalIndexes {
		return item.Invalid(invalidValues + "GlobalSecondaryIndex count exceeds the per-table limit of 20")
	}
	return nil
}

func checkGlobal(x *shapes.GlobalSecondaryIndex, defined []string, billing string) error {
	if err := checkKeySchema(x.KeySchema, defined); err != nil {
		return err
	}
	if err := checkProjection(x.Projection); err != nil {
		return err
	}
	switch {
	case billing == onDemand && x.ProvisionedThroughput != nil:
		return item.Invalid(invalidValues + "ProvisionedThroughput should not be specified for index: " + *x.IndexName + " when BillingMode is PAY_PER_REQUEST")
	case billing != onDemand && x.ProvisionedThroughput == nil:
		return item.Invalid(invalidValues + "ProvisionedThroughput is not specified for index: " + *x.IndexName)
	}
	return nil
}

// checkUsed refuses definitions of attributes that no key has.
func checkUsed(attrs []*shapes.AttributeDefinition, key []*shapes.KeySchemaElement, global []*shapes.GlobalSecondaryIndex, local []*shapes.LocalSecondaryIndex) error {
	used := keyNames(key)
	for _, x := range global {
		used = append(used, keyNames(x.KeySchema)...)
	}
	for _, x := range local {
		used = append(used, keyNames(x.KeySchema)...)
	}
	var distinct []string
	for _, u := range used {
		if !slices.Contains(distinct, u) {
			distinct = append(distinct, u)
		}
	}
	defined := attributeNames(attrs)
	for _, a := range defined {
		if !slices.Contains(distinct, a) {
			return item.Invalid(invalidValues + "Some AttributeDefinitions are not used. AttributeDefinitions: [" + strings.Join(defined, ", ") +
				"], keys used: [" + strings.Join(distinct, ", ") + "]")
		}
	}
	return nil
}
