package logs

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
)

func TestBoto3_EV078(t *testing.T) {
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
	server := httptest.NewServer(newFixture(t).handler)
	defer server.Close()
	cmd := exec.Command(python, "-c", `
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
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+server.URL, "AWS_ACCESS_KEY_ID="+testKey, "AWS_SECRET_ACCESS_KEY="+testSecret, "AWS_DEFAULT_REGION=us-east-1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
