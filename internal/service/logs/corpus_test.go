package logs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// corpus returns a file of what was recorded on AWS, or skips the test.
func corpus(t *testing.T, name string) []byte {
	t.Helper()
	dir := os.Getenv("SALLYPORT_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpora")
	}
	data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		t.Skipf("the corpus is not here: %v", err)
	}
	return data
}

// TestRecordedErrors holds our errors against those that AWS was recorded to give, for the operations that we have.
func TestRecordedErrors(t *testing.T) {
	var cases []struct {
		ID, Op, Code, Message string
		Params                object
	}
	if err := json.Unmarshal(corpus(t, "service-errors/logs.dev.json"), &cases); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, c := range cases {
		if _, ok := New(nil, nil, nil).Operations()[c.Op]; !ok || c.Params == nil {
			continue
		}
		tried++
		t.Run(c.ID, func(t *testing.T) {
			f := newFixture(t)
			f.stream()
			// A reference is to something that was made before.
			for name, made := range map[string]string{"logGroupName": "g", "logStreamName": "s"} {
				if c.Params[name] == "«ref»" {
					c.Params[name] = made
				}
			}
			if c.Params["logStreamNames"] != nil {
				c.Params["logStreamNames"] = []string{"s"}
			}
			_, failure := f.call(c.Op, c.Params)
			if strings.Contains(c.ID, "duplicate") {
				_, failure = f.call(c.Op, c.Params)
			}
			if want := c.Code + ": " + c.Message; failure != want {
				t.Errorf("%s\nwant %s", failure, want)
			}
		})
	}
	if tried == 0 {
		t.Error("no case is about an operation that we have")
	}
}
