//go:build !race

package wsapptest_test

import "time"

// pace is how long two hundred tests may take.
const pace = 2 * time.Second
