package policy

import (
	"strings"
	"testing"
)

func mustParse(t testing.TB, statements string) *Document {
	t.Helper()
	d, err := Parse([]byte(`{"Version":"2012-10-17","Statement":[` + statements + `]}`))
	if err != nil {
		t.Fatalf("parse %s: %v", statements, err)
	}
	return d
}

func TestEvaluate(t *testing.T) {
	const prod = "arn:aws:execute-api:us-east-1:000000000000:abc/prod"
	const post = prod + "/POST/@connections/{connectionId}"
	const get = prod + "/GET/@connections/{connectionId}"
	allow := func(action, resource string) string {
		return `{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}`
	}
	for _, tt := range []struct {
		name, statements, action, resource string
		want                               Decision
	}{
		{"AU-044 stage prod", allow("execute-api:Invoke", prod+"/$connect"), "execute-api:Invoke", prod + "/$connect", Allow},
		{"AU-044 stage dev", allow("execute-api:Invoke", prod+"/$connect"), "execute-api:Invoke", strings.Replace(prod, "prod", "dev", 1) + "/$connect", Implicit},
		{"AU-045 post", allow("execute-api:ManageConnections", "arn:aws:execute-api:*:*:abc/*/POST/@connections/*"), "execute-api:ManageConnections", post, Allow},
		{"AU-045 get", allow("execute-api:ManageConnections", "arn:aws:execute-api:*:*:abc/*/POST/@connections/*"), "execute-api:ManageConnections", get, Implicit},
		{"AU-048 deny wins", allow("*", "*") + `,{"Effect":"Deny","Action":"execute-api:*","Resource":"*"}`, "execute-api:ManageConnections", post, Deny},
		{"AU-049 wildcard", allow("execute-api:Manage*", "*"), "execute-api:ManageConnections", post, Allow},
		{"AU-049 case", allow("EXECUTE-API:manageconnections", "*"), "execute-api:ManageConnections", post, Allow},
		{"AU-050 CDK grant", allow("execute-api:ManageConnections", "arn:aws:execute-api:us-east-1:000000000000:abc/*/*/@connections/*"), "execute-api:ManageConnections", get, Allow},
		{"AU-051 no method", allow("execute-api:ManageConnections", prod+"/@connections/*"), "execute-api:ManageConnections", post, Implicit},
		{"any api", allow("execute-api:ManageConnections", "arn:aws:execute-api:*:*:*/@connections/*"), "execute-api:ManageConnections", post, Allow},
		{"two stars", allow("execute-api:ManageConnections", "arn:aws:execute-api:*:*:**/@connections/*"), "execute-api:ManageConnections", post, Allow},
		{"not action", `{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, "iam:GetUser", "*", Implicit},
		{"not action allows", `{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}`, "sts:GetCallerIdentity", "*", Allow},
		{"not resource", `{"Effect":"Allow","Action":"*","NotResource":"arn:aws:s3:::secret/*"}`, "s3:GetObject", "arn:aws:s3:::secret/x", Implicit},
		{"question mark", allow("s3:GetObject", "arn:aws:s3:::b/?.txt"), "s3:GetObject", "arn:aws:s3:::b/é.txt", Allow},
		{"lists", `{"Effect":"Allow","Action":["a:B","c:D"],"Resource":["x","y"]}`, "c:D", "y", Allow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Evaluate([]*Document{mustParse(t, tt.statements)}, Request{Action: tt.action, Resource: tt.resource})
			if got != tt.want {
				t.Errorf("%s on %s: %v, want %v", tt.action, tt.resource, got, tt.want)
			}
		})
	}
}

func TestConditions(t *testing.T) {
	context := map[string][]string{
		"aws:SourceIp":           {"10.1.2.3"},
		"aws:SourceArn":          {"arn:aws:execute-api:us-east-1:123456789012:abc/prod/$connect"},
		"aws:SourceAccount":      {"123456789012"},
		"aws:username":           {"ann*"},
		"aws:CurrentTime":        {"2026-11-20T03:04:05Z"},
		"aws:SecureTransport":    {"true"},
		"dynamodb:LeadingKeys":   {"u1", "u2"},
		"aws:RequestTag/Team":    {"blue"},
		"s3:max-keys":            {"10"},
		"aws:PrincipalTag/grade": {"7"},
	}
	for _, tt := range []struct {
		name, condition string
		want            bool
	}{
		{"AU-052 source address", `{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}}`, true},
		{"AU-052 another address", `{"IpAddress":{"aws:SourceIp":["192.168.0.0/16","10.1.2.4"]}}`, false},
		{"not address", `{"NotIpAddress":{"aws:SourceIp":"192.168.0.0/16"}}`, true},
		{"AU-052 equals", `{"StringEquals":{"AWS:sourceaccount":["1","123456789012"]}}`, true},
		{"AU-056 another account", `{"StringEquals":{"AWS:SourceAccount":"999999999999"}}`, false},
		{"not equals", `{"StringNotEquals":{"aws:SourceAccount":["1","123456789012"]}}`, false},
		{"not equals on a missing key", `{"StringNotEquals":{"aws:nothing":"x"}}`, true},
		{"equals on a missing key", `{"StringEquals":{"aws:nothing":"x"}}`, false},
		{"if exists", `{"StringEqualsIfExists":{"aws:nothing":"x"}}`, true},
		{"ignore case", `{"StringEqualsIgnoreCase":{"aws:RequestTag/team":"BLUE"}}`, true},
		{"like", `{"StringLike":{"aws:RequestTag/Team":"b?u*"}}`, true},
		{"equals takes no wildcards", `{"StringEquals":{"aws:RequestTag/Team":"b*"}}`, false},
		{"AU-055 any account", `{"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:us-east-1:*:abc/*"}}`, true},
		{"AU-055 another region", `{"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:eu-west-1:*:abc/*"}}`, false},
		{"AU-055 star does not cross colons", `{"ArnLike":{"AWS:SourceArn":"arn:aws:execute-api:*:abc/prod/$connect"}}`, false},
		{"arn equals takes wildcards", `{"ArnEquals":{"AWS:SourceArn":"arn:aws:execute-api:us-east-1:123456789012:abc/*/$connect"}}`, true},
		{"star alone is every arn", `{"ArnLike":{"aws:SourceArn":"*"}}`, true},
		{"bool", `{"Bool":{"aws:SecureTransport":true}}`, true},
		{"date", `{"DateLessThan":{"aws:CurrentTime":"2027-01-01T00:00:00Z"}}`, true},
		{"date past", `{"DateGreaterThan":{"aws:CurrentTime":"2027-01-01"}}`, false},
		{"numeric", `{"NumericLessThanEquals":{"s3:max-keys":10}}`, true},
		{"numeric and text", `{"NumericEquals":{"aws:RequestTag/Team":"10"}}`, false},
		{"null", `{"Null":{"aws:nothing":"true","aws:SourceIp":"false"}}`, true},
		{"null on a present key", `{"Null":{"aws:SourceIp":true}}`, false},
		{"AU-053 for all values", `{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["u1","u2","u3"]}}`, true},
		{"AU-053 for all values, one is not", `{"ForAllValues:StringEquals":{"dynamodb:LeadingKeys":["u1"]}}`, false},
		{"for all values of none", `{"ForAllValues:StringEquals":{"aws:TagKeys":["a"]}}`, true},
		{"for any value", `{"ForAnyValue:StringEquals":{"dynamodb:LeadingKeys":["u2"]}}`, true},
		{"for any value of none", `{"ForAnyValue:StringEquals":{"aws:TagKeys":["a"]}}`, false},
		{"variable is text", `{"StringLike":{"aws:RequestTag/Team":"${aws:username}"}}`, false},
		{"variable", `{"StringEquals":{"aws:username":"${aws:username}"}}`, true},
		{"variable with default", `{"StringEquals":{"aws:RequestTag/Team":"${aws:nothing, 'blue'}"}}`, true},
		{"escaped star", `{"StringLike":{"aws:username":"ann${*}"}}`, true},
		{"two operators, one fails", `{"Bool":{"aws:SecureTransport":"true"},"StringEquals":{"aws:RequestTag/Team":"red"}}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := mustParse(t, `{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+tt.condition+`}`)
			got := Evaluate([]*Document{d}, Request{Action: "a:B", Resource: "r", Context: context})
			if (got == Allow) != tt.want {
				t.Errorf("condition %s: %v, want %v", tt.condition, got, tt.want)
			}
		})
	}
}

func TestResourceVariables_AU052(t *testing.T) {
	d := mustParse(t, `{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}`)
	for user, want := range map[string]Decision{"ann": Allow, "bob": Implicit, "*": Implicit} {
		got := Evaluate([]*Document{d}, Request{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/ann/x", Context: map[string][]string{"aws:username": {user}}})
		if got != want {
			t.Errorf("user %s: %v, want %v", user, got, want)
		}
	}
}

func TestPrincipals(t *testing.T) {
	const role, session = "arn:aws:iam::000000000000:role/r", "arn:aws:sts::000000000000:assumed-role/r/s"
	caller := Principal{AWS: []string{role, session}, Account: "000000000000"}
	for _, tt := range []struct {
		name, principal string
		who             Principal
		want            Decision
	}{
		{"everybody", `"Principal":"*"`, caller, Allow},
		{"role of the session", `"Principal":{"AWS":"` + role + `"}`, caller, Allow},
		{"session", `"Principal":{"AWS":["x","` + session + `"]}`, caller, Allow},
		{"account", `"Principal":{"AWS":"000000000000"}`, caller, Allow},
		{"root", `"Principal":{"AWS":"arn:aws:iam::000000000000:root"}`, caller, Allow},
		{"another account", `"Principal":{"AWS":"arn:aws:iam::111111111111:root"}`, caller, Implicit},
		{"service", `"Principal":{"Service":"apigateway.amazonaws.com"}`, Principal{Service: "apigateway.amazonaws.com"}, Allow},
		{"another service", `"Principal":{"Service":["apigateway.amazonaws.com"]}`, Principal{Service: "events.amazonaws.com"}, Implicit},
		{"not principal", `"NotPrincipal":{"AWS":"` + role + `"}`, caller, Implicit},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := mustParse(t, `{"Effect":"Allow",`+tt.principal+`,"Action":"a:*","Resource":"*"}`)
			if got := Evaluate([]*Document{d}, Request{Action: "a:B", Resource: "r", Principal: tt.who}); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestParseErrors_AU067(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"no json", `{`, "This policy contains invalid Json"},
		{"no object", `[]`, "This policy contains invalid Json"},
		{"no effect", `{"Statement":{"Action":"*","Resource":"*"}}`, "Syntax errors in policy."},
		{"bad effect", `{"Statement":{"Effect":"allow","Action":"*"}}`, "Syntax errors in policy."},
		{"both actions", `{"Statement":{"Effect":"Allow","Action":"*","NotAction":"x"}}`, "Syntax errors in policy."},
		{"unknown operator", `{"Statement":{"Effect":"Allow","Action":"*","Condition":{"Like":{"a":"b"}}}}`, "Syntax errors in policy."},
		{"unknown version", `{"Version":"2020-01-01","Statement":[]}`, "Syntax errors in policy."},
		{"unknown member", `{"Statement":{"Effect":"Allow","Action":"*","Foo":1}}`, "Syntax errors in policy."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.text)); err == nil || err.Error() != tt.want {
				t.Errorf("error %v, want %s", err, tt.want)
			}
		})
	}
}

// FuzzEvaluate: a document that parses can be evaluated, and adding a statement that denies everything denies.
func FuzzEvaluate(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:*:${aws:username}?"}]}`, "s3:Get", "arn:aws:s3:::x")
	f.Add(`{"Statement":{"Effect":"Deny","NotAction":["a"],"NotResource":"b","Principal":{"AWS":"*"},"Condition":{"ArnLikeIfExists":{"aws:SourceArn":["a:*:b"]}}}}`, "a", "b")
	f.Fuzz(func(t *testing.T, text, action, resource string) {
		d, err := Parse([]byte(text))
		if err != nil {
			return
		}
		r := Request{Action: action, Resource: resource, Principal: Principal{Account: "1"}, Context: map[string][]string{"aws:username": {action}, "aws:SourceArn": {resource}}}
		Evaluate([]*Document{d}, r)
		if got := Evaluate([]*Document{d, mustParse(t, `{"Effect":"Deny","Action":"*","Resource":"*"}`)}, r); got != Deny {
			t.Errorf("denied by a statement, but %v", got)
		}
	})
}

// FuzzWildcard compares with a slow and obvious matcher.
func FuzzWildcard(f *testing.F) {
	f.Add("a*b?c", "axxbyc")
	f.Add("**", "")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 12 || len(s) > 24 {
			return
		}
		for _, x := range []string{pattern, s} {
			if strings.ContainsFunc(x, func(r rune) bool { return r >= 0x80 }) {
				return
			}
		}
		if got, want := wildcard(pattern, s), slow(pattern, s); got != want {
			t.Errorf("wildcard(%q, %q) = %v", pattern, s, got)
		}
	})
}

func slow(p, s string) bool {
	switch {
	case p == "":
		return s == ""
	case p[0] == '*':
		return slow(p[1:], s) || s != "" && slow(p, s[1:])
	case s == "":
		return false
	}
	return (p[0] == '?' || p[0] == s[0]) && slow(p[1:], s[1:])
}
