package lambda

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const arnLayer = "arn:aws:lambda:us-east-1:111111111111:layer:"

func TestLayers(t *testing.T) {
	need(t, "node")
	need(t, "python3")
	s := start(t, nil)
	publish := func(name string, files ...string) string {
		t.Helper()
		a := s.ok("PublishLayerVersion", object{"LayerName": name, "Content": object{"ZipFile": source(t, files...)}, "CompatibleRuntimes": []any{"nodejs20.x"}})
		if a.status != 201 {
			t.Errorf("%d %s", a.status, a.body)
		}
		return a.json["LayerVersionArn"].(string)
	}
	one := publish("one", "nodejs/node_modules/dep/index.js", "module.exports = 'dep one'", "a.txt", "one", "only.txt", "one")
	two := publish("two", "a.txt", "two", "python/pydep.py", "WORD = 'pydep'")
	if one != arnLayer+"one:1" {
		t.Errorf("%s", one)
	}

	t.Run("LA-047 order, LA-048 require", func(t *testing.T) {
		handler := `async () => { const fs = require('fs'); const opt = process.env.NODE_PATH.split(':').find(p => p.endsWith('/nodejs/node_modules')) + '/../..';
			return [require('dep'), fs.readFileSync(opt + '/a.txt', 'utf8'), fs.readFileSync(opt + '/only.txt', 'utf8')] }`
		a := s.create("js", handler, object{"Layers": []any{one, two}})
		if diff := cmp.Diff([]any{one, two}, []any{a.json["Layers"].([]any)[0].(object)["Arn"], a.json["Layers"].([]any)[1].(object)["Arn"]}); diff != "" {
			t.Error(diff)
		}
		s.invoke("js", "", `["dep one","two","one"]`)
		s.ok("UpdateFunctionConfiguration", object{"FunctionName": "js", "Layers": []any{two, one}})
		s.invoke("js", "", `["dep one","one","one"]`)
	})
	t.Run("LA-048 import", func(t *testing.T) {
		s.ok("CreateFunction", object{
			"FunctionName": "esm", "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": role, "Layers": []any{one},
			"Code": object{"ZipFile": source(t, "index.mjs", "import dep from 'dep'; export const handler = async () => dep")},
		})
		s.invoke("esm", "", `"dep one"`)
	})
	t.Run("LA-049 python", func(t *testing.T) {
		s.ok("CreateFunction", object{
			"FunctionName": "py", "Runtime": "python3.12", "Handler": "app.handler", "Role": role, "Layers": []any{two},
			"Code": object{"ZipFile": source(t, "app.py", "import pydep\ndef handler(e, c): return pydep.WORD")},
		})
		s.invoke("py", "", `"pydep"`)
	})
	t.Run("read", func(t *testing.T) {
		if next := publish("one", "b.txt", "b"); next != arnLayer+"one:2" {
			t.Errorf("%s", next)
		}
		byName := s.ok("GetLayerVersion", object{"LayerName": "one", "VersionNumber": 1})
		byARN := s.ok("GetLayerVersionByArn", object{"Arn": one})
		if diff := cmp.Diff(byName.json, byARN.json); diff != "" || byName.json["LayerVersionArn"] != one {
			t.Errorf("%s %s", byName.body, diff)
		}
		layers := s.ok("ListLayers", object{}).json["Layers"].([]any)
		if len(layers) != 2 || layers[0].(object)["LatestMatchingVersion"].(object)["LayerVersionArn"] != arnLayer+"one:2" {
			t.Errorf("%v", layers)
		}
		if a := s.ok("ListLayers", object{"CompatibleRuntime": "python3.12"}); len(a.json["Layers"].([]any)) != 0 {
			t.Errorf("%s", a.body)
		}
		a := s.ok("ListLayerVersions", object{"LayerName": "one", "MaxItems": 1})
		b := s.ok("ListLayerVersions", object{"LayerName": "one", "Marker": a.json["NextMarker"]})
		if a.json["LayerVersions"].([]any)[0].(object)["Version"] != 2.0 || b.json["LayerVersions"].([]any)[0].(object)["Version"] != 1.0 || b.json["NextMarker"] != nil {
			t.Errorf("%s %s", a.body, b.body)
		}
	})
	t.Run("a deleted version goes on in functions", func(t *testing.T) {
		if a := s.ok("DeleteLayerVersion", object{"LayerName": "one", "VersionNumber": 1}); a.status != 204 {
			t.Errorf("%d", a.status)
		}
		s.refused("GetLayerVersion", object{"LayerName": "one", "VersionNumber": 1}, 404, "ResourceNotFoundException", "The resource you requested does not exist.")
		s.ok("UpdateFunctionConfiguration", object{"FunctionName": "js", "Description": "again"})
		s.invoke("js", "", `["dep one","one","one"]`)
		s.refused("UpdateFunctionConfiguration", object{"FunctionName": "js", "Layers": []any{one}}, 400, "InvalidParameterValueException", "Layer version "+one+" does not exist.")
		s.ok("DeleteLayerVersion", object{"LayerName": "one", "VersionNumber": 2})
		if next := publish("one", "c.txt", "c"); next != arnLayer+"one:3" {
			t.Errorf("a number twice: %s", next)
		}
	})
	t.Run("none", func(t *testing.T) {
		s.ok("UpdateFunctionConfiguration", object{"FunctionName": "js", "Layers": []any{}})
		if a := s.ok("GetFunctionConfiguration", object{"FunctionName": "js"}); a.json["Layers"] != nil {
			t.Errorf("%s", a.body)
		}
	})
	t.Run("too many", func(t *testing.T) {
		var all []any
		for i := range 6 {
			all = append(all, fmt.Sprint(arnLayer, "l", i, ":1"))
		}
		s.refused("UpdateFunctionConfiguration", object{"FunctionName": "js", "Layers": all}, 400, "InvalidParameterValueException", "Cannot reference more than 5 layers.")
	})
	t.Run("other account", func(t *testing.T) {
		a := s.callAs("222222222222", "GetLayerVersionByArn", object{"Arn": two})
		if a.status != 403 || !strings.Contains(string(a.body), "lambda:GetLayerVersion") {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}
