//go:build !race

package vtl_test

import "time"

// pace is how long the largest template may take to be read.
const pace = 30 * time.Second
