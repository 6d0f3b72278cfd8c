package lambda

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

func TestInvoke(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	s.create("fn", echo)

	t.Run("LA-018 bytes unchanged", func(t *testing.T) {
		a := s.invoke("fn", `{"b":1,"a":"<é>"}`, `{"b":1,"a":"<é>"}`)
		if a.status != 200 || a.header.Get("X-Amz-Executed-Version") != "$LATEST" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
			t.Errorf("%d %v", a.status, a.header)
		}
	})
	t.Run("empty body is an empty object", func(t *testing.T) { s.invoke("fn", "", "{}") })
	t.Run("LA-020 dry run", func(t *testing.T) {
		flag := filepath.Join(t.TempDir(), "ran")
		s.create("marks", fmt.Sprintf("async () => require('fs').writeFileSync(%q, 'x')", flag))
		a := s.ok("Invoke", object{"FunctionName": "marks", "InvocationType": "DryRun"})
		if _, err := os.Stat(flag); a.status != 204 || len(a.body) != 0 || err == nil {
			t.Errorf("%d %s, file: %v", a.status, a.body, err)
		}
		s.refused("Invoke", object{"FunctionName": "marks:ghost", "InvocationType": "DryRun"}, 404, "ResourceNotFoundException", "Function not found: "+arnFn+"marks:ghost")
	})
	t.Run("LA-019 event", func(t *testing.T) {
		flag := filepath.Join(t.TempDir(), "ran")
		s.create("event", fmt.Sprintf("async (e) => require('fs').writeFileSync(%q, JSON.stringify(e))", flag))
		a := s.ok("Invoke", object{"FunctionName": "event", "InvocationType": "Event", "Payload": `{"n":1}`})
		if a.status != 202 || len(a.body) != 0 {
			t.Errorf("%d %s", a.status, a.body)
		}
		eventually(t, "the function runs", func() bool { data, _ := os.ReadFile(flag); return string(data) == `{"n":1}` })
	})
	t.Run("LA-022 LA-078 log tail and group", func(t *testing.T) {
		a := s.ok("Invoke", object{"FunctionName": "fn", "LogType": "Tail", "Payload": "{}"})
		tail, _ := base64.StdEncoding.DecodeString(a.header.Get("X-Amz-Log-Result"))
		lines := strings.Split(strings.TrimSpace(string(tail)), "\n")
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "REPORT RequestId: "+a.header.Get("X-Amzn-Requestid")) {
			t.Errorf("tail %q", tail)
		}
		if len(s.logs.lines("/aws/lambda/fn")) == 0 {
			t.Error("no log group")
		}
	})
	t.Run("LA-032 invalid JSON", func(t *testing.T) {
		a := s.call("Invoke", object{"FunctionName": "fn", "Payload": "{"})
		if a.status != 400 || a.header.Get("X-Amzn-Errortype") != "InvalidRequestContentException" || !strings.HasPrefix(fmt.Sprint(a.json["message"]), "Could not parse request body into json: ") {
			t.Errorf("%d %s", a.status, a.body)
		}
	})
	t.Run("LA-033 too large", func(t *testing.T) {
		s.refused("Invoke", object{"FunctionName": "fn", "Payload": `"` + strings.Repeat("x", 6291455) + `"`}, 413, "RequestTooLargeException", "6291457 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)")
		s.create("large", "async () => 'x'.repeat(6291556)")
		a := s.ok("Invoke", object{"FunctionName": "large"})
		if a.header.Get("X-Amz-Function-Error") != "Unhandled" || a.json["errorType"] != "Function.ResponseSizeTooLarge" || a.json["errorMessage"] != "Response payload size exceeded maximum allowed payload size (6291556 bytes)." {
			t.Errorf("%.300s", a.body)
		}
	})
	t.Run("LA-034 large event", func(t *testing.T) {
		flag := filepath.Join(t.TempDir(), "size")
		s.create("size", fmt.Sprintf("async (e) => require('fs').writeFileSync(%q, String(e.length))", flag))
		s.ok("Invoke", object{"FunctionName": "size", "InvocationType": "Event", "Payload": `"` + strings.Repeat("<", 1<<20-2) + `"`})
		eventually(t, "the function runs", func() bool { data, _ := os.ReadFile(flag); return string(data) == "1048574" })
		blobs, _ := s.stores.Blobs(t.Context())
		eventually(t, "the event is forgotten", func() bool { keys, _ := blobs.List(t.Context(), "lambda/event/"); return len(keys) == 0 })
		s.refused("Invoke", object{"FunctionName": "size", "InvocationType": "Event", "Payload": `"` + strings.Repeat("x", 1<<20-1) + `"`}, 413, "RequestTooLargeException", "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)")
	})
	t.Run("LA-042 invokedFunctionArn", func(t *testing.T) {
		s.create("arn", "async (e, c) => [c.invokedFunctionArn, c.functionVersion]", object{"Publish": true})
		s.ok("CreateAlias", object{"FunctionName": "arn", "Name": "live", "FunctionVersion": "1"})
		s.invoke("arn", "{}", fmt.Sprintf(`["%sarn","$LATEST"]`, arnFn))
		s.invoke("arn:live", "{}", fmt.Sprintf(`["%sarn:live","1"]`, arnFn))
		s.invoke(arnFn+"arn:1", "{}", fmt.Sprintf(`["%sarn:1","1"]`, arnFn))
		if a := s.ok("Invoke", object{"FunctionName": "arn", "Qualifier": "live"}); a.header.Get("X-Amz-Executed-Version") != "1" || string(a.body) != fmt.Sprintf(`["%sarn:live","1"]`, arnFn) {
			t.Errorf("%v %s", a.header, a.body)
		}
	})
	t.Run("client context", func(t *testing.T) {
		s.create("context", "async (e, c) => c.clientContext.custom")
		a := s.ok("Invoke", object{"FunctionName": "context", "ClientContext": base64.StdEncoding.EncodeToString([]byte(`{"custom":{"k":"v"}}`))})
		if string(a.body) != `{"k":"v"}` {
			t.Errorf("%s", a.body)
		}
	})
	t.Run("LA-107 stream", func(t *testing.T) {
		a := s.ok("InvokeWithResponseStream", object{"FunctionName": "fn", "Payload": `{"s":1}`})
		if !strings.Contains(string(a.body), `{"s":1}`) || !strings.Contains(string(a.body), "PayloadChunk") || !strings.Contains(string(a.body), "InvokeComplete") {
			t.Errorf("%q", a.body)
		}
	})
	t.Run("InvokeAsync", func(t *testing.T) {
		if a := s.ok("InvokeAsync", object{"FunctionName": "fn", "InvokeArgs": "{}"}); a.status != 202 {
			t.Errorf("%d", a.status)
		}
	})
	t.Run("in-process call", func(t *testing.T) {
		out, err := s.catalog.Call(admin(t), "lambda", "Invoke", []byte(`{"FunctionName":"fn","Payload":{"p":1}}`))
		if err != nil || !strings.Contains(string(out), `"Payload":{"p":1}`) {
			t.Errorf("%s %v", out, err)
		}
	})
	t.Run("one request calls two functions", func(t *testing.T) {
		flag := filepath.Join(t.TempDir(), "n")
		s.create("append", fmt.Sprintf("async (e) => require('fs').appendFileSync(%q, 'x')", flag))
		ctx := awsapi.WithCaller(t.Context(), awsapi.Caller{Account: account, Region: region, Admin: true, RequestID: "one"})
		for range 3 {
			if _, err := s.catalog.Call(ctx, "lambda", "Invoke", []byte(`{"FunctionName":"append","InvocationType":"Event"}`)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all three run", func() bool { data, _ := os.ReadFile(flag); return string(data) == "xxx" })
	})
}

func TestConcurrency(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	gate := filepath.Join(t.TempDir(), "gate")
	s.create("slow", fmt.Sprintf(`async (e) => { const fs = require('fs'); fs.writeFileSync(%q + e.n, ''); while (!fs.existsSync(%q)) await new Promise(r => setTimeout(r, 5)); return e.n }`, gate, gate))
	t.Run("LA-035 reserved 1", func(t *testing.T) {
		s.ok("PutFunctionConcurrency", object{"FunctionName": "slow", "ReservedConcurrentExecutions": 1})
		if a := s.ok("GetFunction", object{"FunctionName": "slow"}); a.json["Concurrency"].(object)["ReservedConcurrentExecutions"] != 1.0 {
			t.Errorf("%s", a.body)
		}
		first := make(chan answer, 1)
		go func() { first <- s.call("Invoke", object{"FunctionName": "slow", "Payload": `{"n":1}`}) }()
		eventually(t, "the first runs", func() bool { _, err := os.Stat(gate + "1"); return err == nil })
		a := s.refused("Invoke", object{"FunctionName": "slow", "Payload": `{"n":2}`}, 429, "TooManyRequestsException", "Rate Exceeded.")
		if a.json["Reason"] != "ReservedFunctionConcurrentInvocationLimitExceeded" {
			t.Errorf("%s", a.body)
		}
		if err := os.WriteFile(gate, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if a := <-first; string(a.body) != "1" {
			t.Errorf("%s", a.body)
		}
	})
	t.Run("LA-036 reserved 0", func(t *testing.T) {
		s.ok("PutFunctionConcurrency", object{"FunctionName": "slow", "ReservedConcurrentExecutions": 0})
		s.refused("Invoke", object{"FunctionName": "slow"}, 429, "TooManyRequestsException", "Rate Exceeded.")
	})
	t.Run("LA-037 deleted", func(t *testing.T) {
		if a := s.ok("DeleteFunctionConcurrency", object{"FunctionName": "slow"}); a.status != 204 {
			t.Errorf("%d", a.status)
		}
		s.invoke("slow", `{"n":3}`, "3")
	})
	s.refused("PutFunctionConcurrency", object{"FunctionName": "slow", "ReservedConcurrentExecutions": 901}, 400, "InvalidParameterValueException",
		"Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [100].")
}

func TestVersions(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	s.create("fn", `async () => "one"`)
	t.Run("LA-013 publish", func(t *testing.T) {
		for i, want := range []string{"1", "1"} {
			if a := s.ok("PublishVersion", object{"FunctionName": "fn", "Description": "d"}); a.status != 201 || a.json["Version"] != want || a.json["FunctionArn"] != arnFn+"fn:"+want || a.json["Description"] != "d" {
				t.Errorf("%d: %s", i, a.body)
			}
		}
		s.ok("UpdateFunctionCode", object{"FunctionName": "fn", "ZipFile": node(t, `async () => "one"`)})
		if a := s.ok("PublishVersion", object{"FunctionName": "fn"}); a.json["Version"] != "1" {
			t.Errorf("the same code again: %s", a.body)
		}
		s.ok("UpdateFunctionCode", object{"FunctionName": "fn", "ZipFile": node(t, `async () => "two"`)})
		if a := s.ok("PublishVersion", object{"FunctionName": "fn"}); a.json["Version"] != "2" {
			t.Errorf("changed: %s", a.body)
		}
		sum := s.ok("GetFunctionConfiguration", object{"FunctionName": "fn"}).json["CodeSha256"]
		s.refused("PublishVersion", object{"FunctionName": "fn", "CodeSha256": "x"}, 400, "InvalidParameterValueException",
			fmt.Sprintf("CodeSHA256 (x) is different from current CodeSHA256 in $LATEST (%s). Please try again with the CodeSHA256 in $LATEST.", sum))
	})
	t.Run("LA-014 a version runs its own code", func(t *testing.T) {
		if a := s.invoke("fn:1", "", `"one"`); a.header.Get("X-Amz-Executed-Version") != "1" {
			t.Errorf("%v", a.header)
		}
		s.invoke("fn", "", `"two"`)
	})
	t.Run("LA-100 $LATEST first", func(t *testing.T) {
		a := s.ok("ListVersionsByFunction", object{"FunctionName": "fn"})
		var got []string
		for _, v := range a.json["Versions"].([]any) {
			got = append(got, fmt.Sprint(v.(object)["FunctionArn"], " ", v.(object)["Version"]))
		}
		if want := fmt.Sprintf("[%[1]s:$LATEST $LATEST %[1]s:1 1 %[1]s:2 2]", arnFn+"fn"); fmt.Sprint(got) != want {
			t.Errorf("%v, want %s", got, want)
		}
	})
	t.Run("LA-015 weights", func(t *testing.T) {
		a := s.ok("CreateAlias", object{"FunctionName": "fn", "Name": "split", "FunctionVersion": "1", "RoutingConfig": object{"AdditionalVersionWeights": object{"2": 0.5}}})
		if a.status != 201 || a.json["AliasArn"] != arnFn+"fn:split" {
			t.Errorf("%d %s", a.status, a.body)
		}
		seen := map[string]int{}
		for range 100 {
			seen[string(s.ok("Invoke", object{"FunctionName": "fn:split"}).body)]++
		}
		if seen[`"one"`] < 20 || seen[`"two"`] < 20 {
			t.Errorf("%v", seen)
		}
	})
	t.Run("alias", func(t *testing.T) {
		s.ok("UpdateAlias", object{"FunctionName": "fn", "Name": "split", "FunctionVersion": "2", "RoutingConfig": object{"AdditionalVersionWeights": object{}}})
		s.invoke("fn:split", "", `"two"`)
		if a := s.ok("GetAlias", object{"FunctionName": "fn", "Name": "split"}); a.json["FunctionVersion"] != "2" || a.json["RoutingConfig"] != nil {
			t.Errorf("%s", a.body)
		}
		if a := s.ok("GetFunction", object{"FunctionName": "fn", "Qualifier": "split"}); a.json["Configuration"].(object)["FunctionArn"] != arnFn+"fn:split" || a.json["Configuration"].(object)["Version"] != "2" {
			t.Errorf("%s", a.body)
		}
		s.refused("CreateAlias", object{"FunctionName": "fn", "Name": "split", "FunctionVersion": "1"}, 409, "ResourceConflictException", "Alias already exists: "+arnFn+"fn:split")
		s.refused("UpdateAlias", object{"FunctionName": "fn", "Name": "ghost"}, 404, "ResourceNotFoundException", "Cannot find alias arn: "+arnFn+"fn:ghost")
		s.refused("UpdateAlias", object{"FunctionName": "fn", "Name": "split", "RevisionId": "x"}, 412, "PreconditionFailedException",
			"The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id")
		if a := s.ok("ListAliases", object{"FunctionName": "fn", "FunctionVersion": "1"}); len(a.json["Aliases"].([]any)) != 0 {
			t.Errorf("%s", a.body)
		}
		if a := s.ok("DeleteAlias", object{"FunctionName": "fn", "Name": "split"}); a.status != 204 {
			t.Errorf("%d", a.status)
		}
		s.refused("Invoke", object{"FunctionName": "fn:split"}, 404, "ResourceNotFoundException", "Function not found: "+arnFn+"fn:split")
	})
}

// A function that is changed while it is busy: the call ends with what it began with, and no process of it is left.
func TestUpdateWhileBusy(t *testing.T) {
	need(t, "node")
	s := start(t, nil)
	dir := t.TempDir()
	s.create("fn", fmt.Sprintf(`async () => { const fs = require('fs'); fs.writeFileSync(%[1]q + '/in', ''); while (!fs.existsSync(%[1]q + '/out')) await new Promise(r => setTimeout(r, 5)); return 1 }`, dir))
	e := s.Service.catalog.get(functionKey(account, region, "fn"))
	old, err := s.runner(admin(t), e, &e.fn.Latest)
	if err != nil {
		t.Fatal(err)
	}
	first := make(chan answer, 1)
	go func() { first <- s.call("Invoke", object{"FunctionName": "fn"}) }()
	eventually(t, "the first runs", func() bool { _, err := os.Stat(dir + "/in"); return err == nil })
	s.ok("UpdateFunctionCode", object{"FunctionName": "fn", "ZipFile": node(t, "async () => 2")})
	s.invoke("fn", "", "2")
	if err := os.WriteFile(dir+"/out", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if a := <-first; string(a.body) != "1" {
		t.Errorf("%s", a.body)
	}
	// One who found the function before the update, and comes to the pool after it.
	if _, _, err := s.run(admin(t), e, target{account: account, region: region, name: "fn"}, workerInvocation()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "old processes end", func() bool { n, _ := s.pool.Processes(old.ID); return n == 0 })
}

// Making one function ready does not hold the others, nor changes to it.
func TestSlowPreparation(t *testing.T) {
	need(t, "node")
	blocked, release := make(chan struct{}), make(chan struct{})
	s := start(t, func(c *Config) {
		c.Modules = func(ctx context.Context, runtime, dir string) ([]string, error) {
			if data, _ := os.ReadFile(filepath.Join(dir, "index.js")); strings.Contains(string(data), "slow") {
				close(blocked)
				<-release
			}
			return nil, nil
		}
	})
	s.create("quick", echo)
	made := make(chan answer, 1)
	go func() {
		made <- s.call("CreateFunction", object{"FunctionName": "slow", "Runtime": "nodejs20.x", "Handler": "index.handler", "Role": role, "Code": object{"ZipFile": node(t, `async () => "slow"`)}})
	}()
	<-blocked
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.call("TagResource", object{"Resource": arnFn + "slow", "Tags": object{"k": "v"}})
		s.call("Invoke", object{"FunctionName": "quick"})
		s.call("ListFunctions", object{})
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Error("others wait")
	}
	close(release)
	<-done
	if a := <-made; a.status != 201 {
		t.Errorf("%s", a.body)
	}
	s.invoke("slow", "", `"slow"`)
}
