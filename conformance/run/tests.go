package main

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// readTests finds the statements that the output of go test -json proves: named by a test that passed, and by none that failed.
func readTests(out []byte) map[int]bool {
	proven := map[int]bool{}
	failed := map[int]bool{}
	for line := range bytes.Lines(out) {
		var e struct{ Action, Test string }
		if json.Unmarshal(line, &e) != nil || e.Test == "" {
			continue
		}
		for _, m := range proof.FindAllStringSubmatch(e.Test, -1) {
			n, _ := strconv.Atoi(m[1])
			switch e.Action {
			case "pass":
				proven[n] = true
			case "fail":
				failed[n] = true
			}
		}
	}
	for n := range failed {
		delete(proven, n)
	}
	return proven
}
