package apigateway

import "time"

// An API is a WebSocket API.
type API struct {
	ID                        string            `json:"apiId"`
	Name                      string            `json:"name"`
	Description               string            `json:"description,omitempty"`
	Version                   string            `json:"version,omitempty"`
	RouteSelectionExpression  string            `json:"routeSelectionExpression"`
	APIKeySelectionExpression string            `json:"apiKeySelectionExpression"`
	DisableExecuteAPIEndpoint bool              `json:"disableExecuteApiEndpoint,omitempty"`
	DisableSchemaValidation   bool              `json:"disableSchemaValidation,omitempty"`
	IPAddressType             string            `json:"ipAddressType"`
	Tags                      map[string]string `json:"tags,omitempty"`
	Created                   time.Time         `json:"created"`
}

// A Route sends messages of one key to an integration.
type Route struct {
	ID                               string            `json:"routeId"`
	Key                              string            `json:"routeKey"`
	Target                           string            `json:"target,omitempty"`  // "integrations/{id}"
	AuthorizationType                string            `json:"authorizationType"` // NONE, AWS_IAM, CUSTOM
	AuthorizerID                     string            `json:"authorizerId,omitempty"`
	APIKeyRequired                   bool              `json:"apiKeyRequired,omitempty"`
	OperationName                    string            `json:"operationName,omitempty"`
	ModelSelectionExpression         string            `json:"modelSelectionExpression,omitempty"`
	RequestModels                    map[string]string `json:"requestModels,omitempty"`
	RequestParameters                map[string]bool   `json:"requestParameters,omitempty"` // key → required
	RouteResponseSelectionExpression string            `json:"routeResponseSelectionExpression,omitempty"`
	Responses                        []RouteResponse   `json:"responses,omitempty"` // filled in a Deployment only
	Created                          time.Time         `json:"created"`
}

// A RouteResponse makes a route two-way.
type RouteResponse struct {
	ID                       string            `json:"routeResponseId"`
	Key                      string            `json:"routeResponseKey"`
	ModelSelectionExpression string            `json:"modelSelectionExpression,omitempty"`
	ResponseModels           map[string]string `json:"responseModels,omitempty"`
	ResponseParameters       map[string]bool   `json:"responseParameters,omitempty"`
	Created                  time.Time         `json:"created"`
}

// Integration types.
const (
	AWS       = "AWS"
	AWSProxy  = "AWS_PROXY"
	HTTP      = "HTTP"
	HTTPProxy = "HTTP_PROXY"
	Mock      = "MOCK"
)

// An Integration is how a route calls its backend.
type Integration struct {
	ID                          string                `json:"integrationId"`
	Type                        string                `json:"integrationType"`
	URI                         string                `json:"integrationUri,omitempty"`
	Method                      string                `json:"integrationMethod,omitempty"`
	ConnectionType              string                `json:"connectionType"`
	ConnectionID                string                `json:"connectionId,omitempty"`
	ContentHandling             string                `json:"contentHandlingStrategy,omitempty"`
	CredentialsARN              string                `json:"credentialsArn,omitempty"`
	Description                 string                `json:"description,omitempty"`
	PassthroughBehavior         string                `json:"passthroughBehavior"`
	PayloadFormatVersion        string                `json:"payloadFormatVersion"`
	RequestParameters           map[string]string     `json:"requestParameters,omitempty"`
	RequestTemplates            map[string]string     `json:"requestTemplates,omitempty"`
	TemplateSelectionExpression string                `json:"templateSelectionExpression,omitempty"`
	TimeoutMillis               int                   `json:"timeoutInMillis"`
	Responses                   []IntegrationResponse `json:"responses,omitempty"` // filled in a Deployment only, in order of creation
	Created                     time.Time             `json:"created"`
}

