// A function that uses AWS's first SDK for Go.
package main

import (
	"encoding/json"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go/aws"
	"github.com/aws/aws-sdk-go/aws/session"
	"github.com/aws/aws-sdk-go/service/apigatewaymanagementapi"
	"github.com/aws/aws-sdk-go/service/dynamodb"
)

func main() { lambda.Start(handle) }

func handle(event events.APIGatewayWebsocketProxyRequest) (events.APIGatewayProxyResponse, error) {
	var message struct {
		Service string
		Scheme  *string
	}
	if err := json.Unmarshal([]byte(event.Body), &message); err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	at := func(address string) *aws.Config {
		if message.Scheme == nil {
			return aws.NewConfig()
		}
		return aws.NewConfig().WithEndpoint(*message.Scheme + address)
	}
	here := event.RequestContext
	var err error
	if message.Service == "dynamodb" {
		_, err = dynamodb.New(session.Must(session.NewSession()), at("dynamodb.us-east-1.amazonaws.com")).ListTables(&dynamodb.ListTablesInput{})
	} else {
		_, err = apigatewaymanagementapi.New(session.Must(session.NewSession()), at(here.DomainName+"/"+here.Stage)).
			PostToConnection(&apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &here.ConnectionID, Data: []byte("pushed")})
	}
	if err != nil {
		return events.APIGatewayProxyResponse{StatusCode: 200, Body: err.Error()}, nil
	}
	return events.APIGatewayProxyResponse{StatusCode: 200, Body: "called"}, nil
}
