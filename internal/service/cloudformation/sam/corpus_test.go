package sam_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/service/cloudformation/sam"
	"github.com/sallyport/sallyport/internal/service/cloudformation/template"
)

type recorded struct {
	ID            string
	Kind          string
	Types         []string
	Template      json.RawMessage
	Expected      json.RawMessage
	ExpectedError string
}

func environment() sam.Env {
	return sam.Env{
		Account: "123456789012", Region: "ap-southeast-1", Partition: "aws", Parameters: map[string]any{"param1": "value1", "param2": "value2"},
	}
}

// TestRecordedTransforms compares the transform with the results of AWS's own.
func TestRecordedTransforms(t *testing.T) {
	dir := os.Getenv("SALLYPORT_CORPORA")
	for up := "../"; dir == "" && len(up) < 30; up += "../" {
		if _, err := os.Stat(filepath.Join(up, "shared", "corpora")); err == nil {
			dir = filepath.Join(up, "shared", "corpora")
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "sam", "cases.dev.json"))
	if dir == "" || err != nil {
		t.Skip("the recordings of AWS's transform are not here: ../shared/corpora/sam")
	}
	var cases []recorded
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	passed, total := map[string]int{}, map[string]int{}
	for _, c := range cases {
		total[c.Kind]++
		t.Run(c.ID, func(t *testing.T) {
			if problem := c.replay(t); problem != "" {
				t.Error(problem)
				return
			}
			passed[c.Kind]++
		})
	}
	for kind, n := range total {
		t.Logf("%s: %d of %d agree", kind, passed[kind], n)
	}
}

func (c recorded) replay(t *testing.T) string {
	doc, err := template.Parse(c.Template)
	if err != nil {
		return err.Error()
	}
	got, err := sam.Transform(doc, environment())
	if c.Kind == "error" {
		e, ok := err.(*sam.Error)
		if !ok {
			return "no error; want " + c.ExpectedError
		}
		return cmp.Diff(c.ExpectedError, e.Message())
	}
	if err != nil {
		return err.Error()
	}
	b, _ := json.Marshal(got.Root)
	var g, w any
	json.Unmarshal(b, &g)
	json.Unmarshal(c.Expected, &w)
	return cmp.Diff(sorted(w), sorted(g))
}

// sorted sorts every list of a value: that is how AWS compares.
func sorted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = sorted(v[k])
		}
	case []any:
		for i := range v {
			v[i] = sorted(v[i])
		}
		slices.SortFunc(v, func(a, b any) int {
			x, _ := json.Marshal(a)
			y, _ := json.Marshal(b)
			return bytes.Compare(x, y)
		})
	case string:
		return strings.TrimRight(v, "")
	}
	return v
}
