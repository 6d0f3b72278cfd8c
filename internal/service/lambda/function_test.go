package lambda

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const arnFn = "arn:aws:lambda:us-east-1:111111111111:function:"

func TestCreateFunction(t *testing.T) {
	s := start(t, nil)
	zipped := node(t, echo)
	sum := sha256.Sum256(zipped)

	t.Run("LA-001 LA-002 pending, then active", func(t *testing.T) {
		a := s.create("fn", echo, object{"Code": object{"ZipFile": zipped}, "Tags": object{"a": "b"}})
		if a.status != 201 {
			t.Errorf("status %d", a.status)
		}
		for _, volatile := range []string{"LastModified", "RevisionId"} {
			if a.json[volatile] == nil {
				t.Errorf("no %s", volatile)
			}
			delete(a.json, volatile)
		}
		if !regexp.MustCompile(`^arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}$`).MatchString(fmt.Sprint(a.json["RuntimeVersionConfig"].(object)["RuntimeVersionArn"])) {
			t.Errorf("runtime version %v", a.json["RuntimeVersionConfig"])
		}
		delete(a.json, "RuntimeVersionConfig")
		want := object{
			"Architectures": []any{"x86_64"}, "CodeSha256": base64.StdEncoding.EncodeToString(sum[:]), "CodeSize": float64(len(zipped)), "Description": "",
			"EphemeralStorage": object{"Size": 512.0}, "FunctionArn": arnFn + "fn", "FunctionName": "fn", "Handler": "index.handler",
			"LoggingConfig": object{"LogFormat": "Text", "LogGroup": "/aws/lambda/fn"}, "MemorySize": 128.0, "PackageType": "Zip", "Role": role, "Runtime": "nodejs20.x",
			"SnapStart": object{"ApplyOn": "None", "OptimizationStatus": "Off"}, "State": "Pending", "StateReason": "The function is being created.", "StateReasonCode": "Creating",
			"Timeout": 60.0, "TracingConfig": object{"Mode": "PassThrough"}, "Version": "$LATEST",
		}
		if diff := cmp.Diff(want, a.json); diff != "" {
			t.Errorf("CreateFunction: -want +got\n%s", diff)
		}
		got := s.ok("GetFunction", object{"FunctionName": "fn"})
		c := got.json["Configuration"].(object)
		if c["State"] != "Active" || c["LastUpdateStatus"] != "Successful" || c["Layers"] != nil || got.json["Tags"].(object)["a"] != "b" || got.json["Concurrency"] != nil {
			t.Errorf("GetFunction: %s", got.body)
		}
	})

	base := func(more object) object {
		in := object{"FunctionName": "other", "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": role, "Code": object{"ZipFile": zipped}}
		for k, v := range more {
			in[k] = v
		}
		return in
	}
	big := strings.Repeat("x", 4096)
	for _, tt := range []struct {
		name          string
		in            object
		status        int
		code, message string
	}{
		{"LA-003 exists", object{"FunctionName": "fn"}, 409, "ResourceConflictException", "Function already exist: fn"},
		{"LA-005 timeout", object{"Timeout": 901}, 400, "ValidationException", "1 validation error detected: Value '901' at 'timeout' failed to satisfy constraint: Member must have value less than or equal to 900"},
		{"LA-006 role", object{"Role": "r1"}, 400, "ValidationException", `1 validation error detected: Value 'r1' at 'role' failed to satisfy constraint: Member must satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+`},
		{"LA-007 runtime", object{"Runtime": "cobol"}, 400, "InvalidParameterValueException", "Value cobol at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2] or be a valid ARN"},
		{"LA-008 environment", object{"Environment": object{"Variables": object{"BIG": big}}}, 400, "InvalidParameterValueException", `Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {"BIG":"` + big + `"}`},
		{"LA-009 corrupt zip", object{"Code": object{"ZipFile": []byte("no zip")}}, 400, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"zip with a way out", object{"Code": object{"ZipFile": source(t, "../evil", "x")}}, 400, "InvalidParameterValueException", "Could not unzip uploaded file. Please check your file, then try to upload again."},
		{"empty zip", object{"Code": object{"ZipFile": source(t)}}, 400, "InvalidParameterValueException", "Uploaded file must be a non-empty zip"},
		{"no code", object{"Code": object{}}, 400, "InvalidParameterValueException", "Please provide a source for function code."},
		{"LA-046 reserved variable", object{"Environment": object{"Variables": object{"AWS_REGION": "x"}}}, 400, "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION"},
		{"LA-017 elsewhere", object{"FunctionName": "arn:aws:lambda:eu-west-1:111111111111:function:fn"}, 404, "ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"},
		{"image", object{"Code": object{"ImageUri": "x"}, "PackageType": "Image"}, 400, "InvalidParameterValueException", "Container images are not supported; use PackageType Zip"},
	} {
		t.Run(tt.name, func(t *testing.T) { s.refused("CreateFunction", base(tt.in), tt.status, tt.code, tt.message) })
	}
	t.Run("LA-005 900 seconds", func(t *testing.T) {
		s.ok("CreateFunction", base(object{"FunctionName": "patient", "Timeout": 900}))
	})
	t.Run("LA-105 arm64 is kept", func(t *testing.T) {
		s.ok("CreateFunction", base(object{"FunctionName": "arm", "Architectures": []any{"arm64"}}))
		if a := s.ok("GetFunctionConfiguration", object{"FunctionName": "arm"}); fmt.Sprint(a.json["Architectures"]) != "[arm64]" {
			t.Errorf("%s", a.body)
		}
	})
	t.Run("LA-004 unknown", func(t *testing.T) {
		s.refused("GetFunction", object{"FunctionName": "ghost"}, 404, "ResourceNotFoundException", "Function not found: "+arnFn+"ghost")
	})
	t.Run("LA-106 unknown in Invoke", func(t *testing.T) {
		s.refused("Invoke", object{"FunctionName": "ghost"}, 404, "ResourceNotFoundException", "Function not found: "+arnFn+"ghost:$LATEST")
	})
	t.Run("operation that is not there", func(t *testing.T) {
		a := s.request(account, "POST", "/2020-04-22/code-signing-configs", []byte("{}"), http.Header{})
		if a.status != 404 || !strings.Contains(string(a.body), "does not support the operation CreateCodeSigningConfig") {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
}

func TestNames_LA016(t *testing.T) {
	s := start(t, nil)
	s.create("fn", echo, object{"Publish": true})
	for _, name := range []string{"fn", "function:fn", account + ":fn", account + ":function:fn", arnFn + "fn", "fn:$LATEST", arnFn + "fn:1", "fn:1"} {
		a := s.ok("GetFunctionConfiguration", object{"FunctionName": name})
		want := arnFn + "fn"
		if i := strings.LastIndex(name, "fn:"); i >= 0 {
			want += name[i+2:]
		}
		if a.json["FunctionArn"] != want {
			t.Errorf("%s: %v, want %s", name, a.json["FunctionArn"], want)
		}
	}
	for _, name := range []string{"arn:aws:lambda:us-east-1:123400000000@function:myfn", "a b", "fn:", "arn:aws:lambda:us-east-1:1:function:fn"} {
		if a := s.call("GetFunction", object{"FunctionName": name}); a.status != 400 || a.header.Get("X-Amzn-Errortype") != "ValidationException" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	s.refused("GetFunction", object{"FunctionName": "fn:1", "Qualifier": "2"}, 400, "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.")
}

func FuzzSplitName(f *testing.F) {
	for _, seed := range []string{"fn", "function:fn:1", "111111111111:function:fn", arnFn + "fn:$LATEST", "arn:::", "1:2:3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, ok := splitName(text)
		if !ok {
			return
		}
		if got.account == "" {
			got.account = account
		}
		if got.region == "" {
			got.region = region
		}
		got.text = ""
		again, ok := splitName(got.arn()) // what was understood can be said as an ARN, and means the same
		again.text = ""
		if !ok || again != got {
			t.Errorf("%q: %+v, as %s: %+v %v", text, got, got.arn(), again, ok)
		}
	})
}

func TestUpdate(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	first := s.create("fn", `async () => "one"`, object{"Environment": object{"Variables": object{"AA": "1", "BB": "2"}}})
	s.invoke("fn", "{}", `"one"`)
	t.Run("LA-011 code", func(t *testing.T) {
		a := s.ok("UpdateFunctionCode", object{"FunctionName": "fn", "ZipFile": node(t, "async () => [process.env.AA, process.env.BB]")})
		if a.json["CodeSha256"] == first.json["CodeSha256"] || a.json["LastUpdateStatus"] != "InProgress" || a.json["State"] != "Active" {
			t.Errorf("%s", a.body)
		}
		if c := s.ok("GetFunctionConfiguration", object{"FunctionName": "fn"}); c.json["LastUpdateStatus"] != "Successful" {
			t.Errorf("%s", c.body)
		}
		s.invoke("fn", "{}", `["1","2"]`)
	})
	t.Run("LA-012 environment", func(t *testing.T) {
		s.ok("UpdateFunctionConfiguration", object{"FunctionName": "fn", "Environment": object{"Variables": object{"BB": "3"}}})
		s.invoke("fn", "{}", `[null,"3"]`)
		s.ok("UpdateFunctionConfiguration", object{"FunctionName": "fn", "Description": "d"})
		s.invoke("fn", "{}", `[null,"3"]`)
	})
	t.Run("revision", func(t *testing.T) {
		revision := s.ok("GetFunctionConfiguration", object{"FunctionName": "fn"}).json["RevisionId"]
		s.ok("UpdateFunctionConfiguration", object{"FunctionName": "fn", "Description": "e", "RevisionId": revision})
		s.refused("UpdateFunctionConfiguration", object{"FunctionName": "fn", "Description": "f", "RevisionId": revision}, 412, "PreconditionFailedException",
			"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
	})
	t.Run("dry run", func(t *testing.T) {
		s.ok("UpdateFunctionCode", object{"FunctionName": "fn", "ZipFile": node(t, `async () => "never"`), "DryRun": true})
		s.invoke("fn", "{}", `[null,"3"]`)
	})
	t.Run("code that nobody has is deleted", func(t *testing.T) {
		blobs, _ := s.stores.Blobs(t.Context())
		if keys, _ := blobs.List(t.Context(), "lambda/"); len(keys) != 1 {
			t.Errorf("blobs %v, want the one in use", keys)
		}
		s.ok("PublishVersion", object{"FunctionName": "fn"})
		s.ok("UpdateFunctionCode", object{"FunctionName": "fn", "ZipFile": node(t, `async () => "two"`)})
		if keys, _ := blobs.List(t.Context(), "lambda/"); len(keys) != 2 {
			t.Errorf("blobs %v, want those of version 1 and $LATEST", keys)
		}
		s.invoke("fn:1", "{}", `[null,"3"]`)
		s.call("UpdateFunctionCode", object{"FunctionName": "fn", "ZipFile": node(t, "1"), "RevisionId": "wrong"})
		s.ok("DeleteFunction", object{"FunctionName": "fn"})
		if keys, _ := blobs.List(t.Context(), "lambda/"); len(keys) != 0 {
			t.Errorf("blobs %v are left", keys)
		}
	})
}

func TestDelete_LA095(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	s.create("fn", echo, object{"Publish": true})
	s.ok("CreateAlias", object{"FunctionName": "fn", "Name": "live", "FunctionVersion": "1"})
	s.ok("AddPermission", object{"FunctionName": "fn", "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"})
	s.invoke("fn", "{}", "{}")
	spec, err := s.runner(admin(t), s.Service.catalog.get(functionKey(account, region, "fn")), &s.Service.catalog.get(functionKey(account, region, "fn")).fn.Latest)
	if err != nil {
		t.Fatal(err)
	}
	s.refused("DeleteFunction", object{"FunctionName": "fn", "Qualifier": "1"}, 409, "ResourceConflictException", "Function version 1 is referenced by alias live and cannot be deleted")
	s.refused("DeleteFunction", object{"FunctionName": "fn", "Qualifier": "$LATEST"}, 400, "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function.")
	s.ok("DeleteFunction", object{"FunctionName": "fn", "Qualifier": "77"})
	if a := s.ok("DeleteFunction", object{"FunctionName": "fn"}); a.status != 204 {
		t.Errorf("status %d", a.status)
	}
	for operation, in := range map[string]object{
		"GetFunction": {"FunctionName": "fn"}, "GetAlias": {"FunctionName": "fn", "Name": "live"}, "GetPolicy": {"FunctionName": "fn"}, "Invoke": {"FunctionName": "fn"},
		"GetFunctionConfiguration": {"FunctionName": "fn:1"}, "DeleteFunction": {"FunctionName": "fn"},
	} {
		if a := s.call(operation, in); a.status != 404 {
			t.Errorf("%s: %d %s", operation, a.status, a.body)
		}
	}
	eventually(t, "processes end", func() bool { n, _ := s.pool.Processes(spec.ID); return n == 0 })
	s.create("fn", echo)
	if a := s.ok("ListVersionsByFunction", object{"FunctionName": "fn"}); len(a.json["Versions"].([]any)) != 1 {
		t.Errorf("a new function inherits: %s", a.body)
	}
}

func TestLists(t *testing.T) {
	s := start(t, nil)
	for i := range 53 {
		s.create(fmt.Sprintf("fn-%02d", i), echo, object{"Publish": i%2 == 0})
	}
	page := func(in object) (names []string, next any) {
		a := s.ok("ListFunctions", in)
		for _, f := range a.json["Functions"].([]any) {
			names = append(names, strings.TrimPrefix(f.(object)["FunctionArn"].(string), arnFn))
		}
		return names, a.json["NextMarker"]
	}
	t.Run("LA-096 pages", func(t *testing.T) {
		names, next := page(object{})
		if len(names) != 50 || names[0] != "fn-00" || next == nil {
			t.Fatalf("%v %v", names, next)
		}
		rest, end := page(object{"Marker": next})
		if len(rest) != 3 || rest[0] != "fn-50" || end != nil {
			t.Errorf("%v %v", rest, end)
		}
	})
	t.Run("LA-096 nothing is left out when a page is deleted", func(t *testing.T) {
		names, next := page(object{"MaxItems": 20})
		for _, n := range names {
			s.ok("DeleteFunction", object{"FunctionName": n})
		}
		if names, _ := page(object{"Marker": next}); len(names) != 33 || names[0] != "fn-20" {
			t.Errorf("%v", names)
		}
	})
	t.Run("all versions", func(t *testing.T) {
		names, _ := page(object{"FunctionVersion": "ALL", "MaxItems": 3})
		if diff := cmp.Diff([]string{"fn-20:$LATEST", "fn-20:1", "fn-21:$LATEST"}, names); diff != "" {
			t.Error(diff)
		}
	})
	s.refused("ListFunctions", object{"Marker": "%%%"}, 400, "InvalidParameterValueException", "Invalid Marker")
}

func TestSettings(t *testing.T) {
	s := start(t, nil)
	s.create("fn", echo)
	t.Run("LA-097 tags", func(t *testing.T) {
		if a := s.ok("TagResource", object{"Resource": arnFn + "fn", "Tags": object{"k": "v", "l": "w"}}); a.status != 204 {
			t.Errorf("status %d", a.status)
		}
		s.ok("UntagResource", object{"Resource": arnFn + "fn", "TagKeys": []any{"l"}})
		want := object{"k": "v"}
		if diff := cmp.Diff(want, s.ok("ListTags", object{"Resource": arnFn + "fn"}).json["Tags"]); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(want, s.ok("GetFunction", object{"FunctionName": "fn"}).json["Tags"]); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("LA-099 code signing", func(t *testing.T) {
		if diff := cmp.Diff(object{"FunctionName": "fn"}, s.ok("GetFunctionCodeSigningConfig", object{"FunctionName": "fn"}).json); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("LA-101 account", func(t *testing.T) {
		a := s.ok("GetAccountSettings", object{})
		if a.json["AccountLimit"].(object)["ConcurrentExecutions"] != 1000.0 || a.json["AccountUsage"].(object)["FunctionCount"] != 1.0 {
			t.Errorf("%s", a.body)
		}
	})
	t.Run("runtime management and recursion", func(t *testing.T) {
		if a := s.ok("GetRuntimeManagementConfig", object{"FunctionName": "fn"}); a.json["UpdateRuntimeOn"] != "Auto" {
			t.Errorf("%s", a.body)
		}
		if a := s.ok("GetFunctionRecursionConfig", object{"FunctionName": "fn"}); a.json["RecursiveLoop"] != "Terminate" {
			t.Errorf("%s", a.body)
		}
		s.ok("PutFunctionRecursionConfig", object{"FunctionName": "fn", "RecursiveLoop": "Allow"})
		if a := s.ok("GetFunctionRecursionConfig", object{"FunctionName": "fn"}); a.json["RecursiveLoop"] != "Allow" {
			t.Errorf("%s", a.body)
		}
	})
	t.Run("provisioned concurrency", func(t *testing.T) {
		s.ok("PublishVersion", object{"FunctionName": "fn"})
		if a := s.ok("PutProvisionedConcurrencyConfig", object{"FunctionName": "fn", "Qualifier": "1", "ProvisionedConcurrentExecutions": 2}); a.status != 202 || a.json["Status"] != "IN_PROGRESS" {
			t.Errorf("%d %s", a.status, a.body)
		}
		if a := s.ok("GetProvisionedConcurrencyConfig", object{"FunctionName": "fn", "Qualifier": "1"}); a.json["Status"] != "READY" || a.json["AvailableProvisionedConcurrentExecutions"] != 2.0 {
			t.Errorf("%s", a.body)
		}
		if a := s.ok("ListProvisionedConcurrencyConfigs", object{"FunctionName": "fn"}); len(a.json["ProvisionedConcurrencyConfigs"].([]any)) != 1 {
			t.Errorf("%s", a.body)
		}
		s.ok("DeleteProvisionedConcurrencyConfig", object{"FunctionName": "fn", "Qualifier": "1"})
	})
	t.Run("VpcConfig and tracing are kept", func(t *testing.T) {
		s.ok("UpdateFunctionConfiguration", object{
			"FunctionName": "fn", "TracingConfig": object{"Mode": "Active"}, "VpcConfig": object{"SubnetIds": []any{"subnet-1"}, "SecurityGroupIds": []any{"sg-1"}},
			"DeadLetterConfig": object{"TargetArn": "arn:aws:sqs:us-east-1:111111111111:dlq"},
		})
		c := s.ok("GetFunctionConfiguration", object{"FunctionName": "fn"}).json
		if c["TracingConfig"].(object)["Mode"] != "Active" || c["VpcConfig"].(object)["SubnetIds"].([]any)[0] != "subnet-1" || c["DeadLetterConfig"].(object)["TargetArn"] == nil {
			t.Errorf("%v", c)
		}
	})
}

// Two callers at a time: one wins, and nothing is lost.
func TestRaces(t *testing.T) {
	s := start(t, nil)
	const n = 8
	all := func(f func(i int) answer) (statuses map[int]int) {
		var mu sync.Mutex
		statuses = map[int]int{}
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				a := f(i)
				mu.Lock()
				defer mu.Unlock()
				statuses[a.status]++
			})
		}
		wg.Wait()
		return statuses
	}
	zipped := node(t, echo)
	t.Run("create", func(t *testing.T) {
		got := all(func(int) answer {
			return s.call("CreateFunction", object{"FunctionName": "fn", "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": role, "Code": object{"ZipFile": zipped}})
		})
		if diff := cmp.Diff(map[int]int{201: 1, 409: n - 1}, got); diff != "" {
			t.Error(diff)
		}
		blobs, _ := s.stores.Blobs(t.Context())
		if keys, _ := blobs.List(t.Context(), "lambda/"); len(keys) != 1 {
			t.Errorf("blobs %v", keys)
		}
	})
	t.Run("permissions", func(t *testing.T) {
		got := all(func(i int) answer {
			return s.call("AddPermission", object{"FunctionName": "fn", "StatementId": fmt.Sprint("s", i), "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"})
		})
		policy := s.ok("GetPolicy", object{"FunctionName": "fn"}).json["Policy"].(string)
		if got[201] != n || strings.Count(policy, `"Sid"`) != n {
			t.Errorf("%v %s", got, policy)
		}
	})
	t.Run("publish", func(t *testing.T) {
		got := all(func(int) answer { return s.call("PublishVersion", object{"FunctionName": "fn"}) })
		if got[201] != n || len(s.ok("ListVersionsByFunction", object{"FunctionName": "fn"}).json["Versions"].([]any)) != 2 {
			t.Errorf("%v", got)
		}
	})
	t.Run("update with a revision", func(t *testing.T) {
		revision := s.ok("GetFunctionConfiguration", object{"FunctionName": "fn"}).json["RevisionId"]
		got := all(func(i int) answer {
			return s.call("UpdateFunctionConfiguration", object{"FunctionName": "fn", "Description": fmt.Sprint(i), "RevisionId": revision})
		})
		if diff := cmp.Diff(map[int]int{200: 1, 412: n - 1}, got); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("update code", func(t *testing.T) {
		got := all(func(i int) answer {
			return s.call("UpdateFunctionCode", object{"FunctionName": "fn", "ZipFile": node(t, fmt.Sprintf("async () => %d", i)), "Publish": true})
		})
		a := s.ok("ListVersionsByFunction", object{"FunctionName": "fn"})
		blobs, _ := s.stores.Blobs(t.Context())
		keys, _ := blobs.List(t.Context(), "lambda/")
		if got[http.StatusOK] != n || len(a.json["Versions"].([]any)) != n+2 || len(keys) != n+1 {
			t.Errorf("%v, %d blobs\n%s", got, len(keys), a.body)
		}
	})
}
