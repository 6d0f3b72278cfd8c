package apigateway

import "testing"

func TestMaskAccount(t *testing.T) {
	for in, want := range map[string]string{
		"arn:aws:execute-api:us-east-1:207922868512:uuhovneo02/Prod/POST/@connections/{connectionId}": "arn:aws:execute-api:us-east-1:********8512:uuhovneo02/Prod/POST/@connections/{connectionId}",
		"no ARN": "no ARN",
		"*":      "*",
	} {
		if got := MaskAccount(in); got != want {
			t.Errorf("MaskAccount(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestHostAPI(t *testing.T) {
	for _, tt := range []struct {
		host, api, region string
		ok                bool
	}{
		{"q7d3k9x2ab.execute-api.us-east-1.amazonaws.com", "q7d3k9x2ab", "us-east-1", true},
		{"Q7D3K9X2AB.execute-api.EU-west-1.amazonaws.com:443", "q7d3k9x2ab", "eu-west-1", true},
		{"q7d3k9x2ab.execute-api.cn-north-1.amazonaws.com.cn", "q7d3k9x2ab", "cn-north-1", true},
		{"q7d3k9x2ab.execute-api.localhost:4566", "q7d3k9x2ab", "", true},
		{"localhost:4566", "", "", false},
		{"[::1]:4566", "", "", false},
		{"[::1]", "", "", false},
		{".execute-api.us-east-1.amazonaws.com", "", "", false},
		{"lambda.us-east-1.amazonaws.com", "", "", false},
	} {
		api, region, ok := HostAPI(tt.host)
		if api != tt.api || region != tt.region || ok != tt.ok {
			t.Errorf("HostAPI(%q) = %q, %q, %v, want %q, %q, %v", tt.host, api, region, ok, tt.api, tt.region, tt.ok)
		}
	}
}
