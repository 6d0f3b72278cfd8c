package states

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// reading is what a distributed Map state reads its items from, or writes its results to.
type reading struct {
	write    bool
	reader   asl.Reader
	writer   asl.Writer
	most     int
	children []machine.Child
	run      machine.MapRun
}

func newReading(turn *machine.Turn, t *machine.Thread) *reading {
	g := t.Group
	r := &reading{run: *g.Run, most: g.MaxItems}
	if g.Writing {
		r.write, r.children = true, turn.X.ChildrenOf(g.Run.ARN)
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
	if o, ok := params.(*asl.Object); ok && c.s.cfg.Objects != nil && !c.s.cfg.S3Elsewhere {
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
			items = append(items, asl.Encode(listed(v)))
		}
		next, ok := o.Get("NextContinuationToken")
		if !ok || next == nil {
			return items, nil
		}
		params = params.Clone()
		params.Set("ContinuationToken", next)
	}
}

// listed gives an object of a list the members that AWS gives items: other names, and times as numbers.
func listed(v any) any {
	o, _ := v.(*asl.Object)
	if o == nil {
		return v
	}
	item := asl.NewObject()
	for _, m := range o.Members {
		switch m.Name {
		case "ETag":
			item.Set("Etag", m.Value)
		case "LastModified":
			text, _ := m.Value.(string)
			if at, err := time.Parse(time.RFC3339, text); err == nil {
				item.Set(m.Name, at.Unix())
				continue
			}
			item.Set(m.Name, m.Value)
		default:
			item.Set(m.Name, m.Value)
		}
	}
	return item
}

// writeResults puts the results into S3, with the manifest that says where they are.
func (c *taskCall) writeResults(ctx context.Context, params *asl.Object) machine.Result {
	text := func(name string) string {
		v, _ := params.Get(name)
		s, _ := v.(string)
		return s
	}
	bucket, prefix := text("Bucket"), strings.Trim(text("Prefix"), "/")
	run := &c.reading.run
	folder := run.ID()
	if prefix != "" {
		folder = prefix + "/" + folder
	}
	files := asl.NewObject("FAILED", []any{}, "PENDING", []any{}, "SUCCEEDED", []any{})
	put := func(key string, data []byte) error {
		_, err := c.do(ctx, "s3", "PutObject", asl.NewObject("Bucket", bucket, "Key", key, "Body", base64.StdEncoding.EncodeToString(data)))
		return err
	}
	format, lists := cmp.Or(c.reading.writer.OutputType, "JSON"), c.reading.shown()
	for _, name := range []string{"SUCCEEDED", "FAILED", "PENDING"} {
		if len(lists[name]) == 0 {
			continue
		}
		key, data := folder+"/"+name+"_0."+strings.ToLower(format), asl.Encode(lists[name])
		if format == "JSONL" {
			data = nil
			for _, v := range lists[name] {
				data = append(asl.AppendValue(data, v), '\n')
			}
		}
		if err := put(key, data); err != nil {
			return machine.Result{Failure: &asl.Failure{Error: asl.ErrResultWriter, Cause: reason(err)}}
		}
		files.Set(name, []any{asl.NewObject("Key", key, "Size", len(data))})
	}
	manifest := asl.NewObject("DestinationBucket", bucket, "MapRunArn", run.ARN, "ResultFiles", files)
	if err := put(folder+"/manifest.json", asl.Encode(manifest)); err != nil {
		return machine.Result{Failure: &asl.Failure{Error: asl.ErrResultWriter, Cause: reason(err)}}
	}
	return machine.Result{Output: asl.Encode(asl.NewObject("MapRunArn", run.ARN, "ResultWriterDetails", asl.NewObject("Bucket", bucket, "Key", folder+"/manifest.json")))}
}

// shown returns what is written of the children, by file.
func (r *reading) shown() map[string][]any {
	lists := map[string][]any{}
	for i := range r.children {
		child := &r.children[i]
		switch {
		case child.Started == 0:
			lists["PENDING"] = append(lists["PENDING"], machine.Show(&r.run, i, child))
		case child.Status != machine.Succeeded:
			lists["FAILED"] = append(lists["FAILED"], machine.Show(&r.run, i, child))
		default:
			lists["SUCCEEDED"] = append(lists["SUCCEEDED"], machine.Transform(&r.run, i, child, r.writer.Transformation)...)
		}
	}
	return lists
}
