//go:build race

package wsapptest_test

import "time"

// pace is how long two hundred tests may take. The race detector slows the server down tenfold.
const pace = 20 * time.Second
