//go:build !lambda.norpc

package sallyport

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/wsapp"
)

// Credentials are a key of AWS.
type Credentials struct {
	AccessKeyID, SecretAccessKey string
}

// Credentials returns the key of the server's owner, who may do everything.
func (s *Server) Credentials() Credentials {
	key, _ := s.server.Credentials()
	return Credentials{key.AccessKeyID, key.Secret}
}

// Endpoint returns the URL of the AWS APIs, for aws.Config and AWS_ENDPOINT_URL.
func (s *Server) Endpoint() string { return s.server.Endpoint() }

// Region returns the region that everything is in.
func (s *Server) Region() string { return s.server.Region() }

// CAFile returns the certificate that clients of wss and https must trust.
func (s *Server) CAFile() string { return s.server.CAFile() }

// Env returns the variables, as "K=V", by which AWS's tools and SDKs of any language find the server.
func (s *Server) Env() []string {
	c := s.Credentials()
	return []string{
		"AWS_ENDPOINT_URL=" + s.Endpoint(), "AWS_REGION=" + s.Region(), "AWS_DEFAULT_REGION=" + s.Region(),
		"AWS_ACCESS_KEY_ID=" + c.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + c.SecretAccessKey, "AWS_SESSION_TOKEN=", "AWS_EC2_METADATA_DISABLED=true",
	}
}

// URL returns the address of a stage for WebSocket clients, as "ws://127.0.0.1:4566/q7d3k9x2ab/prod": of the API of that name or id, or of the first. It is
// empty if there is none.
func (s *Server) URL(api ...string) string {
	var apis struct {
		Items []struct{ APIID, Name string }
	}
	if s.Call(context.Background(), "apigatewayv2", "GetApis", map[string]any{"maxResults": "500"}, &apis) != nil {
		return ""
	}
	for _, a := range apis.Items {
		if len(api) > 0 && api[0] != a.Name && api[0] != a.APIID {
			continue
		}
		var stages struct{ Items []struct{ StageName string } }
		if s.Call(context.Background(), "apigatewayv2", "GetStages", map[string]any{"apiId": a.APIID}, &stages) == nil && len(stages.Items) > 0 {
			return s.server.SocketURL(a.APIID, stages.Items[0].StageName)
		}
	}
	return ""
}

// Outputs returns the outputs of all stacks.
func (s *Server) Outputs() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	outputs := map[string]string{}
	for _, stack := range s.stacks {
		for _, o := range stack.Outputs {
			outputs[o.Key] = o.Value
		}
	}
	return outputs
}

// Resource returns the physical id of a resource of a template: the name of a table, function or queue. It is the logical id itself if no template has it.
func (s *Server) Resource(logicalID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stack := range s.stacks {
		for _, r := range stack.Resources {
			if r.LogicalID == logicalID {
				return r.PhysicalID
			}
		}
	}
	return logicalID
}

// Call runs an operation of an AWS service by its signing name, such as "dynamodb" and "PutItem", as the server's owner. in and out are encoded as JSON; out may be nil.
func (s *Server) Call(ctx context.Context, service, operation string, in, out any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", operation, err)
	}
	if data, err = s.server.Call(ctx, service, operation, data); err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("read answer of %s: %w", operation, err)
	}
	return nil
}

// Table returns the items of a table, in no order, with plain values: strings, float64 or, if they have more digits, json.Number, bools, nil, []any, map[string]any, and
// base64 for binary. name is the table's, or its logical id in a template.
func (s *Server) Table(ctx context.Context, name string) ([]map[string]any, error) {
	in := map[string]any{"TableName": s.Resource(name)}
	items := []map[string]any{}
	for {
		var out struct {
			Items            []map[string]map[string]any
			LastEvaluatedKey map[string]any
		}
		if err := s.Call(ctx, "dynamodb", "Scan", in, &out); err != nil {
			return nil, err
		}
		for _, item := range out.Items {
			plain := map[string]any{}
			for name, v := range item {
				plain[name] = plainValue(v)
			}
			items = append(items, plain)
		}
		if out.LastEvaluatedKey == nil {
			return items, nil
		}
		in["ExclusiveStartKey"] = out.LastEvaluatedKey
	}
}

// plainValue takes DynamoDB's type off a value.
func plainValue(v map[string]any) any {
	for kind, value := range v {
		switch kind {
		case "NULL":
			return nil
		case "N":
			text, _ := value.(string)
			if f, err := strconv.ParseFloat(text, 64); err == nil && strconv.FormatFloat(f, 'f', -1, 64) == text {
				return f
			}
			return json.Number(text)
		case "L":
			list, _ := value.([]any)
			out := make([]any, len(list))
			for i, e := range list {
				m, _ := e.(map[string]any)
				out[i] = plainValue(m)
			}
			return out
		case "M":
			m, _ := value.(map[string]any)
			out := map[string]any{}
			for name, e := range m {
				inner, _ := e.(map[string]any)
				out[name] = plainValue(inner)
			}
			return out
		}
		return value
	}
	return nil
}

// Logs returns the lines that a function has written, the oldest first. name is the function's, or its logical id in a template; it is an error if there is
// none. Functions of this process write where the process writes, and not there.
func (s *Server) Logs(ctx context.Context, name string) ([]string, error) {
	function := s.Resource(name)
	in := map[string]any{"logGroupName": "/aws/lambda/" + function}
	lines := []string{}
	for {
		var out struct {
			Events    []struct{ Message string }
			NextToken string
		}
		if err := s.Call(ctx, "logs", "FilterLogEvents", in, &out); err != nil {
			if strings.Contains(err.Error(), "log group does not exist") { // it has not run yet, if there is one
				return lines, s.Call(ctx, "lambda", "GetFunction", map[string]any{"FunctionName": function}, nil)
			}
			return nil, err
		}
		for _, e := range out.Events {
			lines = append(lines, strings.TrimRight(e.Message, "\r\n"))
		}
		if out.NextToken == "" {
			return lines, nil
		}
		in["nextToken"] = out.NextToken
	}
}

// Context returns a context that reaches the connections of an app outside its functions, for [wsapp.Broadcast] and others. The app was given to [App].
func (s *Server) Context(ctx context.Context, app *wsapp.App) context.Context {
	h := s.hosts[app]
	if h == nil {
		return ctx
	}
	var apiID string
	if url := s.URL(app.Name); url != "" {
		parts := strings.Split(url, "/")
		apiID = parts[len(parts)-2]
	}
	h.At(apiID, app.StageName())
	return h.Context(ctx)
}
