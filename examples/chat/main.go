// Program chat is three functions of one WebSocket API: who connects is kept in a table, and every message goes to
// all who are in it. The function's handler in the template chooses which one runs.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi"
	gone "github.com/aws/aws-sdk-go-v2/service/apigatewaymanagementapi/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

type (
	request  = events.APIGatewayWebsocketProxyRequest
	response = events.APIGatewayProxyResponse
	key      = map[string]types.AttributeValue
)

// app is what a function keeps between its invocations.
type app struct {
	cfg   aws.Config
	db    *dynamodb.Client
	table *string
}

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	a := &app{cfg: cfg, db: dynamodb.NewFromConfig(cfg), table: aws.String(os.Getenv("TABLE"))}
	switch handler := os.Getenv("_HANDLER"); handler {
	case "connect":
		lambda.Start(a.connect)
	case "disconnect":
		lambda.Start(a.disconnect)
	case "sendmessage":
		lambda.Start(a.send)
	default:
		log.Fatalf("there is no handler %q", handler)
	}
}

func (a *app) connect(ctx context.Context, req request) (response, error) {
	_, err := a.db.PutItem(ctx, &dynamodb.PutItemInput{TableName: a.table, Item: keyOf(req.RequestContext.ConnectionID)})
	return ok, err
}

func (a *app) disconnect(ctx context.Context, req request) (response, error) {
	return ok, a.forget(ctx, req.RequestContext.ConnectionID)
}

// send posts the message's data to everybody, and forgets those who are no longer there.
func (a *app) send(ctx context.Context, req request) (response, error) {
	var message struct {
		Data string `json:"data"`
	}
	if err := json.Unmarshal([]byte(req.Body), &message); err != nil {
		return response{StatusCode: 400}, fmt.Errorf("read message: %w", err)
	}
	api := apigatewaymanagementapi.NewFromConfig(a.cfg, func(o *apigatewaymanagementapi.Options) {
		o.BaseEndpoint = aws.String("https://" + req.RequestContext.DomainName + "/" + req.RequestContext.Stage)
	})
	pages := dynamodb.NewScanPaginator(a.db, &dynamodb.ScanInput{TableName: a.table})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return response{}, err
		}
		for _, item := range page.Items {
			id := item["connectionId"].(*types.AttributeValueMemberS).Value
			_, err := api.PostToConnection(ctx, &apigatewaymanagementapi.PostToConnectionInput{ConnectionId: &id, Data: []byte(message.Data)})
			var stale *gone.GoneException
			if errors.As(err, &stale) {
				log.Printf("%s has gone", id)
				err = a.forget(ctx, id)
			}
			if err != nil {
				return response{}, err
			}
		}
	}
	return ok, nil
}

func (a *app) forget(ctx context.Context, id string) error {
	_, err := a.db.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: a.table, Key: keyOf(id)})
	return err
}

var ok = response{StatusCode: 200}

func keyOf(id string) key {
	return key{"connectionId": &types.AttributeValueMemberS{Value: id}}
}
