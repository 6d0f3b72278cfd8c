package template_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

func environment(parameters map[string]any) *template.Env {
	return &template.Env{
		AccountID: "111111111111", Region: "eu-west-1", StackName: "s", StackID: "arn:stack", Parameters: parameters,
		Ref: func(id string) any { return "ref-" + id },
		GetAtt: func(id, attr string) (any, error) {
			return map[string]any{"List": []any{"x", "y"}}[attr], nil
		},
		Import:  func(name string) (any, error) { return "imported " + name, nil },
		Dynamic: func(service, reference string) (string, error) { return "<" + service + " " + reference + ">", nil },
	}
}

// evaluate reads a template, with given or default parameters.
func evaluate(text string, given map[string]string) (*template.Evaluation, error) {
	d, err := template.Parse([]byte(text))
	if err != nil {
		return nil, err
	}
	declared, err := template.Parameters(d)
	if err != nil {
		return nil, err
	}
	values, err := template.Values(declared, given)
	if err != nil {
		return nil, err
	}
	refs := map[string]any{}
	for _, p := range declared {
		refs[p.Name] = p.Value(values[p.Name])
	}
	env := environment(refs)
	if names, _ := template.Transforms(d); slices.Contains(names, template.LanguageExtensions) {
		if d, err = template.Extend(d, env); err != nil {
			return nil, err
		}
	}
	t, err := template.New(d)
	if err != nil {
		return nil, err
	}
	return t.Evaluate(env)
}

const frame = `
Parameters:
  Env: {Type: String, Default: dev}
  Zones: {Type: CommaDelimitedList, Default: "a, b,c"}
  Count: {Type: Number, Default: 5}
Mappings:
  M: {eu-west-1: {name: dublin, list: [p, q]}}
Conditions:
  IsDev: !Equals [!Ref Env, dev]
  IsProd: !Not [!Condition IsDev]
  Both: !And [!Condition IsDev, !Equals [!Ref Count, "5"]]
Transform: AWS::LanguageExtensions
Resources:
  A: {Type: T}
  R: {Type: T, Properties: {V: %s}}
`

