package monitoring

import (
	"context"
	"math"

	"github.com/sallyport/sallyport/internal/awsapi"
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/monitoring"
)

func errParameter(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterValue", 400, format, args...)
}

func errValidation(format string, args ...any) error {
	return awsapi.Errorf("ValidationError", 400, format, args...)
}

func errCombination(format string, args ...any) error {
	return awsapi.Errorf("InvalidParameterCombination", 400, format, args...)
}

func (s *Service) putMetricData(ctx context.Context, in *shapes.PutMetricDataInput) (*shapes.PutMetricDataOutput, error) {
	p := placeOf(ctx)
	sums := make([]Sum, len(in.MetricData))
	for i, d := range in.MetricData {
		v, err := sumOf(d)
		if err != nil {
			return nil, err
		}
		sums[i] = v
	}
	for i, d := range in.MetricData {
		at := s.now()
		if d.Timestamp != nil {
			at = *d.Timestamp
		}
		unit := "None"
		if d.Unit != nil {
			unit = *d.Unit
		}
		s.Add(p.account, p.region, Metric{Namespace: *in.Namespace, Name: *d.MetricName, Dimensions: dimensionsOf(d.Dimensions), Unit: unit}, at, sums[i])
	}
	return nil, nil
}

// sumOf reads a value, values with counts, or a sum.
func sumOf(d *shapes.MetricDatum) (Sum, error) {
	switch {
	case d.StatisticValues != nil:
		v := d.StatisticValues
		return Sum{*v.SampleCount, *v.Sum, *v.Minimum, *v.Maximum}, nil
	case len(d.Values) > 0:
		if len(d.Counts) > 0 && len(d.Counts) != len(d.Values) {
			return Sum{}, errCombination("The parameters MetricData.member.Values and MetricData.member.Counts must be of the same size.")
		}
		var sum Sum
		for i, v := range d.Values {
			n := 1.0
			if len(d.Counts) > 0 {
				n = d.Counts[i]
			}
			sum.add(Sum{n, v * n, v, v})
		}
		return sum, nil
	case d.Value == nil:
		return Sum{}, errCombination("At least one of the parameters MetricData.member.Value, MetricData.member.Values and MetricData.member.StatisticValues must be specified.")
	case math.IsNaN(*d.Value) || math.IsInf(*d.Value, 0):
		return Sum{}, errParameter("The value %g for parameter MetricData.member.Value is invalid.", *d.Value)
	}
	return One(*d.Value), nil
}

func dimensionsOf(in []*shapes.Dimension) [][2]string {
	out := make([][2]string, len(in))
	for i, d := range in {
		out[i] = [2]string{*d.Name, *d.Value}
	}
	return out
}
