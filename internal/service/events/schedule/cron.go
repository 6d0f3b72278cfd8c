package schedule

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// A cron is minutes, hours, days of month, months, days of week and years, in the dialect of AWS.
type cron struct {
	zone                          *time.Location
	minutes, hours, months, years set
	days                          days
}

// A set is the numbers that a field allows; nil allows all.
type set []int

func (s set) has(n int) bool { return s == nil || slices.Contains(s, n) }

// days is what the fields of days ask for: one of them is ?, and the other decides.
type days struct {
	byWeek     bool
	plain      set // days of month, or of week (1 is Sunday)
	fromEnd    int // L-3: this many days before the last; -1 is none
	nearest    int // 15W: the weekday nearest to the 15th
	lastWorker bool
	nth        [][2]int // SAT#3: day of week and its number in the month; 0 means the last one, as in 6L
}

var (
	monthNames = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	dayNames   = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

// A field is how one place of the expression is read.
type field struct {
	low, high int
	names     []string
}

var (
	minuteField = field{0, 59, nil}
	hourField   = field{0, 23, nil}
	domField    = field{1, 31, nil}
	monthField  = field{1, 12, monthNames}
	dowField    = field{1, 7, dayNames}
	yearField   = field{1970, 2199, nil}
)

func parseCron(text string, zone *time.Location) (*cron, error) {
	parts := strings.Split(text, " ")
	if len(parts) != 6 || slices.Contains(parts, "") {
		return nil, ErrInvalid
	}
	if (parts[2] == "?") == (parts[4] == "?") {
		return nil, ErrInvalid
	}
	c := &cron{zone: zone}
	for _, f := range []struct {
		to   *set
		how  field
		text string
	}{{&c.minutes, minuteField, parts[0]}, {&c.hours, hourField, parts[1]}, {&c.months, monthField, parts[3]}, {&c.years, yearField, parts[5]}} {
		var ok bool
		if *f.to, ok = f.how.parse(f.text); !ok {
			return nil, ErrInvalid
		}
	}
	var ok bool
	if parts[2] != "?" {
		c.days, ok = parseMonthDays(parts[2])
	} else {
		c.days, ok = parseWeekDays(parts[4])
	}
	if !ok {
		return nil, ErrInvalid
	}
	return c, nil
}

// parse reads 5, 1-5, 0/10, 1-30/5, *, and lists of these.
func (f field) parse(text string) (set, bool) {
	if text == "*" {
		return nil, true
	}
	var all set
	for part := range strings.SplitSeq(text, ",") {
		span, step, stepped := strings.Cut(part, "/")
		from, to, isSpan := strings.Cut(span, "-")
		low, ok := f.number(from)
		high := low
		switch {
		case span == "*":
			low, high, ok = f.low, f.high, true
		case !ok:
			return nil, false
		case isSpan:
			if high, ok = f.number(to); !ok {
				return nil, false
			}
		case stepped:
			high = f.high
		}
		by := 1
		if stepped {
			n, err := strconv.Atoi(step)
			if err != nil || n < 1 || n > f.high {
				return nil, false
			}
			by = n
		}
		if high < low { // FRI-MON goes over the end
			high += f.high - f.low + 1
		}
		for n := low; n <= high; n += by {
			all = append(all, f.low+(n-f.low)%(f.high-f.low+1))
		}
	}
	return all, true
}

func (f field) number(text string) (int, bool) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.low + i, true
	}
	if text == "" || strings.Trim(text, "0123456789") != "" || len(text) > 4 {
		return 0, false
	}
	n, _ := strconv.Atoi(text)
	return n, n >= f.low && n <= f.high
}

func parseMonthDays(text string) (days, bool) {
	d := days{fromEnd: -1}
	switch {
	case text == "L":
		d.fromEnd = 0
		return d, true
	case text == "LW" || text == "WL":
		d.lastWorker = true
		return d, true
	case strings.HasPrefix(text, "L-"):
		n, err := strconv.Atoi(text[2:])
		d.fromEnd = n
		return d, err == nil && n >= 0 && n <= 30
	case strings.HasSuffix(text, "W"):
		n, ok := domField.number(strings.TrimSuffix(text, "W"))
		d.nearest = n
		return d, ok
	}
	var ok bool
	d.plain, ok = domField.parse(text)
	return d, ok
}

