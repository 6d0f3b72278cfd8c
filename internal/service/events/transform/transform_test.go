package transform

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const event = `{"version":"0","id":"7","detail-type":"t","source":"s","time":"2026-01-01T00:00:00Z","resources":["r1"],"detail":{"name":"a \"b\"","n":1.50,"list":[{"x":1},{"x":2},{}],"a b":null}}`

func TestPick_EV027(t *testing.T) {
	for _, tt := range []struct{ path, want string }{
		{"$", event},
		{"$.detail.n", "1.50"},
		{"$.detail-type", `"t"`},
		{"$.detail.list[1].x", "2"},
		{"$.detail.list[-3]", `{"x":1}`},
		{"$.detail.list[*].x", "[1,2]"},
		{"$.detail['a b']", "null"},
		{"$.detail.missing.more", ""},
		{"$.resources[9]", ""},
	} {
		p, err := ParsePath(tt.path)
		if err != nil {
			t.Fatal(tt.path, err)
		}
		if got := string(p.Pick([]byte(event))); got != tt.want {
			t.Errorf("%s = %s, want %s", tt.path, got, tt.want)
		}
	}
	for _, bad := range []string{"", "detail", "$detail", "$.", "$..a", "$[", "$[]", "$[x]", "$['x", "$.a."} {
		if _, err := ParsePath(bad); !errors.Is(err, ErrPath) {
			t.Errorf("ParsePath(%q) = %v", bad, err)
		}
	}
}

func TestFill_EV028_EV030(t *testing.T) {
	c := Context{RuleARN: "arn:aws:events:us-east-1:1:rule/r", RuleName: "r", Ingested: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)}
	paths := map[string]string{"name": "$.detail.name", "n": "$.detail.n", "list": "$.detail.list", "gone": "$.detail.gone"}
	for _, tt := range []struct{ name, text, want string }{
		{"EV-028 quoted and not", `{"a": "it is <name>", "b": <name>, "c": <list>}`, `{"a": "it is a \"b\"", "b": "a \"b\"", "c": [{"x":1},{"x":2},{}]}`},
		{"missing", `{"a": <gone>, "b": "<gone>!"}`, `{"a": "", "b": "!"}`},
		{"object in quotes", `"list <list>"`, `"list [{x:1},{x:2},{}]"`},
		{"an escaped quote does not end them", `{"a":"\"<n>\""}`, `{"a":"\"1.50\""}`},
		{
			"EV-030 built in", `{"r": "<aws.events.rule-name>", "arn": <aws.events.rule-arn>, "t": <aws.events.event.ingestion-time>, "e": <aws.events.event.json>}`,
			`{"r": "r", "arn": "arn:aws:events:us-east-1:1:rule/r", "t": "2026-01-02T03:04:05Z", "e": ` + event + `}`,
		},
		{"event without detail", `<aws.events.event>`, event[:strings.Index(event, `,"detail":`)] + "}"},
		{"no placeholder", `{"a": "1 < 2 > 0"}`, `{"a": "1 < 2 > 0"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tpl, err := NewTemplate(paths, tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(tpl.Fill([]byte(event), c))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNewTemplate_EV029(t *testing.T) {
	var unknown *UnknownError
	if _, err := NewTemplate(map[string]string{"a": "$.a"}, `"<a> <k>"`); !errors.As(err, &unknown) || unknown.Name != "k" {
		t.Errorf("error = %v", err)
	}
}

func TestRecorded_EV026_EV027_EV028(t *testing.T) {
	var cases []struct {
		ID           string
		Entry        struct{ Source, DetailType, Detail string }
		InputPath    string
		ExpectedText *string
		ExpectedJSON any `json:"expectedJson"`
		Transformer  *struct {
			InputPathsMap map[string]string
			InputTemplate string
		} `json:"inputTransformer"`
	}
	dir := os.Getenv("SALLYPORT_CORPORA")
	for up := "../../../.."; dir == "" && len(up) < 40; up += "/.." {
		if _, err := os.Stat(filepath.Join(up, "shared", "corpora")); err == nil {
			dir = filepath.Join(up, "shared", "corpora")
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, "event-patterns/input-transformer.dev.json"))
	if dir == "" || err != nil {
		t.Skip("recorded cases are not here")
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	const when = "2026-01-01T00:00:00Z"
	for _, c := range cases {
		ev := `{"version":"0","id":"1","detail-type":` + string(quote(c.Entry.DetailType)) + `,"source":` + string(quote(c.Entry.Source)) +
			`,"account":"111111111111","time":"` + when + `","region":"us-east-1","resources":[],"detail":` + c.Entry.Detail + `}`
		var got []byte
		if c.Transformer != nil {
			tpl, err := NewTemplate(c.Transformer.InputPathsMap, c.Transformer.InputTemplate)
			if err != nil {
				t.Errorf("%s: %v", c.ID, err)
				continue
			}
			got = tpl.Fill([]byte(ev), Context{})
		} else {
			p, err := ParsePath(c.InputPath)
			if err != nil {
				t.Errorf("%s: %v", c.ID, err)
				continue
			}
			got = p.Pick([]byte(ev))
		}
		if c.ExpectedText != nil {
			if want := strings.ReplaceAll(*c.ExpectedText, "«any»", when); string(got) != want {
				t.Errorf("%s\n got %s\nwant %s", c.ID, got, want)
			}
			continue
		}
		var g any
		if err := json.Unmarshal(got, &g); err != nil {
			t.Errorf("%s: %s is no JSON", c.ID, got)
			continue
		}
		if m, ok := c.ExpectedJSON.(map[string]any); ok && m["time"] == "«any»" {
			m["time"] = when
		}
		if !reflect.DeepEqual(g, c.ExpectedJSON) {
			t.Errorf("%s\n got %v\nwant %v", c.ID, g, c.ExpectedJSON)
		}
	}
	t.Logf("%d recorded cases", len(cases))
}

// FuzzFill: a template that is JSON stays JSON whatever strings the event has, and no path panics.
func FuzzFill(f *testing.F) {
	f.Add("$.detail.a[0]", `x "y" \ <a>`)
	f.Fuzz(func(t *testing.T, path, value string) {
		doc, err := json.Marshal(map[string]any{"detail": map[string]any{"a": []string{value}}})
		if err != nil {
			t.Skip()
		}
		tpl, err := NewTemplate(map[string]string{"a": path}, `{"q": "<a>", "u": <a>}`)
		if err != nil {
			return
		}
		if out := tpl.Fill(doc, Context{}); !json.Valid(out) && !strings.Contains(value, `"`) && !strings.Contains(value, `\`) {
			t.Fatalf("%s is no JSON", out)
		}
	})
}
