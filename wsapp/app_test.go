package wsapp

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// Of AWS's test suite for signatures: get-vanilla.
func TestSign(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
	t.Setenv("AWS_SESSION_TOKEN", "")
	c := &awsClient{region: "us-east-1", now: func() time.Time { return time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC) }}
	req := httptest.NewRequest("GET", "https://example.amazonaws.com/", nil)
	if err := c.sign(req, "service", nil); err != nil {
		t.Fatal(err)
	}
	const want = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, " +
		"Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
	if got := req.Header.Get("Authorization"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	if err := c.sign(req, "service", nil); err == nil {
		t.Error("signed without a key")
	}
}

// fullApp returns an app with everything that a template can show.
func fullApp() *App {
	app := &App{
		Name: "full app", Description: "All: of it", Stage: "v1", Selection: "$request.body.message", Memory: 256, Timeout: 10 * time.Second,
		Table:       &Table{Variable: "TABLE", Attribute: "id", ReadCapacity: 5, WriteCapacity: 6},
		Environment: map[string]string{"LEVEL": "3", "ON": "yes", "EMPTY": ""},
		Authorizer:  func(context.Context, *AuthorizerEvent) (Identity, error) { return Identity{}, ErrForbidden },
		Statements:  []Statement{{[]string{"sqs:*"}, []any{map[string]any{"Fn::GetAtt": []string{"Queue", "Arn"}}}}},
	}
	app.IdentitySource = []string{"route.request.header.Auth"}
	On(app, ConnectKey, func(context.Context, Event) error { return nil }).OperationName = "ConnectRoute"
	Reply(app, "send-message", func(_ context.Context, s string) (string, error) { return s, nil }).Function = "Send"
	On(app, "send/message", func(context.Context, string) error { return nil })
	On(app, DefaultKey, func(context.Context, string) error { return nil })
	return app
}

func TestTemplate(t *testing.T) {
	got, err := fullApp().Template(Code("src"), Names(func(f string) string { return "full-" + f }))
	if err != nil {
		t.Fatal(err)
	}
	golden := filepath.Join("testdata", "template.yaml")
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("UPDATE=1 go test writes it anew:\n%s", d)
	}
	var doc struct {
		Resources map[string]struct {
			Type       string         `yaml:"Type"`
			Properties map[string]any `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(got, &doc); err != nil {
		t.Fatal(err)
	}
	for id, kind := range map[string]string{
		"OnSendMessageRoute": "AWS::ApiGatewayV2::Route", "OnSendMessage2Route": "AWS::ApiGatewayV2::Route", "OnDisconnectRoute": "AWS::ApiGatewayV2::Route",
		"OnSendMessageRouteResponse": "AWS::ApiGatewayV2::RouteResponse", "Authorizer": "AWS::ApiGatewayV2::Authorizer", "SendRole": "AWS::IAM::Role",
	} {
		if doc.Resources[id].Type != kind {
			t.Errorf("%s is %q", id, doc.Resources[id].Type)
		}
	}
	variables := doc.Resources["App"].Properties["Environment"].(map[string]any)["Variables"].(map[string]any)
	for name, want := range map[string]any{"LEVEL": "3", "ON": "yes", "EMPTY": ""} {
		if variables[name] != want {
			t.Errorf("%s = %#v", name, variables[name])
		}
	}
}

// What is written is read again, whatever texts there are.
func FuzzYAML(f *testing.F) {
	for _, s := range []string{"", "a", "true", "No", "1", "a: b", "- x", "#", "a #b", "é\n", `"`, "${Api}", "x:", "~", "0x1", "1e3", "=", "<<", "2010-09-09", ".5", "null "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "")
		var got map[string]any
		text := yaml2(s)
		if err := yaml.Unmarshal(text, &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if want := map[string]any{"k": s, "l": []any{s, map[string]any{"m": s}}}; !cmp.Equal(got, want) {
			t.Errorf("%s: %s", text, cmp.Diff(want, got))
		}
	})
}

func yaml2(s string) []byte {
	return yamlOf(object{{"k", s}, {"l", list{s, object{{"m", s}}}}})
}

func TestDiagram(t *testing.T) {
	svg, err := fullApp().Diagram()
	if err != nil {
		t.Fatal(err)
	}
	texts := 0
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "text" {
			texts++
		}
	}
	if texts != 1+1+5+2+2 { // title, client, routes, functions, targets
		t.Errorf("%d texts in\n%s", texts, svg)
	}
}

