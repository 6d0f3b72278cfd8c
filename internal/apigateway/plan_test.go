package apigateway

import (
	"testing"
	"time"
)

func TestQuotaStart(t *testing.T) {
	for _, tt := range []struct {
		name, period string
		offset       int64
		at, want     string
	}{
		{"day", Day, 0, "2026-01-14T23:59:59Z", "2026-01-14"},
		{"day_is_of_utc", Day, 0, "2026-01-14T23:30:00-05:00", "2026-01-15"},
		{"week_on_wednesday", Week, 0, "2026-01-14T12:00:00Z", "2026-01-11"},
		{"week_on_sunday", Week, 0, "2026-01-11T00:00:00Z", "2026-01-11"},
		{"week_from_monday", Week, 1, "2026-01-14T12:00:00Z", "2026-01-12"},
		{"week_from_monday_on_sunday", Week, 1, "2026-01-11T12:00:00Z", "2026-01-05"},
		{"week_from_wednesday", Week, 3, "2026-01-14T12:00:00Z", "2026-01-14"},
		{"week_from_saturday", Week, 6, "2026-01-14T12:00:00Z", "2026-01-10"},
		{"month", Month, 0, "2026-01-31T12:00:00Z", "2026-01-01"},
		{"month_from_the_tenth", Month, 9, "2026-01-10T00:00:00Z", "2026-01-10"},
		{"before_the_tenth", Month, 9, "2026-01-09T00:00:00Z", "2025-12-10"},
		{"before_the_28th_of_march", Month, 27, "2026-03-01T00:00:00Z", "2026-02-28"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			q := Quota{Limit: 1, Period: tt.period, Offset: tt.offset}
			if got := q.Start(at).Format(DayFormat); got != tt.want {
				t.Errorf("period of %s begins on %s, want %s", tt.at, got, tt.want)
			}
			if err := q.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestDomainRoute(t *testing.T) {
	d := Domain{Mappings: []Mapping{{ID: "1", Key: "a"}, {ID: "2", Key: "a/b"}, {ID: "3", Key: ""}}}
	for _, tt := range []struct{ path, id, rest string }{
		{"/a", "1", ""}, {"/a/", "1", ""}, {"/a/b", "2", ""}, {"/a/b/c", "2", "c"}, {"/a/c", "1", "c"}, {"/ab", "3", "ab"}, {"", "3", ""}, {"/", "3", ""},
	} {
		m, rest := d.Route(tt.path)
		if m == nil || m.ID != tt.id || rest != tt.rest {
			t.Errorf("%q leads to %+v with %q left, want %s with %q", tt.path, m, rest, tt.id, tt.rest)
		}
	}
	d.Mappings = d.Mappings[:2]
	if m, _ := d.Route("/x"); m != nil {
		t.Errorf("/x leads to %+v", m)
	}
}
