package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sallyport/sallyport/internal/server"
)

// servedAPIs returns the APIs of a server in this process with their stages.
func servedAPIs(ctx context.Context, srv *server.Server) ([]readyAPI, error) {
	list := []readyAPI{}
	var apis struct {
		Items []struct {
			APIID string `json:"apiId"`
			Name  string `json:"name"`
		} `json:"items"`
	}
	if err := callJSON(ctx, srv, "GetApis", map[string]any{"maxResults": "500"}, &apis); err != nil {
		return nil, err
	}
	for _, a := range apis.Items {
		var stages struct {
			Items []struct {
				StageName string `json:"stageName"`
			} `json:"items"`
		}
		if err := callJSON(ctx, srv, "GetStages", map[string]any{"apiId": a.APIID, "maxResults": "500"}, &stages); err != nil {
			return nil, err
		}
		for _, st := range stages.Items {
			list = append(list, readyAPI{APIID: a.APIID, Name: a.Name, Stage: st.StageName, URL: srv.SocketURL(a.APIID, st.StageName)})
		}
	}
	return list, nil
}

func callJSON(ctx context.Context, srv *server.Server, operation string, in, out any) error {
	data, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encode %s: %w", operation, err)
	}
	if data, err = srv.Call(ctx, "apigatewayv2", operation, data); err != nil {
		return err
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("read answer of %s: %w", operation, err)
	}
	return nil
}
