package dynamodb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/expr"
	"github.com/sallyport/sallyport/internal/store"
)

// SweepInterval is how often expired items are looked for. AWS takes up to days; programs that wait for expiry take it kindly to wait less.
const SweepInterval = 5 * time.Second

// A Service is DynamoDB. Make it with New; it answers while Run runs.
type Service struct {
	engine      *engine.Engine
	expressions expr.Cache
}

// New returns a service that keeps its tables in stores.
func New(stores store.Stores, log *slog.Logger) *Service {
	return &Service{engine: engine.New(stores, log, SweepInterval)}
}

// Run follows the stores until ctx is done.
func (s *Service) Run(ctx context.Context) error { return s.engine.Run(ctx) }

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"PutItem":            op(s.putItem),
		"GetItem":            op(s.getItem),
		"UpdateItem":         op(s.updateItem),
		"DeleteItem":         op(s.deleteItem),
		"Query":              op(s.query),
		"Scan":               op(s.scan),
		"BatchGetItem":       op(s.batchGetItem),
		"BatchWriteItem":     op(s.batchWriteItem),
		"TransactGetItems":   op(s.transactGetItems),
		"TransactWriteItems": op(s.transactWriteItems),

		"CreateTable":        op(s.createTable),
		"DescribeTable":      op(s.describeTable),
		"UpdateTable":        op(s.updateTable),
		"DeleteTable":        op(s.deleteTable),
		"ListTables":         op(s.listTables),
		"UpdateTimeToLive":   op(s.updateTimeToLive),
		"DescribeTimeToLive": op(s.describeTimeToLive),
		"TagResource":        op(s.tagResource),
		"UntagResource":      op(s.untagResource),
		"ListTagsOfResource": op(s.listTagsOfResource),

		"DescribeLimits":                      op(s.describeLimits),
		"DescribeEndpoints":                   op(s.describeEndpoints),
		"DescribeContinuousBackups":           op(s.describeContinuousBackups),
		"UpdateContinuousBackups":             op(s.updateContinuousBackups).Partly("the setting is kept; there are no backups"),
		"PutResourcePolicy":                   op(s.putResourcePolicy),
		"GetResourcePolicy":                   op(s.getResourcePolicy),
		"DeleteResourcePolicy":                op(s.deleteResourcePolicy),
		"DescribeKinesisStreamingDestination": op(s.describeKinesisStreamingDestination).Partly("there are none"),
		"DescribeContributorInsights":         op(s.describeContributorInsights).Partly("always disabled"),
		"ExecuteStatement":                    op(s.executeStatement).Refused("PartiQL is not supported"),
		"BatchExecuteStatement":               op(s.batchExecuteStatement).Refused("PartiQL is not supported"),
		"ExecuteTransaction":                  op(s.executeTransaction).Refused("PartiQL is not supported"),
	}
}

// op is awsapi.Op for functions that return errors of item, expr and engine.
func op[In, Out any](f func(context.Context, *In) (*Out, error)) awsapi.Operation {
	return awsapi.Op(func(ctx context.Context, in *In) (*Out, error) {
		out, err := f(ctx, in)
		return out, visible(err)
	})
}

// space returns the tables of the caller's account and region.
func (s *Service) space(ctx context.Context) (*engine.Space, error) {
	c := awsapi.CallerOf(ctx)
	sp, err := s.engine.Space(ctx, c.Account, c.Region)
	if err != nil {
		return nil, fmt.Errorf("open tables: %w", err)
	}
	return sp, nil
}

// A handle is a table that an operation works on.
type handle struct {
	*engine.Schema
	table *engine.Table
	space *engine.Space
}

// table returns the table for an operation on items. nameOrARN is what the request says.
func (s *Service) table(ctx context.Context, nameOrARN string) (*handle, error) {
	name, err := tableName(ctx, nameOrARN)
	if err != nil {
		return nil, err
	}
	sp, err := s.space(ctx)
	if err != nil {
		return nil, err
	}
	t, err := sp.Find(ctx, name)
	if errors.Is(err, engine.ErrNoTable) {
		return nil, errNoResource()
	} else if err != nil {
		return nil, err
	}
	return &handle{t.Schema(), t, sp}, nil
}

var namePattern = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

// tableName returns the name that nameOrARN stands for.
func tableName(ctx context.Context, nameOrARN string) (string, error) {
	if strings.HasPrefix(nameOrARN, "arn:") {
		return nameOfARN(ctx, nameOrARN)
	}
	return nameOrARN, checkName("tableName", nameOrARN)
}

func checkName(member, name string) error {
	constraint := ""
	switch {
	case !namePattern.MatchString(name):
		constraint = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
	case len(name) < 3:
		constraint = "Member must have length greater than or equal to 3"
	case len(name) > 255:
		constraint = "Member must have length less than or equal to 255"
	default:
		return nil
	}
	return errValidation("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint: %s", name, member, constraint)
}

// nameOfARN returns the name of the table with this ARN. Tables of other accounts and regions are not found.
func nameOfARN(ctx context.Context, s string) (string, error) {
	a, err := arn.Parse(s)
	name, ok := strings.CutPrefix(a.Resource, "table/")
	if err != nil || !ok || a.Service != "dynamodb" {
		return "", errValidation("Invalid table ARN: %s", s)
	}
	name, _, _ = strings.Cut(name, "/")
	if c := awsapi.CallerOf(ctx); a.Account != c.Account || a.Region != c.Region {
		return "", errNoResource()
	}
	return name, checkName("tableName", name)
}

func tableARN(ctx context.Context, name string) string {
	c := awsapi.CallerOf(ctx)
	return arn.New("dynamodb", c.Region, c.Account, "table/"+name).String()
}

// write makes changes and returns what the caller may see of what went wrong: the error of the first change that refused.
func (h *handle) write(ctx context.Context, changes ...*engine.Change) error {
	err := h.space.Write(ctx, nil, changes...)
	if errors.Is(err, engine.ErrRefused) {
		for _, c := range changes {
			if c.Err != nil {
				return c.Err
			}
		}
	}
	return err
}

func join(list []string, sep string) string { return strings.Join(list, sep) }

// is reports whether an optional string is given and equals want.
func is(s *string, want string) bool { return s != nil && *s == want }

func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}