func TestFunctions(t *testing.T) {
	for _, tt := range []struct {
		name, v string
		want    any // nil: the property is gone
	}{
		{"ref of a parameter", "!Ref Env", "dev"},
		{"ref of a number is text", "!Ref Count", "5"},
		{"DE-040 ref of a list", "!Ref Zones", []any{"a", "b", "c"}},
		{"DE-040 select from a list parameter", "!Select [1, !Ref Zones]", "b"},
		{"DE-040 join of a list parameter", "!Join ['-', !Ref Zones]", "a-b-c"},
		{"ref of a resource", "!Ref A", "ref-A"},
		{"attribute that is a list", "!Join [',', !GetAtt A.List]", "x,y"},
		{"DE-041 no value removes a property", "!If [IsProd, x, !Ref AWS::NoValue]", nil},
		{"DE-041 no value removes an element", "[a, !Ref 'AWS::NoValue', b]", []any{"a", "b"}},
		{"DE-042 literal", "!Sub '${!X} ${Env}'", "${X} dev"},
		{"DE-043 map of a sub", "!Sub ['${Env} ${Own} ${AWS::Region}', {Env: mine, Own: !Ref Env}]", "mine dev eu-west-1"},
		{"sub with an attribute", "!Sub '${A} in ${AWS::AccountId}'", "ref-A in 111111111111"},
		{"DE-047 select with text", "!Select ['0', [a, b]]", "a"},
		{"DE-048 split in sub", "!Sub ['${X}', {X: !Select [1, !Split ['.', a.b]]}]", "b"},
		{"DE-046 find in map", "!FindInMap [M, !Ref 'AWS::Region', name]", "dublin"},
		{"list in a map", "!FindInMap [M, eu-west-1, list]", []any{"p", "q"}},
		{"default of a map", "!FindInMap [M, x, y, {DefaultValue: d}]", "d"},
		{"DE-049 cidr", "!Cidr ['10.0.0.0/16', 2, 8]", []any{"10.0.0.0/24", "10.0.1.0/24"}},
		{"DE-049 zones", "!GetAZs ''", []any{"eu-west-1a", "eu-west-1b", "eu-west-1c"}},
		{"DE-051 json", "!ToJsonString {b: !Ref Env, a: [1, true, '<']}", `{"a":[1,true,"<"],"b":"dev"}`},
		{"length", "!Length [a, b]", json.Number("2")},
		{"base64", "!Base64 hello", "aGVsbG8="},
		{"import", "!ImportValue 'x'", "imported x"},
		{"DE-052 condition", "!If [Both, yes, no]", "yes"},
		{"dynamic reference", "'a {{resolve:ssm:/x:1}} b'", "a <ssm /x:1> b"},
		{"only true and false are booleans", "[true, yes, on, False]", []any{true, "yes", "on", false}},
		{"a date is text", "2012-10-17", "2012-10-17"},
		{"a number with zeros is text", "[007, 1.10, 0x10, 12]", []any{"007", json.Number("1.10"), "0x10", json.Number("12")}},
		{"quoted stays text", "'5'", "5"},
		{"short tag on a map", "!Sub {}", "error: Template error: One or more Fn::Sub intrinsic functions"},
		{"partition and suffix", "!Sub '${AWS::Partition} ${AWS::URLSuffix} ${AWS::StackName} ${AWS::StackId}'", "aws amazonaws.com s arn:stack"},
		{"ref of notifications", "!Ref AWS::NotificationARNs", []any{}},
		{"DE-045 missing condition", "!If [Nope, a, b]", "error: Template error: unresolved condition dependency Nope in Fn::If"},
		{"DE-046 missing key", "!FindInMap [M, x, y]", "error: Template error: Unable to get mapping for M::x::y"},
		{"missing map", "!FindInMap [N, x, y]", "error: Template error: Mapping named 'N' is not present in the 'Mappings' section of template."},
		{"DE-047 bad select", "!Select [0, x]", "error: Template error: Fn::Select requires a list argument with two elements: an integer index and a list"},
		{"select beyond the end", "!Select [7, [a]]", "error: Template error: Fn::Select cannot select nonexistent value at index 7"},
		{"bad join", "!Join [a]", "error: Template error: every Fn::Join object requires two parameters"},
		{"bad split", "!Split [a]", "error: Template error: every Fn::Split object requires two parameters"},
		{"bad attribute", "!GetAtt A", "error: Template error: every Fn::GetAtt object requires two non-empty parameters"},
		{"attribute of nothing", "!GetAtt X.Y", "error: Template error: instance of Fn::GetAtt references undefined resource X"},
		{"DE-033 unresolved", "!Ref Nope", "error: Template format error: Unresolved resource dependencies [Nope] in the Resources block of the template"},
		{"unresolved in sub", "!Sub '${Nope}'", "error: Template format error: Unresolved resource dependencies [Nope] in the Resources block of the template"},
		{"bad name in sub", "!Sub '${a-b}'", "error: Template error: variable names in Fn::Sub syntax"},
		{"null", "{a: null}", "error: [/Resources/R/Properties/V/a] 'null' values are not allowed in templates"},
		{"unknown function", "{Fn::Nope: 1}", "error: Template error: unknown function Fn::Nope"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := resolveV(fmt.Sprintf(frame, tt.v))
			if want, ok := tt.want.(string); ok && strings.HasPrefix(want, "error: ") {
				if s, _ := got.(string); !strings.HasPrefix(s, want) {
					t.Errorf("%s gives %v, want %s", tt.v, got, want)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s:\n%s", tt.v, diff)
			}
		})
	}
}

// resolveV returns property V of resource R, or "error: ...".
func resolveV(text string) any {
	e, err := evaluate(text, nil)
	if err == nil {
		var p map[string]any
		if p, err = e.Properties("R"); err == nil {
			return p["V"]
		}
	}
	var te *template.Error
	if errors.As(err, &te) {
		return "error: " + te.Message
	}
	return "error: " + err.Error()
}

