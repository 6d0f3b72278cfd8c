package lambda

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
)

const trivialGo = `package main

import (
	"context"

	"github.com/aws/aws-lambda-go/lambda"
)

func main() {
	lambda.Start(func(context.Context) (map[string]any, error) { return map[string]any{"statusCode": 200}, nil })
}
`

// goZip builds a Go function.
func goZip(t testing.TB) []byte {
	t.Helper()
	need(t, "go")
	dir := t.TempDir()
	for name, text := range map[string]string{"main.go": trivialGo, "go.mod": "module fn\n\ngo 1.21\n\nrequire github.com/aws/aws-lambda-go v1.55.1\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", "build", "-mod=mod", "-o", "bootstrap", ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		if os.Getenv("CI") != "true" && strings.Contains(string(out), "dial tcp") {
			t.Skipf("the Go module proxy cannot be reached: %s", out)
		}
		t.Fatalf("go build: %v\n%s", err, out)
	}
	binary, err := os.ReadFile(filepath.Join(dir, "bootstrap"))
	if err != nil {
		t.Fatal(err)
	}
	return source(t, "bootstrap", string(binary))
}

// BenchmarkInvokeFrom is a call of a gateway to a warm Go function, with a resource policy; pool is the same without this service.
func BenchmarkInvokeFrom(b *testing.B) {
	s := start(b, nil)
	s.ok("CreateFunction", object{"FunctionName": "fn", "Runtime": "provided.al2023", "Handler": "bootstrap", "Role": role, "Code": object{"ZipFile": goZip(b)}})
	s.ok("AddPermission", object{"FunctionName": "fn", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": executeAPI + "api/*"})
	ctx := awsapi.WithCaller(context.Background(), awsapi.Caller{Account: account, Region: region})
	event := []byte(`{"requestContext":{"routeKey":"$default"},"body":"hello"}`)
	if result, failed, err := s.InvokeFrom(ctx, "apigateway.amazonaws.com", executeAPI+"api/prod/$default", arnFn+"fn", event); err != nil || failed {
		b.Fatal(string(result), err)
	}
	e := s.Service.catalog.get(functionKey(account, region, "fn"))
	spec, err := s.runner(ctx, e, &e.fn.Latest)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("service", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := s.InvokeFrom(ctx, "apigateway.amazonaws.com", executeAPI+"api/prod/$default", arnFn+"fn", event); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("pool", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.pool.Invoke(ctx, spec, worker.Invocation{Payload: event, FunctionARN: arnFn + "fn"}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("before_the_pool", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			t, err := findTarget(ctx, arnFn+"fn", "")
			if err != nil {
				b.Fatal(err)
			}
			e, err := s.lookup(ctx, t)
			if err != nil {
				b.Fatal(err)
			}
			if err := s.mayInvoke(e, t, "apigateway.amazonaws.com", executeAPI+"api/prod/$default"); err != nil {
				b.Fatal(err)
			}
			if _, err := s.runner(ctx, e, e.fn.route(t.qualifier)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