func TestCommand(t *testing.T) {
	for _, tt := range []struct {
		name string
		app  *App
		args []string
		want string // of the output or of the error
	}{
		{"template", fullApp(), []string{"template", "--code", "x"}, "CodeUri: x"},
		{"describe", fullApp(), []string{"describe"}, "ROUTE"},
		{"svg", fullApp(), []string{"describe", "--svg"}, "<svg"},
		{"unknown", fullApp(), []string{"fly"}, `there is no command "fly"`},
		{"argument", fullApp(), []string{"describe", "it"}, `takes no arguments but options, not "it"`},
		{"option of another", fullApp(), []string{"template", "--svg"}, "not defined: -svg; `template --help` lists the options"},
		{"options", fullApp(), []string{"deploy", "--help"}, "-stack-name"},
		{"no name", &App{}, nil, "needs a Name"},
		{"no routes", &App{Name: "x"}, nil, "has no routes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			err := tt.app.Command(t.Context(), tt.args, &out)
			if got := out.String() + fmt.Sprint(err); !strings.Contains(got, tt.want) {
				t.Errorf("got %s", got)
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	for name, f := range map[string]func(*App){
		"no key": func(a *App) { On(a, "", func(context.Context, string) error { return nil }) },
		"twice": func(a *App) {
			On(a, "x", func(context.Context, string) error { return nil })
			On(a, "x", func(context.Context, string) error { return nil })
		},
		"late": func(a *App) {
			a.compile()
			On(a, "x", func(context.Context, string) error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			f(&App{Name: "x"})
		})
	}
	t.Run("outside of a function", func(t *testing.T) {
		if _, err := Broadcast(t.Context(), "x"); !errors.Is(err, errNoEngine) {
			t.Error(err)
		}
		if err := ConnByID(t.Context(), "x").Post(t.Context(), "x"); !errors.Is(err, errNoEngine) {
			t.Error(err)
		}
		if _, err := Broadcast((&App{}).On(t.Context(), nil), "x"); !errors.Is(err, errNoTable) {
			t.Error(err)
		}
	})
}

// An aws is Lambda's runtime API, @connections and DynamoDB, as far as an app needs them.
type aws struct {
	mu     sync.Mutex
	events []string // to be asked for
	posts  []string
	calls  []string
	busy   int // how many calls of DynamoDB are throttled
	done   context.CancelFunc
}

func (a *aws) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case strings.HasSuffix(r.URL.Path, "/invocation/next"):
		if len(a.events) == 0 {
			a.done()
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Lambda-Runtime-Aws-Request-Id", fmt.Sprint("r", len(a.events)))
		w.Header().Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(time.Now().Add(time.Minute).UnixMilli()))
		io.WriteString(w, a.events[0])
		a.events = a.events[1:]
	case strings.Contains(r.URL.Path, "/runtime/invocation/"):
		a.posts = append(a.posts, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/'):]+" "+string(body))
		w.WriteHeader(http.StatusAccepted)
	case strings.Contains(r.URL.Path, "/@connections/"):
		a.calls = append(a.calls, r.Method+" "+r.URL.EscapedPath()+" "+string(body))
		switch {
		case strings.Contains(r.URL.Path, "gone"):
			w.WriteHeader(http.StatusGone)
		case strings.Contains(r.URL.Path, "busy"):
			w.WriteHeader(http.StatusTooManyRequests)
		case r.Method == http.MethodGet:
			io.WriteString(w, `{"connectedAt":"2024-03-12T20:54:22.101Z","identity":{"sourceIp":"192.0.2.1","userAgent":"x"},"lastActiveAt":"2024-03-12T20:55:40.377Z"}`)
		}
	default:
		if a.busy > 0 {
			a.busy--
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException","message":"slow down"}`)
			return
		}
		operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
		a.calls = append(a.calls, operation+" "+string(body))
		switch {
		case operation == "Scan" && !strings.Contains(string(body), "ExclusiveStartKey"):
			io.WriteString(w, `{"Items":[{"connectionId":{"S":"a="}}],"LastEvaluatedKey":{"connectionId":{"S":"a="}}}`)
		case operation == "Scan":
			io.WriteString(w, `{"Items":[{"connectionId":{"S":"gone"}},{"connectionId":{"S":"busy"}}]}`)
		default:
			io.WriteString(w, "{}")
		}
	}
}

// runLambda gives events to an app as Lambda does.
func runLambda(t *testing.T, app *App, a *aws, events ...string) {
	t.Helper()
	a.events = events
	server := httptest.NewServer(a)
	defer server.Close()
	for name, value := range map[string]string{
		runtimeVariable: strings.TrimPrefix(server.URL, "http://"), endpointVariable: server.URL + "/prod", "AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "eu-central-1",
		"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "S", "AWS_SESSION_TOKEN": "T", "CONNECTIONS_TABLE": "conns",
	} {
		t.Setenv(name, value)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a.done = cancel
	if err := app.Lambda(ctx); err != nil {
		t.Errorf("Lambda = %v", err)
	}
}

func event(route, body string) string {
	return fmt.Sprintf(`{"requestContext":{"routeKey":%q,"connectionId":"me=","requestId":"q","domainName":"d","stage":"prod"},"body":%q}`, route, body)
}

func TestLambda(t *testing.T) {
	app := &App{Name: "x", Table: &Table{Segments: 1}, Parallel: 1, Authorizer: func(_ context.Context, e *AuthorizerEvent) (Identity, error) {
		switch e.Headers["T"] {
		case "":
			return Identity{}, ErrUnauthorized
		case "no":
			return Identity{}, fmt.Errorf("not you: %w", ErrForbidden)
		}
		return Identity{Principal: "ann", Context: map[string]any{"n": 1}}, nil
	}}
	Reply(app, "say", func(ctx context.Context, text string) (string, error) {
		d, err := Broadcast(ctx, text)
		return fmt.Sprintf("%+v %v", d, err), nil
	})
	Reply(app, "info", func(ctx context.Context, _ string) (Info, error) { return ConnOf(ctx).Info(ctx) })
	On(app, "close", func(ctx context.Context, _ string) error { return ConnOf(ctx).Close(ctx) })
	On(app, "fail", func(context.Context, string) error { return errors.New("broken") })
	a := &aws{busy: 1}
	request := func(token string) string {
		return `{"type":"REQUEST","methodArn":"arn:m","headers":{"T":"` + token + `"}}`
	}
	runLambda(t, app, a, event("$connect", ""), event("say", "hi"), event("info", ""), event("close", ""), event("fail", ""), event("none", ""), event("$disconnect", ""),
		`{"x":1}`, `nonsense`, request("ann"), request("no"), request(""))
	answer := func(body string) string {
		return `/response {"statusCode":200,"headers":null,"multiValueHeaders":null,"body":` + body + `}`
	}
	policy := func(effect string) string {
		return `"policyDocument":{"Version":"2012-10-17","Statement":[{"Action":["execute-api:Invoke"],"Effect":"` + effect + `","Resource":["arn:m"]}]}`
	}
	want := []string{
		answer(`""`),
		answer(`"{Sent:1 Stale:1 Failed:1} connection busy: wsapp: too many messages"`),
		answer(`"{\"ConnectedAt\":\"2024-03-12T20:54:22.101Z\",\"LastActiveAt\":\"2024-03-12T20:55:40.377Z\",\"SourceIP\":\"192.0.2.1\",\"UserAgent\":\"x\"}"`),
		answer(`""`),
		`/error {"errorMessage":"broken","errorType":"*errors.errorString"}`,
		`/error {"errorMessage":"the app has no route none","errorType":"*errors.errorString"}`,
		answer(`""`),
		`/error {"errorMessage":"read event: it is none of a WebSocket API","errorType":"*fmt.wrapError"}`,
		`/error {"errorMessage":"read event: invalid character 'o' in literal null (expecting 'u')","errorType":"*json.SyntaxError"}`,
		`/response {"principalId":"ann",` + policy("Allow") + `,"context":{"n":1}}`,
		`/response {"principalId":"nobody",` + policy("Deny") + `}`,
		`/error {"errorMessage":"Unauthorized","errorType":"*errors.errorString"}`,
	}
	want[7] = strings.Replace(want[7], "*fmt.wrapError", "*errors.errorString", 1)
	got := make([]string, len(a.posts))
	for i, p := range a.posts {
		got[i] = p
		var v any
		if _, body, _ := strings.Cut(p, " "); json.Unmarshal([]byte(body), &v) != nil {
			t.Errorf("%s is no JSON", p)
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	calls := []string{
		`PutItem {"Item":{"connectionId":{"S":"me="}},"TableName":"conns"}`,
		`Scan {"ExpressionAttributeNames":{"#id":"connectionId"},"ProjectionExpression":"#id","Segment":0,"TableName":"conns","TotalSegments":1}`,
		`POST /prod/@connections/a%3D hi`,
		`Scan {"ExclusiveStartKey":{"connectionId":{"S":"a="}},"ExpressionAttributeNames":{"#id":"connectionId"},"ProjectionExpression":"#id","Segment":0,"TableName":"conns","TotalSegments":1}`,
		`POST /prod/@connections/gone hi`,
		`DeleteItem {"Key":{"connectionId":{"S":"gone"}},"TableName":"conns"}`,
		`POST /prod/@connections/busy hi`,
		`GET /prod/@connections/me%3D `,
		`DELETE /prod/@connections/me%3D `,
		`DeleteItem {"Key":{"connectionId":{"S":"me="}},"TableName":"conns"}`,
	}
	if d := cmp.Diff(calls, a.calls); d != "" {
		t.Error(d)
	}
}
