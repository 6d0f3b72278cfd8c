package mapping

import (
	stdjson "encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/vtl"
)

// corpus reads a file of what was recorded on AWS.
func corpus(t *testing.T, name string, v any) {
	t.Helper()
	dir := os.Getenv("SALLYPORT_CORPORA")
	if dir == "" {
		root, err := filepath.Abs(".")
		if err != nil {
			t.Fatal(err)
		}
		for root != filepath.Dir(root) {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				break
			}
			root = filepath.Dir(root)
		}
		dir = filepath.Join(root, "..", "shared", "corpora")
	}
	data, err := os.ReadFile(filepath.Join(dir, "vtl", name))
	if err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	if err := stdjson.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// same compares what was rendered with what AWS gave, which is stored parsed where it is JSON.
func same(t *testing.T, got string, want stdjson.RawMessage, asJSON bool) {
	t.Helper()
	var w any
	if err := stdjson.Unmarshal(want, &w); err != nil {
		t.Fatal(err)
	}
	if text, ok := w.(string); ok && !asJSON {
		if got != text {
			t.Errorf("rendered %q, AWS gives %q", got, text)
		}
		return
	}
	var g any
	if err := stdjson.Unmarshal([]byte(got), &g); err != nil {
		t.Fatalf("rendered %q, AWS gives JSON: %s", got, want)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("AWS (-), rendered (+):\n%s", diff)
	}
}

func TestCorpusCases(t *testing.T) {
	var cases []struct {
		ID               string
		Template         string
		FullTemplate     string
		RequestBody      string
		IgnoreWhitespace bool
		Context          map[string]any
		Expected         stdjson.RawMessage
	}
	corpus(t, "cases.dev.json", &cases)
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			tmpl, err := Parse(c.FullTemplate)
			if err != nil {
				t.Fatal(err)
			}
			call := &Call{}
			call.requestOverride().Get("path").(*vtl.Map).Put("body", c.RequestBody)
			out, err := tmpl.Render(nil, nil, call)
			if err != nil {
				t.Fatal(err)
			}
			got := string(out)
			if c.IgnoreWhitespace {
				got = strings.Join(strings.Fields(got), " ")
			}
			same(t, got, c.Expected, false)
		})
	}
}

func TestCorpusInput(t *testing.T) {
	var cases []struct {
		ID     string
		Stages []struct {
			Template, Body string
			Params         map[string]map[string]string
		}
		Compare  string
		Expected stdjson.RawMessage
	}
	corpus(t, "input.dev.json", &cases)
	for _, c := range cases {
		t.Run(c.ID, func(t *testing.T) {
			call, previous := &Call{}, ""
			for _, stage := range c.Stages {
				tmpl, err := Parse(stage.Template)
				if err != nil {
					t.Fatal(err)
				}
				for name, value := range stage.Params["path"] {
					call.Path = append(call.Path, Parameter{name, []string{value}})
				}
				out, err := tmpl.Render(nil, []byte(strings.ReplaceAll(stage.Body, "«previous»", previous)), call)
				if err != nil {
					t.Fatal(err)
				}
				previous = string(out)
			}
			same(t, previous, c.Expected, c.Compare == "json")
		})
	}
}
