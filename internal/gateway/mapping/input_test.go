package mapping

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/jsonpath"
	"github.com/sallyport/sallyport/internal/vtl"
)

// FuzzScan asserts that a value that was found without parsing is the one that parsing finds.
func FuzzScan(f *testing.F) {
	for _, body := range []string{`{"a":"x"}`, `{"a":{"b":1.50}}`, `{"a":["\u00e9\n",null]}`, `[1,true]`, `{"a":1,"a":null}`, `{a:1}`, `"x"`} {
		f.Add(body)
	}
	var paths []*jsonpath.Path
	for _, source := range []string{"$", "$.a", "$.a.b", "$.a[0]", "$[1]"} {
		p, err := jsonpath.Compile(source)
		if err != nil {
			f.Fatal(err)
		}
		paths = append(paths, p)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if !utf8.ValidString(body) || body == "" {
			return
		}
		var c jsonpath.Cache
		for i, p := range paths {
			in := &input{body: []byte(body), call: &Call{}, paths: &c}
			v, found, known := in.scan(p)
			if !known {
				continue
			}
			in.scans = maxScans
			want, wantFound, err := in.get(vtl.NewMeter(1<<20), []string{"$", "$.a", "$.a.b", "$.a[0]", "$[1]"}[i])
			if err != nil {
				if strings.Count(body, "[")+strings.Count(body, "{") > 400 {
					continue // nested deeper than AWS's parser goes
				}
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, v); diff != "" || found != wantFound {
				t.Fatalf("path %d of %q: scanned %v (%v), parsed %v (%v)", i, body, v, found, want, wantFound)
			}
		}
	})
}

// TestPassthrough renders the template that AWS's console offers for everything that there is.
func TestPassthrough(t *testing.T) {
	const template = `##  everything
#set($allParams = $input.params())
{
"body-json" : $input.json('$'),
"params" : {
#foreach($type in $allParams.keySet())
    #set($params = $allParams.get($type))
"$type" : {
    #foreach($paramName in $params.keySet())
    "$paramName" : "$util.escapeJavaScript($params.get($paramName))"
        #if($foreach.hasNext),#end
    #end
}
    #if($foreach.hasNext),#end
#end
},
"stage-variables" : {
#foreach($key in $stageVariables.keySet())
"$key" : "$util.escapeJavaScript($stageVariables.get($key))"
    #if($foreach.hasNext),#end
#end
},
"context" : {
    "account-id" : "$context.identity.accountId",
    "stage" : "$context.stage",
    "source-ip" : "$context.identity.sourceIp",
    "authorizer-principal-id" : "$context.authorizer.principalId"
    }
}`
	var got map[string]any
	text := render(t, template, `{"a":[1]}`, connect())
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	want := map[string]any{
		"body-json":       map[string]any{"a": []any{1.0}},
		"params":          map[string]any{"path": map[string]any{}, "querystring": map[string]any{"t": "z", "both": "query"}, "header": map[string]any{"X-Mine": "h", "both": "header"}},
		"stage-variables": map[string]any{"table": "T", "alias": "live"},
		"context":         map[string]any{"account-id": "", "stage": "prod", "source-ip": "1.2.3.4", "authorizer-principal-id": "ann"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestManyAtOnce holds that renders of one template do not meet.
func TestManyAtOnce(t *testing.T) {
	tmpl, err := Parse(`#set($a = $input.path('$.a'))#foreach($i in $input.path('$.l'))$a$i.matches("x+")$input.json("$.b$i")#end$context.requestOverride.path.x`)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for _, name := range []string{"x", "y", "z", "w"} {
		all.Go(func() {
			for range 200 {
				call := message()
				call.requestOverride().Get("path").(*vtl.Map).Put("x", name)
				out, err := tmpl.Render(nil, []byte(`{"a":"`+name+`","l":["x","`+name+`"],"bx":1}`), call)
				last := `""`
				if name == "x" {
					last = "1"
				}
				want := name + "true1" + name + map[bool]string{true: "true", false: "false"}[name == "x"] + last + name
				if err != nil || string(out) != want {
					t.Errorf("rendered %q, %v; want %q", out, err, want)
					return
				}
			}
		})
	}
	all.Wait()
}
