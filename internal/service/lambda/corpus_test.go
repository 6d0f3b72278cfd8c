package lambda

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// corpus finds a folder of recordings beside the repository.
func corpus(t *testing.T, name string) []byte {
	t.Helper()
	roots := []string{os.Getenv("SALLYPORT_CORPORA")}
	for dir, err := os.Getwd(); err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		roots = append(roots, filepath.Join(dir, "../shared/corpora"))
	}
	for _, root := range roots {
		if data, err := os.ReadFile(filepath.Join(root, name)); err == nil {
			return data
		}
	}
	t.Skipf("the corpus %s is not here", name)
	return nil
}

// A refusal is a call that AWS refused.
type refusal struct {
	ID         string
	Op         string
	Params     object
	Code       string
	Message    string
	HTTPStatus int
	Extra      object
}

// notOurs are cases, by a part of the id, that this service cannot or need not answer as AWS did.
var notOurs = map[string]string{
	"update-during-in-progress":                          "updates here are done when they are answered",
	"create-response-non-existent-security-group":        "there is no EC2",
	"create-response-invalid-format-security-group":      "VPCs are kept, and have no effect",
	"large_environment_fails_multiple_keys":              "variables are shown in the order of their names",
	"esm_with_not_existing_sqs_queue":                    "there are no queues in this test; TestMappingRefusals has some",
	"tag_exceptions[event_source_mapping]":               "the recording has a word where AWS wants a UUID",
	"tag_exceptions[capacity_provider]":                  "there are no capacity providers",
	"layer_exceptions#list_layers_exc_compatibleruntime": "AWS lists runtimes of its own",
	"create_function_with_layer_in_different_region":     "the recording has no layers",
	"layer_permission":                                   "layers are not shared",
	"layer_policy":                                       "layers are not shared",
}

// refs say what stands for «ref», by a part of the id.
var refs = map[string][]string{
	"put_function_concurrency_with_qualified_arn":     {arnFn + "lambda_func-1:1"},
	"put_function_concurrency_below_unreserved":       {"950"},
	"reserved_concurrency#exc_no_cap":                 {"fn-concurrency-1"},
	"get_function_alias_byarn_notfound":               {arnFn + "alias-fn-1:aliasdoesnotexist"},
	"put_alias_qualifiedarn_qualifierconflict":        {arnFn + "fn-eventinvoke-1:live", "live"},
	"put_alias_shorthand_qualifierconflict":           {"live"},
	"put_shorthand_qualifier_mismatch":                {"live", "1"},
	"get_invokeconfig_postpublish":                    {"1"},
	"get_layer_version_by_arn_exc_nonexistentversion": {arnLayer + "short"},
	"add_layer_arn_without_version":                   {arnLayer + "testlayer-1"},
	"add_nonexistent_layer":                           {arnLayer + "doesnotexist"},
	"two_identical_layer_versions":                    {arnLayer + "testlayer-1:1", arnLayer + "testlayer-1:1"},
	"layer_versions_single_function":                  {arnLayer + "testlayer-1:1", arnLayer + "testlayer-1:2", arnLayer + "testlayer-1:3"},
	"get_policy_after_publishing":                     {"2"},
	"delete_provisioned_functionname_doesnotexist":    {"1"},
	"get_provisioned_config_doesnotexist":             {"1"},
	"put_provisioned_invalid_param_0":                 {"1"},
	"dynamodb_invalid_event_filter":                   {"arn:aws:dynamodb:us-east-1:111111111111:table/orders/stream/2026-01-01T00:00:00.000"},
}

// everyWorld makes what the recorded calls speak of.
func everyWorld(t *testing.T) *server {
	s := start(t, nil)
	for _, name := range []string{"fn-concurrency-1", "alias-fn-1", "function-name", "lambda_func-1", "fn-layer-1", "fn-tag-1", "fn-eventinvoke-1", "fn-1", "fn-5", "test-function-1"} {
		s.create(name, echo, object{"Publish": true})
		s.ok("UpdateFunctionConfiguration", object{"FunctionName": name, "Description": "second"})
		s.ok("PublishVersion", object{"FunctionName": name})
	}
	s.ok("DeleteFunction", object{"FunctionName": "fn-1"})
	s.ok("PutFunctionConcurrency", object{"FunctionName": "fn-concurrency-1", "ReservedConcurrentExecutions": 0})
	s.ok("AddPermission", object{"FunctionName": "function-name", "StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"})
	s.ok("CreateAlias", object{"FunctionName": "fn-eventinvoke-1", "Name": "live", "FunctionVersion": "1"})
	s.ok("PublishLayerVersion", object{"LayerName": "short", "Content": object{"ZipFile": source(t, "a", "b")}})
	for range 3 {
		s.ok("PublishLayerVersion", object{"LayerName": "testlayer-1", "Content": object{"ZipFile": source(t, "a", "b")}})
	}
	return s
}

