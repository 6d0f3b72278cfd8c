package throttle

import (
	"testing"
	"time"
)

func TestBucket(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name        string
		rate, burst float64
		at          []time.Duration
		want        []bool
	}{
		{"burst_first", 1, 2, []time.Duration{0, 0, 0}, []bool{true, true, false}},
		{"fills_by_rate", 2, 1, []time.Duration{0, 0, 400 * time.Millisecond, 500 * time.Millisecond}, []bool{true, false, false, true}},
		{"never_more_than_burst", 10, 2, []time.Duration{0, time.Hour, time.Hour, time.Hour}, []bool{true, true, true, false}},
		{"zero_rate_blocks", 0, 5, []time.Duration{0, time.Hour}, []bool{false, false}},
		{"zero_burst_blocks", 5, 0, []time.Duration{0, time.Hour}, []bool{false, false}},
		{"clock_that_goes_back", 1, 1, []time.Duration{time.Second, 0, time.Second, 2 * time.Second}, []bool{true, false, false, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := New(tt.rate, tt.burst)
			for i, at := range tt.at {
				if got := b.Take(start.Add(at)); got != tt.want[i] {
					t.Errorf("request %d at %v: %v", i, at, got)
				}
			}
		})
	}
	if !(*Bucket)(nil).Take(start) {
		t.Error("no bucket, and refused")
	}
}

func TestKeep(t *testing.T) {
	old := New(1, 2)
	if New(1, 2).Keep(old) != old {
		t.Error("same limits, and a new bucket")
	}
	if b := New(1, 3); b.Keep(old) != b || b.Keep(nil) != b || (*Bucket)(nil).Keep(old) != nil {
		t.Error("other limits, and the old bucket")
	}
}