func TestErrorsHavePlaces(t *testing.T) {
	for _, tt := range []struct {
		name, text, message string
		line, column        int
	}{
		{"json", "{\n  \"a\"= 1}", "Template format error: JSON not well-formed. (line 2, column 7)", 2, 7},
		{"yaml", "Resources:\n  A: [\n", "Template format error: YAML not well-formed. (line 2, column 1)", 2, 1},
		{"duplicate yaml key", "Resources:\n  A: {Type: T}\n  A: {Type: U}\n", "Template format error: YAML not well-formed. Duplicate key A (line 3, column 3)", 3, 3},
		{"duplicate json key", "{\"Resources\":{},\n \"Resources\":{}}", "Template format error: JSON not well-formed. Duplicate key Resources (line 2, column 2)", 2, 2},
		{"unknown tag", "Resources:\n  A: !Nope x\n", "Template format error: YAML not well-formed. Unknown tag !Nope (line 2, column 6)", 2, 6},
		{"no resources", "Outputs: {}\n", "Template format error: At least one Resources member must be defined.", 0, 0},
		{"no type", "Resources:\n  A: {Properties: {}}\n", "Template format error: [/Resources/A] Every Resources object must contain a Type member.", 2, 3},
		{"unknown member", "Resources:\n  A:\n    Type: T\n    Invalid: 1\n", "Invalid template resource property 'Invalid'", 4, 5},
		{"name", "Resources:\n  A-B: {Type: T}\n", "Template format error: Resource name A-B is non alphanumeric.", 2, 3},
		{"section", "Resource: {}\nResources:\n  A: {Type: T}\n", "Invalid template property or properties [Resource]", 1, 1},
		{"DE-035 cycle", "Resources:\n  A: {Type: T, Properties: {V: !Ref B}}\n  B: {Type: T, DependsOn: A}\n  C: {Type: T, DependsOn: B}\n", "Circular dependency between resources: [A, B]", 2, 3},
		{"DE-034 output", "Resources:\n  A: {Type: T}\nOutputs:\n  O: {Value: !Ref X}\n", "Unresolved resource dependencies [X] in the Outputs block of the template", 4, 7},
		{"output without value", "Resources:\n  A: {Type: T}\nOutputs:\n  O: {Description: x}\n", "Template format error: Every Outputs member must contain a Value object", 4, 3},
		{"mapping", "Resources:\n  A: {Type: T}\nMappings: {M: {A: x}}\n", "Template format error: Every Mappings member A must be a map", 3, 16},
		{"deep mapping", "Resources:\n  A: {Type: T}\nMappings: {M: {A: {B: {C: x}}}}\n", "Template format error: Every Mappings attribute must be a String or a List.", 3, 20},
		{"missing dependency", "Resources:\n  A: {Type: T, DependsOn: [X, W]}\n", "Template format error: Unresolved resource dependencies [W, X] in the Resources block of the template", 2, 16},
		{"resource of a false condition", "Conditions: {No: !Equals [a, b]}\nResources:\n  A: {Type: T, Condition: No}\n  B: {Type: T, Properties: {V: !Ref A}}\n", "Template format error: Unresolved resource dependencies [A] in the Resources block of the template", 4, 3},
		{"resource in a condition", "Conditions: {No: !Equals [!Ref A, b]}\nResources:\n  A: {Type: T}\n", "Template format error: Unresolved dependencies [A]. Cannot reference resources in the Conditions block of the template", 1, 1},
		{"DE-056 rule", "Parameters: {P: {Type: String, Default: z}}\nRules: {R: {Assertions: [{Assert: !Not [!Contains [[x, z], !Ref P]], AssertDescription: no z}]}}\nResources: {A: {Type: T}}\n", "Template validation failed: no z", 2, 9},
		{"parameter type", "Parameters: {P: {Type: Strange}}\nResources: {A: {Type: T}}\n", "Template format error: Unrecognized parameter type: Strange", 1, 18},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := evaluate(tt.text, nil)
			var e *template.Error
			if !errors.As(err, &e) || e.Message != tt.message || e.Line != tt.line || e.Column != tt.column {
				t.Errorf("error is %+v, want %q at %d:%d", err, tt.message, tt.line, tt.column)
			}
		})
	}
}

