package logs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/logs"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/service/logs/pattern"
	"github.com/sallyport/sallyport/internal/store"
)

// Metrics takes what metric filters measure.
type Metrics interface {
	// Measure adds a value to a metric.
	Measure(account, region string, m Measured)
}

// A Measured is one value of a metric.
type Measured struct {
	Namespace, Name, Unit string
	Dimensions            [][2]string
	At                    time.Time
	Value                 float64
}

const (
	metricsPrefix    = "metric/" // {account}/{region}/{group}: metricFilters
	maxMetricFilters = 100       // of a group
	maxDimensions    = 3
)

func (p place) metricsKey(group string) string {
	return metricsPrefix + p.Account + "/" + p.Region + "/" + group
}

// metricFilters are the metric filters of a group.
type metricFilters struct {
	Filters []metricFilter `json:"filters"`
}

type metricFilter struct {
	Name       string            `json:"name"`
	Pattern    string            `json:"pattern"`
	Metric     string            `json:"metric"`
	Namespace  string            `json:"namespace"`
	Value      string            `json:"value"`
	Default    *float64          `json:"default,omitempty"`
	Dimensions map[string]string `json:"dimensions,omitempty"`
	Unit       string            `json:"unit,omitempty"`
	Created    int64             `json:"created"`
}

// ConnectMetrics tells the service where metric filters put what they measure. It is called before Run.
func (s *Service) ConnectMetrics(m Metrics) { s.metrics = m }

// measure gives what the group's metric filters find in new lines to their metrics.
func (s *Service) measure(ctx context.Context, key logKey, events []event) {
	if s.metrics == nil || s.metered.Ready(ctx) != nil {
		return
	}
	all, err := s.metered.Get(ctx, key.metricsKey(key.group))
	if err != nil || all == nil {
		return
	}
	for _, f := range all.Filters {
		p, err := pattern.Parse(f.Pattern)
		if err != nil { // it was checked when it was put
			continue
		}
		matched := false
		for _, e := range events {
			if !p.Match(e.message) {
				continue
			}
			matched = true
			if m, ok := f.measured(p, e); ok {
				s.metrics.Measure(key.Account, key.Region, m)
			}
		}
		if !matched && f.Default != nil && len(events) > 0 {
			s.metrics.Measure(key.Account, key.Region, Measured{Namespace: f.Namespace, Name: f.Metric, Unit: f.Unit, At: time.UnixMilli(events[0].at), Value: *f.Default})
		}
	}
}

// measured returns the value that a line has. AWS: one that is no number, or lacks a dimension, is left out.
func (f *metricFilter) measured(p *pattern.Pattern, e event) (m Measured, ok bool) {
	text := f.Value
	if strings.HasPrefix(text, "$") {
		if text, ok = p.Value(e.message, f.Value); !ok {
			return m, false
		}
	}
	m = Measured{Namespace: f.Namespace, Name: f.Metric, Unit: f.Unit, At: time.UnixMilli(e.at)}
	var err error
	if m.Value, err = strconv.ParseFloat(text, 64); err != nil {
		return m, false
	}
	for name, selector := range f.Dimensions {
		v, ok := p.Value(e.message, selector)
		if !ok || v == "" {
			return m, false
		}
		m.Dimensions = append(m.Dimensions, [2]string{name, v})
	}
	return m, true
}

// What PutMetricFilter takes. AWS: in its messages, the unit comes before the dimensions; in its model, behind them.
type (
	putMetricFilterInput struct {
		LogGroupName          *string                 `aws:"logGroupName,required,min=1" pattern:"[\\.\\-_/#A-Za-z0-9]+"`
		FilterName            *string                 `aws:"filterName,required,min=1,max=512" pattern:"[^:*]*"`
		FilterPattern         *string                 `aws:"filterPattern,required,min=0,max=1024"`
		MetricTransformations []*MetricTransformation `aws:"metricTransformations,required,min=1,max=1"`
	}
	// A MetricTransformation makes a metric's value of a line.
	MetricTransformation struct {
		MetricName      *string           `aws:"metricName,required,max=255" pattern:"[^:*$]*"`
		MetricNamespace *string           `aws:"metricNamespace,required,max=255" pattern:"[^:*$]*"`
		MetricValue     *string           `aws:"metricValue,required,max=100"`
		DefaultValue    *float64          `aws:"defaultValue"`
		Unit            *string           `aws:"unit" enum:"Seconds,Microseconds,Milliseconds,Bytes,Kilobytes,Megabytes,Gigabytes,Terabytes,Bits,Kilobits,Megabits,Gigabits,Terabits,Percent,Count,Bytes/Second,Kilobytes/Second,Megabytes/Second,Gigabytes/Second,Terabytes/Second,Bits/Second,Kilobits/Second,Megabits/Second,Gigabits/Second,Terabits/Second,Count/Second,None"`
		Dimensions      map[string]string `aws:"dimensions" key:"max=255" elem:"max=255"`
	}
)

