package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/service/lambda"
	"github.com/sallyport/sallyport/internal/service/lambda/worker"
)

// inProcess finds the functions of this process for routes.
func (s *Server) inProcess(functionARN string) (integration.Local, bool) {
	_, name, _ := strings.Cut(functionARN, ":function:")
	name, _, _ = strings.Cut(name, ":")
	f, ok := s.cfg.Functions[name]
	return f.Local, ok
}

// processPool runs the functions of this process; all others run in the pool behind it.
type processPool struct {
	lambda.Pool
	functions map[string]Function
}

// Start implements lambda.Pool.
func (p processPool) Start(ctx context.Context, spec *worker.Spec, in worker.Invocation) (func(context.Context) (worker.Result, error), error) {
	f, ok := p.functions[spec.FunctionName]
	if !ok {
		return p.Pool.Start(ctx, spec, in)
	}
	return func(ctx context.Context) (worker.Result, error) { return invoke(ctx, f, in) }, nil
}

func invoke(ctx context.Context, f Function, in worker.Invocation) (worker.Result, error) {
	began := time.Now()
	payload, err := f.Invoke(ctx, in.Payload)
	res := worker.Result{RequestID: in.RequestID, Payload: payload, Duration: time.Since(began)}
	if err != nil {
		res.FunctionError = "Unhandled"
		res.Payload, _ = json.Marshal(map[string]string{"errorType": fmt.Sprintf("%T", err), "errorMessage": err.Error()})
	}
	return res, nil
}

// Check implements lambda.Pool.
func (p processPool) Check(spec *worker.Spec) error {
	if _, ok := p.functions[spec.FunctionName]; ok {
		return nil
	}
	return p.Pool.Check(spec)
}
