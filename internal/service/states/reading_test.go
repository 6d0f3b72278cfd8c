package states_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func zipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	fmt.Fprint(w, text)
	w.Close()
	return b.String()
}

func TestItemReader_SF040(t *testing.T) {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string]string{
		"a.json": `[1,2,3]`, "o.json": `{"x":1,"y":{"z":2}}`, "deep.json": `{"a":{"items":[{"n":1}]}}`, "bad.json": `{"a"`,
		"b.csv.gz": zipped("h,i\n1,2\n3\n"), "c.jsonl.zst": string(z.EncodeAll([]byte("{\"n\":1}\n\n{\"n\":2}\n"), nil)), "d.csv": "1|2|3",
		"many/1.json": "[10]", "many/2.json": "[20,30]", "many/folder/": "",
		"inventory/manifest.json": `{"sourceBucket":"s","destinationBucket":"arn:aws:s3:::b","fileFormat":"CSV","fileSchema":"Bucket, Key","files":[{"key":"inventory/1.csv.gz"}]}`,
		"inventory/1.csv.gz":      zipped("\"s\",\"k1\"\n\"s\",\"k2\"\n"),
		"athena.csv":              "s3://b/part1.jsonl\ns3://b/part2.jsonl.gz\n", "part1.jsonl": "{\"n\":1}\n", "part2.jsonl.gz": zipped("{\"n\":2}"),
		"x.parquet": "PAR1",
	}
	get := func(key, config string) string {
		return `"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{` + config + `},"Parameters":{"Bucket":"b","Key":"` + key + `"}},`
	}
	list := func(prefix, config string) string {
		return `"ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","ReaderConfig":{` + config + `},"Parameters":{"Bucket":"b","Prefix":"` + prefix + `"}},`
	}
	seen := `"ItemSelector":{"i.$":"$$.Map.Item.Index","v.$":"$$.Map.Item.Value","s.$":"$$.Map.Item.Source"},`
	for _, tt := range []struct{ name, fields, want string }{
		{"JSON", get("a.json", `"InputType":"JSON"`), "[1,2,3]"},
		{"MaxItems", get("a.json", `"InputType":"JSON","MaxItems":2`), "[1,2]"},
		{"MaxItemsPath", get("a.json", `"InputType":"JSON","MaxItemsPath":"$.most"`), "[1]"},
		{"an object", get("o.json", `"InputType":"JSON"`), `[{"Key":"x","Value":1},{"Key":"y","Value":{"z":2}}]`},
		{"an object's keys", get("o.json", `"InputType":"JSON"`) + `"ItemSelector":{"k.$":"$$.Map.Item.Key","v.$":"$$.Map.Item.Value","i.$":"$$.Map.Item.Index"},`, `[{"k":"x","v":1,"i":0},{"k":"y","v":{"z":2},"i":1}]`},
		{"ItemsPointer", get("deep.json", `"InputType":"JSON","ItemsPointer":"/a/items"`), `[{"n":1}]`},
		{"no JSON", get("bad.json", `"InputType":"JSON"`), "States.ItemReaderFailed Attempting to parse JSON failed"},
		{"GZIP and CSV", get("b.csv.gz", `"InputType":"CSV","CSVHeaderLocation":"FIRST_ROW"`), `[{"h":"1","i":"2"},{"h":"3","i":""}]`},
		{"ZSTD and JSONL", get("c.jsonl.zst", `"InputType":"JSONL"`), `[{"n":1},{"n":2}]`},
		{"given headers", get("d.csv", `"InputType":"CSV","CSVHeaderLocation":"GIVEN","CSVHeaders":["a","b"],"CSVDelimiter":"PIPE"`), `[{"a":"1","b":"2"}]`},
		{"source", get("a.json", `"InputType":"JSON","MaxItems":1`) + seen, `[{"i":0,"v":1,"s":"s3://b/a.json"}]`},
		{"a list", list("many/", `"Transformation":"NONE"`) + `"ItemSelector":{"k.$":"$$.Map.Item.Value.Key","s.$":"$$.Map.Item.Source"},`, `[{"k":"many/1.json","s":"s3://b"},{"k":"many/2.json","s":"s3://b"},{"k":"many/folder/","s":"s3://b"}]`},
		{"LOAD_AND_FLATTEN", list("many/", `"InputType":"JSON","Transformation":"LOAD_AND_FLATTEN"`) + seen, `[{"i":0,"v":10,"s":"s3://b/many/1.json"},{"i":1,"v":20,"s":"s3://b/many/2.json"},{"i":2,"v":30,"s":"s3://b/many/2.json"}]`},
		{"an inventory", get("inventory/manifest.json", `"InputType":"MANIFEST"`), `[{"Bucket":"s","Key":"k1"},{"Bucket":"s","Key":"k2"}]`},
		{"S3_INVENTORY", get("inventory/manifest.json", `"ManifestType":"S3_INVENTORY","MaxItems":1`), `[{"Bucket":"s","Key":"k1"}]`},
		{"ATHENA_DATA", get("athena.csv", `"ManifestType":"ATHENA_DATA","InputType":"JSONL"`) + seen, `[{"i":0,"v":{"n":1},"s":"s3://b/part1.jsonl"},{"i":1,"v":{"n":2},"s":"s3://b/part2.jsonl.gz"}]`},
		{"Parquet", get("x.parquet", `"InputType":"PARQUET"`), "States.ItemReaderFailed Sallyport does not read Parquet files."},
		{"no object", get("none", ""), "States.ItemReaderFailed "},
		{"state data", `"ItemsPath":"$.object",` + seen, `[{"i":0,"v":5,"s":"STATE_DATA"}]`},
		{"what is selected is put together", `"ItemsPath":"$.list","ItemSelector":{"n.$":"$$.Map.Item.Value","most.$":"$.most"},"ItemBatcher":{"MaxItemsPerBatch":2,"BatchInput":{"m.$":"$.most"}},`, `[{"BatchInput":{"m":1},"Items":[{"n":1,"most":1},{"n":2,"most":1}]},{"BatchInput":{"m":1},"Items":[{"n":3,"most":1}]}]`},
		{"bytes of a batch", `"ItemsPath":"$.list","ItemBatcher":{"MaxInputBytesPerBatchPath":"$.bytes"},`, `[{"Items":[1,2]},{"Items":[3]}]`},
	} {
		inWorld(t, tt.name, func(w *world) {
			w.must2("s3", "CreateBucket", m{"Bucket": "b"})
			for key, body := range objects {
				w.must2("s3", "PutObject", m{"Bucket": "b", "Key": key, "Body": base64.StdEncoding.EncodeToString([]byte(body))})
			}
			out := w.execute(distributed(tt.fields, `"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}`), `{"most":1,"object":{"k":5},"list":[1,2,3],"bytes":15}`)
			got := fmt.Sprint(out["output"])
			if out["output"] == nil {
				got = fmt.Sprint(out["error"], " ", out["cause"])
			}
			if got != tt.want && (out["output"] != nil || !strings.HasPrefix(got, tt.want)) {
				w.t.Errorf("gave %s, want %s", got, tt.want)
			}
		})
	}
	inWorld(t, "an input without a limit of its own", func(w *world) {
		big := `"` + strings.Repeat("x", 100_000) + `"`
		out := w.execute(distributed(`"ItemBatcher":{"MaxItemsPerBatch":100},`, `"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"n.$":"States.ArrayLength($.Items)"},"End":true}}`), "["+big+","+big+"]")
		if out["output"] != `[{"n":2}]` {
			w.t.Error(out["output"], out["cause"])
		}
		w.must2("s3", "CreateBucket", m{"Bucket": "b"})
		w.must2("s3", "PutObject", m{"Bucket": "b", "Key": "k", "Body": b64("[" + big + "," + big + "," + big + "]")})
		out = w.execute(distributed(get("k", `"InputType":"JSON"`)+`"ItemBatcher":{"MaxItemsPerBatch":100},`, `"StartAt":"P","States":{"P":{"Type":"Pass","Parameters":{"n.$":"States.ArrayLength($.Items)"},"End":true}}`), "{}")
		if out["output"] != `[{"n":2},{"n":1}]` {
			w.t.Error(out["output"], out["cause"])
		}
	})
}
