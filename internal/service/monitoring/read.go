package monitoring

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/monitoring"
	"github.com/sallyport/sallyport/internal/json"
)

// Limits of AWS.
const (
	maxDatapoints = 1440 // of GetMetricStatistics
	maxData       = 100_800
	metricsOfPage = 500
)

// A point is the sum of a period.
type point struct {
	at time.Time
	Sum
}

// points returns the sums of the periods from start to end that have values, oldest first. Periods begin at their multiples.
func (s *Service) points(ctx context.Context, m Metric, start, end time.Time, period int64) ([]point, error) {
	if period < 60 || period%60 != 0 {
		return nil, errParameter("The parameter Period must be a multiple of 60 here: nothing is kept at a higher resolution")
	}
	if !start.Before(end) {
		return nil, errParameter("The parameter StartTime must be less than the parameter EndTime.")
	}
	p := placeOf(ctx)
	from := start.Unix() / period * period
	all, err := s.load(ctx, p, m.key(), from/3600, end.Unix()/3600)
	if err != nil {
		return nil, err
	}
	sums := map[int64]Sum{}
	for minute, v := range all {
		at := minute * 60
		if at < from || at >= end.Unix() {
			continue
		}
		at = at / period * period
		sum := sums[at]
		sum.add(v)
		sums[at] = sum
	}
	out := make([]point, 0, len(sums))
	for at, v := range sums {
		out = append(out, point{time.Unix(at, 0).UTC(), v})
	}
	slices.SortFunc(out, func(a, b point) int { return a.at.Compare(b.at) })
	return out, nil
}

// statistic returns one of AWS's statistics of a sum.
func (s Sum) statistic(name string) (float64, bool) {
	switch name {
	case "SampleCount":
		return s.Count, true
	case "Sum":
		return s.Sum, true
	case "Average":
		return s.Sum / s.Count, true
	case "Minimum":
		return s.Min, true
	case "Maximum":
		return s.Max, true
	}
	return 0, false
}

// unit returns the unit of a metric, as it was written.
func (s *Service) unit(ctx context.Context, m Metric) (string, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	var k known
	err = read(ctx, docs, placeOf(ctx).metricKey(m.key()), &k)
	return cmp.Or(k.Unit, "None"), err
}

func (s *Service) getMetricStatistics(ctx context.Context, in *shapes.GetMetricStatisticsInput) (*shapes.GetMetricStatisticsOutput, error) {
	if len(in.ExtendedStatistics) > 0 {
		return nil, errParameter("Percentiles are not kept by Sallyport: ask for SampleCount, Average, Sum, Minimum or Maximum")
	}
	if len(in.Statistics) == 0 {
		return nil, errCombination("At least one of the parameters Statistics and ExtendedStatistics must be specified.")
	}
	s.collect(ctx)
	m := Metric{Namespace: *in.Namespace, Name: *in.MetricName, Dimensions: dimensionsOf(in.Dimensions)}
	points, err := s.points(ctx, m, *in.StartTime, *in.EndTime, *in.Period)
	if err != nil {
		return nil, err
	}
	if len(points) > maxDatapoints {
		return nil, errCombination("You have requested up to %d datapoints, which exceeds the limit of %d. You may reduce the datapoints requested by increasing Period, or decreasing the time range.",
			len(points), maxDatapoints)
	}
	unit, err := s.unit(ctx, m)
	if err != nil {
		return nil, err
	}
	out := &shapes.GetMetricStatisticsOutput{Label: in.MetricName, Datapoints: []*shapes.Datapoint{}}
	if in.Unit != nil && *in.Unit != unit {
		return out, nil
	}
	for _, p := range points {
		d := &shapes.Datapoint{Timestamp: new(p.at), Unit: new(unit)}
		for _, name := range in.Statistics {
			v, _ := p.statistic(name)
			switch name {
			case "SampleCount":
				d.SampleCount = new(v)
			case "Sum":
				d.Sum = new(v)
			case "Average":
				d.Average = new(v)
			case "Minimum":
				d.Minimum = new(v)
			case "Maximum":
				d.Maximum = new(v)
			}
		}
		out.Datapoints = append(out.Datapoints, d)
	}
	return out, nil
}

