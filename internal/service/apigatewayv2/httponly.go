package apigatewayv2

import (
	"context"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/apigatewayv2"
)

const protocolWebSocket = "WEBSOCKET"

func checkProtocol(protocol string) error {
	switch protocol {
	case protocolWebSocket:
		return nil
	case "HTTP":
		return apigateway.BadRequest("HTTP APIs are not supported here. Use protocol type WEBSOCKET")
	default:
		return apigateway.BadRequest("Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]")
	}
}

// checkHTTPMembers refuses what only HTTP APIs have: quick create and CORS.
func checkHTTPMembers(in *shapes.UpdateApiInput) error {
	switch {
	case in.CorsConfiguration != nil:
		return apigateway.BadRequest("CORS configuration is supported for HTTP APIs only")
	case in.CredentialsArn != nil:
		return errQuickCreate("credentialsArn")
	case in.RouteKey != nil:
		return errQuickCreate("routeKey")
	case in.Target != nil:
		return errQuickCreate("target")
	}
	return nil
}

func errQuickCreate(member string) error {
	return apigateway.BadRequest("Quick create is supported for HTTP APIs only: %s must not be specified for protocol type WEBSOCKET", member)
}

// deleteCORS removes nothing: a WebSocket API has no CORS configuration.
func (s *Service) deleteCORS(ctx context.Context, in *shapes.DeleteCorsConfigurationInput) (*shapes.DeleteCorsConfigurationOutput, error) {
	if _, err := s.load(ctx, *in.ApiId); err != nil {
		return nil, err
	}
	return &shapes.DeleteCorsConfigurationOutput{}, nil
}

func (s *Service) importAPI(context.Context, *shapes.ImportApiInput) (*shapes.ImportApiOutput, error) {
	return nil, errOpenAPI("import")
}

func (s *Service) reimportAPI(ctx context.Context, in *shapes.ReimportApiInput) (*shapes.ReimportApiOutput, error) {
	if _, err := s.load(ctx, *in.ApiId); err != nil {
		return nil, err
	}
	return nil, errOpenAPI("import")
}

func (s *Service) exportAPI(ctx context.Context, in *shapes.ExportApiInput) (*shapes.ExportApiOutput, error) {
	if _, err := s.load(ctx, *in.ApiId); err != nil {
		return nil, err
	}
	return nil, errOpenAPI("export")
}

func errOpenAPI(what string) error {
	return apigateway.BadRequest("OpenAPI %s is for HTTP APIs: a WEBSOCKET API has no OpenAPI definition", what)
}

// refuse makes an operation that says why it is not here, whatever it is asked.
func refuse(why string) awsapi.Operation {
	return awsapi.Op(func(context.Context, *struct{}) (*struct{}, error) { return nil, apigateway.BadRequest("%s", why) }).Refused(why)
}
