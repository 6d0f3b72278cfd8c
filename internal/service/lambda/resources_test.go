package lambda

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/resource"
)

// A stack makes resources as CloudFormation does.
type stack struct {
	*server
	t     *testing.T
	types map[string]resource.Type
	steps int
}

func newStack(t *testing.T, s *server) *stack {
	k := &stack{server: s, t: t, types: map[string]resource.Type{}}
	for _, r := range s.Resources() {
		k.types[strings.TrimPrefix(r.Name(), "AWS::Lambda::")] = r
	}
	return k
}

func (k *stack) request(id, physical string, properties, old object) resource.Request {
	k.steps++
	return resource.Request{
		StackID: "stack-id", StackName: "st", LogicalID: id, Token: fmt.Sprint("step-", k.steps), PhysicalID: physical, Properties: properties, Old: old,
		Tags:         map[string]string{"aws:cloudformation:stack-id": "stack-id", "aws:cloudformation:logical-id": id},
		PhysicalName: func(int) string { return "st-" + id + "-ABCDEFGHIJKL" },
	}
}

func (k *stack) make(kind, id string, properties object) resource.Result {
	k.t.Helper()
	r, err := k.types[kind].Create(admin(k.t), k.request(id, "", properties, nil))
	if err != nil {
		k.t.Fatalf("create %s: %v", kind, err)
	}
	return r
}

func (k *stack) update(kind, id, physical string, properties, old object) {
	k.t.Helper()
	if _, err := k.types[kind].Update(admin(k.t), k.request(id, physical, properties, old)); err != nil {
		k.t.Fatalf("update %s: %v", kind, err)
	}
}

func (k *stack) remove(kind, id, physical string, properties object) {
	k.t.Helper()
	for range 2 { // what is gone is done
		if err := k.types[kind].Delete(admin(k.t), k.request(id, physical, properties, nil)); err != nil {
			k.t.Errorf("delete %s: %v", kind, err)
		}
	}
}

