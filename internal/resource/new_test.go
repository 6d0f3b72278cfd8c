package resource_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/resource"
)

type key struct {
	AttributeName string `cfn:"required"`
	Size          int64
}

type properties struct {
	TableName *string `cfn:"createonly"`
	KeySchema []key   `cfn:"required,createonly"`
	Protected *bool
	Capacity  *int64
	Rate      float64
	Variables map[string]string
	Stream    *key
	Policy    any
	Raw       json.RawMessage
	Tags      []resource.Tag
	Lower     string `json:"lowerCase"`
	Settings  map[string]key
	hidden    string
}

func newType(got *properties) resource.Type {
	return resource.New("Test::Table", resource.Handlers[properties]{
		Create: func(_ context.Context, _ resource.Request, p *properties) (resource.Result, error) {
			*got = *p
			return resource.Result{PhysicalID: "id"}, nil
		},
		Update: func(_ context.Context, _ resource.Request, p, old *properties) (resource.Result, error) {
			p.hidden = *old.TableName
			*got = *p
			return resource.Result{PhysicalID: "id"}, nil
		},
		Delete: func(context.Context, resource.Request) error { return nil },
	})
}

func TestCreateDecodes_DE058(t *testing.T) {
	var got properties
	_, err := newType(&got).Create(t.Context(), resource.Request{Properties: map[string]any{
		"TableName": "T",
		"KeySchema": []any{map[string]any{"AttributeName": json.Number("7"), "Size": "30"}},
		"Protected": "true",
		"Capacity":  json.Number("5"),
		"Rate":      "1.5",
		"Variables": map[string]any{"A": true, "B": json.Number("1.10"), "C": "x"},
		"Stream":    map[string]any{"AttributeName": "s", "Size": 4.0},
		"Policy":    map[string]any{"n": json.Number("3"), "l": []any{false}},
		"Raw":       map[string]any{"n": json.Number("1.10")},
		"Tags":      []any{map[string]any{"Key": "k", "Value": "v"}},
		"lowerCase": "l",
		"Settings":  map[string]any{"a": map[string]any{"AttributeName": "x"}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := properties{
		TableName: new("T"),
		KeySchema: []key{{"7", 30}},
		Protected: new(true),
		Capacity:  new(int64(5)),
		Rate:      1.5,
		Variables: map[string]string{"A": "true", "B": "1.10", "C": "x"},
		Stream:    &key{"s", 4},
		Policy:    map[string]any{"n": 3.0, "l": []any{false}},
		Raw:       json.RawMessage(`{"n":1.10}`),
		Tags:      []resource.Tag{{Key: "k", Value: "v"}},
		Lower:     "l",
		Settings:  map[string]key{"a": {AttributeName: "x"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(properties{})); diff != "" {
		t.Errorf("properties differ (-want +got):\n%s", diff)
	}
}

func TestCheck_DE059(t *testing.T) {
	keys := []any{map[string]any{"AttributeName": "pk"}}
	for _, tt := range []struct {
		name string
		in   map[string]any
		want string
	}{
		{"valid", map[string]any{"KeySchema": keys}, ""},
		{"extraneous", map[string]any{"KeySchema": keys, "Foo": 1, "Goo": 1}, "#: extraneous key [Foo] is not permitted"},
		{"nested extraneous", map[string]any{"KeySchema": []any{map[string]any{"AttributeName": "a", "X": 1}}}, "#/KeySchema/0: extraneous key [X] is not permitted"},
		{"unexported is unknown", map[string]any{"KeySchema": keys, "hidden": "x"}, "#: extraneous key [hidden] is not permitted"},
		{"missing", map[string]any{"TableName": "x"}, "#: required key [KeySchema] not found"},
		{"missing nested", map[string]any{"KeySchema": keys, "Stream": map[string]any{}}, "#/Stream: required key [AttributeName] not found"},
		{"list wanted", map[string]any{"KeySchema": "x"}, "#/KeySchema: expected type: JSONArray, found: String"},
		{"string wanted", map[string]any{"KeySchema": keys, "TableName": []any{}}, "#/TableName: expected type: String, found: JSONArray"},
		{"bool wanted", map[string]any{"KeySchema": keys, "Protected": "yes"}, "#/Protected: expected type: Boolean, found: String"},
		{"integer wanted", map[string]any{"KeySchema": keys, "Capacity": 1.5}, "#/Capacity: expected type: Integer, found: BigDecimal"},
		{"object wanted", map[string]any{"KeySchema": keys, "Stream": true}, "#/Stream: expected type: JSONObject, found: Boolean"},
		{"unknown values pass", map[string]any{"KeySchema": resource.Unknown, "Stream": resource.Unknown, "Capacity": resource.Unknown, "Policy": map[string]any{"a": resource.Unknown}, "Variables": map[string]any{"a": resource.Unknown}}, ""},
		{"null is absent", map[string]any{"KeySchema": nil}, "#: required key [KeySchema] not found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			if err := newType(new(properties)).Check(tt.in); err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("Check(%v) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestUpdateGetsBoth(t *testing.T) {
	var got properties
	keys := []any{map[string]any{"AttributeName": "pk"}}
	_, err := newType(&got).Update(t.Context(), resource.Request{
		Properties: map[string]any{"KeySchema": keys, "TableName": "new"},
		Old:        map[string]any{"KeySchema": keys, "TableName": "old"},
	})
	if err != nil || *got.TableName != "new" || got.hidden != "old" {
		t.Errorf("Update gave %+v, %v", got, err)
	}
}

func TestCreateOnly(t *testing.T) {
	if diff := cmp.Diff([]string{"TableName", "KeySchema"}, newType(new(properties)).CreateOnly()); diff != "" {
		t.Error(diff)
	}
	fixed := resource.New("Test::Fixed", resource.Handlers[key]{
		Create: func(context.Context, resource.Request, *key) (resource.Result, error) { return resource.Result{}, nil },
		Delete: func(context.Context, resource.Request) error { return nil },
	})
	if diff := cmp.Diff([]string{"AttributeName", "Size"}, fixed.CreateOnly()); diff != "" {
		t.Error(diff)
	}
}

func TestWithTags(t *testing.T) {
	r := resource.Request{Tags: map[string]string{"a": "stack", "b": "stack"}}
	got := r.WithTags(resource.TagMap([]resource.Tag{{Key: "b", Value: "own"}}))
	if diff := cmp.Diff(map[string]string{"a": "stack", "b": "own"}, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzCheck holds that no JSON object makes Check panic, and that what passes Check can be created.
func FuzzCheck(f *testing.F) {
	f.Add(`{"KeySchema":[{"AttributeName":"a","Size":1e400}],"Capacity":"9223372036854775808"}`)
	f.Add(`{"KeySchema":{"a":null},"Tags":[null],"Variables":{"":[]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var in map[string]any
		if json.Unmarshal([]byte(text), &in) != nil {
			return
		}
		typ := newType(new(properties))
		if typ.Check(in) != nil {
			return
		}
		if _, err := typ.Create(t.Context(), resource.Request{Properties: in}); err != nil {
			t.Errorf("Check passed, Create says %v", err)
		}
	})
}
