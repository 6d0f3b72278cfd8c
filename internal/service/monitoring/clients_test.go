package monitoring

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// keys knows one key, which may do all.
type keys struct{}

func (keys) Credential(context.Context, string, string) (string, awsapi.Caller, error) {
	return "secret", awsapi.Caller{Account: "000000000000", AccessKeyID: "AKIAEXAMPLE", Admin: true}, nil
}

func (keys) Authorize(context.Context, string, string, map[string][]string) error { return nil }

// TestBoto3 speaks with AWS's Python SDK, which writes CBOR.
func TestBoto3(t *testing.T) {
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
	s := New(Config{Stores: mem.New(), Now: time.Now})
	log := slog.New(slog.DiscardHandler)
	server := httptest.NewServer(awsapi.Handler(awsapi.NewCatalog([]awsapi.Service{s}), awsapi.NewGatekeeper(keys{}, log, awsapi.GateOptions{}), keys{}, awsapi.Options{Log: log}))
	defer server.Close()
	cmd := exec.Command(python, "-c", `
import boto3, datetime
c = boto3.client("cloudwatch")
now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
hour = datetime.timedelta(hours=1)
c.put_metric_data(Namespace="N", MetricData=[{"MetricName": "M", "Value": 2.5, "Unit": "Count", "Timestamp": now, "Dimensions": [{"Name": "D", "Value": "ü"}]}])
metrics = c.list_metrics(Namespace="N")["Metrics"]
assert metrics == [{"Namespace": "N", "MetricName": "M", "Dimensions": [{"Name": "D", "Value": "ü"}]}], metrics
points = c.get_metric_statistics(Namespace="N", MetricName="M", Dimensions=metrics[0]["Dimensions"], StartTime=now - hour, EndTime=now + hour, Period=60, Statistics=["Sum", "Average"])["Datapoints"]
assert points == [{"Timestamp": now, "Sum": 2.5, "Average": 2.5, "Unit": "Count"}], points
r = c.get_metric_data(StartTime=now - hour, EndTime=now + hour, MetricDataQueries=[{"Id": "q", "MetricStat": {"Metric": metrics[0], "Period": 60, "Stat": "Maximum"}}])["MetricDataResults"][0]
assert r["Values"] == [2.5] and r["Timestamps"] == [now] and r["StatusCode"] == "Complete", r
try:
    c.get_metric_statistics(Namespace="N", MetricName="M", StartTime=now, EndTime=now - hour, Period=60, Statistics=["Sum"])
    raise SystemExit("an end before the start was taken")
except c.exceptions.InvalidParameterValueException as e:
    assert "StartTime" in e.response["Error"]["Message"], e.response
`)
	cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+server.URL, "AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_DEFAULT_REGION=us-east-1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
