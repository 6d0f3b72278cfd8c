package schedule

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestNext(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("no time zones here: ", err)
	}
	for _, tt := range []struct {
		name, text, from string
		zone             *time.Location
		want             []string // in UTC
	}{
		{"EV-016 rate", "rate(1 minute)", "2026-01-01T00:00:30Z", time.UTC, []string{"2026-01-01T00:01:30Z", "2026-01-01T00:02:30Z"}},
		{"EV-017 each minute", "cron(0/1 * * * ? *)", "2026-01-01T00:00:30Z", time.UTC, []string{"2026-01-01T00:01:00Z", "2026-01-01T00:02:00Z"}},
		{"weekdays", "cron(0 18 ? * MON-FRI *)", "2026-01-02T18:00:00Z", time.UTC, []string{"2026-01-05T18:00:00Z"}},
		{"over the end of the week", "cron(0 0 ? * FRI-SUN *)", "2026-01-01T00:00:00Z", time.UTC, []string{"2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z", "2026-01-04T00:00:00Z", "2026-01-09T00:00:00Z"}},
		{"third saturday", "cron(0 2 ? * SAT#3 *)", "2026-01-01T00:00:00Z", time.UTC, []string{"2026-01-17T02:00:00Z", "2026-02-21T02:00:00Z"}},
		{"last friday", "cron(0 2 ? * 6L *)", "2026-01-01T00:00:00Z", time.UTC, []string{"2026-01-30T02:00:00Z"}},
		{"last day", "cron(0 0 L * ? *)", "2026-02-01T00:00:00Z", time.UTC, []string{"2026-02-28T00:00:00Z", "2026-03-31T00:00:00Z"}},
		{"three days before the last", "cron(0 0 L-3 * ? *)", "2026-02-01T00:00:00Z", time.UTC, []string{"2026-02-25T00:00:00Z"}},
		{"weekday nearest to the first", "cron(0 0 1W * ? *)", "2026-08-01T00:00:00Z", time.UTC, []string{"2026-08-03T00:00:00Z", "2026-09-01T00:00:00Z"}},
		{"leap day", "cron(0 0 29 2 ? *)", "2026-01-01T00:00:00Z", time.UTC, []string{"2028-02-29T00:00:00Z"}},
		{"years end", "cron(0 0 1 1 ? 2025-2026)", "2026-01-01T00:00:00Z", time.UTC, []string{""}},
		{"at", "at(2026-01-01T10:00:00)", "2026-01-01T00:00:00Z", berlin, []string{"2026-01-01T09:00:00Z", ""}},
		{"EV-060 noon in winter and summer", "cron(0 12 28-29 3 ? *)", "2026-03-01T00:00:00Z", berlin, []string{"2026-03-28T11:00:00Z", "2026-03-29T10:00:00Z"}},
		{"EV-060 a time left out", "cron(30 2 29-30 3 ? 2026)", "2026-03-01T00:00:00Z", berlin, []string{"2026-03-30T00:30:00Z"}},
		{"EV-060 a time repeated", "cron(30 2 25,26 10 ? 2026)", "2026-10-25T00:00:00Z", berlin, []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, err := ParseOnce(tt.text, tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, tt.from)
			if err != nil {
				t.Fatal(err)
			}
			for i, want := range tt.want {
				if i == 0 {
					at = s.First(at)
				} else {
					at = s.Next(at, at)
				}
				got := ""
				if !at.IsZero() {
					got = at.UTC().Format(time.RFC3339)
				}
				if got != want {
					t.Fatalf("time %d is %q, want %q", i+1, got, want)
				}
			}
		})
	}
}

func TestNext_missedTimesAreSkipped(t *testing.T) {
	s, err := Parse("rate(5 minutes)", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if got, want := s.Next(due, due.Add(17*time.Minute)), due.Add(20*time.Minute); !got.Equal(want) {
		t.Errorf("next = %s, want %s", got, want)
	}
}

func TestParse_EV015(t *testing.T) {
	for _, text := range []string{
		"rate(1 minutes)", "rate(5 minute)", "rate(10 seconds)", "cron(* * * * * *)", "cron(* * ? * ? *)", "cron(0 12 * * ?)", "cron(60 * * * ? *)",
		"rate(0 minutes)", "rate(99999999999 days)", "cron(0 0 ? * MON#6 *)", "cron(0 0 32 * ? *)", "cron(0 0 ? * 8 *)", "", "cron()", "at(2026-01-01T10:00:00)",
	} {
		if _, err := Parse(text, time.UTC); err == nil {
			t.Errorf("Parse takes %q", text)
		}
	}
}

func TestRecorded_EV015(t *testing.T) {
	var cases []struct {
		Expression, EventBus string
		Valid                bool
	}
	dir := os.Getenv("SALLYPORT_CORPORA")
	for up := "../../../.."; dir == "" && len(up) < 40; up += "/.." {
		if _, err := os.Stat(filepath.Join(up, "shared", "corpora")); err == nil {
			dir = filepath.Join(up, "shared", "corpora")
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "event-patterns/schedule-expressions.dev.json"))
	if dir == "" || err != nil {
		t.Skip("recorded cases are not here")
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		if c.EventBus == "custom" {
			continue // refused for its bus
		}
		if _, err := Parse(c.Expression, time.UTC); (err == nil) != c.Valid {
			t.Errorf("%q: valid %t, want %t", c.Expression, err == nil, c.Valid)
		}
	}
}

// FuzzParse: times go forward, and never stay.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"rate(1 day)", "cron(0/5 1-3,5 ? JAN-MAR 2#1,6L 2026/2)", "cron(1 2 LW * ? *)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text, time.UTC)
		if err != nil {
			return
		}
		now := time.Date(2026, 1, 31, 23, 59, 30, 0, time.UTC)
		for range 3 {
			next := s.First(now)
			if next.IsZero() {
				return
			}
			if !next.After(now) {
				t.Fatalf("%s: %s is not after %s", text, next, now)
			}
			now = next
		}
	})
}
