package states

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// reading is what a distributed Map state reads its items from, or writes its results to.
type reading struct {
	write   bool
	reader  asl.Reader
	writer  asl.Writer
	most    int
	results []json.RawMessage
	errs    map[int][2]string
	run     machine.MapRun
}

func newReading(turn *machine.Turn, t *machine.Thread) *reading {
	g := t.Group
	r := &reading{run: *g.Run, most: g.MaxItems}
	if g.Writing {
		r.write, r.results, r.errs = true, slices.Clone(g.Results), g.ItemErrs
	}
	reader, writer := turn.Places(t)
	if reader != nil {
		r.reader = *reader
	}
	if writer != nil {
		r.writer = *writer
	}
	return r
}

// read gets the items, or puts the results.
func (c *taskCall) read(ctx context.Context) machine.Result {
	params, err := asl.Decode(c.task.Input)
	o, ok := params.(*asl.Object)
	if err != nil || !ok {
		return failed(asl.ErrItemReader, "The parameters must be an object.")
	}
	if c.reading.write {
		return c.writeResults(ctx, o)
	}
	var items []json.RawMessage
	if strings.HasSuffix(c.task.Resource, "s3:listObjectsV2") {
		items, err = c.listObjects(ctx, o)
	} else {
		items, err = c.objectItems(ctx, o)
	}
	if err != nil {
		return machine.Result{Failure: &asl.Failure{Error: asl.ErrItemReader, Cause: reason(err)}}
	}
	if n := c.reading.most; n > 0 && len(items) > n {
		items = items[:n]
	}
	if items == nil {
		items = []json.RawMessage{}
	}
	return machine.Result{Items: items}
}

func reason(err error) string {
	if e := apiError(err); e.Code != "InternalFailure" {
		return fmt.Sprintf("Attempting to perform the operation. %s (Service: S3, Status Code: %d)", e.Message, e.Status)
	}
	return err.Error()
}

// object reads an object of S3.
func (c *taskCall) object(ctx context.Context, params any) ([]byte, error) {
	if o, ok := params.(*asl.Object); ok && c.s.cfg.Objects != nil {
		text := func(name string) string {
			v, _ := o.Get(name)
			s, _ := v.(string)
			return s
		}
		if err := c.s.allowed(ctx, "s3:GetObject", "arn:aws:s3:::"+text("Bucket")+"/"+text("Key")); err != nil {
			return nil, err
		}
		return c.s.readObject(ctx, text("Bucket"), text("Key"), text("VersionId"))
	}
	out, err := c.do(ctx, "s3", "GetObject", params)
	if err != nil {
		return nil, err
	}
	o, _ := out.(*asl.Object)
	v, _ := o.Get("Body")
	s, _ := v.(string)
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("decode object: %w", err)
	}
	return raw, nil
}

func (c *taskCall) objectItems(ctx context.Context, params *asl.Object) ([]json.RawMessage, error) {
	data, err := c.object(ctx, params)
	if err != nil {
		return nil, err
	}
	switch c.reading.reader.Input {
	case "CSV":
		return csvItems(&c.reading.reader, data)
	case "JSONL":
		return lineItems(data)
	case "MANIFEST":
		return c.manifestItems(ctx, params, data)
	case "PARQUET":
		return nil, errors.New("Sallyport does not read Parquet files.")
	}
	return jsonItems(data)
}

func jsonItems(data []byte) ([]json.RawMessage, error) {
	v, err := asl.Decode(data)
	if err != nil {
		return nil, errors.New("Attempting to parse JSON failed: the object is not valid JSON.")
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errors.New("Attempting to map over non-iterable node.")
	}
	items := make([]json.RawMessage, len(list))
	for i := range list {
		items[i] = asl.Encode(list[i])
	}
	return items, nil
}

func lineItems(data []byte) ([]json.RawMessage, error) {
	var items []json.RawMessage
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		v, err := asl.Decode(line)
		if err != nil {
			return nil, errors.New("Attempting to parse JSON Lines failed: a line is not valid JSON.")
		}
		items = append(items, asl.Encode(v))
	}
	return items, nil
}

// csvItems makes an object of each row.
func csvItems(r *asl.Reader, data []byte) ([]json.RawMessage, error) {
	headers := r.Headers
	if r.Header == "GIVEN" {
		seen := map[string]bool{}
		for _, h := range headers {
			if seen[h] {
				return nil, errors.New("CSV headers cannot contain duplicates.")
			}
			seen[h] = true
		}
	}
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	reader.FieldsPerRecord, reader.LazyQuotes = -1, true
	if d, ok := map[string]rune{"PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}[r.Delim]; ok {
		reader.Comma = d
	}
	var items []json.RawMessage
	for first := true; ; first = false {
		row, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return items, nil
		} else if err != nil {
			return nil, errors.New("Attempting to parse CSV failed.")
		}
		if first && r.Header != "GIVEN" {
			headers = slices.Clone(row)
			continue
		}
		o := asl.NewObject()
		for i, h := range headers {
			value := ""
			if i < len(row) {
				value = row[i]
			}
			o.Set(h, value)
		}
		items = append(items, asl.Encode(o))
	}
}

