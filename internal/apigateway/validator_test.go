package apigateway

import (
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

func TestValidator(t *testing.T) {
	const other = `https://apigateway.amazonaws.com/restapis/abc/models/`
	models := []Model{
		{Name: "Text", Schema: `{"$schema":"http://json-schema.org/draft-04/schema#","type":"object","required":["text"],"properties":{"text":{"type":"string","minLength":1}}}`},
		{Name: "Draft4", Schema: `{"properties":{"n":{"type":"number","minimum":3,"exclusiveMinimum":true}}}`},
		{Name: "Newer", Schema: `{"$schema":"http://json-schema.org/draft-07/schema#","properties":{"n":{"minimum":3,"exclusiveMinimum":true}}}`},
		{Name: "List", Schema: `{"type":"array","items":{"$ref":"` + other + `Text"}}`},
		{Name: "Tree", Schema: `{"type":"object","properties":{"children":{"type":"array","items":{"$ref":"` + other + `Tree"}}},"additionalProperties":false}`},
		{Name: "Lost", Schema: `{"$ref":"` + other + `Nobody"}`},
		{Name: "Elsewhere", Schema: `{"$ref":"file:///etc/passwd"}`},
	}
	v := NewValidator("abc", models)
	for _, tt := range []struct {
		name, model, message string
		want                 string // in the error; empty: valid
	}{
		{"valid", "Text", `{"text":"x"}`, ""},
		{"missing", "Text", `{"other":1}`, "missing property 'text'"},
		{"wrong_type", "Text", `{"text":1}`, "/text"},
		{"no_object", "Text", `[1]`, "want object"},
		{"lenient", "Text", `{text:'x',}`, ""},
		{"no_json", "Text", `{"text":`, "no JSON"},
		{"plain_text", "Text", `hello`, "want object"},
		{"exclusive_minimum_is_a_flag", "Draft4", `{"n":3}`, "3"},
		{"above_minimum", "Draft4", `{"n":3.5}`, ""},
		{"draft_is_always_four", "Newer", `{"n":3}`, "3"},
		{"huge_exponent", "Draft4", `{"n":1e999999999}`, ""},
		{"tiny_exponent", "Draft4", `{"n":1e-999999999}`, "3"},
		{"reference", "List", `[{"text":"a"},{"text":"b"}]`, ""},
		{"reference_fails", "List", `[{"text":"a"},{}]`, "missing property"},
		{"recursion", "Tree", `{"children":[{"children":[]}]}`, ""},
		{"recursion_fails", "Tree", `{"children":[{"x":[]}]}`, "additional properties"},
		{"lost_reference", "Lost", `{}`, "there is no model Nobody"},
		{"nothing_is_read", "Elsewhere", `{}`, "canonical form"},
		{"unknown_model", "Nobody", `{}`, "there is no model Nobody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := v.Validate(tt.model, []byte(tt.message))
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Validate(%s, %s) = %v, want %q", tt.model, tt.message, err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}

func TestSchemasThatAreRefused(t *testing.T) {
	p := NewParts(Place{"000000000000", "us-east-1"}, API{ID: "abc"})
	for _, tt := range []struct{ name, schema, want string }{
		{"valid", `{"type":"object"}`, ""},
		{"later_model", `{"$ref":"https://apigateway.amazonaws.com/restapis/abc/models/Later"}`, ""},
		{"unknown_type", `{"type":"text"}`, "/type"},
		{"required_is_no_list", `{"properties":{"a":{"required":true}}}`, "required"},
		{"bad_pattern", `{"pattern":"("}`, "pattern"},
		{"other_address", `{"$ref":"http://127.0.0.1/x"}`, "canonical form"},
		{"no_json", `{`, "Invalid model schema"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := p.PutModel(&Model{Name: "M" + strings.ReplaceAll(tt.name, "_", ""), Schema: tt.schema})
			if tt.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if awsapi.Code(err) != "BadRequestException" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want BadRequestException with %q", err, tt.want)
			}
		})
	}
	if err := p.PutRoute(&Route{Key: "$default"}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Deploy("", "", time.Now()); awsapi.Code(err) != "BadRequestException" || !strings.Contains(err.Error(), "there is no model Later") {
		t.Errorf("deployed with a reference to nothing: %v", err)
	}
	p.API.DisableSchemaValidation = true
	if _, err := p.Deploy("", "", time.Now()); err != nil {
		t.Errorf("disableSchemaValidation: %v", err)
	}
}

// FuzzValidate asserts that no schema and no message brings the validator down, and that what is true stays true.
func FuzzValidate(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"$ref":"#"}}}`, `{"a":{"a":{}}}`)
	f.Add(`{"$ref":"#"}`, `1`)
	f.Add(`{"allOf":[{"$ref":"#/definitions/x"}],"definitions":{"x":{"$ref":"#/definitions/x"}}}`, `[]`)
	f.Add(`{"uniqueItems":true,"items":[{"multipleOf":0.1}],"additionalItems":false}`, `[1e308,-0]`)
	f.Fuzz(func(t *testing.T, schema, message string) {
		v := NewValidator("abc", []Model{{Name: "M", Schema: schema}, {Name: "Any", Schema: `{}`}})
		first, second := v.Validate("M", []byte(message)), v.Validate("M", []byte(message))
		if (first == nil) != (second == nil) {
			t.Fatalf("%v, then %v", first, second)
		}
		if first == nil && v.Validate("Any", []byte(message)) != nil {
			t.Fatal("fits M, and not the model that everything fits")
		}
	})
}