func parseWeekDays(text string) (days, bool) {
	d := days{byWeek: true, fromEnd: -1}
	if text == "L" { // the last day of the week
		d.plain = set{7}
		return d, true
	}
	var rest []string
	for part := range strings.SplitSeq(text, ",") {
		if day, n, ok := strings.Cut(part, "#"); ok {
			w, isDay := dowField.number(day)
			nth, err := strconv.Atoi(n)
			if !isDay || err != nil || nth < 1 || nth > 5 {
				return d, false
			}
			d.nth = append(d.nth, [2]int{w, nth})
			continue
		}
		if day, ok := strings.CutSuffix(part, "L"); ok {
			w, isDay := dowField.number(day)
			if !isDay {
				return d, false
			}
			d.nth = append(d.nth, [2]int{w, 0})
			continue
		}
		rest = append(rest, part)
	}
	if len(rest) == 0 {
		d.plain = set{}
		return d, true
	}
	var ok bool
	d.plain, ok = dowField.parse(strings.Join(rest, ","))
	return d, ok
}

// has tells whether a day, given as its noon in any zone, is one of d.
func (d days) has(year int, month time.Month, day int) bool {
	last := time.Date(year, month+1, 0, 12, 0, 0, 0, time.UTC).Day()
	week := func(day int) int { return int(time.Date(year, month, day, 12, 0, 0, 0, time.UTC).Weekday()) + 1 }
	switch {
	case d.byWeek:
		w := week(day)
		for _, n := range d.nth {
			if n[0] == w && (n[1] == 0 && day+7 > last || n[1] == (day-1)/7+1) {
				return true
			}
		}
		return d.plain.has(w)
	case d.fromEnd >= 0:
		return day == last-d.fromEnd
	case d.lastWorker:
		return day == worker(last, last, week)
	case d.nearest > 0:
		return d.nearest <= last && day == worker(d.nearest, last, week)
	}
	return d.plain.has(day)
}

// worker returns the weekday nearest to day within its month.
func worker(day, last int, week func(int) int) int {
	switch week(day) {
	case 7: // Saturday
		if day == 1 {
			return 3
		}
		return day - 1
	case 1: // Sunday
		if day == last {
			return day - 2
		}
		return day + 1
	}
	return day
}

// next returns the first time after t; zero if there is none. AWS: a time that a change of clocks leaves out is left out, one
// that it repeats counts once.
func (c *cron) next(t time.Time) time.Time {
	from := t.In(c.zone).Truncate(time.Minute)
	day := time.Date(from.Year(), from.Month(), from.Day(), 12, 0, 0, 0, time.UTC)
	for year := day.Year(); year <= yearField.high; year = day.Year() {
		if !c.years.has(year) {
			day = time.Date(year+1, 1, 1, 12, 0, 0, 0, time.UTC)
			continue
		}
		if !c.months.has(int(day.Month())) {
			day = time.Date(year, day.Month()+1, 1, 12, 0, 0, 0, time.UTC)
			continue
		}
		if c.days.has(year, day.Month(), day.Day()) {
			if at := c.onDay(year, day.Month(), day.Day(), t); !at.IsZero() {
				return at
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return time.Time{}
}

// onDay returns the first time on a day that is after t.
func (c *cron) onDay(year int, month time.Month, day int, t time.Time) time.Time {
	for hour := range 24 {
		if !c.hours.has(hour) {
			continue
		}
		for minute := range 60 {
			if !c.minutes.has(minute) {
				continue
			}
			at := time.Date(year, month, day, hour, minute, 0, 0, c.zone)
			if before := at.Add(-time.Hour); before.Hour() == hour { // the clock shows this hour twice: the first one counts
				at = before
			}
			if at.Hour() == hour && at.Minute() == minute && at.After(t) {
				return at
			}
		}
	}
	return time.Time{}
}
