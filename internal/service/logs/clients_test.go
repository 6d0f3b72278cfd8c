package logs

import (
	"context"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
)

// python runs a program against the service with boto3.
func python(t *testing.T, f *fixture, program string) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err == nil {
		err = exec.Command(python, "-c", "import boto3").Run()
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("python3 with boto3 does not work: %v", err)
		}
		t.Skipf("python3 with boto3 does not work here: %v", err)
	}
	server := httptest.NewServer(f.handler)
	defer server.Close()
	cmd := exec.Command(python, "-c", program)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+server.URL, "AWS_ACCESS_KEY_ID="+testKey, "AWS_SECRET_ACCESS_KEY="+testSecret, "AWS_DEFAULT_REGION=us-east-1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBoto3_EV078(t *testing.T) {
	python(t, newFixture(t), `
import boto3, time
c = boto3.client("logs")
c.create_log_group(logGroupName="/aws/lambda/f", tags={"a": "b"})
c.create_log_stream(logGroupName="/aws/lambda/f", logStreamName="2026/11/20/[$LATEST]ab")
now = int(time.time() * 1000)
c.put_log_events(logGroupName="/aws/lambda/f", logStreamName="2026/11/20/[$LATEST]ab",
                 logEvents=[{"timestamp": now + i, "message": "line %d" % i} for i in range(50)])
pages = list(c.get_paginator("filter_log_events").paginate(logGroupName="/aws/lambda/f", PaginationConfig={"PageSize": 7}))
events = [e for p in pages for e in p["events"]]
assert [e["message"] for e in events] == ["line %d" % i for i in range(50)], events
assert len({e["eventId"] for e in events}) == 50 and len(pages) == 8, len(pages)
got, token = [], None
while True:
    r = c.get_log_events(logGroupName="/aws/lambda/f", logStreamName="2026/11/20/[$LATEST]ab", limit=20, startFromHead=True, **({"nextToken": token} if token else {}))
    got += r["events"]
    if r["nextForwardToken"] == token:
        break
    token = r["nextForwardToken"]
assert len(got) == 50, len(got)
c.put_retention_policy(logGroupName="/aws/lambda/f", retentionInDays=14)
groups = [g for p in c.get_paginator("describe_log_groups").paginate() for g in p["logGroups"]]
assert groups[0]["retentionInDays"] == 14 and groups[0]["arn"].endswith(":*") and groups[0]["storedBytes"] > 0, groups
streams = [s for p in c.get_paginator("describe_log_streams").paginate(logGroupName="/aws/lambda/f") for s in p["logStreams"]]
assert streams[0]["lastEventTimestamp"] == now + 49 and streams[0]["uploadSequenceToken"], streams
assert c.list_tags_for_resource(resourceArn=groups[0]["logGroupArn"])["tags"] == {"a": "b"}
c.delete_log_group(logGroupName="/aws/lambda/f")
try:
    c.get_log_events(logGroupName="/aws/lambda/f", logStreamName="x")
    raise SystemExit("a deleted group is there")
except c.exceptions.ResourceNotFoundException as e:
    assert e.response["Error"]["Message"] == "The specified log group does not exist.", e.response
`)
}

// TestLiveTail follows a group with AWS's SDK: lines that are written come, those that do not match and those of other streams do not.
func TestLiveTail(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = f.service.Run(ctx) })
	python(t, f, `
import boto3, time
from botocore.config import Config
c = boto3.client("logs", config=Config(inject_host_prefix=False))
c.create_log_group(logGroupName="g")
for s in ["s1", "s2", "other"]:
    c.create_log_stream(logGroupName="g", logStreamName=s)
arn = c.describe_log_groups()["logGroups"][0]["logGroupArn"]
put = lambda s, *lines: c.put_log_events(logGroupName="g", logStreamName=s, logEvents=[{"timestamp": int(time.time() * 1000), "message": l} for l in lines])
put("s1", "ERROR before")
time.sleep(1) # what was written before is told to those who followed then
stream = c.start_live_tail(logGroupIdentifiers=[arn], logStreamNamePrefixes=["s"], logEventFilterPattern="ERROR")["responseStream"]
seen, start = [], None
for event in stream:
    if "sessionStart" in event:
        start = event["sessionStart"]
        assert start["logGroupIdentifiers"] == [arn] and start["logEventFilterPattern"] == "ERROR" and start["sessionId"], start
        put("s1", "ERROR one", "fine")
        put("other", "ERROR elsewhere")
        put("s2", "ERROR two")
    else:
        update = event["sessionUpdate"]
        assert start and update["sessionMetadata"] == {"sampled": False}, update
        seen += update["sessionResults"]
        if len(seen) >= 2:
            break
stream.close()
assert sorted((e["logStreamName"], e["message"]) for e in seen) == [("s1", "ERROR one"), ("s2", "ERROR two")], seen
assert seen[0]["logGroupIdentifier"].endswith(":g") and seen[0]["timestamp"] and seen[0]["ingestionTime"], seen
try:
    c.start_live_tail(logGroupIdentifiers=[arn + "x"])
    raise SystemExit("a group that is not there is followed")
except c.exceptions.ResourceNotFoundException as e:
    assert e.response["Error"]["Message"] == "The specified log group does not exist.", e.response
`)
}
