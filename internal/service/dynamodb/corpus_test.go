package dynamodb

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCorpus holds our errors against those recorded on AWS.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("SALLYPORT_CORPORA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared", "corpora")
	}
	data, err := os.ReadFile(filepath.Join(dir, "service-errors", "dynamodb.dev.json"))
	if err != nil {
		t.Skipf("no recorded errors here: %v", err)
	}
	var cases []struct {
		ID, Op, Code, Message string
		Params                json.RawMessage
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	c := start(t)
	operations := c.service.Operations()
	for _, tt := range cases {
		c.run(tt.ID, func(c *client) {
			if _, ok := operations[tt.Op]; !ok {
				c.t.Skipf("operation %q is not supported, or the case has none", tt.Op)
			}
			out := c.call(tt.Op, string(tt.Params))
			message, _ := out["message"].(string)
			if out["error"] != tt.Code || !tokens(tt.Message).MatchString(message) {
				c.t.Errorf("%s %s:\n got %v: %s\nwant %s: %s", tt.Op, tt.Params, out["error"], message, tt.Code, tt.Message)
			}
		})
	}
}

// tokens makes an expression of a recorded text: «name» stands for any text.
func tokens(s string) *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	for {
		before, rest, ok := strings.Cut(s, "«")
		b.WriteString(regexp.QuoteMeta(before))
		if !ok {
			break
		}
		_, s, _ = strings.Cut(rest, "»")
		b.WriteString("(?s:.*)")
	}
	b.WriteString("$")
	return regexp.MustCompile(b.String())
}