// manifestItems reads an inventory: a manifest names CSV objects and their columns.
func (c *taskCall) manifestItems(ctx context.Context, params *asl.Object, data []byte) ([]json.RawMessage, error) {
	var manifest struct {
		SourceBucket string `json:"sourceBucket"`
		FileSchema   string `json:"fileSchema"`
		Files        []struct {
			Key string `json:"key"`
		} `json:"files"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return nil, errors.New("Attempting to parse the manifest failed.")
	}
	reader := &asl.Reader{Header: "GIVEN"}
	for h := range strings.SplitSeq(manifest.FileSchema, ",") {
		reader.Headers = append(reader.Headers, strings.TrimSpace(h))
	}
	var items []json.RawMessage
	for _, f := range manifest.Files {
		p := params.Clone()
		p.Set("Key", f.Key)
		part, err := c.object(ctx, p)
		if err != nil {
			return nil, err
		}
		some, err := csvItems(reader, part)
		if err != nil {
			return nil, err
		}
		items = append(items, some...)
	}
	return items, nil
}

func (c *taskCall) listObjects(ctx context.Context, params *asl.Object) ([]json.RawMessage, error) {
	var items []json.RawMessage
	for {
		out, err := c.do(ctx, "s3", "ListObjectsV2", params)
		if err != nil {
			return nil, err
		}
		o, _ := out.(*asl.Object)
		contents, _ := o.Get("Contents")
		list, _ := contents.([]any)
		for _, v := range list {
			items = append(items, asl.Encode(v))
		}
		next, ok := o.Get("NextContinuationToken")
		if !ok || next == nil {
			return items, nil
		}
		params = params.Clone()
		params.Set("ContinuationToken", next)
	}
}

// writeResults puts the results into S3, with the manifest that says where they are.
func (c *taskCall) writeResults(ctx context.Context, params *asl.Object) machine.Result {
	text := func(name string) string {
		v, _ := params.Get(name)
		s, _ := v.(string)
		return s
	}
	bucket, prefix := text("Bucket"), strings.Trim(text("Prefix"), "/")
	run := c.reading.run.ARN[strings.LastIndexByte(c.reading.run.ARN, ':')+1:]
	folder := run
	if prefix != "" {
		folder = prefix + "/" + run
	}
	var ok, bad []any
	for i, out := range c.reading.results {
		o := asl.NewObject()
		if e, failed := c.reading.errs[i]; failed {
			o.Set("Error", e[0])
			o.Set("Cause", e[1])
			o.Set("Status", "FAILED")
			bad = append(bad, o)
			continue
		}
		o.Set("Output", string(out))
		o.Set("Status", "SUCCEEDED")
		ok = append(ok, o)
	}
	files := asl.NewObject("FAILED", []any{}, "PENDING", []any{}, "SUCCEEDED", []any{})
	put := func(key string, v any) error {
		_, err := c.do(ctx, "s3", "PutObject", asl.NewObject("Bucket", bucket, "Key", key, "Body", base64.StdEncoding.EncodeToString(asl.Encode(v))))
		return err
	}
	for _, f := range []struct {
		name string
		list []any
	}{{"SUCCEEDED", ok}, {"FAILED", bad}} {
		if len(f.list) == 0 {
			continue
		}
		key := folder + "/" + f.name + "_0.json"
		if err := put(key, f.list); err != nil {
			return machine.Result{Failure: &asl.Failure{Error: asl.ErrResultWriter, Cause: reason(err)}}
		}
		files.Set(f.name, []any{asl.NewObject("Key", key, "Size", len(asl.Encode(f.list)))})
	}
	manifest := asl.NewObject("DestinationBucket", bucket, "MapRunArn", c.reading.run.ARN, "ResultFiles", files)
	if err := put(folder+"/manifest.json", manifest); err != nil {
		return machine.Result{Failure: &asl.Failure{Error: asl.ErrResultWriter, Cause: reason(err)}}
	}
	return machine.Result{Output: asl.Encode(asl.NewObject("MapRunArn", c.reading.run.ARN, "ResultWriterDetails", asl.NewObject("Bucket", bucket, "Key", folder+"/manifest.json")))}
}
