package integration

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
)

func TestProxyResponse(t *testing.T) {
	for _, tt := range []struct {
		name, result string
		status       int // 0 is malformed
		body         string
		protocol     string
	}{
		{"empty_object", `{}`, 200, "", ""},
		{"blanks", " \n{ } ", 200, "", ""},
		{"all", `{"statusCode":201,"headers":{"a":"b"},"multiValueHeaders":{"c":["d",true]},"body":"x","isBase64Encoded":false}`, 201, "x", ""},
		{"string_status", `{"statusCode":"404"}`, 404, "", ""},
		{"string_base64", `{"statusCode":"200","body":"x","isBase64Encoded":"false"}`, 200, "x", ""},
		{"number_base64", `{"isBase64Encoded":1}`, 0, "", ""},
		{"other_text_base64", `{"isBase64Encoded":"no"}`, 0, "", ""},
		{"null_members", `{"statusCode":null,"headers":null,"multiValueHeaders":null,"body":null,"isBase64Encoded":null}`, 200, "", ""},
		{"protocol", `{"headers":{"SEC-websocket-protocol":"a\u0062"}}`, 200, "", "ab"},
		{"protocol_multi", `{"multiValueHeaders":{"sec-websocket-protocol":["a","b"]}}`, 200, "", "a"},
		{"protocol_single_wins", `{"headers":{"sec-websocket-protocol":"s"},"multiValueHeaders":{"sec-websocket-protocol":["m"]}}`, 200, "", "s"},
		{"fraction_status", `{"statusCode":200.5}`, 0, "", ""},
		{"object_status", `{"statusCode":{}}`, 0, "", ""},
		{"number_header", `{"headers":{"a":1}}`, 0, "", ""},
		{"object_header", `{"headers":{"a":{}}}`, 0, "", ""},
		{"string_headers", `{"headers":"a"}`, 0, "", ""},
		{"list_in_headers", `{"headers":{"a":["b"]}}`, 0, "", ""},
		{"object_in_multi", `{"multiValueHeaders":{"a":"b"}}`, 0, "", ""},
		{"number_body", `{"body":1}`, 0, "", ""},
		{"other_member", `{"statusCode":200,"cookies":[]}`, 0, "", ""},
		{"other_case", `{"statuscode":200}`, 0, "", ""},
		{"nothing", ``, 0, "", ""},
		{"null", `null`, 0, "", ""},
		{"cut_off", `{"statusCode":200`, 0, "", ""},
		{"string", `"{}"`, 0, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			resp, f := proxyResponse([]byte(tt.result), false)
			if f != nil {
				if tt.status != 0 || f.Status != 502 {
					t.Errorf("malformed: %v", f)
				}
				return
			}
			if resp.Status != tt.status || string(resp.Body) != tt.body || resp.Subprotocol != tt.protocol {
				t.Errorf("got %+v, want %d, %q, %q", resp, tt.status, tt.body, tt.protocol)
			}
		})
	}
}

