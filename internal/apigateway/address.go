package apigateway

import "strings"

// MaskAccount hides the account of an ARN but for its last four digits, as AWS does in what it tells callers without permission.
func MaskAccount(resource string) string {
	parts := strings.SplitN(resource, ":", 6)
	if len(parts) < 6 {
		return resource
	}
	parts[4] = "********" + parts[4][max(len(parts[4])-4, 0):]
	return strings.Join(parts, ":")
}

// HostAPI returns the API whose default endpoint a host is: {apiId}.execute-api.{region}.amazonaws.com, or the like under another
// suffix, with or without port. region is empty if the suffix is not AWS's.
func HostAPI(host string) (api, region string, ok bool) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	labels := strings.Split(strings.ToLower(strings.TrimSuffix(host, ".")), ".")
	if len(labels) < 3 || labels[0] == "" || labels[1] != "execute-api" {
		return "", "", false
	}
	if len(labels) >= 5 && labels[3] == "amazonaws" && labels[4] == "com" {
		region = labels[2]
	}
	return labels[0], region, true
}
