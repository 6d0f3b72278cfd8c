//go:build linux

package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"

	"github.com/sallyport/sallyport"
)

// work is the process of the function, the same for us and for the reference.
func work() error {
	lambda.Start(func(context.Context, events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: "ok"}, nil
	})
	return nil
}

// proxyTemplate is an API whose only route asks a function and sends its answer.
const proxyTemplate = `Transform: AWS::Serverless-2016-10-31
Resources:
  Function:
    Type: AWS::Serverless::Function
    Properties: {Runtime: provided.al2023, Handler: bootstrap, CodeUri: code, MemorySize: 128}
  Permission:
    Type: AWS::Lambda::Permission
    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref Function, Principal: apigateway.amazonaws.com}
  API:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: proxy, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref API
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Function.Arn}/invocations
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref API, RouteKey: $default, Target: !Sub "integrations/${Integration}", RouteResponseSelectionExpression: $default}
  Response:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref API, RouteId: !Ref Route, RouteResponseKey: $default}
  Deployment:
    Type: AWS::ApiGatewayV2::Deployment
    DependsOn: [Route, Response]
    Properties: {ApiId: !Ref API}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref API, StageName: prod, DeploymentId: !Ref Deployment}
`

// serveProxy serves a whole server, with the API of proxyTemplate. Its functions run on processor 1.
func serveProxy(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sockets-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	self, err := os.Executable()
	if err != nil {
		return err
	}
	code := filepath.Join(dir, "code")
	bootstrap := fmt.Sprintf("#!/bin/sh\nGOMAXPROCS=1 exec taskset -c 1 '%s' worker\n", self)
	for _, err := range []error{
		os.Mkdir(code, 0o755),
		os.WriteFile(filepath.Join(code, "bootstrap"), []byte(bootstrap), 0o755),
		os.WriteFile(filepath.Join(dir, "template.yaml"), []byte(proxyTemplate), 0o644),
	} {
		if err != nil {
			return err
		}
	}
	s, err := sallyport.Start(ctx, sallyport.Template(dir), sallyport.Data(filepath.Join(dir, "data")))
	if err != nil {
		return err
	}
	u, err := url.Parse(s.URL())
	if err != nil {
		return err
	}
	fmt.Println(u.Host + u.Path)
	<-ctx.Done()
	return s.Close()
}

// proxy prints how many round trips through AWS_PROXY to a warm Go function there are per second, and the ratio to those of a bare server of
// the Runtime API.
func proxy(o options) error {
	ref, err := runtimeAPI(o.ref)
	if err != nil {
		return err
	}
	counts := []int{1, 4}
	if o.workers > 0 {
		counts = []int{o.workers}
	}
	for _, workers := range counts {
		o.n = workers
		var ratios []float64
		for range o.runs {
			ours, err := measure(o, "")
			if err != nil {
				return err
			}
			fmt.Printf("%d workers: ours %.0f/s (%.1f µs)", workers, ours.Rate, ours.CPU)
			if ref != "" {
				rate, rest, err := roundTrips(ref, o)
				if err != nil {
					return err
				}
				ratios = append(ratios, ours.Rate/rate)
				fmt.Printf("   ref %.0f/s (%s)   x-rate %.3f", rate, rest, ours.Rate/rate)
			}
			fmt.Println()
		}
		if ref != "" {
			fmt.Printf("proxy workers=%d: median x-rate %.3f\n", workers, median(ratios))
		}
	}
	return nil
}

// runtimeAPI returns the reference program, built if its folder is given.
func runtimeAPI(ref string) (string, error) {
	if ref == "" {
		fmt.Println("no reference: -ref or SALLYPORT_BENCH_LAMBDA names none")
		return "", nil
	}
	if info, err := os.Stat(ref); err != nil || !info.IsDir() {
		return ref, err
	}
	program := filepath.Join(os.TempDir(), fmt.Sprintf("sockets-lambda-%d", os.Getuid()))
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = ref
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: %s", ref, err, out)
	}
	return program, nil
}

// roundTrips runs the reference once.
func roundTrips(ref string, o options) (rate float64, rest string, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, "", err
	}
	cmd := exec.Command(ref, "-impl", "raw", "-worker", self+" worker", "-workers", fmt.Sprint(o.n), "-dur", o.duration.String())
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	var out strings.Builder
	cmd.Stdout = &out
	if err := pinned(cmd, 0); err != nil {
		return 0, "", err
	}
	if err := cmd.Wait(); err != nil {
		return 0, "", fmt.Errorf("reference: %w", err)
	}
	for _, f := range strings.Fields(out.String()) {
		if text, ok := strings.CutPrefix(f, "rt_s="); ok {
			_, err = fmt.Sscan(text, &rate)
		} else if text, ok := strings.CutPrefix(f, "gw_cpu_us="); ok {
			rest = text + " µs"
		}
	}
	if rate == 0 {
		return 0, "", fmt.Errorf("the reference says %q", out.String())
	}
	return rate, rest, err
}
