package apigateway

// Store is the name of the store that holds the documents of this package, as JSON:
//
//	{account}/{region}/api/{apiId}                          API
//	{account}/{region}/api/{apiId}/route/{id}               Route
//	{account}/{region}/api/{apiId}/…                        and so on, laid out by service/apigatewayv2
//	snapshot/{apiId}/{stage}                                Snapshot: all that the data plane watches
const Store = "apigateway"

// SnapshotPrefix begins the keys of all snapshots.
const SnapshotPrefix = "snapshot/"

// SnapshotKey is the key of a stage's snapshot. API ids are unique over accounts and regions.
func SnapshotKey(apiID, stage string) string { return SnapshotPrefix + apiID + "/" + stage }