func TestMock(t *testing.T) {
	type m = map[string]string
	pong := []apigateway.IntegrationResponse{{Key: "/200/", ResponseTemplates: m{"$default": `{"message":"pong"}`}}}
	for _, tt := range []struct {
		name    string
		model   apigateway.Integration
		request Request
		want    string // body, or "!status message"
		status  int
	}{
		{"DP-141 pong", apigateway.Integration{RequestTemplates: m{"200": `{"statusCode":200}`}, TemplateSelectionExpression: "200", Responses: pong}, Request{TwoWay: true}, `{"message":"pong"}`, 200},
		{"DP-142 lenient", apigateway.Integration{RequestTemplates: m{"$default": `{statusCode: 404,}`}}, Request{}, "", 404},
		{"DP-143 no_json", apigateway.Integration{RequestTemplates: m{"$default": `hello`}}, Request{}, "!500 Internal server error", 0},
		{"no_status", apigateway.Integration{RequestTemplates: m{"$default": `{"status":200}`}}, Request{}, "!500 Internal server error", 0},
		{"string_status", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":"200"}`}}, Request{}, "!500 Internal server error", 0},
		{"DP-148 by_body", apigateway.Integration{TemplateSelectionExpression: "${request.body.kind}", RequestTemplates: m{"t1": `{"statusCode":201}`, "t2": `{"statusCode":202}`}}, Request{Body: []byte(`{"kind":"t2"}`)}, "", 202},
		{"DP-149 default", apigateway.Integration{TemplateSelectionExpression: "${request.body.kind}", RequestTemplates: m{"t1": `{"statusCode":201}`, "$default": `{"statusCode":202}`}}, Request{Body: []byte(`{"kind":"x"}`)}, "", 202},
		{"default_without_json", apigateway.Integration{TemplateSelectionExpression: "${request.body.kind}", RequestTemplates: m{"$default": `{"statusCode":202}`}}, Request{Body: []byte(`hi`)}, "", 202},
		{"DP-150 escaped_default", apigateway.Integration{TemplateSelectionExpression: "x", RequestTemplates: m{`\$default`: `{"statusCode":202}`}}, Request{}, "", 202},
		{"DP-151 json", apigateway.Integration{RequestTemplates: m{"application/json": `{"statusCode":202}`}}, Request{}, "", 202},
		{"json_as_only_one", apigateway.Integration{TemplateSelectionExpression: "x", RequestTemplates: m{"application/json": `{"statusCode":202}`}}, Request{}, "", 202},
		{"malformed_expression", apigateway.Integration{TemplateSelectionExpression: "request.body.action", RequestTemplates: m{"$default": `{"statusCode":202}`}}, Request{Body: []byte(`{"action":"x"}`)}, "", 202},
		{"passthrough", apigateway.Integration{}, Request{Body: []byte(`{"statusCode":203}`)}, "", 203},
		{"passthrough_without_status", apigateway.Integration{}, Request{Body: []byte(`{}`)}, "!500 Internal server error", 0},
		{"when_no_templates", apigateway.Integration{PassthroughBehavior: "WHEN_NO_TEMPLATES", TemplateSelectionExpression: "x", RequestTemplates: m{"y": "z"}}, Request{Body: []byte(`{"statusCode":203}`)}, "!415 Unsupported Media Type", 0},
		{"when_no_templates_and_none", apigateway.Integration{PassthroughBehavior: "WHEN_NO_TEMPLATES"}, Request{Body: []byte(`{"statusCode":203}`)}, "", 203},
		{"never", apigateway.Integration{PassthroughBehavior: "NEVER"}, Request{Body: []byte(`{"statusCode":203}`)}, "!415 Unsupported Media Type", 0},
		{"no_response_one_way", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}}, Request{}, "", 200},
		{"no_response_connect", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":403}`}}, Request{Connect: true, TwoWay: true}, "", 403},
		{"no_response_two_way", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}}, Request{TwoWay: true}, "!500 Internal server error", 0},
		{"DP-167 no_match", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}, Responses: []apigateway.IntegrationResponse{{Key: `/5\d\d/`}}}, Request{TwoWay: true}, "!500 Internal server error", 0},
		{"DP-165 pattern", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":404}`}, Responses: both}, Request{TwoWay: true}, "four", 404},
		{"DP-166 default_response", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}, Responses: both}, Request{TwoWay: true}, "default", 200},
		{"whole_value", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":2000}`}, Responses: []apigateway.IntegrationResponse{{Key: "/200/", ResponseTemplates: m{"$default": "no"}}, {Key: "$default", ResponseTemplates: m{"$default": "yes"}}}}, Request{TwoWay: true}, "yes", 2000},
		{"DP-170 by_status", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":404}`}, Responses: []apigateway.IntegrationResponse{{Key: "$default", TemplateSelectionExpression: "${integration.response.statuscode}", ResponseTemplates: m{"200": "ok", "404": "none"}}}}, Request{TwoWay: true}, "none", 404},
		{"bad_pattern", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}, Responses: []apigateway.IntegrationResponse{{Key: "/(?!x)/"}}}, Request{TwoWay: true}, "!500 Internal server error", 0},
		{"response_template", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}, Responses: []apigateway.IntegrationResponse{{Key: "$default", ResponseTemplates: m{"$default": "$context.connectionId $context.status"}}}}, Request{TwoWay: true, Values: Values{Context: []byte(`{"connectionId":"c"}`)}}, "c 200", 200},
		{"DP-223 bad_request_template", apigateway.Integration{RequestTemplates: m{"$default": `#set($n = "\"x\"")`}}, Request{}, "!500 Internal server error", 0},
		{"DP-224 bad_response_template", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}, Responses: []apigateway.IntegrationResponse{{Key: "$default", ResponseTemplates: m{"$default": "a $"}}}}, Request{TwoWay: true}, "!500 Internal server error", 0},
		{"rendered_status", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":$input.json('$.status')}`}}, Request{Body: []byte(`{"status":207}`)}, "", 207},
		{"body_of_a_mock", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}, Responses: []apigateway.IntegrationResponse{{Key: "$default", ResponseTemplates: m{"$default": "<$input.body>"}}}}, Request{TwoWay: true, Body: []byte("hi")}, "<{}>", 200},
		{"override_handed_on", apigateway.Integration{RequestTemplates: m{"$default": `#set($context.requestOverride.path.x = $input.path('$.x')){"statusCode":200}`}, Responses: []apigateway.IntegrationResponse{{Key: "$default", ResponseTemplates: m{"$default": "$context.requestOverride.path.x"}}}}, Request{TwoWay: true, Body: []byte(`{"x":"carried"}`)}, "carried", 200},
		{"status_override", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}, Responses: []apigateway.IntegrationResponse{{Key: "$default", ResponseTemplates: m{"$default": "#set($context.responseOverride.status = 403)"}}}}, Request{Connect: true}, "", 403},
		{"status_override_ignored", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}, Responses: []apigateway.IntegrationResponse{{Key: "$default", ResponseTemplates: m{"$default": "#set($context.responseOverride.status = 99)"}}}}, Request{Connect: true}, "", 200},
		{"template_with_signs", apigateway.Integration{RequestTemplates: m{"$default": `{"statusCode":200}`}, Responses: []apigateway.IntegrationResponse{{Key: "$default", ResponseTemplates: m{"$default": "#1 costs 5 $ # $."}}}}, Request{TwoWay: true}, "#1 costs 5 $ # $.", 200},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.model.Type = apigateway.Mock
			i := Backends{}.Compile(&tt.model, Stage{})
			if !i.Inline || i.Event {
				t.Errorf("a mock waits for nothing and wants no event: %+v", i)
			}
			resp, err := i.Call(context.Background(), &tt.request)
			if err != nil {
				f := AsFailure(err)
				if got := "!" + strconv.Itoa(f.Status) + " " + f.Message; got != tt.want || f.Cause == nil {
					t.Errorf("failed with %s (%v), want %q", got, f, tt.want)
				}
				return
			}
			if resp.Status != tt.status || string(resp.Body) != tt.want {
				t.Errorf("got %d %q, want %d %q", resp.Status, resp.Body, tt.status, tt.want)
			}
		})
	}
}

