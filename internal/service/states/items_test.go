package states

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

func TestCSV_SF040(t *testing.T) {
	for _, tt := range []struct {
		name, data, delim string
		want              [][]string
	}{
		{"AWS's example", "abc,123,\"This string contains commas, a double quotation marks (\"\"), and a newline (\n)\",{\"\"MyKey\"\":\"\"MyValue\"\"},\"[1,2,3]\"", "", [][]string{{"abc", "123", "This string contains commas, a double quotation marks (\"), and a newline (\n)", `{"MyKey":"MyValue"}`, "[1,2,3]"}}},
		{"backslashes", `C:\\Program Files\\MyApp.exe,6534512` + "\n" + `a\,b,\x\"`, "", [][]string{{`C:\Program Files\MyApp.exe`, "6534512"}, {"a,b", `x"`}}},
		{"pipes", "a|b,c|\"d|e\"\r\n\r\n1||", "PIPE", [][]string{{"a", "b,c", "d|e"}, {"1", "", ""}}},
		{"quotes", `"","""",a"b,"c"d`, "", [][]string{{"", `"`, `a"b`, "cd"}}},
		{"nothing", "\n\n", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := csvReader{data: []byte(tt.data), comma: ','}
			if d := delimiters[tt.delim]; d != 0 {
				r.comma = d
			}
			var got [][]string
			for row, ok := r.next(); ok; row, ok = r.next() {
				got = append(got, row)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// FuzzCSV: rows are read as they were written.
func FuzzCSV(f *testing.F) {
	f.Add("a", "b\"c", "d\\,\n")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		var text strings.Builder
		want := [][]string{{a, b, c}, {c, a, b}}
		for _, row := range want {
			for i, field := range row {
				if i > 0 {
					text.WriteByte(',')
				}
				text.WriteString(`"` + strings.NewReplacer(`\`, `\\`, `"`, `""`).Replace(field) + `"`)
			}
			text.WriteByte('\n')
		}
		r := csvReader{data: []byte(text.String()), comma: ','}
		for _, row := range want {
			if got, ok := r.next(); !ok || !cmp.Equal(row, got) {
				t.Errorf("%q is read as %q, want %q", text.String(), got, row)
			}
		}
	})
}

// FuzzItems: whatever an object has, its items are JSON, and there are as many keys as items, or none.
func FuzzItems(f *testing.F) {
	f.Add("JSON", "/a", "k.json", []byte(`{"a":[1,{"b":2}]}`))
	f.Add("JSONL", "", "k", []byte("1\n{}\n"))
	f.Add("CSV", "", "k.gz", []byte("a,b\n1,2"))
	f.Add("JSON", "", "k.zst", []byte("(\xb5/\xfd"))
	f.Fuzz(func(t *testing.T, kind, pointer, key string, data []byte) {
		if pointer != "" && pointer[0] != '/' {
			return
		}
		items, keys, err := parseItems(&asl.Reader{Input: kind, Pointer: pointer}, key, data)
		if err != nil {
			return
		}
		if len(keys) > 0 && len(keys) != len(items) {
			t.Errorf("%d keys of %d items", len(keys), len(items))
		}
		for _, item := range items {
			if !json.Valid(item) {
				t.Errorf("%q", item)
			}
		}
	})
}

func TestPointer_SF040(t *testing.T) {
	for _, tt := range []struct{ data, pointer, want string }{
		{`{"a":{"b/c":[{"~":[7]}]}}`, "/a/b~1c/0/~0", "[7]"},
		{`{"a":{"x":1,"y":[2]}}`, "/a", `[{"Key":"x","Value":1} {"Key":"y","Value":[2]}]`},
		{`{"a":1}`, "/a", "Attempting to map over non-iterable node."},
		{`{"a":[]}`, "/b", "Attempting to find the node /b failed."},
		{`[[1]]`, "/1", "Attempting to find the node /1 failed."},
	} {
		items, _, err := jsonItems([]byte(tt.data), tt.pointer)
		got := fmt.Sprintf("%s", items)
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && !bytes.Equal([]byte(got), []byte(tt.want)) {
			t.Errorf("%s of %s is %s, want %s", tt.pointer, tt.data, got, tt.want)
		}
	}
}
