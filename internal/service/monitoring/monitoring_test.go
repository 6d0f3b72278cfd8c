package monitoring

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/monitoring"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newService(stores store.Stores, node uint16) *Service {
	return New(Config{Stores: stores, Node: node, Now: func() time.Time { return noon.Add(time.Hour) }})
}

func caller(ctx context.Context, region string) context.Context {
	return awsapi.WithCaller(ctx, awsapi.Caller{Account: "000000000000", Region: region})
}

func metric(name string, dimensions ...[2]string) Metric {
	return Metric{Namespace: "N", Name: name, Dimensions: dimensions, Unit: "Count"}
}

func TestStatistics(t *testing.T) {
	stores := mem.New()
	one, two := newService(stores, 1), newService(stores, 2)
	ctx := caller(t.Context(), "us-east-1")
	api := [2]string{"ApiId", "a"}
	one.Add("000000000000", "us-east-1", metric("M", api), noon.Add(10*time.Second), One(1))
	one.Add("000000000000", "us-east-1", metric("M", api), noon.Add(50*time.Second), One(3))
	two.Add("000000000000", "us-east-1", metric("M", api), noon.Add(70*time.Second), One(5))
	one.Add("000000000000", "eu-west-1", metric("M", api), noon, One(100))
	one.Add("000000000000", "us-east-1", metric("M"), noon, One(100))
	two.collect(ctx)
	one.collect(ctx)
	one.Add("000000000000", "us-east-1", metric("M", api), noon.Add(20*time.Second), One(2)) // after the minute was written

	ask := func(period int64, start, end time.Time) (out [][4]float64) {
		t.Helper()
		got, err := one.getMetricStatistics(ctx, &shapes.GetMetricStatisticsInput{
			Namespace: new("N"), MetricName: new("M"), Dimensions: []*shapes.Dimension{{Name: new("ApiId"), Value: new("a")}},
			StartTime: &start, EndTime: &end, Period: &period, Statistics: []string{"SampleCount", "Sum", "Minimum", "Maximum"},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range got.Datapoints {
			out = append(out, [4]float64{*d.SampleCount, *d.Sum, *d.Minimum, *d.Maximum})
		}
		return out
	}
	for _, tt := range []struct {
		name       string
		period     int64
		start, end time.Time
		want       [][4]float64
	}{
		{"minutes", 60, noon, noon.Add(time.Hour), [][4]float64{{3, 6, 1, 3}, {1, 5, 5, 5}}},
		{"hour", 3600, noon, noon.Add(time.Hour), [][4]float64{{4, 11, 1, 5}}},
		{"end_is_not_in", 60, noon, noon.Add(time.Minute), [][4]float64{{3, 6, 1, 3}}},
		{"start_is_in", 60, noon.Add(time.Minute), noon.Add(time.Hour), [][4]float64{{1, 5, 5, 5}}},
		{"before", 60, noon.Add(-time.Hour), noon, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ask(tt.period, tt.start, tt.end)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestData(t *testing.T) {
	s := newService(mem.New(), 1)
	ctx := caller(t.Context(), "us-east-1")
	_, err := s.putMetricData(ctx, &shapes.PutMetricDataInput{Namespace: new("N"), MetricData: []*shapes.MetricDatum{
		{MetricName: new("M"), Timestamp: new(noon), Value: new(2.0), Unit: new("Seconds")},
		{MetricName: new("M"), Timestamp: new(noon.Add(time.Minute)), Values: []float64{1, 10}, Counts: []float64{3, 1}},
		{MetricName: new("M"), Timestamp: new(noon.Add(time.Minute)), StatisticValues: &shapes.StatisticSet{SampleCount: new(2.0), Sum: new(7.0), Minimum: new(0.5), Maximum: new(6.5)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	query := func(stat string) *shapes.GetMetricDataInput {
		return &shapes.GetMetricDataInput{StartTime: new(noon), EndTime: new(noon.Add(time.Hour)), MetricDataQueries: []*shapes.MetricDataQuery{{
			Id: new("q"), MetricStat: &shapes.MetricStat{Metric: &shapes.Metric{Namespace: new("N"), MetricName: new("M")}, Period: new(int64(60)), Stat: &stat},
		}}}
	}
	for stat, want := range map[string][]float64{"Sum": {20, 2}, "SampleCount": {6, 1}, "Average": {20.0 / 6, 2}, "Minimum": {0.5, 2}, "Maximum": {10, 2}} {
		out, err := s.getMetricData(ctx, query(stat))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, out.MetricDataResults[0].Values); diff != "" {
			t.Errorf("%s: %s", stat, diff)
		}
	}
	if _, err := s.getMetricData(ctx, query("p99")); awsapi.Code(err) != "ValidationError" {
		t.Errorf("p99: %v", err)
	}
	list, err := s.listMetrics(ctx, &shapes.ListMetricsInput{Namespace: new("N")})
	if err != nil || len(list.Metrics) != 1 || *list.Metrics[0].MetricName != "M" {
		t.Errorf("listed %+v, %v", list, err)
	}
	if list, _ := s.listMetrics(ctx, &shapes.ListMetricsInput{Namespace: new("O")}); len(list.Metrics) != 0 {
		t.Errorf("listed %+v of another namespace", list)
	}
}

// broken is a store that cannot write.
type broken struct{ store.Stores }

func (broken) Open(context.Context, string) (store.Store, error) {
	return nil, errors.New("out of reach")
}

func TestNothingIsLostWhileTheStoreIsOut(t *testing.T) {
	s := newService(broken{}, 1)
	ctx := caller(t.Context(), "us-east-1")
	s.Add("000000000000", "us-east-1", metric("M"), noon, One(1))
	s.collect(ctx)
	s.Add("000000000000", "us-east-1", metric("M"), noon, One(1))
	s.cfg.Stores = mem.New()
	s.collect(ctx)
	all, err := s.load(ctx, place{"000000000000", "us-east-1"}, new(metric("M")).key(), 0, 1<<40)
	if err != nil || all[noon.Unix()/60].Count != 2 {
		t.Errorf("kept %v, %v", all, err)
	}
}

func TestSweep(t *testing.T) {
	s := newService(mem.New(), 1)
	ctx := caller(t.Context(), "us-east-1")
	s.Add("000000000000", "us-east-1", metric("old"), noon.Add(-16*24*time.Hour), One(1))
	s.Add("000000000000", "us-east-1", metric("new"), noon, One(1))
	s.collect(ctx)
	if err := s.sweep(ctx); err != nil {
		t.Fatal(err)
	}
	list, err := s.listMetrics(ctx, &shapes.ListMetricsInput{})
	if err != nil || len(list.Metrics) != 1 || *list.Metrics[0].MetricName != "new" {
		t.Errorf("left %+v, %v", list, err)
	}
}