// An IntegrationResponse maps what a backend answered.
type IntegrationResponse struct {
	ID                          string            `json:"integrationResponseId"`
	Key                         string            `json:"integrationResponseKey"` // "$default" or "/regex/"
	ContentHandling             string            `json:"contentHandlingStrategy,omitempty"`
	ResponseParameters          map[string]string `json:"responseParameters,omitempty"`
	ResponseTemplates           map[string]string `json:"responseTemplates,omitempty"`
	TemplateSelectionExpression string            `json:"templateSelectionExpression,omitempty"`
	Created                     time.Time         `json:"created"`
}

// A Model is a JSON Schema (draft 4) by name.
type Model struct {
	ID          string    `json:"modelId"`
	Name        string    `json:"name"`
	ContentType string    `json:"contentType"`
	Description string    `json:"description,omitempty"`
	Schema      string    `json:"schema"`
	Created     time.Time `json:"created"`
}

// An Authorizer decides who may connect.
type Authorizer struct {
	ID                   string    `json:"authorizerId"`
	Name                 string    `json:"name"`
	Type                 string    `json:"authorizerType"` // REQUEST
	URI                  string    `json:"authorizerUri"`
	CredentialsARN       string    `json:"authorizerCredentialsArn,omitempty"`
	IdentitySource       []string  `json:"identitySource"`
	ValidationExpression string    `json:"identityValidationExpression,omitempty"`
	Created              time.Time `json:"created"`
}

// A Deployment is an immutable copy of an API and all its parts.
type Deployment struct {
	ID           string        `json:"deploymentId"`
	Description  string        `json:"description,omitempty"`
	AutoDeployed bool          `json:"autoDeployed,omitempty"`
	Created      time.Time     `json:"created"`
	API          API           `json:"api"`
	Routes       []Route       `json:"routes"`
	Integrations []Integration `json:"integrations,omitempty"`
	Models       []Model       `json:"models,omitempty"`
	Authorizers  []Authorizer  `json:"authorizers,omitempty"`
}

// A Stage is a named pointer to a deployment, with settings that take effect without a deployment.
type Stage struct {
	Name                string                   `json:"stageName"`
	DeploymentID        string                   `json:"deploymentId,omitempty"`
	AutoDeploy          bool                     `json:"autoDeploy,omitempty"`
	Description         string                   `json:"description,omitempty"`
	Variables           map[string]string        `json:"stageVariables,omitempty"`
	AccessLog           *AccessLogSettings       `json:"accessLogSettings,omitempty"`
	ClientCertificateID string                   `json:"clientCertificateId,omitempty"`
	DefaultSettings     RouteSettings            `json:"defaultRouteSettings"`
	RouteSettings       map[string]RouteSettings `json:"routeSettings,omitempty"`
	LastDeployment      string                   `json:"lastDeploymentStatusMessage,omitempty"`
	Tags                map[string]string        `json:"tags,omitempty"`
	Token               string                   `json:"token,omitempty"` // of the CloudFormation step that made it, so that the step can be repeated
	Created             time.Time                `json:"created"`
	Updated             time.Time                `json:"updated"`
}

// AccessLogSettings says where a stage writes its access log, and in which form.
type AccessLogSettings struct {
	DestinationARN string `json:"destinationArn"`
	Format         string `json:"format"`
}

// RouteSettings are logging and throttling of all routes of a stage, or of one.
type RouteSettings struct {
	DataTraceEnabled       *bool    `json:"dataTraceEnabled,omitempty"`
	DetailedMetricsEnabled *bool    `json:"detailedMetricsEnabled,omitempty"`
	LoggingLevel           string   `json:"loggingLevel,omitempty"`
	ThrottlingBurstLimit   *int     `json:"throttlingBurstLimit,omitempty"`
	ThrottlingRateLimit    *float64 `json:"throttlingRateLimit,omitempty"`
}

// A Snapshot is a stage as the data plane serves it: the stage's own settings as they are now, and the deployment
// that it points to. The control plane writes one for every stage that has a deployment, in the same batch as
// the change that makes it differ; it removes it with the stage.
type Snapshot struct {
	Account    string     `json:"account"`
	Region     string     `json:"region"`
	Stage      Stage      `json:"stage"`
	Deployment Deployment `json:"deployment"` // Deployment.API.ID is the API's id
}
