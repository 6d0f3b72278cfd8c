package monitoring

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"

	"github.com/sallyport/sallyport/internal/awsapi"
)

// A place is where metrics belong.
type place struct{ account, region string }

func placeOf(ctx context.Context) place {
	c := awsapi.CallerOf(ctx)
	return place{c.Account, c.Region}
}

// A Metric is what values belong to. Dimensions are pairs of name and value.
type Metric struct {
	Namespace  string      `json:"namespace"`
	Name       string      `json:"name"`
	Dimensions [][2]string `json:"dimensions,omitempty"`
	Unit       string      `json:"unit,omitempty"` // no part of what it is
}

// key names a metric whatever the order of its dimensions.
func (m *Metric) key() string {
	slices.SortFunc(m.Dimensions, func(a, b [2]string) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	h := sha256.New()
	write := func(s string) { _, _ = h.Write([]byte(s + "\x00")) }
	write(m.Namespace)
	write(m.Name)
	for _, d := range m.Dimensions {
		write(d[0])
		write(d[1])
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// A Sum is what is kept of values.
type Sum struct {
	Count float64 `json:"n"`
	Sum   float64 `json:"sum"`
	Min   float64 `json:"min"`
	Max   float64 `json:"max"`
}

// One is the sum of a single value.
func One(v float64) Sum { return Sum{1, v, v, v} }

func (s *Sum) add(o Sum) {
	if o.Count == 0 {
		return
	}
	if s.Count == 0 {
		*s = o
		return
	}
	s.Count += o.Count
	s.Sum += o.Sum
	s.Min, s.Max = min(s.Min, o.Min), max(s.Max, o.Max)
}

// minutes are sums by minutes since 1970.
type minutes map[int64]Sum

func (m minutes) add(minute int64, v Sum) {
	sum := m[minute]
	sum.add(v)
	m[minute] = sum
}

// A series is what was added to a metric and is not written yet.
type series struct {
	metric Metric
	minutes
}

// Add adds values of a moment. It never waits.
func (s *Service) Add(account, region string, m Metric, at time.Time, v Sum) {
	if v.Count <= 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seriesOf(place{account, region}, m).add(at.Unix()/60, v)
}

// seriesOf returns what is pending of a metric. The caller holds mu.
func (s *Service) seriesOf(p place, m Metric) *series {
	all := s.pending[p]
	if all == nil {
		all = map[string]*series{}
		s.pending[p] = all
	}
	key := m.key()
	one := all[key]
	if one == nil {
		one = &series{metric: m, minutes: minutes{}}
		all[key] = one
	}
	return one
}
