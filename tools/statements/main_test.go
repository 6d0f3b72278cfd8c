package main

import (
	"maps"
	"slices"
	"testing"
)

func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []int
	}{
		{"with_hyphen", `"DY-001 all ten kinds"`, []int{1}},
		{"in_a_function", "TestPutItem_DY001", []int{1}},
		{"two", "TestPutItem_DY001_DY003", []int{1, 3}},
		{"list", "DY-001/002, 005", []int{1, 2, 5}},
		{"range", "DY-001…004", []int{1, 2, 3, 4}},
		{"another_number", "LADY-0012 ADY001", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			proven := map[string]map[int]bool{"DY": {}}
			find(tt.text, proven)
			if got := slices.Sorted(maps.Keys(proven["DY"])); !slices.Equal(got, tt.want) {
				t.Errorf("find(%q) = %v, want %v", tt.text, got, tt.want)
			}
		})
	}
}