func TestResources(t *testing.T) {
	need(t, "node")
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/layer.txt", []byte("from the layer"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, func(c *Config) { c.LocalCode = true })
	k := newStack(t, s)
	properties := func(source string, more object) object {
		p := object{"Runtime": "nodejs20.x", "Handler": "index.handler", "Role": role, "Code": object{"ZipFile": "exports.handler = " + source}, "Timeout": "10"}
		for key, v := range more {
			p[key] = v
		}
		return p
	}
	one := properties(`async () => "one"`, object{"Description": "d", "Environment": object{"Variables": object{"AA": "1"}}, "ReservedConcurrentExecutions": 5, "Tags": []any{object{"Key": "own", "Value": "x"}}})
	fn := k.make("Function", "Fn", one)
	if diff := cmp.Diff(resource.Result{PhysicalID: "st-Fn-ABCDEFGHIJKL", Attributes: object{"Arn": arnFn + "st-Fn-ABCDEFGHIJKL"}}, fn); diff != "" {
		t.Error(diff)
	}
	name := fn.PhysicalID
	s.invoke(name, "", `"one"`)
	if a := s.ok("GetFunction", object{"FunctionName": name}); fmt.Sprint(a.json["Concurrency"]) != "map[ReservedConcurrentExecutions:5]" || a.json["Tags"].(object)["own"] != "x" || a.json["Tags"].(object)["aws:cloudformation:stack-id"] != "stack-id" {
		t.Errorf("%s", a.body)
	}
	t.Run("a step may be repeated", func(t *testing.T) { k.make("Function", "Fn", one) })
	t.Run("a function of somebody else is not taken", func(t *testing.T) {
		s.create("mine", echo)
		_, err := k.types["Function"].Create(admin(t), k.request("Other", "", properties(echo, object{"FunctionName": "mine"}), nil))
		if awsapi.Code(err) != "ResourceConflictException" {
			t.Error(err)
		}
	})

	version := k.make("Version", "V1", object{"FunctionName": name})
	if version.PhysicalID != fn.Attributes["Arn"].(string)+":1" || version.Attributes["Version"] != "1" {
		t.Errorf("%v", version)
	}
	t.Run("version without a change", func(t *testing.T) {
		if _, err := k.types["Version"].Create(admin(t), k.request("V2", "", object{"FunctionName": name}, nil)); awsapi.Code(err) != "AlreadyExists" {
			t.Error(err)
		}
		again := k.request("V1", "", object{"FunctionName": name}, nil)
		again.Token = s.Service.catalog.get(functionKey(account, region, name)).fn.Versions["1"].Token
		if r, err := k.types["Version"].Create(admin(t), again); err != nil || r.PhysicalID != version.PhysicalID {
			t.Errorf("repeated: %v %v", r, err)
		}
	})
	alias := k.make("Alias", "Live", object{"FunctionName": name, "Name": "live", "FunctionVersion": "1"})
	permission := k.make("Permission", "P", object{"FunctionName": name, "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"})
	async := k.make("EventInvokeConfig", "A", object{"FunctionName": name, "Qualifier": "live", "MaximumRetryAttempts": 1})
	layer := k.make("LayerVersion", "L", object{"LayerName": "lib", "Content": object{"S3Bucket": LocalBucket, "S3Key": dir, "S3ObjectVersion": "v1"}})
	if alias.PhysicalID != fn.Attributes["Arn"].(string)+":live" || permission.PhysicalID == "" || layer.PhysicalID != arnLayer+"lib:1" || layer.Attributes["LayerVersionArn"] != layer.PhysicalID {
		t.Errorf("%v %v %v", alias, permission, layer)
	}
	k.update("EventInvokeConfig", "A", async.PhysicalID, object{"FunctionName": name, "Qualifier": "live", "MaximumRetryAttempts": 0}, object{"FunctionName": name, "Qualifier": "live", "MaximumRetryAttempts": 1})
	if a := s.ok("GetFunctionEventInvokeConfig", object{"FunctionName": name, "Qualifier": "live"}); a.json["MaximumRetryAttempts"] != 0.0 {
		t.Errorf("%s", a.body)
	}

	t.Run("update", func(t *testing.T) {
		two := properties(`async () => require('fs').readFileSync(process.env.NODE_PATH.split(':').find(p => p.endsWith('/nodejs/node_modules')) .replace('/nodejs/node_modules', '') + '/layer.txt', 'utf8')`, object{"Layers": []any{layer.PhysicalID}})
		k.update("Function", "Fn", name, two, one)
		s.invoke(name, "", `"from the layer"`)
		a := s.ok("GetFunction", object{"FunctionName": name})
		c := a.json["Configuration"].(object)
		if c["Description"] != "" || c["Environment"] != nil || a.json["Concurrency"] != nil || a.json["Tags"].(object)["own"] != nil {
			t.Errorf("what the template leaves out returns to its default: %s", a.body)
		}
		before := c["RevisionId"]
		k.update("Function", "Fn", name, two, two)
		if a := s.ok("GetFunctionConfiguration", object{"FunctionName": name}); a.json["RevisionId"] != before {
			t.Error("an update without a change restarts processes")
		}
		s.invoke(name+":live", "", `"one"`)
		v2 := k.make("Version", "V3", object{"FunctionName": name})
		k.update("Alias", "Live", alias.PhysicalID, object{"FunctionName": name, "Name": "live", "FunctionVersion": v2.Attributes["Version"], "ProvisionedConcurrencyConfig": object{"ProvisionedConcurrentExecutions": 2}}, object{"FunctionName": name, "Name": "live", "FunctionVersion": "1"})
		s.invoke(name+":live", "", `"from the layer"`)
		if a := s.ok("GetProvisionedConcurrencyConfig", object{"FunctionName": name, "Qualifier": "live"}); a.json["Status"] != "READY" {
			t.Errorf("%s", a.body)
		}
		k.remove("Version", "V1", version.PhysicalID, object{"FunctionName": name})
	})
	k.remove("EventInvokeConfig", "A", async.PhysicalID, nil)
	k.remove("Permission", "P", permission.PhysicalID, object{"FunctionName": name})
	k.remove("Alias", "Live", alias.PhysicalID, nil)
	k.remove("LayerVersion", "L", layer.PhysicalID, nil)
	k.remove("Function", "Fn", name, nil)
	if a := s.ok("ListFunctions", object{}); len(a.json["Functions"].([]any)) != 1 { // somebody's
		t.Errorf("%s", a.body)
	}
	blobs, _ := s.stores.Blobs(t.Context())
	if keys, _ := blobs.List(t.Context(), "lambda/"); len(keys) != 1 {
		t.Errorf("blobs %v are left", keys)
	}
}

