package ssm

import (
	"context"
	"encoding/base64"
	"log/slog"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/ssm"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/follow"
)

// storeName is the store of parameters (parameter/{account}/{region}/{name}).
const storeName = "ssm"

// Service is the Parameter Store.
type Service struct {
	parameters *follow.Copy[parameter]
}

// New returns the service. It answers while Run runs.
func New(stores store.Stores, log *slog.Logger) *Service {
	return &Service{parameters: follow.New[parameter](stores, storeName, "parameter/", log, nil)}
}

// Run follows the store until ctx is done.
func (s *Service) Run(ctx context.Context) error { return s.parameters.Run(ctx) }

// API implements awsapi.Service.
func (s *Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (s *Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{
		"PutParameter":           awsapi.Op(s.putParameter).Partly("policies are refused"),
		"GetParameter":           awsapi.Op(s.getParameter),
		"GetParameters":          awsapi.Op(s.getParameters),
		"GetParametersByPath":    awsapi.Op(s.getParametersByPath),
		"GetParameterHistory":    awsapi.Op(s.getParameterHistory),
		"DescribeParameters":     awsapi.Op(s.describeParameters),
		"DeleteParameter":        awsapi.Op(s.deleteParameter),
		"DeleteParameters":       awsapi.Op(s.deleteParameters),
		"AddTagsToResource":      awsapi.Op(s.addTags).Partly("of parameters"),
		"RemoveTagsFromResource": awsapi.Op(s.removeTags).Partly("of parameters"),
		"ListTagsForResource":    awsapi.Op(s.listTags).Partly("of parameters"),
	}
}

// Parameter returns a parameter's value; version zero is the newest.
func (s *Service) Parameter(ctx context.Context, name string, version int64) (string, error) {
	_, v, err := s.version(ctx, name, version)
	if err != nil {
		return "", err
	}
	return v.Value, nil
}

// prefix returns the beginning of the keys of the caller's parameters.
func prefix(ctx context.Context) string {
	c := awsapi.CallerOf(ctx)
	return "parameter/" + c.Account + "/" + c.Region + "/"
}

// arnOf returns a parameter's ARN. AWS: a leading slash of the name is the one behind "parameter".
func arnOf(ctx context.Context, name string) *string {
	c := awsapi.CallerOf(ctx)
	return new(arn.New("ssm", c.Region, c.Account, "parameter/"+strings.TrimPrefix(name, "/")).String())
}

func invalid(format string, args ...any) error {
	return awsapi.Errorf("ValidationException", 400, format, args...)
}

// errNotFound has no message, like AWS's.
func errNotFound() error { return awsapi.Errorf("ParameterNotFound", 400, "") }

func errNoVersion(name string, version int64) error {
	return awsapi.Errorf("ParameterVersionNotFound", 400, "Systems Manager could not find version %d of %s. Verify the version and try again.", version, name)
}

// value returns what p points to, or the zero value.
func value[T any](p *T) T {
	var zero T
	if p == nil {
		return zero
	}
	return *p
}

// optional returns nil for the zero value.
func optional[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// page returns at most limit of the items that come after the one that a token names.
func page[T any](items []T, name func(T) string, limit int64, token *string) ([]T, *string, error) {
	if token != nil {
		after, err := base64.RawURLEncoding.DecodeString(*token)
		if err != nil {
			return nil, nil, awsapi.Errorf("InvalidNextToken", 400, "The specified token isn't valid.")
		}
		for len(items) > 0 && name(items[0]) <= string(after) {
			items = items[1:]
		}
	}
	if int64(len(items)) <= limit {
		return items, nil, nil
	}
	return items[:limit], new(base64.RawURLEncoding.EncodeToString([]byte(name(items[limit-1])))), nil
}
