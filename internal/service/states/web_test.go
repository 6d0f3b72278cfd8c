package states

import (
	"net/url"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

// FuzzWebRequest holds that whatever a task says of its request is refused or can be sent: a URL that is one, headers without line ends of
// the task's making, and a form that reads back.
func FuzzWebRequest(f *testing.F) {
	f.Add(`{"ApiEndpoint":"https://a.example/x?y=1","Method":"POST","InvocationConfig":{"ConnectionArn":"arn:c"},"QueryParameters":{"a":["b",1]},"Headers":{"h":"v"},"RequestBody":{"l":["a",{"x":null}],"s":"ü &="},"Transform":{"RequestBodyEncoding":"URL_ENCODED","RequestEncodingOptions":{"ArrayFormat":"REPEAT"}}}`)
	f.Add(`{"ApiEndpoint":"http://a","Method":"GET","Authentication":{"ConnectionArn":"c"},"QueryParameters":"a=b","RequestBody":[1]}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := asl.Decode([]byte(text))
		params, ok := v.(*asl.Object)
		if err != nil || !ok {
			return
		}
		r, err := readWebRequest(params, "us-east-1")
		if err != nil {
			return
		}
		if err := r.encode([]string{"added", "&=+ %"}); err != nil {
			return
		}
		u, err := url.Parse(r.fullURL())
		if err != nil || u.Host == "" {
			t.Errorf("URL %q: %v", r.fullURL(), err)
		}
		if r.encoding == "" || r.body == nil {
			return
		}
		form, err := url.ParseQuery(strings.ReplaceAll(string(r.content), ";", "%3B"))
		if err != nil || form.Get("added") != "&=+ %" {
			t.Errorf("form %q: %v, %v", r.content, form, err)
		}
	})
}
