package logs

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/resource"
)

// measures keeps what metric filters find.
type measures struct {
	mu  sync.Mutex // guards all
	all []string
}

func (m *measures) Measure(account, region string, v Measured) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.all = append(m.all, fmt.Sprint(account, " ", region, " ", v.Namespace, "/", v.Name, v.Dimensions, " ", v.Value, v.Unit, " ", v.At.UnixMilli()))
}

func (m *measures) take() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	slices.Sort(m.all)
	all := strings.Join(m.all, "\n")
	m.all = nil
	return all
}

func TestMetricFilters(t *testing.T) {
	f, m := newFixture(t), &measures{}
	f.service.ConnectMetrics(m)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() { _ = f.service.Run(ctx) })
	f.must("CreateLogGroup", object{"logGroupName": "g"})
	f.must("CreateLogStream", object{"logGroupName": "g", "logStreamName": "s"})
	filter := func(name, pattern string, transformation object) object {
		in := object{"metricNamespace": "N", "metricName": name}
		for k, v := range transformation {
			in[k] = v
		}
		return object{"logGroupName": "g", "filterName": name, "filterPattern": pattern, "metricTransformations": []object{in}}
	}
	f.must("PutMetricFilter", filter("errors", "ERROR", object{"metricValue": "1", "defaultValue": 0, "unit": "Count"}))
	f.must("PutMetricFilter", filter("latency", "{ $.latency > 10 }", object{"metricValue": "$.latency", "dimensions": object{"Route": "$.route"}}))
	f.must("PutMetricFilter", filter("bytes", "[ip, user, ..., status = 2*, bytes]", object{"metricValue": "$bytes"}))
	at := time.Now().UnixMilli()
	put := func(lines ...string) string {
		var events []object
		for _, l := range lines {
			events = append(events, object{"timestamp": at, "message": l})
		}
		f.must("PutLogEvents", object{"logGroupName": "g", "logStreamName": "s", "logEvents": events})
		return m.take()
	}
	for _, tt := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"matches count", []string{"an ERROR", "fine", "ERROR again"}, []string{"N/errors[] 1Count", "N/errors[] 1Count"}},
		{"a value of JSON with a dimension", []string{`{"latency": 12.5, "route": "chat"}`, `{"latency": 3, "route": "chat"}`, `{"latency": 50}`, "ERROR"}, []string{"N/errors[] 1Count", "N/latency[[Route chat]] 12.5"}},
		{"a field", []string{`127.0.0.1 ann [10/Oct/2000] "GET /" 200 1534`, `127.0.0.1 ann [10/Oct/2000] "GET /" 404 7`, "ERROR"}, []string{"N/bytes[] 1534", "N/errors[] 1Count"}},
		{"the default when nothing matches", []string{"fine"}, []string{"N/errors[] 0Count"}},
	} {
		var want []string
		for _, w := range tt.want {
			want = append(want, fmt.Sprintf("%s us-east-1 %s %d", testAccount, w, at))
		}
		if got := put(tt.lines...); got != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, got, strings.Join(want, "\n"))
		}
	}

	shown := f.must("DescribeMetricFilters", object{"logGroupName": "g", "filterNamePrefix": "l"})["metricFilters"].([]any)
	if got := fmt.Sprint(shown[0].(object)["metricTransformations"]); len(shown) != 1 || got != "[map[dimensions:map[Route:$.route] metricName:latency metricNamespace:N metricValue:$.latency]]" {
		t.Errorf("%d %s", len(shown), got)
	}
	page := f.must("DescribeMetricFilters", object{"limit": 2})
	if len(page["metricFilters"].([]any)) != 2 || page["nextToken"] == nil {
		t.Errorf("a page of two: %v", page)
	}
	if g := f.must("DescribeLogGroups", object{})["logGroups"].([]any)[0].(object); g["metricFilterCount"] != 3.0 {
		t.Errorf("metricFilterCount %v", g["metricFilterCount"])
	}
	f.must("DeleteMetricFilter", object{"logGroupName": "g", "filterName": "errors"})
	if got := put("ERROR"); got != "" {
		t.Errorf("a filter that is gone measured %s", got)
	}
	for _, tt := range []struct {
		op   string
		in   object
		want string
	}{
		{"DeleteMetricFilter", object{"logGroupName": "g", "filterName": "errors"}, "ResourceNotFoundException: The specified metric filter does not exist."},
		{"PutMetricFilter", filter("x", "{ bad", object{"metricValue": "1"}), "InvalidParameterException: "},
		{"PutMetricFilter", filter("x", "", object{"metricValue": "one"}), "InvalidParameterException: Invalid metric transformation"},
		{"DescribeMetricFilters", object{"logGroupName": "none"}, "ResourceNotFoundException: The specified log group does not exist."},
	} {
		if _, failure := f.call(tt.op, tt.in); !strings.HasPrefix(failure, tt.want) {
			t.Errorf("%s: %q, want %q", tt.op, failure, tt.want)
		}
	}
	out := f.must("TestMetricFilter", object{"filterPattern": "[ip, status]", "logEventMessages": []string{"a b c", "1.2.3.4 200"}})["matches"]
	if got := fmt.Sprint(out); got != "[map[eventMessage:1.2.3.4 200 eventNumber:2 extractedValues:map[$ip:1.2.3.4 $status:200]]]" {
		t.Error(got)
	}

	i := slices.IndexFunc(f.service.Resources(), func(r resource.Type) bool { return r.Name() == "AWS::Logs::MetricFilter" })
	made, err := f.service.Resources()[i].Create(f.ctx(), resource.Request{
		PhysicalName: func(int) string { return "stack-Filter-X" },
		Properties: object{"LogGroupName": "g", "FilterPattern": "WARN", "MetricTransformations": []any{
			object{"MetricName": "warnings", "MetricNamespace": "N", "MetricValue": "1"},
		}},
	})
	if err != nil || made.PhysicalID != "stack-Filter-X" {
		t.Fatal(made, err)
	}
	if got := put("WARN"); !strings.Contains(got, "N/warnings[] 1 ") {
		t.Errorf("%q", got)
	}
	f.must("DeleteLogGroup", object{"logGroupName": "g"})
	if got := f.must("DescribeMetricFilters", object{})["metricFilters"].([]any); len(got) > 0 {
		t.Errorf("the filters of a group that is gone: %v", got)
	}
}
