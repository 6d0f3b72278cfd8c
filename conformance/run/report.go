package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/sallyport/sallyport/conformance"
)

// Markers around what is written anew in the report.
const (
	beginMark = "<!-- measured: begin -->"
	endMark   = "<!-- measured: end -->"
)

// writeReport puts the table between the markers of a file.
func writeReport(file, name string, score *conformance.Score, cases int, took time.Duration) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read the report: %w", err)
	}
	before, rest, ok := strings.Cut(string(text), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no markers %s and %s", file, beginMark, endMark)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s%s\n\n%s: %d cases in %.1f s.\n\n", before, beginMark, name, cases, took.Seconds())
	score.Markdown(&b)
	fmt.Fprintf(&b, "\n%s%s", endMark, after)
	return os.WriteFile(file, b.Bytes(), 0o644)
}
