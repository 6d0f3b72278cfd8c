package dynamodb

import (
	"context"
	"errors"
	"slices"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

func (s *Service) describeTable(ctx context.Context, in *shapes.DescribeTableInput) (*shapes.DescribeTableOutput, error) {
	d, h, err := s.defined(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	return &shapes.DescribeTableOutput{Table: d.describe(h, "ACTIVE")}, nil
}

func (s *Service) deleteTable(ctx context.Context, in *shapes.DeleteTableInput) (*shapes.DeleteTableOutput, error) {
	name, err := tableName(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	sp, err := s.space(ctx)
	if err != nil {
		return nil, err
	}
	var d *definition
	schema, err := sp.DeleteTable(ctx, name, func(schema *engine.Schema) (err error) {
		if d, err = definitionOf(schema); err != nil {
			return err
		}
		if d.Protected {
			return errValidation("1 validation error detected: Table '%s' can't be deleted while DeletionProtectionEnabled is set to True", name)
		}
		return nil
	})
	if errors.Is(err, engine.ErrNoTable) {
		return nil, errTableNotFound(name)
	} else if err != nil {
		return nil, err
	}
	return &shapes.DeleteTableOutput{TableDescription: d.describe(&handle{schema, nil, sp}, "DELETING")}, nil
}

// maxTables is how many names ListTables gives at once.
const maxTables = 100

func (s *Service) listTables(ctx context.Context, in *shapes.ListTablesInput) (*shapes.ListTablesOutput, error) {
	sp, err := s.space(ctx)
	if err != nil {
		return nil, err
	}
	names := sp.Names()
	if after := value(in.ExclusiveStartTableName); after != "" {
		i, found := slices.BinarySearch(names, after)
		if found {
			i++
		}
		names = names[i:]
	}
	limit := maxTables
	if in.Limit != nil {
		limit = int(*in.Limit)
	}
	out := &shapes.ListTablesOutput{TableNames: names}
	if len(names) > limit {
		out.TableNames, out.LastEvaluatedTableName = names[:limit], &names[limit-1]
	}
	return out, nil
}

func (s *Service) describeLimits(context.Context, *shapes.DescribeLimitsInput) (*shapes.DescribeLimitsOutput, error) {
	return &shapes.DescribeLimitsOutput{
		AccountMaxReadCapacityUnits: new(int64(80000)), AccountMaxWriteCapacityUnits: new(int64(80000)),
		TableMaxReadCapacityUnits: new(int64(40000)), TableMaxWriteCapacityUnits: new(int64(40000)),
	}, nil
}

// describeEndpoints answers AWS's own name, which leads here where Sallyport answers for AWS.
func (s *Service) describeEndpoints(ctx context.Context, _ *shapes.DescribeEndpointsInput) (*shapes.DescribeEndpointsOutput, error) {
	address := "dynamodb." + awsapi.CallerOf(ctx).Region + ".amazonaws.com"
	return &shapes.DescribeEndpointsOutput{Endpoints: []*shapes.Endpoint{{Address: &address, CachePeriodInMinutes: new(int64(1440))}}}, nil
}

func (s *Service) describeContinuousBackups(ctx context.Context, in *shapes.DescribeContinuousBackupsInput) (*shapes.DescribeContinuousBackupsOutput, error) {
	d, _, err := s.defined(ctx, *in.TableName)
	if err != nil {
		return nil, backupError(err, *in.TableName)
	}
	return &shapes.DescribeContinuousBackupsOutput{ContinuousBackupsDescription: d.backups()}, nil
}

// updateContinuousBackups keeps what was asked for, but no backups are made.
func (s *Service) updateContinuousBackups(ctx context.Context, in *shapes.UpdateContinuousBackupsInput) (*shapes.UpdateContinuousBackupsOutput, error) {
	d, _, err := s.change(ctx, *in.TableName, func(d *definition) error {
		d.PITR = value(in.PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled)
		return nil
	})
	if err != nil {
		return nil, backupError(err, *in.TableName)
	}
	return &shapes.UpdateContinuousBackupsOutput{ContinuousBackupsDescription: d.backups()}, nil
}

func (d *definition) backups() *shapes.ContinuousBackupsDescription {
	status := "DISABLED"
	if d.PITR {
		status = "ENABLED"
	}
	return &shapes.ContinuousBackupsDescription{
		ContinuousBackupsStatus:        new("ENABLED"),
		PointInTimeRecoveryDescription: &shapes.PointInTimeRecoveryDescription{PointInTimeRecoveryStatus: &status},
	}
}

// backupError is how operations on backups say that there is no such table.
func backupError(err error, name string) error {
	if awsapi.Code(err) == "ResourceNotFoundException" {
		return awsapi.Errorf("TableNotFoundException", 400, "Table not found: %s", name)
	}
	return err
}

func (s *Service) describeKinesisStreamingDestination(ctx context.Context, in *shapes.DescribeKinesisStreamingDestinationInput) (*shapes.DescribeKinesisStreamingDestinationOutput, error) {
	_, h, err := s.defined(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	return &shapes.DescribeKinesisStreamingDestinationOutput{TableName: &h.Name, KinesisDataStreamDestinations: []*shapes.KinesisDataStreamDestination{}}, nil
}

func (s *Service) describeContributorInsights(ctx context.Context, in *shapes.DescribeContributorInsightsInput) (*shapes.DescribeContributorInsightsOutput, error) {
	_, h, err := s.defined(ctx, *in.TableName)
	if err != nil {
		return nil, err
	}
	return &shapes.DescribeContributorInsightsOutput{TableName: &h.Name, IndexName: in.IndexName, ContributorInsightsStatus: new("DISABLED")}, nil
}

// errPartiQL is said of all operations in that language.
const errPartiQL = item.Invalid("Sallyport does not support PartiQL statements. Use PutItem, GetItem, UpdateItem, DeleteItem, Query or Scan, " +
	"or set endpoints.dynamodb in its configuration to send DynamoDB calls elsewhere.")

func (s *Service) executeStatement(context.Context, *shapes.ExecuteStatementInput) (*shapes.ExecuteStatementOutput, error) {
	return nil, errPartiQL
}

func (s *Service) batchExecuteStatement(context.Context, *shapes.BatchExecuteStatementInput) (*shapes.BatchExecuteStatementOutput, error) {
	return nil, errPartiQL
}

func (s *Service) executeTransaction(context.Context, *shapes.ExecuteTransactionInput) (*shapes.ExecuteTransactionOutput, error) {
	return nil, errPartiQL
}