func TestParameters_DE037(t *testing.T) {
	for _, tt := range []struct{ name, def, value, want string }{
		{"DE-036 missing", "{Type: String}", "-", "Parameters: [P] must have values"},
		{"number", "{Type: Number}", "x", "Parameter 'P' must be a number."},
		{"too small", "{Type: Number, MinValue: 3}", "2", "Parameter 'P' must be a number not less than 3"},
		{"too large", "{Type: Number, MaxValue: 3}", "4", "Parameter 'P' must be a number not greater than 3"},
		{"values", "{Type: String, AllowedValues: [a, 1]}", "b", "Parameter 'P' must be one of AllowedValues"},
		{"a number among the values", "{Type: String, AllowedValues: [a, 1]}", "1", ""},
		{"pattern", "{Type: String, AllowedPattern: '[a-z]+'}", "A", "Parameter 'P' must match pattern [a-z]+"},
		{"described", "{Type: String, AllowedPattern: '[a-z]+', ConstraintDescription: only small letters}", "A", "Parameter P failed to satisfy constraint: only small letters"},
		{"short", "{Type: String, MinLength: 2}", "a", "Parameter 'P' must contain at least 2 characters"},
		{"long", "{Type: String, MaxLength: 2}", "aaa", "Parameter 'P' must contain at most 2 characters"},
		{"fine", "{Type: String, MinLength: 2, MaxLength: 2, AllowedPattern: '.*'}", "ab", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			given := map[string]string{"P": tt.value}
			if tt.value == "-" {
				given = nil
			}
			_, err := evaluate("Parameters: {P: "+tt.def+"}\nResources: {A: {Type: T}}", given)
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("%s = %q gives %q, want %q", tt.def, tt.value, got, tt.want)
			}
		})
	}
	_, err := evaluate("Resources: {A: {Type: T}}", map[string]string{"Q": "x"})
	if err == nil || err.Error() != "Parameters: [Q] do not exist in the template" {
		t.Errorf("an unknown parameter gives %v", err)
	}
}

