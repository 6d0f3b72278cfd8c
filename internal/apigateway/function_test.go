package apigateway

import "testing"

func TestFunctionARN(t *testing.T) {
	const function = "arn:aws:lambda:us-east-1:000000000000:function:f"
	for _, tt := range []struct{ name, uri, want string }{
		{"long", "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + function + "/invocations", function},
		{"alias", "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + function + ":live/invocations", function + ":live"},
		{"bare", function, function},
		{"no_invocations", "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/" + function, ""},
		{"missing_alias", function + ":", ""},
		{"other_service", "arn:aws:apigateway:us-east-1:sqs:path/0/q", ""},
		{"url", "https://example.org", ""},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := FunctionARN(tt.uri)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("FunctionARN(%q) = %q, %v, want %q", tt.uri, got, err, tt.want)
			}
		})
	}
}

func TestExpand(t *testing.T) {
	v := map[string]string{"a": "x", "b": "y"}
	for in, want := range map[string]string{
		"plain": "plain", "${stageVariables.a}/${stageVariables.b}": "x/y", "-${stageVariables.none}-": "--", "${stageVariables.a": "${stageVariables.a",
	} {
		if got := Expand(in, v); got != want {
			t.Errorf("Expand(%q) = %q, want %q", in, got, want)
		}
	}
}
