package local

import (
	"encoding/json"
	"fmt"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/wsapp"
)

// Snapshot returns the deployed stage of an app, as the control plane would write it into store [apigateway.Store]. All routes call the function of that name.
func Snapshot(app *wsapp.App, account, region, api, function string) (store.Write, error) {
	uri := fmt.Sprintf("arn:aws:apigateway:%s:lambda:path/2015-03-31/functions/%s/invocations", region, arn.New("lambda", region, account, "function:"+function))
	s := apigateway.Snapshot{
		Account: account, Region: region, Stage: apigateway.Stage{Name: app.StageName(), DeploymentID: "d"},
		Deployment: apigateway.Deployment{
			ID:           "d",
			API:          apigateway.API{ID: api, Name: app.Name, RouteSelectionExpression: app.SelectionExpression()},
			Integrations: []apigateway.Integration{{ID: "i", Type: apigateway.AWSProxy, Method: "POST", URI: uri}},
		},
	}
	for i, r := range app.Routes() {
		route := apigateway.Route{ID: fmt.Sprintf("r%d", i), Key: r.Key(), Target: "integrations/i", AuthorizationType: "NONE"}
		if r.Replies() {
			route.Responses = []apigateway.RouteResponse{{ID: "a", Key: wsapp.DefaultKey}}
		}
		s.Deployment.Routes = append(s.Deployment.Routes, route)
	}
	data, err := json.Marshal(s)
	return store.Write{Key: apigateway.SnapshotKey(api, app.StageName()), Data: data, When: store.Always}, err
}
