package wsapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"
)

// endpointVariable tells functions the address of their stage, for @connections.
const endpointVariable = "WSAPP_ENDPOINT"

// awsOnce is the client of an app, made by the first event.
type awsOnce struct {
	once   sync.Once
	client *awsClient
}

// onAWS is the engine of an app in Lambda: API Gateway's @connections, and a table in DynamoDB.
type onAWS struct {
	client    *awsClient
	endpoint  string // of the stage
	dynamo    string
	table     string
	attribute string
}

// awsEngine returns the engine for an event; without one the environment must say all.
func (a *App) awsEngine(e *Event) (*onAWS, error) {
	a.aws.once.Do(func() {
		region := or(os.Getenv("AWS_REGION"), or(os.Getenv("AWS_DEFAULT_REGION"), "us-east-1"))
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost = or(a.Parallel, 64)
		a.aws.client = &awsClient{http: &http.Client{Transport: transport}, region: region, now: time.Now}
	})
	on := &onAWS{client: a.aws.client, endpoint: os.Getenv(endpointVariable)}
	if on.endpoint == "" && e != nil {
		// An API's own name is followed by the stage. AWS: a domain of one's own is not.
		on.endpoint = "https://" + e.RequestContext.DomainName
		if strings.Contains(e.RequestContext.DomainName, ".execute-api.") {
			on.endpoint += "/" + e.RequestContext.Stage
		}
	}
	if on.endpoint == "" {
		return nil, errors.New("wsapp: " + endpointVariable + " is not set")
	}
	if a.Table != nil {
		on.table, on.attribute = os.Getenv(a.Table.VariableName()), a.Table.attribute()
		if on.table == "" {
			return nil, errors.New("wsapp: " + a.Table.VariableName() + ", the name of the table of connections, is not set")
		}
	}
	on.dynamo = or(os.Getenv("AWS_ENDPOINT_URL_DYNAMODB"), or(os.Getenv("AWS_ENDPOINT_URL"), "https://dynamodb."+on.client.region+".amazonaws.com"))
	return on, nil
}

func (on *onAWS) connection(ctx context.Context, method, id string, body []byte) ([]byte, error) {
	// AWS: strict servers want the id's = escaped.
	answer, err := on.client.do(ctx, "execute-api", method, on.endpoint+"/@connections/"+strings.ReplaceAll(url.PathEscape(id), "=", "%3D"), nil, body)
	e, ok := errors.AsType[*awsError](err)
	if !ok {
		return answer, err
	}
	switch e.status {
	case http.StatusGone:
		return nil, ErrGone
	case http.StatusTooManyRequests:
		return nil, ErrThrottled
	case http.StatusRequestEntityTooLarge:
		return nil, ErrTooLarge
	}
	return nil, err
}

// Post implements Engine.
func (on *onAWS) Post(ctx context.Context, id string, data []byte) error {
	_, err := on.connection(ctx, http.MethodPost, id, data)
	return err
}

// Close implements Engine.
func (on *onAWS) Close(ctx context.Context, id string) error {
	_, err := on.connection(ctx, http.MethodDelete, id, nil)
	return err
}

// Info implements Engine.
func (on *onAWS) Info(ctx context.Context, id string) (Info, error) {
	answer, err := on.connection(ctx, http.MethodGet, id, nil)
	if err != nil {
		return Info{}, err
	}
	var k struct {
		ConnectedAt  time.Time `json:"connectedAt"`
		LastActiveAt time.Time `json:"lastActiveAt"`
		Identity     struct {
			SourceIP  string `json:"sourceIp"`
			UserAgent string `json:"userAgent"`
		} `json:"identity"`
	}
	if err := json.Unmarshal(answer, &k); err != nil {
		return Info{}, fmt.Errorf("read answer: %w", err)
	}
	return Info{k.ConnectedAt, k.LastActiveAt, k.Identity.SourceIP, k.Identity.UserAgent}, nil
}

// A text is a string attribute of DynamoDB.
type text struct {
	S string `json:"S"`
}

func (on *onAWS) dynamoDB(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	answer, err := on.client.do(ctx, "dynamodb", http.MethodPost, on.dynamo+"/", map[string]string{
		"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810." + operation,
	}, body)
	if err != nil {
		return fmt.Errorf("%s on table %s: %w", operation, on.table, err)
	}
	if out != nil {
		return json.Unmarshal(answer, out)
	}
	return nil
}

// Add implements Engine.
func (on *onAWS) Add(ctx context.Context, id string) error {
	return on.dynamoDB(ctx, "PutItem", map[string]any{"TableName": on.table, "Item": map[string]text{on.attribute: {id}}}, nil)
}

// Remove implements Engine.
func (on *onAWS) Remove(ctx context.Context, id string) error {
	return on.dynamoDB(ctx, "DeleteItem", map[string]any{"TableName": on.table, "Key": map[string]text{on.attribute: {id}}}, nil)
}

// Scan implements Engine.
func (on *onAWS) Scan(ctx context.Context, segment, segments int, page func(ids []string) error) error {
	in := map[string]any{
		"TableName": on.table, "Segment": segment, "TotalSegments": segments,
		"ProjectionExpression": "#id", "ExpressionAttributeNames": map[string]string{"#id": on.attribute},
	}
	for {
		var out struct {
			Items            []map[string]text
			LastEvaluatedKey map[string]text
		}
		if err := on.dynamoDB(ctx, "Scan", in, &out); err != nil {
			return err
		}
		ids := make([]string, 0, len(out.Items))
		for _, item := range out.Items {
			ids = append(ids, item[on.attribute].S)
		}
		if err := page(ids); err != nil {
			return err
		}
		if len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in["ExclusiveStartKey"] = out.LastEvaluatedKey
	}
}

// member returns the first of some members of a JSON object that is a text.
func member(object []byte, names ...string) string {
	var m map[string]any
	if json.Unmarshal(object, &m) != nil {
		return ""
	}
	for _, name := range names {
		if s, ok := m[name].(string); ok {
			return s
		}
	}
	return ""
}
