// A function that uses AWS's second SDK for Go.
package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
)

func main() { lambda.Start(handle) }

func handle(ctx context.Context, event events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
	var message struct {
		Service string
		Scheme  *string
	}
	if err := json.Unmarshal([]byte(event.Body), &message); err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	at := func(address string) *string {
		if message.Scheme == nil {
			return nil
		}
		return new(*message.Scheme + address)
	}
	here := event.RequestContext
	if message.Service == "dynamodb" {
		client := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = at("dynamodb.us-east-1.amazonaws.com") })
		_, err = client.ListTables(ctx, &dynamodb.ListTablesInput{})
	} else {
		client := apigatewaymanagementapi.NewFromConfig(cfg, func(o *apigatewaymanagementapi.Options) { o.BaseEndpoint = at(here.DomainName + "/" + here.Stage) })
		_, err = client.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &here.ConnectionID, Data: []byte("pushed")})
	}
	if err != nil {
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: err.Error()}, nil
	}
	return events.APIGatewayProxyResponse{StatusCode: 200, Body: "called"}, nil
}
