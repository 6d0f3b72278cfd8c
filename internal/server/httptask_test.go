package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestHTTPTask has state machines call a web server as connections of EventBridge say.
func TestHTTPTask(t *testing.T) {
	s, _ := run(t, Config{Data: t.TempDir(), Cache: t.TempDir(), Memory: true})
	var last string
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		last = fmt.Sprintf("%s %s\n", r.Method, r.RequestURI)
		for _, name := range []string{"Authorization", "Content-Type", "Job", "Range", "Team", "User-Agent"} {
			last += name + ": " + strings.Join(r.Header.Values(name), ", ") + "\n"
		}
		last += string(body)
		switch r.URL.Path {
		case "/json":
			w.Header().Set("Content-Type", "application/json; charset=utf-8")
			_, _ = io.WriteString(w, `{"b":1,"a":[2.50]}`)
		case "/text":
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, "made")
		case "/image":
			w.Header().Set("Content-Type", "image/png")
		default:
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "secret reason")
		}
	}))
	t.Cleanup(web.Close)
	connection := func(name, more string) string {
		return call(t, s, "events", "CreateConnection", `{"Name":"`+name+`","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"me","Password":"pw"}`+more+`}}`)["ConnectionArn"].(string)
	}
	plain := connection("plain", "")
	full := connection("full", `,"InvocationHttpParameters":{"HeaderParameters":[{"Key":"team","Value":"theirs"}],"QueryStringParameters":[{"Key":"q","Value":"theirs"}],"BodyParameters":[{"Key":"mode","Value":"theirs"}]}`)
	closed := connection("closed", "")
	call(t, s, "events", "DeauthorizeConnection", `{"Name":"closed"}`)
	const agent = "User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1\n"
	for i, tt := range []struct {
		name, path, connection, rest string
		sent, output, err, cause     string
	}{
		{
			name: "get", path: "/json", connection: plain, rest: `"Method":"GET","QueryParameters":{"a b":"ü","list":[1,true],"none":null},"Headers":{"Job":["x","y"]}`,
			sent:   "GET /json?a%20b=%C3%BC&list=1&list=true\nAuthorization: Basic bWU6cHc=\nContent-Type: \nJob: x, y\nRange: bytes=0-262144\nTeam: \n" + agent,
			output: `{"ResponseBody":{"b":1,"a":[2.50]},"StatusCode":200,"StatusText":"OK"}`,
		},
		{
			name: "what the connection adds wins", path: "/text", connection: full, rest: `"Method":"POST","QueryParameters":{"q":"mine"},"Headers":{"Team":"mine"},"RequestBody":{"mode":"mine","n":1}`,
			sent:   "POST /text?q=theirs\nAuthorization: Basic bWU6cHc=\nContent-Type: application/json; charset=UTF-8\nJob: \nRange: bytes=0-262144\nTeam: theirs\n" + agent + `{"mode":"theirs","n":1}`,
			output: `{"ResponseBody":"made","StatusCode":201,"StatusText":"Created"}`,
		},
		{
			name: "form", path: "/text", connection: plain, rest: `"Method":"POST","Headers":{"content-type":"application/x-www-form-urlencoded"},"RequestBody":{"d":"Monthly sub","m":{"k":"v"},"l":["a",{"x":1}]},"Transform":{"RequestBodyEncoding":"URL_ENCODED"}`,
			sent:   "POST /text\nAuthorization: Basic bWU6cHc=\nContent-Type: application/x-www-form-urlencoded\nJob: \nRange: bytes=0-262144\nTeam: \n" + agent + `d=Monthly%20sub&m%5Bk%5D=v&l%5B0%5D=a&l%5B1%5D%5Bx%5D=1`,
			output: `{"ResponseBody":"made","StatusCode":201,"StatusText":"Created"}`,
		},
		{
			name: "commas", path: "/text", connection: plain, rest: `"Method":"PUT","RequestBody":{"l":["a","b"]},"Transform":{"RequestBodyEncoding":"URL_ENCODED","RequestEncodingOptions":{"ArrayFormat":"COMMAS"}}`,
			sent:   "PUT /text\nAuthorization: Basic bWU6cHc=\nContent-Type: application/json; charset=UTF-8\nJob: \nRange: bytes=0-262144\nTeam: \n" + agent + `l=a%2Cb`,
			output: `{"ResponseBody":"made","StatusCode":201,"StatusText":"Created"}`,
		},
		{name: "status", path: "/other", connection: plain, rest: `"Method":"GET"`, err: "States.Http.StatusCode.418", cause: "I'm a teapot"},
		{name: "image", path: "/image", connection: plain, rest: `"Method":"GET"`, err: "States.Runtime", cause: "content type that is not supported: image/png"},
		{name: "text and body parameters", path: "/text", connection: full, rest: `"Method":"POST","RequestBody":"text"`, err: "States.Runtime", cause: "must be a JSON object"},
		{name: "reserved header", path: "/json", connection: plain, rest: `"Method":"GET","Headers":{"X-Amz-Date":"x"}`, err: "States.Runtime", cause: "X-Amz-Date"},
		{name: "no method", path: "/json", connection: plain, rest: `"Headers":{}`, err: "States.Runtime", cause: "The field 'Method' is required but was missing"},
		{name: "no connection", path: "/json", connection: plain + "x", rest: `"Method":"GET"`, err: "Events.ConnectionResource.ResourceNotFound", cause: "does not exist"},
		{name: "closed connection", path: "/json", connection: closed, rest: `"Method":"GET"`, err: "Events.ConnectionResource.InvalidConnectionState", cause: "AUTHORIZED"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			last = ""
			m := machine(t, s, fmt.Sprintf("http%d", i), "arn:aws:iam::000000000000:role/none", `{"Type":"Task","Resource":"arn:aws:states:::http:invoke","Parameters":{"ApiEndpoint":"`+web.URL+tt.path+
				`","Authentication":{"ConnectionArn":"`+tt.connection+`"},`+tt.rest+`},"End":true}`)
			out := execute(t, s, m, "{}")
			if tt.err != "" {
				if out["error"] != tt.err || !strings.Contains(fmt.Sprint(out["cause"]), tt.cause) {
					t.Errorf("failed with %v, %v; want %s, %s", out["error"], out["cause"], tt.err, tt.cause)
				}
				return
			}
			if diff := cmp.Diff(tt.sent, last); diff != "" {
				t.Errorf("the request (-want +got):\n%s", diff)
			}
			text := fmt.Sprint(out["output"])
			if _, rest, ok := strings.Cut(text, `},"ResponseBody"`); !ok || `{"ResponseBody"`+rest != tt.output || !strings.HasPrefix(text, `{"Headers":{"content-length":["`) {
				t.Errorf("output is %s (%v), want %s", text, out["cause"], tt.output)
			}
		})
	}
	for reveal, want := range map[bool]string{false: "[Range: bytes=0-262144, User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1]", true: "[Authorization: Basic bWU6cHc=, Range: bytes=0-262144, User-Agent: Amazon|StepFunctions|HttpInvoke|us-east-1]"} {
		definition, _ := json.Marshal(`{"Type":"Task","Resource":"arn:aws:states:::http:invoke","Parameters":{"ApiEndpoint":"` + web.URL + `/json","Method":"GET","InvocationConfig":{"ConnectionArn":"` + plain + `"}},"End":true}`)
		out := call(t, s, "states", "TestState", `{"definition":`+string(definition)+`,"roleArn":"arn:aws:iam::000000000000:role/none","inspectionLevel":"TRACE","revealSecrets":`+fmt.Sprint(reveal)+`}`)
		seen := out["inspectionData"].(map[string]any)
		request, response := seen["request"].(map[string]any), seen["response"].(map[string]any)
		if request["headers"] != want || request["url"] != web.URL+"/json" || response["statusCode"] != "200" || response["body"] != `{"b":1,"a":[2.50]}` {
			t.Errorf("SF-085 TestState with revealSecrets %v: %v, %v", reveal, request, response)
		}
	}
}
