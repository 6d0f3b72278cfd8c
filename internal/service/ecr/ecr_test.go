package ecr_test

import (
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/ecr"
)

func TestDescribeRepositories(t *testing.T) {
	ctx := awsapi.WithCaller(t.Context(), awsapi.Caller{Account: "111111111111", Region: "us-east-1", Admin: true})
	catalog := awsapi.NewCatalog([]awsapi.Service{ecr.Service{}})
	for _, tt := range []struct{ name, in, want, err string }{
		{name: "all", in: `{}`, want: `{"repositories":[]}`},
		{name: "one", in: `{"repositoryNames":["app"]}`, err: "RepositoryNotFoundException: The repository with name 'app' does not exist in the registry with id '111111111111'"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := catalog.Call(ctx, "ecr", "DescribeRepositories", []byte(tt.in))
			if string(out) != tt.want || (err != nil || tt.err != "") && (err == nil || err.Error() != tt.err) {
				t.Errorf("got %s, %v", out, err)
			}
		})
	}
}