var placeholder = regexp.MustCompile(`«[^»]*»`)

// likeMessage makes a pattern of a recorded message: what was made at run time may be anything.
func likeMessage(recorded string) *regexp.Regexp {
	var b strings.Builder
	for i, part := range placeholder.Split(recorded, -1) {
		if i > 0 {
			b.WriteString(".+?")
		}
		b.WriteString(regexp.QuoteMeta(part))
	}
	return regexp.MustCompile(`^(?s:` + b.String() + `)$`)
}

// fill puts values for «ref», in their order; the code of functions is a zip.
func fill(v any, values *[]string) any {
	switch v := v.(type) {
	case string:
		for strings.Contains(v, "«ref»") && len(*values) > 0 {
			v = strings.Replace(v, "«ref»", (*values)[0], 1)
			if len(*values) > 1 {
				*values = (*values)[1:]
			}
		}
		if strings.TrimLeft(v, "0123456789") == "" && strings.HasPrefix(v, "95") {
			return 950
		}
		return v
	case []any:
		for i := range v {
			v[i] = fill(v[i], values)
		}
	case object:
		for _, k := range []string{"FunctionName", "Resource", "LayerName", "Arn", "Qualifier", "Layers", "ReservedConcurrentExecutions", "EventSourceArn"} {
			if x, ok := v[k]; ok {
				v[k] = fill(x, values)
			}
		}
	}
	return v
}

// TestRecordedRefusals holds the texts of errors against recordings made on AWS.
func TestRecordedRefusals(t *testing.T) {
	var cases []refusal
	if err := json.Unmarshal(corpus(t, "lambda-errors/api-errors.dev.json"), &cases); err != nil {
		t.Fatal(err)
	}
	s := everyWorld(t)
	skipped := map[string]int{}
	ran := 0
	for _, c := range cases {
		reason := skipReason(c)
		if reason != "" {
			skipped[reason]++
			continue
		}
		ran++
		t.Run(c.ID[strings.LastIndex(c.ID, "/")+1:], func(t *testing.T) { replay(t, s, c) })
	}
	reasons := []string{}
	for reason, n := range skipped {
		reasons = append(reasons, fmt.Sprintf("%3d %s", n, reason))
	}
	slices.Sort(reasons)
	t.Logf("%d of %d cases; not replayed:\n%s", ran, len(cases), strings.Join(reasons, "\n"))
}

func skipReason(c refusal) string {
	for part, reason := range notOurs {
		if strings.Contains(c.ID, part) {
			return reason
		}
	}
	_, have := New(Config{}).Operations()[c.Op]
	switch {
	case c.Op == "":
		return "the call was not recorded"
	case !have:
		return "the operation is not here: " + c.Op
	case inputs[c.Op] == nil:
		return "the harness does not know " + c.Op
	}
	return ""
}

func replay(t *testing.T, s *server, c refusal) {
	values := []string{"1"}
	for part, v := range refs {
		if strings.Contains(c.ID, part) && (len(values) == 1 && values[0] == "1" || len(v) == 2) {
			values = slices.Clone(v)
		}
	}
	if code, ok := c.Params["Code"].(object); ok && code["ZipFile"] != nil {
		code["ZipFile"] = node(t, echo)
	}
	delete(c.Params, "handler_file")
	in := fill(c.Params, &values).(object)
	if strings.Contains(c.ID, "update_lambda_exceptions") {
		in["FunctionName"] = "function-name"
	}
	if _, measured, ok := strings.Cut(c.Message, "String measured: "); ok { // the call's variables are in the answer only
		var variables object
		if err := json.Unmarshal([]byte(measured), &variables); err != nil {
			t.Fatal(err)
		}
		in = object{"FunctionName": "large", "Runtime": "python3.12", "Handler": "app.handler", "Role": role, "Code": object{"ZipFile": node(t, echo)}, "Environment": object{"Variables": variables}}
	}
	if strings.Contains(c.ID, "url_config_lifecycle#failed_duplication") { // where it fails for there is one
		s.ok(c.Op, in)
		defer s.ok("DeleteFunctionUrlConfig", in)
	}
	a := s.call(c.Op, in)
	code := a.header.Get("X-Amzn-Errortype")
	message := fmt.Sprint(a.json["message"])
	if a.status != c.HTTPStatus || code != c.Code || c.Message != "" && !likeMessage(c.Message).MatchString(message) {
		t.Errorf("%s %v\n got %d %s %s\nwant %d %s %s", c.Op, in, a.status, code, message, c.HTTPStatus, c.Code, c.Message)
	}
	for k, v := range c.Extra {
		if a.json[k] != v {
			t.Errorf("%s: member %s is %v, want %v", c.Op, k, a.json[k], v)
		}
	}
}
