// Package schedule is the language of schedules in EventBridge: rate(5 minutes), cron(0 12 * * ? *) and, in the Scheduler,
// at(2026-01-01T10:00:00). Parse reads one; Next says when it is due. It has no clock and keeps nothing.
package schedule

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Schedule knows its times.
type Schedule struct {
	every time.Duration // of rate
	at    time.Time     // of at
	cron  *cron
}

// ErrInvalid says that a text is no schedule.
var ErrInvalid = errors.New("schedule: not valid")

var rate = regexp.MustCompile(`^rate\(([0-9]{1,9}) (minute|hour|day)(s?)\)$`)

// Parse reads rate(…) and cron(…), which is in times of zone.
func Parse(text string, zone *time.Location) (*Schedule, error) {
	if m := rate.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		unit := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[m[2]]
		if n < 1 || (n == 1) != (m[3] == "") || n > 1<<62/int(unit) {
			return nil, ErrInvalid
		}
		return &Schedule{every: time.Duration(n) * unit}, nil
	}
	if inner, ok := strings.CutPrefix(text, "cron("); ok {
		if inner, ok = strings.CutSuffix(inner, ")"); ok {
			c, err := parseCron(inner, zone)
			return &Schedule{cron: c}, err
		}
	}
	return nil, ErrInvalid
}

// ParseOnce is Parse for the Scheduler, which also takes at(2026-01-01T10:00:00).
func ParseOnce(text string, zone *time.Location) (*Schedule, error) {
	if inner, ok := strings.CutPrefix(text, "at("); ok {
		if inner, ok = strings.CutSuffix(inner, ")"); ok {
			at, err := time.ParseInLocation("2006-01-02T15:04:05", inner, zone)
			if err != nil {
				return nil, ErrInvalid
			}
			return &Schedule{at: at}, nil
		}
	}
	return Parse(text, zone)
}

// Once tells whether there is one time only.
func (s *Schedule) Once() bool { return !s.at.IsZero() }

// Rate tells whether the times are a fixed span apart.
func (s *Schedule) Rate() bool { return s.every > 0 }

// First returns the first time of a schedule that begins at start. A rate's is one period later; zero means never.
func (s *Schedule) First(start time.Time) time.Time {
	if s.Once() {
		return s.at
	}
	return s.Next(start, start)
}

// Next returns the first time after now that belongs to a schedule that was due at before; zero means never.
func (s *Schedule) Next(before, now time.Time) time.Time {
	switch {
	case s.Once():
		return time.Time{}
	case s.every > 0:
		next := before.Add(s.every)
		if late := now.Sub(next); late >= 0 {
			next = next.Add((late/s.every + 1) * s.every)
		}
		return next
	}
	if before.After(now) {
		now = before
	}
	return s.cron.next(now)
}