func (s *Service) putMetricFilter(ctx context.Context, in *putMetricFilterInput) (*shapes.PutMetricFilterOutput, error) {
	t := in.MetricTransformations[0]
	return &shapes.PutMetricFilterOutput{}, s.keepMetricFilter(ctx, *in.LogGroupName, metricFilter{
		Name: *in.FilterName, Pattern: *in.FilterPattern, Metric: *t.MetricName, Namespace: *t.MetricNamespace, Value: *t.MetricValue,
		Default: t.DefaultValue, Dimensions: t.Dimensions, Unit: value(t.Unit),
	})
}

func (s *Service) keepMetricFilter(ctx context.Context, group string, f metricFilter) error {
	if _, err := parsePattern(&f.Pattern); err != nil {
		return err
	}
	switch _, err := strconv.ParseFloat(f.Value, 64); {
	case err != nil && !strings.HasPrefix(f.Value, "$"):
		return errParameter("Invalid metric transformation: metricValue '%s' is neither a number nor a field of the pattern.", f.Value)
	case len(f.Dimensions) > maxDimensions:
		return errParameter("Invalid metric transformation: at most %d dimensions are allowed.", maxDimensions)
	case len(f.Dimensions) > 0 && f.Default != nil:
		return errParameter("Invalid metric transformation: dimensions and default value are mutually exclusive properties.")
	}
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	if _, _, err := s.readGroup(ctx, docs, group); err != nil {
		return err
	}
	f.Created = s.millis()
	_, err = s.metered.Edit(ctx, placeOf(ctx).metricsKey(group), func(all *metricFilters) (*metricFilters, error) {
		if all == nil {
			all = &metricFilters{}
		}
		if i := slices.IndexFunc(all.Filters, func(old metricFilter) bool { return old.Name == f.Name }); i >= 0 {
			all.Filters[i] = f
			return all, nil
		}
		if len(all.Filters) == maxMetricFilters {
			return nil, awsapi.Errorf("LimitExceededException", 400, "Resource limit exceeded.")
		}
		all.Filters = append(all.Filters, f)
		return all, nil
	})
	return err
}

// listMetricFilters returns the metric filters of the groups whose names begin with prefix.
func listMetricFilters(ctx context.Context, docs store.Store, p place, prefix string) (map[string][]metricFilter, error) {
	found, err := docs.List(ctx, p.metricsKey(prefix))
	if err != nil {
		return nil, fmt.Errorf("list metric filters: %w", err)
	}
	groups := map[string][]metricFilter{}
	for _, doc := range found {
		var all metricFilters
		if err := json.Unmarshal(doc.Data, &all); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
		groups[strings.TrimPrefix(doc.Key, p.metricsKey(""))] = all.Filters
	}
	return groups, nil
}

func (f metricFilter) show(group string) *shapes.MetricFilter {
	t := &shapes.MetricTransformation{MetricName: &f.Metric, MetricNamespace: &f.Namespace, MetricValue: &f.Value, DefaultValue: f.Default, Dimensions: f.Dimensions}
	if f.Unit != "" {
		t.Unit = &f.Unit
	}
	return &shapes.MetricFilter{
		FilterName: &f.Name, FilterPattern: &f.Pattern, CreationTime: &f.Created, LogGroupName: &group, MetricTransformations: []*shapes.MetricTransformation{t},
	}
}

func (s *Service) describeMetricFilters(ctx context.Context, in *shapes.DescribeMetricFiltersInput) (*shapes.DescribeMetricFiltersOutput, error) {
	p := placeOf(ctx)
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if in.LogGroupName != nil {
		if _, _, err := s.readGroup(ctx, docs, *in.LogGroupName); err != nil {
			return nil, err
		}
	}
	groups, err := listMetricFilters(ctx, docs, p, value(in.LogGroupName))
	if err != nil {
		return nil, err
	}
	var shown []*shapes.MetricFilter
	for group, filters := range groups {
		for _, f := range filters {
			if in.LogGroupName != nil && group != *in.LogGroupName || !strings.HasPrefix(f.Name, value(in.FilterNamePrefix)) ||
				in.MetricName != nil && *in.MetricName != f.Metric || in.MetricNamespace != nil && *in.MetricNamespace != f.Namespace {
				continue
			}
			shown = append(shown, f.show(group))
		}
	}
	name := func(f *shapes.MetricFilter) string { return *f.FilterName + "\n" + *f.LogGroupName }
	slices.SortFunc(shown, func(a, b *shapes.MetricFilter) int { return strings.Compare(name(a), name(b)) })
	shown, next, err := pageOf(shown, name, in.Limit, in.NextToken)
	if shown == nil {
		shown = []*shapes.MetricFilter{}
	}
	return &shapes.DescribeMetricFiltersOutput{MetricFilters: shown, NextToken: next}, err
}

