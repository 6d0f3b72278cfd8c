package states

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// apiGateway is apigateway:invoke. It reaches the connections of WebSocket APIs, which is how state machines push; other APIs are not here.
func (c *taskCall) apiGateway(ctx context.Context, params *asl.Object) machine.Result {
	text := func(name string) string {
		v, _ := params.Get(name)
		s, _ := v.(string)
		return s
	}
	for _, name := range params.Names() {
		switch name {
		case "ApiEndpoint", "Method", "Stage", "Path", "Headers", "QueryParameters", "RequestBody", "AuthType", "AllowNullValues":
		default:
			return failed(asl.ErrRuntime, "The field \"%s\" is not supported by Step Functions", name)
		}
	}
	endpoint, method := text("ApiEndpoint"), text("Method")
	if endpoint == "" || method == "" {
		return failed(asl.ErrRuntime, "The fields 'ApiEndpoint' and 'Method' are required")
	}
	host, rest, _ := strings.Cut(strings.TrimPrefix(endpoint, "https://"), "/")
	api, _, _ := strings.Cut(host, ".")
	path := strings.Trim(text("Path"), "/")
	stage := strings.Trim(text("Stage"), "/")
	if rest = strings.Trim(rest, "/"); rest != "" {
		path = rest + "/" + path
	}
	if stage == "" {
		stage, path, _ = strings.Cut(path, "/")
	}
	if unescaped, err := url.PathUnescape(path); err == nil {
		path = unescaped
	}
	connection, ok := strings.CutPrefix(path, "@connections/")
	if !ok {
		return failed("ApiGateway.404", "Sallyport has no HTTP APIs: apigateway:invoke reaches only /@connections of WebSocket APIs, not /%s.", path)
	}
	return c.connection(ctx, method, api, stage, connection, body(params))
}

// body is what is sent: text as it is, all else as JSON.
func body(params *asl.Object) []byte {
	v, ok := params.Get("RequestBody")
	if !ok || v == nil {
		return nil
	}
	if s, ok := v.(string); ok {
		return []byte(s)
	}
	return asl.Encode(v)
}

// connection does what an HTTP request to @connections does.
func (c *taskCall) connection(ctx context.Context, method, api, stage, id string, data []byte) machine.Result {
	c.s.mu.Lock()
	sockets := c.s.sockets
	c.s.mu.Unlock()
	if sockets == nil {
		return failed("ApiGateway.503", "No connections are served here.")
	}
	p := placeOf(ctx)
	resource := arn.New("execute-api", p.Region, p.Account, api+"/"+stage+"/"+method+"/@connections/{connectionId}").String()
	err := c.s.allowed(ctx, "execute-api:ManageConnections", resource)
	status := json.Number("200")
	switch {
	case err != nil:
	case method == "POST":
		err = sockets.Post(ctx, api, stage, id, data)
	case method == "DELETE":
		err, status = sockets.Disconnect(ctx, api, stage, id), "204"
	default:
		return failed("ApiGateway.405", "The method %s is not supported for /@connections.", method)
	}
	if err != nil {
		e := apiError(err)
		cause := e.Message
		if cause == "" {
			cause = e.Code
		}
		return failed("ApiGateway."+string(asl.Encode(e.Status)), "%s", cause)
	}
	headers := asl.NewObject("Content-Length", []any{"0"}, "Content-Type", []any{"application/json"}, "x-amzn-RequestId", []any{c.task.RequestID})
	out := asl.NewObject("Headers", headers, "ResponseBody", "", "StatusCode", status, "StatusText", "OK")
	return machine.Result{Output: asl.Encode(out)}
}

// postToConnection is the extension for aws-sdk:apigatewaymanagementapi.
func (c *taskCall) postToConnection(ctx context.Context, params *asl.Object) machine.Result {
	text := func(name string) string {
		v, _ := params.Get(name)
		s, _ := v.(string)
		return s
	}
	endpoint := strings.TrimPrefix(strings.TrimPrefix(text("ApiEndpoint"), "https://"), "http://")
	host, stage, _ := strings.Cut(endpoint, "/")
	api, _, _ := strings.Cut(host, ".")
	data := text("Data")
	if raw, err := base64.StdEncoding.DecodeString(data); err == nil && data != "" {
		data = string(raw)
	}
	method := map[string]string{"postToConnection": "POST", "deleteConnection": "DELETE"}[c.resource.Action]
	r := c.connection(ctx, method, api, strings.Trim(stage, "/"), text("ConnectionId"), []byte(data))
	if r.Failure != nil {
		if r.Failure.Error == "ApiGateway.410" {
			r.Failure.Error = "ApiGatewayManagementApi.GoneException"
		}
		return r
	}
	return machine.Result{Output: []byte("{}")}
}
