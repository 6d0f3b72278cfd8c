package lambda

import (
	"testing"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// What was allowed is remembered, but not longer than the policy says so.
func TestRemovedPermission(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	s.create("fn", echo)
	call := func() string {
		_, _, err := s.InvokeFrom(admin(t), "apigateway.amazonaws.com", executeAPI+"api/prod/x", arnFn+"fn", nil)
		return awsapi.Code(err)
	}
	for range 2 {
		if got := call(); got != "AccessDeniedException" {
			t.Errorf("before: %q", got)
		}
		s.ok("AddPermission", object{"FunctionName": "fn", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com", "SourceArn": executeAPI + "api/*"})
		for range 2 {
			if got := call(); got != "" {
				t.Errorf("allowed: %q", got)
			}
		}
		s.ok("RemovePermission", object{"FunctionName": "fn", "StatementId": "s"})
	}
}

// The way of a message through this service, without the pool, allocates no more than the key it looks for.
func TestInvokeFromAllocates(t *testing.T) {
	s := start(t, nil)
	s.create("fn", echo)
	s.ok("AddPermission", object{"FunctionName": "fn", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"})
	ctx := admin(t)
	invoke := func() {
		to, err := findTarget(ctx, arnFn+"fn", "")
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.lookup(ctx, to)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.mayInvoke(e, to, "apigateway.amazonaws.com", executeAPI+"api/prod/$default"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.runner(ctx, e, e.fn.route(to.qualifier)); err != nil {
			t.Fatal(err)
		}
	}
	// What others do meanwhile, as those who make the function ready, is counted too.
	eventually(t, "an invocation allocates twice or less", func() bool { return testing.AllocsPerRun(100, invoke) <= 2 })
}
