package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/conformance"
)

func TestReadTests(t *testing.T) {
	got := readTests([]byte(`{"Action":"run","Test":"TestA_DP001"}
not JSON
{"Action":"pass","Test":"TestA_DP001_DP-002"}
{"Action":"pass","Test":"TestB/DP-003_x"}
{"Action":"pass","Test":"TestC/DP-004"}
{"Action":"fail","Test":"TestD/DP-004"}
{"Action":"skip","Test":"TestE_DP005"}
{"Action":"pass"}
`))
	if diff := cmp.Diff(map[int]bool{1: true, 2: true, 3: true}, maps.Collect(maps.All(got))); diff != "" {
		t.Error(diff)
	}
}

func TestWriteReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.md")
	if err := os.WriteFile(file, []byte("before\n"+beginMark+"\nold\n"+endMark+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	score := conformance.ScoreOf(&conformance.Suite{}, []conformance.Result{{Case: &conformance.Case{Statements: []int{1}}}}, nil)
	for range 2 { // a second time changes nothing
		if err := writeReport(file, "X", score, 1, time.Second); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"before\n", "X: 1 cases in 1.0 s.", "| 13.1 Addresses and upgrade | 22 | 1 | 0 | 0 | 21 | 0 |", "\nafter\n"} {
		if strings.Count(string(text), part) != 1 {
			t.Errorf("%q is not there once:\n%s", part, text)
		}
	}
	if strings.Contains(string(text), "old") {
		t.Error("what was measured before is still there")
	}
}
