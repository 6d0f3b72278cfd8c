package apigateway

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/arn"
)

// FunctionARN returns the ARN of the function that the URI of an integration or authorizer names: AWS's long form, or the bare ARN.
func FunctionARN(uri string) (string, error) {
	function := uri
	if _, path, ok := strings.Cut(uri, ":lambda:path/"); ok {
		_, f, found := strings.Cut(path, "/functions/")
		f, suffix := strings.CutSuffix(f, "/invocations")
		if !found || !suffix {
			return "", fmt.Errorf("URI %q names no function", uri)
		}
		function = f
	}
	a, err := arn.Parse(function)
	if err != nil || a.Service != "lambda" || !strings.HasPrefix(a.Resource, "function:") || strings.HasSuffix(function, ":") {
		return "", fmt.Errorf("URI %q names no function", uri)
	}
	return function, nil
}

// Expand replaces ${stageVariables.name} in a URI or ARN. AWS: what is missing is the empty string.
func Expand(s string, variables map[string]string) string {
	const begin = "${stageVariables."
	var out strings.Builder
	for {
		i := strings.Index(s, begin)
		if i < 0 {
			break
		}
		n := strings.IndexByte(s[i:], '}')
		if n < 0 {
			break
		}
		out.WriteString(s[:i])
		out.WriteString(variables[s[i+len(begin):i+n]])
		s = s[i+n+1:]
	}
	out.WriteString(s)
	return out.String()
}
