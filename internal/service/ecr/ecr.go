package ecr

import (
	"context"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/ecr"
)

// Service is Amazon ECR without repositories.
type Service struct{}

// API implements awsapi.Service.
func (Service) API() *awsapi.API { return shapes.API }

// Operations implements awsapi.Service.
func (Service) Operations() map[string]awsapi.Operation {
	return map[string]awsapi.Operation{"DescribeRepositories": awsapi.Op(describeRepositories).Partly("there are none")}
}

func describeRepositories(ctx context.Context, in *shapes.DescribeRepositoriesInput) (*shapes.DescribeRepositoriesOutput, error) {
	for _, name := range in.RepositoryNames {
		return nil, awsapi.Errorf("RepositoryNotFoundException", 400, "The repository with name '%s' does not exist in the registry with id '%s'", name, awsapi.CallerOf(ctx).Account)
	}
	return &shapes.DescribeRepositoriesOutput{Repositories: []*shapes.Repository{}}, nil
}