func TestOrder_DE053_DE105(t *testing.T) {
	e, err := evaluate(`
Conditions: {No: !Equals [a, b]}
Resources:
  D: {Type: AWS::ApiGatewayV2::Deployment, Properties: {ApiId: !Ref Api}}
  R1: {Type: AWS::ApiGatewayV2::Route, Properties: {ApiId: !Ref Api}}
  R2: {Type: AWS::ApiGatewayV2::Route, DependsOn: D, Properties: {ApiId: !Ref Api}}
  Answer: {Type: AWS::ApiGatewayV2::RouteResponse, Properties: {ApiId: !Ref Api, RouteId: !Ref R1}}
  Api: {Type: AWS::ApiGatewayV2::Api, Properties: {Name: !If [No, !Ref Gone, x]}}
  Gone: {Type: T, Condition: No}
  One: {Type: T, DependsOn: Api}
  Many: {Type: T, DependsOn: [Api, One, Gone], Metadata: {any: {thing: [1]}}}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, id := range e.Active() {
		got[id] = e.Dependencies(id)
	}
	want := map[string][]string{"D": {"Api", "R1", "Answer"}, "R1": {"Api"}, "R2": {"Api", "D"}, "Answer": {"Api", "R1"}, "Api": nil, "One": {"Api"}, "Many": {"Api", "One"}} // DE-053, DE-057, DE-105
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownValues(t *testing.T) {
	e, err := evaluate(`{"Resources":{"A":{"Type":"T"},"R":{"Type":"T","Properties":{"J":{"Fn::Join":["",["x",{"Ref":"A"}]]},"S":{"Fn::Sub":"${A}"},"L":[{"Fn::GetAtt":["A","X"]},"y"],"K":"z"}}}}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.With(&template.Env{}).Properties("R")
	if err != nil {
		t.Fatal(err)
	}
	u := resource.Unknown
	for name, want := range map[string]any{"J": u, "S": u, "K": "z"} {
		if p[name] != want {
			t.Errorf("%s is %v", name, p[name])
		}
	}
	if l := p["L"].([]any); l[0] != u || l[1] != "y" {
		t.Errorf("L is %v", l)
	}
}

func TestForEach_DE050(t *testing.T) {
	e, err := evaluate(`
Transform: AWS::LanguageExtensions
Parameters: {Names: {Type: CommaDelimitedList, Default: "A,B"}}
Resources:
  Fn::ForEach::Topics:
    - Name
    - !Ref Names
    - Topic${Name}:
        Type: T
        Properties: {Name: !Sub "${Name}-${AWS::Region}", Own: !Ref Name}
Outputs:
  Fn::ForEach::Outs:
    - Name
    - !Ref Names
    - Out${Name}: {Value: !Ref "Topic${Name}"}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := e.Properties("TopicB")
	if diff := cmp.Diff(map[string]any{"Name": "B-eu-west-1", "Own": "B"}, p); diff != "" || err != nil {
		t.Error(diff, err)
	}
	outputs, err := e.ResolveOutputs()
	if diff := cmp.Diff([]template.OutputValue{{Name: "OutA", Value: "ref-TopicA"}, {Name: "OutB", Value: "ref-TopicB"}}, outputs); diff != "" || err != nil {
		t.Error(diff, err)
	}
}

func TestMergeKeysAndAnchors(t *testing.T) {
	d, err := template.Parse([]byte("base: &b {x: 1, y: 2}\nmade: {<<: *b, y: 3}\nagain: *b\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"base": map[string]any{"x": json.Number("1"), "y": json.Number("2")}, "made": map[string]any{"x": json.Number("1"), "y": json.Number("3")}, "again": map[string]any{"x": json.Number("1"), "y": json.Number("2")}}
	if diff := cmp.Diff(want, d.Root); diff != "" {
		t.Error(diff)
	}
}

func TestArtifacts(t *testing.T) {
	d, err := template.Parse([]byte(`Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: nodejs22.x, Timeout: 3}}
Resources:
  Local: {Type: AWS::Serverless::Function, Properties: {CodeUri: ./src, Handler: app.h}, Metadata: {BuildMethod: esbuild}}
  Here: {Type: AWS::Serverless::Function, Properties: {Handler: app.h}}
  Inline: {Type: AWS::Serverless::Function, Properties: {InlineCode: x, Handler: app.h}}
  Far: {Type: AWS::Serverless::Function, Properties: {CodeUri: "s3://b/k", Handler: app.h}}
  Plain: {Type: AWS::Lambda::Function, Properties: {Code: fn, Handler: h, Runtime: python3.13}}
  Child: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: child.yaml}}
