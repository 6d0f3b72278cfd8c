//go:build !race

package bustest

import "time"

// lateness is how long after its time a job may run.
const lateness = 300 * time.Millisecond