// Inline code may answer CloudFormation with the module that AWS adds to it.
func TestInlineResponse(t *testing.T) {
	s := start(t, nil)
	k := newStack(t, s)
	for _, tt := range []struct{ program, runtime, source string }{
		{"node", "nodejs20.x", "const r = require('cfn-response'); exports.handler = (event, context) => { r.send(event, context, r.SUCCESS, {Answer: 'é42'}, 'phys') }"},
		{"node", "nodejs20.x", "const r = require('cfn-response'); exports.handler = async (event, context) => { await r.send(event, context, r.SUCCESS, {Answer: 'é42'}, 'phys') }"},
		{"python3", "python3.12", "import cfnresponse\ndef handler(event, context):\n    cfnresponse.send(event, context, cfnresponse.SUCCESS, {'Answer': 'é42'}, 'phys')"},
	} {
		t.Run(tt.runtime, func(t *testing.T) {
			need(t, tt.program)
			got := make(chan string, 1)
			edge := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got <- fmt.Sprintf("%s %s %q %v %s", r.Method, r.URL.RawQuery, r.Header.Get("Content-Type"), r.TransferEncoding, body)
			}))
			defer edge.Close()
			p := object{"Runtime": tt.runtime, "Handler": "index.handler", "Role": role, "Code": object{"ZipFile": tt.source}, "FunctionName": "inline"}
			fn := k.make("Function", "Fn", p)
			defer k.remove("Function", "Fn", fn.PhysicalID, p)
			a := s.ok("Invoke", object{"FunctionName": "inline", "Payload": `{"ResponseURL":"` + edge.URL + `/x?sig=%2F","StackId":"s","RequestId":"r","LogicalResourceId":"l"}`})
			if a.header.Get("X-Amz-Function-Error") != "" {
				t.Fatalf("%s", a.body)
			}
			text := <-got
			prefix := `PUT sig=%2F "" [] {`
			if !strings.HasPrefix(text, prefix) {
				t.Errorf("%s", text)
			}
			for _, part := range []string{`"Status":"SUCCESS"`, `"PhysicalResourceId":"phys"`, `"StackId":"s"`, `"RequestId":"r"`, `"LogicalResourceId":"l"`, `"NoEcho":false`} {
				if !strings.Contains(strings.ReplaceAll(text, `": `, `":`), part) {
					t.Errorf("%s\nlacks %s", text, part)
				}
			}
		})
	}
	t.Run("no such runtime", func(t *testing.T) {
		p := object{"Runtime": "provided.al2023", "Handler": "x", "Role": role, "Code": object{"ZipFile": "x"}}
		if _, err := k.types["Function"].Create(admin(t), k.request("Go", "", p, nil)); err == nil || !strings.Contains(err.Error(), "ZipFile can only be used when Runtime is set to either of nodejs, python or ruby") {
			t.Error(err)
		}
	})
}

// Code from a bucket.
func TestCodeFromS3_LA010(t *testing.T) {
	need(t, "node")
	zipped := node(t, `async () => "from S3"`)
	s := start(t, func(c *Config) { c.Objects = bucket{"b/good.zip": zipped} })
	in := object{"FunctionName": "fn", "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": role, "Code": object{"S3Bucket": "bbb", "S3Key": "ghost.zip"}}
	s.refused("CreateFunction", in, 400, "InvalidParameterValueException", "Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")
	in["Code"] = object{"S3Bucket": "bbb", "S3Key": "good.zip"}
	s.ok("CreateFunction", in)
	s.invoke("fn", "", `"from S3"`)
}

// A bucket is Objects, by bucket's first letter and key.
type bucket map[string][]byte

func (b bucket) Open(_ context.Context, name, key, _ string) (io.ReadCloser, error) {
	data, ok := b[name[:1]+"/"+key]
	if !ok {
		return nil, awsapi.Errorf("NoSuchKey", 404, "The specified key does not exist.")
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}
