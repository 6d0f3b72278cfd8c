package dynamodb

import (
	"context"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

func (s *Service) updateTable(ctx context.Context, in *shapes.UpdateTableInput) (*shapes.UpdateTableOutput, error) {
	if err := checkUpdate(in); err != nil {
		return nil, err
	}
	d, h, err := s.change(ctx, *in.TableName, func(d *definition) error { return d.update(in, time.Now()) })
	if err != nil {
		return nil, err
	}
	out := d.describe(h, "UPDATING")
	for _, u := range in.GlobalSecondaryIndexUpdates {
		for _, x := range out.GlobalSecondaryIndexes {
			if u.Create != nil && *x.IndexName == *u.Create.IndexName {
				x.IndexStatus, x.Backfilling = new("CREATING"), new(false)
			}
		}
	}
	return &shapes.UpdateTableOutput{TableDescription: out}, nil
}

func checkUpdate(in *shapes.UpdateTableInput) error {
	switch {
	case in.ProvisionedThroughput == nil && in.BillingMode == nil && in.StreamSpecification == nil && len(in.GlobalSecondaryIndexUpdates) == 0 &&
		in.SSESpecification == nil && in.ReplicaUpdates == nil && in.DeletionProtectionEnabled == nil && in.TableClass == nil &&
		in.OnDemandThroughput == nil && in.WarmThroughput == nil:
		return item.Invalid("At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates or SSESpecification or ReplicaUpdates is required")
	case in.ReplicaUpdates != nil:
		return item.Invalid("Sallyport does not support replicas of tables in other regions")
	case is(in.BillingMode, provisioned) && in.ProvisionedThroughput == nil:
		return item.Invalid(invalidValues + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
	}
	if t := in.ProvisionedThroughput; t != nil && !is(in.BillingMode, onDemand) {
		if err := checkBilling(nil, t); err != nil {
			return err
		}
	}
	if spec := in.StreamSpecification; spec != nil {
		switch {
		case *spec.StreamEnabled && spec.StreamViewType == nil:
			return item.Invalid(invalidValues + "If stream is being enabled then UpdateViewType is required")
		case !*spec.StreamEnabled && spec.StreamViewType != nil:
			return item.Invalid(invalidValues + "If stream is being disabled, then UpdateViewType must not be specified")
		}
	}
	return checkIndexUpdates(in.GlobalSecondaryIndexUpdates)
}

func checkIndexUpdates(updates []*shapes.GlobalSecondaryIndexUpdate) error {
	names := map[string]bool{}
	made := 0
	for _, u := range updates {
		name := ""
		switch {
		case u.Create != nil:
			name = *u.Create.IndexName
			made++
		case u.Delete != nil:
			name = *u.Delete.IndexName
			made++
		case u.Update != nil:
			name = *u.Update.IndexName
		default:
			return item.Invalid(invalidValues + "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, GlobalSecondaryIndexUpdate.Delete must not be null")
		}
		if names[name] {
			return item.Invalid(invalidValues + "Only one global secondary index update per index is allowed simultaneously. Index: " + name)
		}
		names[name] = true
	}
	if made > 1 {
		return awsapi.Errorf("LimitExceededException", 400, "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table")
	}
	return nil
}

// update makes the changes of an UpdateTable.
func (d *definition) update(in *shapes.UpdateTableInput, now time.Time) error {
	for _, a := range in.AttributeDefinitions {
		i := slices.IndexFunc(d.Attributes, func(b *shapes.AttributeDefinition) bool { return *b.AttributeName == *a.AttributeName })
		if i < 0 {
			d.Attributes = append(d.Attributes, a)
		} else if *d.Attributes[i].AttributeType != *a.AttributeType {
			return item.Invalid(invalidValues + "Attribute type of " + *a.AttributeName + " cannot be changed")
		}
	}
	if err := d.updateBilling(in, now); err != nil {
		return err
	}
	for _, u := range in.GlobalSecondaryIndexUpdates {
		if err := d.updateIndex(u); err != nil {
			return err
		}
	}
	if err := d.updateStream(in.StreamSpecification, *in.TableName, now); err != nil {
		return err
	}
	if in.DeletionProtectionEnabled != nil {
		d.Protected = *in.DeletionProtectionEnabled
	}
	if in.TableClass != nil {
		d.Class = in.TableClass
	}
	if in.SSESpecification != nil {
		d.SSE = in.SSESpecification
	}
	if in.OnDemandThroughput != nil {
		d.OnDemand = in.OnDemandThroughput
	}
	if in.WarmThroughput != nil {
		d.Warm = in.WarmThroughput
	}
	d.forgetAttributes()
	return nil
}

func (d *definition) updateBilling(in *shapes.UpdateTableInput, now time.Time) error {
	mode := d.Billing
	if in.BillingMode != nil {
		mode = *in.BillingMode
	}
	t := in.ProvisionedThroughput
	switch {
	case t != nil && mode == onDemand:
		return item.Invalid(invalidValues + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST")
	case t != nil && d.Billing == provisioned && in.BillingMode == nil && d.Throughput != nil && len(in.GlobalSecondaryIndexUpdates) == 0 &&
		*t.ReadCapacityUnits == *d.Throughput.ReadCapacityUnits && *t.WriteCapacityUnits == *d.Throughput.WriteCapacityUnits:
		return errValidation("The provisioned throughput for the table will not change. The requested value equals the current value. "+
			"Current ReadCapacityUnits provisioned for the table: %d. Requested ReadCapacityUnits: %d. "+
			"Current WriteCapacityUnits provisioned for the table: %d. Requested WriteCapacityUnits: %d. "+
			"Refer to the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
			*d.Throughput.ReadCapacityUnits, *t.ReadCapacityUnits, *d.Throughput.WriteCapacityUnits, *t.WriteCapacityUnits)
	}
	if mode == onDemand && d.Billing != onDemand {
		d.OnDemandSince, d.Throughput = &now, nil
		for _, x := range d.Global {
			x.ProvisionedThroughput = nil
		}
	}
	if t != nil {
		d.Throughput = t
	}
	d.Billing = mode
	return nil
}

func (d *definition) updateIndex(u *shapes.GlobalSecondaryIndexUpdate) error {
	find := func(name string) int {
		return slices.IndexFunc(d.Global, func(x *shapes.GlobalSecondaryIndex) bool { return *x.IndexName == name })
	}
	missing := func(name string) error {
		return awsapi.Errorf("ResourceNotFoundException", 400, "Requested resource not found: Index: %s not found", name)
	}
	switch {
	case u.Create != nil:
		c := u.Create
		if find(*c.IndexName) >= 0 {
			return item.Invalid("Attempting to create an index which already exists")
		}
		x := &shapes.GlobalSecondaryIndex{
			IndexName: c.IndexName, KeySchema: c.KeySchema, Projection: c.Projection,
			ProvisionedThroughput: c.ProvisionedThroughput, OnDemandThroughput: c.OnDemandThroughput, WarmThroughput: c.WarmThroughput,
		}
		for _, k := range keyNames(c.KeySchema) {
			if !slices.Contains(attributeNames(d.Attributes), k) {
				return item.Invalid(invalidValues + "AttributeDefinitions is not specified for index: " + *c.IndexName)
			}
		}
		if d.Billing != onDemand && c.ProvisionedThroughput == nil {
			return item.Invalid(invalidValues + "ProvisionedThroughput must be specified for index: " + *c.IndexName)
		}
		if err := checkGlobal(x, attributeNames(d.Attributes), d.Billing); err != nil {
			return err
		}
		if len(d.Global) == maxGlobalIndexes {
			return awsapi.Errorf("LimitExceededException", 400, "GlobalSecondaryIndex count exceeds the per-table limit of 20")
		}
		d.Global = append(d.Global, x)
	case u.Delete != nil:
		i := find(*u.Delete.IndexName)
		if i < 0 {
			return missing(*u.Delete.IndexName)
		}
		d.Global = slices.Delete(d.Global, i, i+1)
	case u.Update != nil:
		i := find(*u.Update.IndexName)
		if i < 0 {
			return missing(*u.Update.IndexName)
		}
		if u.Update.ProvisionedThroughput != nil {
			d.Global[i].ProvisionedThroughput = u.Update.ProvisionedThroughput
		}
		if u.Update.OnDemandThroughput != nil {
			d.Global[i].OnDemandThroughput = u.Update.OnDemandThroughput
		}
		if u.Update.WarmThroughput != nil {
			d.Global[i].WarmThroughput = u.Update.WarmThroughput
		}
	}
	return nil
}

func (d *definition) updateStream(spec *shapes.StreamSpecification, name string, now time.Time) error {
	switch {
	case spec == nil:
	case *spec.StreamEnabled && d.current() != nil:
		return item.Invalid("Table already has an enabled stream: TableName: " + name)
	case *spec.StreamEnabled:
		d.openStream(*spec.StreamViewType, now)
	case d.current() == nil:
		return item.Invalid("Table has no stream to disable: TableName: " + name)
	default:
		d.closeStream(now)
	}
	return nil
}

// forgetAttributes drops definitions of attributes that no key has any more.
func (d *definition) forgetAttributes() {
	used := keyNames(d.KeySchema)
	for _, x := range d.Global {
		used = append(used, keyNames(x.KeySchema)...)
	}
	for _, x := range d.Local {
		used = append(used, keyNames(x.KeySchema)...)
	}
	d.Attributes = slices.DeleteFunc(d.Attributes, func(a *shapes.AttributeDefinition) bool { return !slices.Contains(used, *a.AttributeName) })
}
