package conformance

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// States of a statement.
const (
	ByCase     = "by case"
	ByTest     = "by test"
	Failing    = "failing"
	NotYet     = "not yet"
	Impossible = "impossible"
)

// A Score is how far a target is.
type Score struct {
	State   map[int]string // by statement
	Results []Result
	Reasons map[int]string // of what is impossible
}

// ScoreOf counts. A statement with several cases is proven if all of them passed; tests are passed Go tests by statement.
func ScoreOf(s *Suite, results []Result, tests map[int]bool) *Score {
	score := &Score{State: map[int]string{}, Results: results, Reasons: s.Impossible}
	for n := 1; n <= Last; n++ {
		score.State[n] = NotYet
		if tests[n] {
			score.State[n] = ByTest
		}
		if _, ok := s.Impossible[n]; ok {
			score.State[n] = Impossible
		}
	}
	for _, pass := range []bool{true, false} { // failures last: they win
		for _, r := range results {
			for _, n := range r.Case.Statements {
				switch {
				case r.Skipped != "":
				case pass && r.Err == nil:
					score.State[n] = ByCase
				case !pass && r.Err != nil:
					score.State[n] = Failing
				}
			}
		}
	}
	return score
}

// Count returns how many statements of a family have a state.
func (s *Score) Count(f Family, states ...string) (n int) {
	for i := f.First; i <= f.Last; i++ {
		if slices.Contains(states, s.State[i]) {
			n++
		}
	}
	return n
}

// all is the whole contract.
var all = Family{"", "all", 1, Last}

// Print writes the table, and what failed or was left out.
func (s *Score) Print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "family\tstatements\tby case\tby test\tfailing\tnot yet\timpossible")
	for _, f := range append(slices.Clone(Families), all) {
		fmt.Fprintf(tw, "%s %s\t%d\t%d\t%d\t%d\t%d\t%d\n", f.Section, f.Title, f.Last-f.First+1, s.Count(f, ByCase), s.Count(f, ByTest),
			s.Count(f, Failing), s.Count(f, NotYet), s.Count(f, Impossible))
	}
	tw.Flush()
	for _, r := range s.Results {
		switch {
		case r.Err != nil:
			fmt.Fprintf(w, "FAIL  %s\n      %s\n", r.Case.Name(), r.Err)
		case r.Skipped != "":
			fmt.Fprintf(w, "left out  %s: %s\n", r.Case.Name(), r.Skipped)
		}
	}
}

// Markdown writes the table and the lists for the documentation.
func (s *Score) Markdown(w io.Writer) {
	fmt.Fprintln(w, "| family | statements | by case | by test | failing | not yet | impossible |")
	fmt.Fprintln(w, "|---|---:|---:|---:|---:|---:|---:|")
	for _, f := range append(slices.Clone(Families), all) {
		title := strings.TrimSpace(f.Section + " " + f.Title)
		if f == all {
			title = "**all**"
		}
		fmt.Fprintf(w, "| %s | %d | %d | %d | %d | %d | %d |\n", title, f.Last-f.First+1, s.Count(f, ByCase), s.Count(f, ByTest),
			s.Count(f, Failing), s.Count(f, NotYet), s.Count(f, Impossible))
	}
	for _, state := range []string{ByTest, Failing, NotYet} {
		if list := s.list(state); list != "" {
			fmt.Fprintf(w, "\n%s: %s.\n", strings.ToUpper(state[:1])+state[1:], list)
		}
	}
	if s.Count(all, Impossible) == 0 {
		return
	}
	fmt.Fprint(w, "\nImpossible to prove over the wire here:\n\n")
	for n := 1; n <= Last; n++ {
		if s.State[n] == Impossible {
			fmt.Fprintf(w, "- DP-%03d: %s\n", n, s.Reasons[n])
		}
	}
}

// list names the statements in a state, runs of them as ranges.
func (s *Score) list(state string) string {
	var parts []string
	for n := 1; n <= Last; n++ {
		if s.State[n] != state {
			continue
		}
		end := n
		for end < Last && s.State[end+1] == state {
			end++
		}
		part := fmt.Sprintf("DP-%03d", n)
		if end > n {
			part += fmt.Sprintf(" to DP-%03d", end)
		}
		parts = append(parts, part)
		n = end
	}
	return strings.Join(parts, ", ")
}