`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range template.LocalArtifacts(d) {
		got = append(got, fmt.Sprintf("%s %s=%s %s %s %s line %d", a.LogicalID, a.Property, a.Path, a.Runtime, a.Handler, a.BuildMethod, a.Position.Line))
	}
	want := []string{
		"Local CodeUri=./src nodejs22.x app.h esbuild line 4", "Here CodeUri=. nodejs22.x app.h  line 5", "Plain Code=fn python3.13 h  line 8", "Child TemplateURL=child.yaml    line 9",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	made := template.Rewrite(d, []template.Location{{LogicalID: "Local", Bucket: "b", Key: "k", Version: "v"}, {LogicalID: "Plain", Bucket: "b", Key: "p"}, {LogicalID: "Child", Bucket: "b", Key: "t"}})
	resources := made.Root["Resources"].(map[string]any)
	property := func(id, name string) any { return resources[id].(map[string]any)["Properties"].(map[string]any)[name] }
	if diff := cmp.Diff([]any{map[string]any{"Bucket": "b", "Key": "k", "Version": "v"}, map[string]any{"S3Bucket": "b", "S3Key": "p"}, "https://s3.amazonaws.com/b/t"},
		[]any{property("Local", "CodeUri"), property("Plain", "Code"), property("Child", "TemplateURL")}); diff != "" {
		t.Error(diff)
	}
	if p := made.At("Resources", "Local"); p.Line != 4 {
		t.Errorf("places are lost: %v", p)
	}
}

// TestSynthesized reads a template as the CDK writes it: metadata name what lies beside it, and its bootstrap is asked for.
func TestSynthesized(t *testing.T) {
	d, err := template.Parse([]byte(`{
		"Parameters":{"BootstrapVersion":{"Type":"AWS::SSM::Parameter::Value<String>","Default":"/cdk-bootstrap/hnb659fds/version"},"Size":{"Type":"String"}},
		"Rules":{"CheckBootstrapVersion":{"Assertions":[]}},
		"Resources":{
			"Code":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"S3Bucket":{"Fn::Sub":"cdk-assets"},"S3Key":"1.zip"},"Runtime":"nodejs22.x"},"Metadata":{"aws:asset:path":"asset.1","aws:asset:property":"Code"}},
			"Layer":{"Type":"AWS::Lambda::LayerVersion","Properties":{"Content":{"S3Bucket":"b","S3Key":"2.zip"}},"Metadata":{"aws:asset:path":"asset.2.zip","aws:asset:property":"Content"}},
			"Inline":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"ZipFile":"x"}},"Metadata":{"aws:cdk:path":"a/b"}},
			"Other":{"Type":"AWS::Lambda::Function","Properties":{"Code":{"S3Bucket":"b","S3Key":"3.zip"}},"Metadata":{"aws:asset:path":"asset.3","aws:asset:property":"Environment"}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	var places []template.Location
	for _, a := range template.LocalArtifacts(d) {
		got = append(got, fmt.Sprintf("%s %s=%s %s ready %v", a.LogicalID, a.Property, a.Path, a.Runtime, a.Ready))
		places = append(places, template.Location{LogicalID: a.LogicalID, Bucket: "mine", Key: a.Path})
	}
	if diff := cmp.Diff([]string{"Code Code=asset.1 nodejs22.x ready true", "Layer Content=asset.2.zip  ready true"}, got); diff != "" {
		t.Error(diff)
	}
	root := template.Rewrite(d, places).Root
	if diff := cmp.Diff(map[string]any{"Size": map[string]any{"Type": "String"}}, root["Parameters"]); diff != "" || root["Rules"] != nil {
		t.Errorf("rules %v, parameters (-want +got):\n%s", root["Rules"], diff)
	}
	code := root["Resources"].(map[string]any)["Code"].(map[string]any)["Properties"].(map[string]any)["Code"]
	if diff := cmp.Diff(map[string]any{"S3Bucket": "mine", "S3Key": "asset.1"}, code); diff != "" {
		t.Error(diff)
	}
	if d.Root["Rules"] == nil || len(d.Root["Parameters"].(map[string]any)) != 2 {
		t.Error("the document itself has changed")
	}
}

// FuzzEvaluate holds that no text makes the package panic, and that whatever it accepts has an order of resources.
func FuzzEvaluate(f *testing.F) {
	f.Add(fmt.Sprintf(frame, "!Sub ['${A}', {A: !GetAtt A.List}]"))
	f.Add("a: &a [*a]\n")
	f.Add("{\"Resources\":{\"A\":{\"Type\":\"T\",\"Properties\":{\"Fn::If\":[\"C\",{},[]]}}},\"Conditions\":{\"C\":{\"Fn::Or\":[{\"Condition\":\"C\"}]}}}")
	f.Add("Resources:\n  Fn::ForEach::X: [a, [b], {'${a}': {Type: T, DependsOn: 5}}]\nTransform: AWS::LanguageExtensions\n")
	f.Add("Rules: {R: {Assertions: [1]}}\nResources: {A: {Type: T, Properties: {a: !Cidr [x, 1, 300]}}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := evaluate(text, nil)
		if err != nil {
			return
		}
		done := map[string]bool{}
		for range e.Active() {
			for _, id := range e.Active() {
				ready := true
				for _, d := range e.Dependencies(id) {
					ready = ready && done[d]
				}
				done[id] = done[id] || ready
			}
		}
		for _, id := range e.Active() {
			if !done[id] {
				t.Errorf("%s can never be made", id)
			}
			e.Properties(id)
		}
		e.ResolveOutputs()
		template.LocalArtifacts(e.Document)
	})
}