func (s *Service) getMetricData(ctx context.Context, in *shapes.GetMetricDataInput) (*shapes.GetMetricDataOutput, error) {
	s.collect(ctx)
	out := &shapes.GetMetricDataOutput{MetricDataResults: []*shapes.MetricDataResult{}, Messages: []*shapes.MessageData{}}
	for _, q := range in.MetricDataQueries {
		if q.MetricStat == nil {
			return nil, errValidation("Error in expression '%s': Sallyport has no metric math; ask for metrics with MetricStat", *q.Id)
		}
		if q.ReturnData != nil && !*q.ReturnData {
			continue
		}
		r, err := s.metricData(ctx, q, in)
		if err != nil {
			return nil, err
		}
		out.MetricDataResults = append(out.MetricDataResults, r)
	}
	return out, nil
}

// metricData answers one query.
func (s *Service) metricData(ctx context.Context, q *shapes.MetricDataQuery, in *shapes.GetMetricDataInput) (*shapes.MetricDataResult, error) {
	stat := q.MetricStat
	if stat.Metric.Namespace == nil || stat.Metric.MetricName == nil {
		return nil, errValidation("The parameters Namespace and MetricName of query '%s' are required.", *q.Id)
	}
	if _, ok := (Sum{Count: 1}).statistic(*stat.Stat); !ok {
		return nil, errValidation("Stat %s of query '%s' is not kept by Sallyport: ask for SampleCount, Average, Sum, Minimum or Maximum", *stat.Stat, *q.Id)
	}
	m := Metric{Namespace: *stat.Metric.Namespace, Name: *stat.Metric.MetricName, Dimensions: dimensionsOf(stat.Metric.Dimensions)}
	points, err := s.points(ctx, m, *in.StartTime, *in.EndTime, *stat.Period)
	if err != nil {
		return nil, err
	}
	if len(points) > maxData {
		return nil, errValidation("Query '%s' has more than %d datapoints.", *q.Id, maxData)
	}
	if in.ScanBy == nil || *in.ScanBy == "TimestampDescending" { // AWS: the newest first, unless told otherwise
		slices.Reverse(points)
	}
	r := &shapes.MetricDataResult{Id: q.Id, Label: cmp.Or(q.Label, stat.Metric.MetricName), StatusCode: new("Complete"), Timestamps: []time.Time{}, Values: []float64{}}
	for _, p := range points {
		v, _ := p.statistic(*stat.Stat)
		r.Timestamps, r.Values = append(r.Timestamps, p.at), append(r.Values, v)
	}
	return r, nil
}

func (s *Service) listMetrics(ctx context.Context, in *shapes.ListMetricsInput) (*shapes.ListMetricsOutput, error) {
	s.collect(ctx)
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	p := placeOf(ctx)
	list, err := docs.List(ctx, p.prefix()+"metric/")
	if err != nil {
		return nil, fmt.Errorf("list metrics: %w", err)
	}
	out := &shapes.ListMetricsOutput{Metrics: []*shapes.Metric{}}
	recent := s.now().Add(-3*time.Hour).Unix() / 3600
	for _, doc := range list {
		key := strings.TrimPrefix(doc.Key, p.prefix()+"metric/")
		var k known
		if err := json.Unmarshal(doc.Data, &k); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
		switch {
		case in.NextToken != nil && key <= *in.NextToken, !k.matches(in), in.RecentlyActive != nil && k.Last < recent:
			continue
		case len(out.Metrics) == metricsOfPage:
			return out, nil
		}
		m := &shapes.Metric{Namespace: new(k.Namespace), MetricName: new(k.Name), Dimensions: []*shapes.Dimension{}}
		for _, d := range k.Dimensions {
			m.Dimensions = append(m.Dimensions, &shapes.Dimension{Name: new(d[0]), Value: new(d[1])})
		}
		out.Metrics = append(out.Metrics, m)
		if len(out.Metrics) == metricsOfPage {
			out.NextToken = new(key)
		}
	}
	out.NextToken = nil
	return out, nil
}

// matches reports whether a metric passes the filters.
func (m *Metric) matches(in *shapes.ListMetricsInput) bool {
	if in.Namespace != nil && *in.Namespace != m.Namespace || in.MetricName != nil && *in.MetricName != m.Name {
		return false
	}
	for _, want := range in.Dimensions {
		if !slices.ContainsFunc(m.Dimensions, func(d [2]string) bool { return d[0] == *want.Name && (want.Value == nil || d[1] == *want.Value) }) {
			return false
		}
	}
	return true
}