var both = []apigateway.IntegrationResponse{
	{Key: `/4\d\d/`, ResponseTemplates: map[string]string{"$default": "four"}},
	{Key: "$default", ResponseTemplates: map[string]string{"$default": "default"}},
}

// TestInline holds that templates whose time depends on the message do not run where nothing may block.
func TestInline(t *testing.T) {
	type m = map[string]string
	const once, again = "$context.stage", "#foreach($x in $input.path('$'))$x#end"
	for _, tt := range []struct {
		name, request, response string
		inline, values          bool
	}{
		{"plain", `{"statusCode":200}`, "x", true, false},
		{"references", once, once, true, true},
		{"request_loops", again, "x", false, true},
		{"response_loops", "x", again, false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i := Backends{}.Compile(&apigateway.Integration{
				Type: apigateway.Mock, RequestTemplates: m{"$default": tt.request},
				Responses: []apigateway.IntegrationResponse{{Key: "$default", ResponseTemplates: m{"$default": tt.response}}},
			}, Stage{})
			if i.Inline != tt.inline || i.Values != tt.values {
				t.Errorf("inline is %v and values %v, want %v and %v", i.Inline, i.Values, tt.inline, tt.values)
			}
		})
	}
}

// FuzzProxyResponse asserts that any bytes of a function give a response with a body that is text, or a failure.
func FuzzProxyResponse(f *testing.F) {
	f.Add(`{"statusCode":"200","headers":{"a":true},"body":"\ud800"}`)
	f.Add(`{"multiValueHeaders":{"sec-websocket-protocol":[null]}}`)
	f.Fuzz(func(t *testing.T, result string) {
		resp, fail := proxyResponse([]byte(result), len(result)%2 == 0)
		if fail != nil {
			if fail.Cause == nil || fail.Status != 502 {
				t.Fatalf("failure %+v", fail)
			}
			return
		}
		if strings.ToValidUTF8(string(resp.Body), "") != string(resp.Body) {
			t.Fatalf("body %q of %q", resp.Body, result)
		}
	})
}
