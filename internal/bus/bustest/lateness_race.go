//go:build race

package bustest

import "time"

// lateness is how long after its time a job may run. The race detector slows the server down tenfold.
const lateness = 3 * time.Second
