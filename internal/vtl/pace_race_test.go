//go:build race

package vtl_test

import "time"

// pace is how long the largest template may take to be read. The race detector slows it down tenfold.
const pace = 5 * time.Minute
