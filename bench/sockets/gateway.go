//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/loop"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// stageHost and stagePath are where the client connects: the stage that serveGateway serves.
const (
	stageHost = "q7d3k9x2ab.execute-api.us-east-1.amazonaws.com"
	stagePath = "prod"
)

// serveGateway serves a whole gateway with one stage: every message is validated, routed by $request.body.action, and answered
// by a MOCK integration with reply, which is a template.
func serveGateway(ctx context.Context, s *loop.Server, l net.Listener, reply string) error {
	stores := mem.New()
	st, err := stores.Open(ctx, apigateway.Store)
	if err != nil {
		return err
	}
	data, err := json.Marshal(echoStage(reply))
	if err != nil {
		return err
	}
	if _, err := store.Put(ctx, st, apigateway.SnapshotKey("q7d3k9x2ab", "prod"), data, store.Always); err != nil {
		return err
	}
	g := gateway.New(gateway.Config{Stores: stores, Sockets: s, Backends: integration.Backends{}})
	failed := make(chan error, 1)
	go func() { failed <- g.Run(ctx) }()
	select {
	case <-g.Ready():
	case err := <-failed:
		return err
	}
	return errors.Join(s.Run(ctx, g, l), <-failed)
}

// staticReply is a text of that size.
func staticReply(size int) string { return strings.Repeat("x", size) }

// templateReply is a template of five references that renders to that size.
func templateReply(size int) string {
	t := `{"connection":"$context.connectionId","request":"$context.requestId","route":"$context.routeKey","stage":"$context.stage","domain":"$context.domainName","d":""}`
	rendered := strings.NewReplacer(
		"$context.connectionId", strings.Repeat("i", 16), "$context.requestId", strings.Repeat("i", 16), "$context.routeKey", "echo",
		"$context.stage", "prod", "$context.domainName", stageHost,
	).Replace(t)
	return strings.TrimSuffix(t, `"}`) + strings.Repeat("x", max(0, size-len(rendered))) + `"}`
}

func echoStage(reply string) apigateway.Snapshot {
	return apigateway.Snapshot{
		Account: "000000000000", Region: "us-east-1",
		Stage: apigateway.Stage{Name: "prod", DeploymentID: "d"},
		Deployment: apigateway.Deployment{
			ID:  "d",
			API: apigateway.API{ID: "q7d3k9x2ab", Name: "echo", RouteSelectionExpression: "$request.body.action"},
			Routes: []apigateway.Route{{
				ID: "r", Key: "echo", Target: "integrations/i", AuthorizationType: "NONE",
				Responses: []apigateway.RouteResponse{{ID: "rr", Key: "$default"}},
			}},
			Integrations: []apigateway.Integration{{
				ID: "i", Type: apigateway.Mock, PassthroughBehavior: "WHEN_NO_MATCH", TimeoutMillis: 29000,
				RequestTemplates: map[string]string{"$default": `{"statusCode":200}`},
				Responses: []apigateway.IntegrationResponse{{
					ID: "ir", Key: "$default", ResponseTemplates: map[string]string{"$default": reply}, TemplateSelectionExpression: `\$default`,
				}},
			}},
		},
	}
}
