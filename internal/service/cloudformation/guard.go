package cloudformation

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/sallyport/sallyport/internal/resource"
)

// A guard turns a panic of a resource type into an error. Without it the operation would be given out again after every restart, and
// end the server each time.
type guard struct {
	resource.Type
	log *slog.Logger
}

func (g guard) recovered(what string, err *error) {
	if p := recover(); p != nil {
		g.log.Error("a resource type panicked", "type", g.Name(), "step", what, "panic", p, "stack", string(debug.Stack()))
		*err = fmt.Errorf("internal error: %s of %s panicked: %v", what, g.Name(), p)
	}
}

func (g guard) Check(properties map[string]any) (err error) {
	defer g.recovered("check", &err)
	return g.Type.Check(properties)
}

func (g guard) Create(ctx context.Context, r resource.Request) (res resource.Result, err error) {
	defer g.recovered("create", &err)
	return g.Type.Create(ctx, r)
}

func (g guard) Update(ctx context.Context, r resource.Request) (res resource.Result, err error) {
	defer g.recovered("update", &err)
	return g.Type.Update(ctx, r)
}

func (g guard) Delete(ctx context.Context, r resource.Request) (err error) {
	defer g.recovered("delete", &err)
	return g.Type.Delete(ctx, r)
}
