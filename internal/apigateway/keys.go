package apigateway

// Store is the name of the store that holds the documents of this package, as JSON:
//
//	{account}/{region}/api/{apiId}                                              API
//	{account}/{region}/part/{apiId}/route/{id}                                  Route
//	{account}/{region}/part/{apiId}/routeresponse/{routeId}/{id}                RouteResponse
//	{account}/{region}/part/{apiId}/integration/{id}                            Integration
//	{account}/{region}/part/{apiId}/integrationresponse/{integrationId}/{id}    IntegrationResponse
//	{account}/{region}/part/{apiId}/model/{id}                                  Model
//	{account}/{region}/part/{apiId}/authorizer/{id}                             Authorizer
//	{account}/{region}/part/{apiId}/stage/{name}                                Stage
//	{account}/{region}/deployment/{apiId}/{id}                                  Deployment
//	{account}/{region}/account                                                  settings of service/apigatewayv2 only
//	{account}/{region}/vpclink/{id}                                             likewise
//	admission/{account}/{region}/…                                              API keys and usage plans, see plan.go
//	domain/{name}                                                               Domain, with its mappings
//	snapshot/{apiId}/{stage}                                                    Snapshot
//	deleting/{apiId}                                                            what a deleted API left to be removed
//
// The data plane watches snapshots, domains and admission documents, and nothing else.
//
// Every change of a part also writes its API's document, on the condition that nobody else did: so the changes of
// one API follow each other, and its parts always agree.
const Store = "apigateway"

// SnapshotPrefix begins the keys of all snapshots.
const SnapshotPrefix = "snapshot/"

// DomainPrefix begins the keys of all domains. A host leads to one place only, so names are unique over accounts and regions.
const DomainPrefix = "domain/"

// DeletingPrefix begins the keys of the notes about deleted APIs whose parts are still to be removed.
const DeletingPrefix = "deleting/"

// SnapshotKey is the key of a stage's snapshot. API ids are unique over accounts and regions.
func SnapshotKey(apiID, stage string) string { return SnapshotPrefix + apiID + "/" + stage }

// A Place is the account and region that an API lives in.
type Place struct {
	Account string `json:"account"`
	Region  string `json:"region"`
}

// APIPrefix begins the keys of all APIs of a place.
func (l Place) APIPrefix() string { return l.Account + "/" + l.Region + "/api/" }

// APIKey is the key of an API.
func (l Place) APIKey(apiID string) string { return l.APIPrefix() + apiID }

// PartPrefix begins the keys of all parts of an API but its deployments, which are large.
func (l Place) PartPrefix(apiID string) string {
	return l.Account + "/" + l.Region + "/part/" + apiID + "/"
}

// DeploymentPrefix begins the keys of an API's deployments.
func (l Place) DeploymentPrefix(apiID string) string {
	return l.Account + "/" + l.Region + "/deployment/" + apiID + "/"
}

// Kinds of parts, as they stand in keys after PartPrefix.
const (
	KindRoute               = "route/"
	KindRouteResponse       = "routeresponse/"
	KindIntegration         = "integration/"
	KindIntegrationResponse = "integrationresponse/"
	KindModel               = "model/"
	KindAuthorizer          = "authorizer/"
	KindStage               = "stage/"
)