func (s *Service) deleteMetricFilter(ctx context.Context, in *shapes.DeleteMetricFilterInput) (*shapes.DeleteMetricFilterOutput, error) {
	return &shapes.DeleteMetricFilterOutput{}, s.removeMetricFilter(ctx, *in.LogGroupName, *in.FilterName)
}

func (s *Service) removeMetricFilter(ctx context.Context, group, name string) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	if _, _, err := s.readGroup(ctx, docs, group); err != nil {
		return err
	}
	_, err = s.metered.Edit(ctx, placeOf(ctx).metricsKey(group), func(all *metricFilters) (*metricFilters, error) {
		missing := awsapi.Errorf(codeNotFound, 400, "The specified metric filter does not exist.")
		if all == nil {
			return nil, missing
		}
		n := len(all.Filters)
		all.Filters = slices.DeleteFunc(all.Filters, func(f metricFilter) bool { return f.Name == name })
		switch len(all.Filters) {
		case n:
			return nil, missing
		case 0:
			return nil, nil
		}
		return all, nil
	})
	return err
}

// What TestMetricFilter takes and gives.
type (
	testMetricFilterInput struct {
		FilterPattern    *string  `aws:"filterPattern,required,min=0,max=1024"`
		LogEventMessages []string `aws:"logEventMessages,required,min=1,max=50" elem:"min=1"`
	}
	testMetricFilterOutput struct {
		Matches []*metricFilterMatch `aws:"matches"`
	}
	metricFilterMatch struct {
		EventNumber     *int64            `aws:"eventNumber"`
		EventMessage    *string           `aws:"eventMessage"`
		ExtractedValues map[string]string `aws:"extractedValues"`
	}
)

func (s *Service) testMetricFilter(_ context.Context, in *testMetricFilterInput) (*testMetricFilterOutput, error) {
	p, err := parsePattern(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	out := &testMetricFilterOutput{Matches: []*metricFilterMatch{}}
	for i, line := range in.LogEventMessages {
		if p.Match(line) {
			out.Matches = append(out.Matches, &metricFilterMatch{new(int64(i + 1)), &line, p.Values(line)})
		}
	}
	return out, nil
}

type metricFilterProperties struct {
	ApplyOnTransformedLogs    *bool
	EmitSystemFieldDimensions []string
	FieldSelectionCriteria    *string
	FilterName                *string `cfn:"createonly"`
	FilterPattern             string  `cfn:"required"`
	LogGroupName              string  `cfn:"required,createonly"`
	MetricTransformations     []struct {
		DefaultValue                *float64
		Dimensions                  []struct{ Key, Value string }
		MetricName, MetricNamespace string `cfn:"required"`
		MetricValue                 string `cfn:"required"`
		Unit                        *string
	} `cfn:"required"`
}

func (s *Service) metricFilterResource() resource.Type {
	put := func(ctx context.Context, name string, p *metricFilterProperties) (resource.Result, error) {
		if len(p.MetricTransformations) != 1 {
			return resource.Result{}, errParameter("1 validation error detected: Value at 'metricTransformations' failed to satisfy constraint: Member must have length equal to 1")
		}
		t := p.MetricTransformations[0]
		f := metricFilter{Name: name, Pattern: p.FilterPattern, Metric: t.MetricName, Namespace: t.MetricNamespace, Value: t.MetricValue, Default: t.DefaultValue, Unit: value(t.Unit)}
		for _, d := range t.Dimensions {
			if f.Dimensions == nil {
				f.Dimensions = map[string]string{}
			}
			f.Dimensions[d.Key] = d.Value
		}
		return resource.Result{PhysicalID: name}, s.keepMetricFilter(ctx, p.LogGroupName, f)
	}
	return resource.New("AWS::Logs::MetricFilter", resource.Handlers[metricFilterProperties]{
		Create: func(ctx context.Context, r resource.Request, p *metricFilterProperties) (resource.Result, error) {
			name := value(p.FilterName)
			if name == "" {
				name = r.PhysicalName(512)
			}
			return put(ctx, name, p)
		},
		Update: func(ctx context.Context, r resource.Request, p, _ *metricFilterProperties) (resource.Result, error) {
			return put(ctx, r.PhysicalID, p)
		},
		Delete: func(ctx context.Context, r resource.Request) error {
			group, _ := r.Properties["LogGroupName"].(string)
			return gone(s.removeMetricFilter(ctx, group, r.PhysicalID))
		},
	})
}
