package awsapi

import (
	"iter"
	"maps"
	"slices"
)

// A Coverage says how far an operation of AWS is answered here.
type Coverage struct {
	Operation string
	State     CoverageState
	Note      string // what is missing, or why it is refused
}

// A CoverageState is one of three.
type CoverageState string

// States of coverage.
const (
	Done    CoverageState = "done"
	Partial CoverageState = "partly"
	Refused CoverageState = "refused"
)

// Partly notes what the operation lacks of AWS's.
func (o Operation) Partly(missing string) Operation {
	o.state, o.note = Partial, missing
	return o
}

// Refused notes that the operation answers with an error whatever its input is, and why.
func (o Operation) Refused(why string) Operation {
	o.state, o.note = Refused, why
	return o
}

// Coverage returns each API with all its operations, sorted.
func (c *Catalog) Coverage() iter.Seq2[*API, []Coverage] {
	return func(yield func(*API, []Coverage) bool) {
		for _, name := range slices.Sorted(slices.Values(c.names)) {
			e := c.entries[name]
			var all []Coverage
			for _, operation := range slices.Sorted(maps.Keys(e.api.Operations)) {
				all = append(all, e.coverage(operation))
			}
			if !yield(e.api, all) {
				return
			}
		}
	}
}

func (e *entry) coverage(operation string) Coverage {
	op, ok := e.ops[operation]
	switch {
	case !ok:
		return Coverage{operation, Refused, e.unsupported(operation).Message}
	case op.state == "":
		return Coverage{operation, Done, ""}
	}
	return Coverage{operation, op.state, op.note}
}
