package gateway

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/gateway/authorizer"
	"github.com/sallyport/sallyport/internal/gateway/integration"
	"github.com/sallyport/sallyport/internal/gateway/throttle"
	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/selection"
)

// Keys of the routes that are chosen by what happens.
const (
	connectKey    = "$connect"
	disconnectKey = "$disconnect"
	defaultKey    = "$default"
)

// A stage is a snapshot, compiled. It does not change.
type stage struct {
	account, region string
	api, name       string
	domain          string // AWS's name of the API's host
	deployment      string
	disabled        bool // the default endpoint is
	forwardedAsAWS  bool // see Config
	selector        *selection.Expression
	routes          map[string]*route // by key, without $connect and $disconnect
	connect         *route
	disconnect      *route
	fallback        *route // $default
	limits          *account
	upgrades        *throttle.Bucket // of $connect, also without a route
	stageVariables  map[string]string
	variables       []byte  // of the stage, as `"stageVariables":{…},`, or nothing
	problems        []error // that integrations have; a call of one fails
	settings        *apigateway.Stage
	wish            Wish   // what the observer wants
	meter           *meter // of messages without route, and of pushes
	connects        *meter // of upgrades, if there is no $connect route
	policy          apigateway.Policy
	actsAsCaller    bool // an integration wants to know who signed the upgrade
}

// A route is where messages of one key go.
type route struct {
	key           string
	quoted        []byte                   // key as JSON
	sourceARN     string                   // that backends see as the caller
	backend       *integration.Integration // nil: the route has no target
	target        error                    // why it has none, if it should
	twoWay        bool
	inline        bool // the backend never waits
	authorization string
	throttle      *throttle.Bucket
	meter         *meter
	models        *validation            // nil: messages are not validated
	authorizer    *authorizer.Authorizer // of $connect with CUSTOM; nil if the deployment has none
	keyRequired   bool
	keyOfGuest    bool     // the API key is what the authorizer says, not a header
	required      []string // request parameters
}

// compile makes a stage of its snapshot. What is wrong with a route is told when the route is used.
func compile(snapshot *apigateway.Snapshot, cfg *Config) *stage {
	d := &snapshot.Deployment
	st := &stage{
		account: snapshot.Account, region: snapshot.Region, api: d.API.ID, name: snapshot.Stage.Name, deployment: d.ID,
		domain:         d.API.ID + ".execute-api." + snapshot.Region + ".amazonaws.com",
		disabled:       d.API.DisableExecuteAPIEndpoint,
		selector:       selection.Parse(d.API.RouteSelectionExpression),
		routes:         make(map[string]*route, len(d.Routes)),
		stageVariables: snapshot.Stage.Variables,
		variables:      quoteVariables(snapshot.Stage.Variables),
		upgrades:       bucketOf(&snapshot.Stage, connectKey),

		forwardedAsAWS: cfg.ForwardedAsAWS,
		settings:       &snapshot.Stage,
		wish:           cfg.choose(&snapshot.Stage),
		limits:         &account{},
	}
	var err error
	if st.policy, err = apigateway.PolicyOf(snapshot.Stage.Tags); err != nil {
		st.problems = append(st.problems, err)
	}
	if id := snapshot.Stage.ClientCertificateID; id != "" {
		st.problems = append(st.problems, fmt.Errorf("client certificate %s is not presented to backends: this server has none", id))
	}
	models := apigateway.NewValidator(d.API.ID, d.Models)
	targets := make(map[string]*integration.Integration, len(d.Integrations))
	common := integration.Stage{
		Account: st.account, Region: st.region, API: st.api, Name: st.name, Variables: snapshot.Stage.Variables, Policy: st.policy,
	}
	for i := range d.Integrations {
		target := cfg.Backends.Compile(&d.Integrations[i], common)
		targets["integrations/"+d.Integrations[i].ID] = target
		st.actsAsCaller = st.actsAsCaller || target.Caller
		for _, problem := range target.Problems {
			st.problems = append(st.problems, fmt.Errorf("integration %s: %w", d.Integrations[i].ID, problem))
		}
	}
	for i := range d.Routes {
		r := st.compileRoute(&d.Routes[i], targets)
		r.models = validationOf(&d.Routes[i], models)
		r.authorizer = st.compileAuthorizer(&d.Routes[i], snapshot, cfg)
		r.keyOfGuest = d.API.APIKeySelectionExpression == keyOfAuthorizer
		r.throttle = bucketOf(&snapshot.Stage, r.key)
		if cfg.TwoWayByExpression && d.Routes[i].RouteResponseSelectionExpression != "" {
			r.twoWay = true
		}
		switch r.key {
		case connectKey:
			st.connect = r
		case disconnectKey:
			st.disconnect = r
		case defaultKey:
			st.fallback = r
			st.routes[r.key] = r
		default:
			st.routes[r.key] = r
		}
	}
	return st
}

func (st *stage) compileRoute(m *apigateway.Route, targets map[string]*integration.Integration) *route {
	r := &route{
		key:           m.Key,
		quoted:        json.AppendQuoted(nil, m.Key),
		sourceARN:     st.arn(m.Key),
		backend:       targets[m.Target],
		authorization: m.AuthorizationType,
		keyRequired:   m.APIKeyRequired,
		// AWS: a route response makes a route two-way, not the expression that names it.
		twoWay: slices.ContainsFunc(m.Responses, func(r apigateway.RouteResponse) bool { return r.Key == defaultKey }),
	}
	if b := r.backend; b != nil {
		r.inline = b.Inline || b.InlineFor != nil && b.InlineFor(m.Key)
	}
	if m.Target != "" && r.backend == nil {
		r.target = fmt.Errorf("route %s: target %s is not in the deployment", m.Key, m.Target)
	}
	for name, required := range m.RequestParameters {
		if required {
			r.required = append(r.required, name)
		}
	}
	slices.Sort(r.required)
	return r
}

// arn returns the ARN that permissions name, of a route key or of another resource of the stage.
func (st *stage) arn(resource string) string {
	return arn.New("execute-api", st.region, st.account, st.api+"/"+st.name+"/"+resource).String()
}

// route returns where a message goes, nil if nowhere.
func (st *stage) route(message []byte) *route {
	var buf [64]byte
	key, ok := st.selector.Append(buf[:0], message, nil)
	if ok {
		if r := st.routes[string(key)]; r != nil {
			return r
		}
	}
	return st.fallback
}

// noRoute says why route found nothing.
func (st *stage) noRoute(message []byte) error {
	keys := slices.Sorted(maps.Keys(st.routes))
	if len(keys) > 20 {
		keys = append(keys[:20], "…")
	}
	key, ok := st.selector.Append(nil, message, nil)
	if !ok {
		return fmt.Errorf("the message is no JSON object, and there is no $default route; routes are %q", keys)
	}
	if len(key) > 100 {
		key = append(key[:100], "…"...)
	}
	if len(keys) == 0 {
		return fmt.Errorf("there is no route %q in the deployment, which has none for messages", key)
	}
	return fmt.Errorf("there is no route %q in the deployment, and no $default route; routes are %q", key, keys)
}

func quoteVariables(variables map[string]string) []byte {
	if len(variables) == 0 {
		return nil
	}
	b := []byte(`"stageVariables":{`)
	for i, name := range slices.Sorted(maps.Keys(variables)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = json.AppendQuoted(b, name)
		b = append(b, ':')
		b = json.AppendQuoted(b, variables[name])
	}
	return append(b, "},"...)
}
