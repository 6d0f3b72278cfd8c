package states

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
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
	var d *dataset
	if strings.HasSuffix(c.task.Resource, "s3:listObjectsV2") {
		d, err = c.listObjects(ctx, o)
	} else {
		d, err = c.objectItems(ctx, o)
	}
	if err != nil {
		return machine.Result{Failure: &asl.Failure{Error: asl.ErrItemReader, Cause: reason(err)}}
	}
	if n := c.reading.most; n > 0 && len(d.items) > n {
		d.items = d.items[:n]
	}
	if d.items == nil {
		d.items = []json.RawMessage{}
	}
	return machine.Result{Items: d.items, Keys: d.keys, Sources: d.sources}
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
		if err := c.s.allowed(ctx, "s3:GetObject", "arn:aws:s3:::"+text(o, "Bucket")+"/"+text(o, "Key")); err != nil {
			return nil, err
		}
		return c.s.readObject(ctx, text(o, "Bucket"), text(o, "Key"), text(o, "VersionId"))
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

// A dataset is items that were read, and where.
type dataset struct {
	items   []json.RawMessage
	keys    []string
	sources []machine.Source
}

// add adds items of one object. Keys are told only if all items are of one object.
func (d *dataset) add(uri string, items []json.RawMessage, keys []string) {
	if len(d.sources) == 0 {
		d.keys = keys
	} else if len(keys) > 0 || len(d.keys) > 0 {
		d.keys = nil
	}
	d.sources = append(d.sources, machine.Source{From: len(d.items), URI: uri})
	d.items = append(d.items, items...)
}

func (d *dataset) full(most int) bool { return most > 0 && len(d.items) >= most }

// objectItems reads the items of one object, or of those that it lists.
func (c *taskCall) objectItems(ctx context.Context, params *asl.Object) (*dataset, error) {
	d, r := &dataset{}, &c.reading.reader
	bucket, key := text(params, "Bucket"), text(params, "Key")
	data, err := c.object(ctx, params)
	if err != nil {
		return nil, err
	}
	switch {
	case r.Manifest == "ATHENA_DATA":
		return d, c.athenaItems(ctx, d, data)
	case r.Manifest == "S3_INVENTORY" || r.Input == "MANIFEST":
		return d, c.inventoryItems(ctx, d, params, data)
	}
	items, keys, err := parseItems(r, key, data)
	d.add("s3://"+bucket+"/"+key, items, keys)
	return d, err
}

func text(params *asl.Object, name string) string {
	v, _ := params.Get(name)
	s, _ := v.(string)
	return s
}

// inventoryItems reads an inventory: a manifest names CSV objects and their columns.
func (c *taskCall) inventoryItems(ctx context.Context, d *dataset, params *asl.Object, data []byte) error {
	var manifest struct {
		FileFormat string `json:"fileFormat"`
		FileSchema string `json:"fileSchema"`
		Files      []struct {
			Key string `json:"key"`
		} `json:"files"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return errors.New("Attempting to parse the manifest failed.")
	}
	if manifest.FileFormat != "" && manifest.FileFormat != "CSV" {
		return fmt.Errorf("The inventory's format %s is not supported: it must be CSV.", manifest.FileFormat)
	}
	reader := &asl.Reader{Input: "CSV", Header: "GIVEN", Delim: c.reading.reader.Delim}
	for h := range strings.SplitSeq(manifest.FileSchema, ",") {
		reader.Headers = append(reader.Headers, strings.TrimSpace(h))
	}
	for _, f := range manifest.Files {
		p := asl.NewObject("Bucket", text(params, "Bucket"), "Key", f.Key)
		if err := c.addObject(ctx, d, reader, p); err != nil || d.full(c.reading.most) {
			return err
		}
	}
	return nil
}

// athenaItems reads what Athena has unloaded: a manifest has the URI of an object in each line.
func (c *taskCall) athenaItems(ctx context.Context, d *dataset, data []byte) error {
	for line := range bytes.Lines(data) {
		uri := strings.Trim(strings.TrimSpace(string(line)), `"`)
		if uri == "" {
			continue
		}
		bucket, key, ok := strings.Cut(strings.TrimPrefix(uri, "s3://"), "/")
		if !ok {
			return errors.New("Attempting to parse the manifest failed.")
		}
		if err := c.addObject(ctx, d, &c.reading.reader, asl.NewObject("Bucket", bucket, "Key", key)); err != nil || d.full(c.reading.most) {
			return err
		}
	}
	return nil
}

// addObject adds the items of an object.
func (c *taskCall) addObject(ctx context.Context, d *dataset, r *asl.Reader, params *asl.Object) error {
	data, err := c.object(ctx, params)
	if err != nil {
		return err
	}
	items, keys, err := parseItems(r, text(params, "Key"), data)
	d.add("s3://"+text(params, "Bucket")+"/"+text(params, "Key"), items, keys)
	return err
}

// listObjects makes items of a list of objects, or of what is in them.
func (c *taskCall) listObjects(ctx context.Context, params *asl.Object) (*dataset, error) {
	d, bucket := &dataset{}, text(params, "Bucket")
	for {
		out, err := c.do(ctx, "s3", "ListObjectsV2", params)
		if err != nil {
			return nil, err
		}
		o, _ := out.(*asl.Object)
		contents, _ := o.Get("Contents")
		list, _ := contents.([]any)
		for _, v := range list {
			if !c.reading.reader.Flatten {
				d.items = append(d.items, asl.Encode(listed(v)))
				continue
			}
			one, _ := v.(*asl.Object)
			key := text(one, "Key")
			if strings.HasSuffix(key, "/") { // a folder that the console made
				continue
			}
			if err := c.addObject(ctx, d, &c.reading.reader, asl.NewObject("Bucket", bucket, "Key", key)); err != nil {
				return nil, err
			}
		}
		next, ok := o.Get("NextContinuationToken")
		if !ok || next == nil || d.full(c.reading.most) {
			break
		}
		params = params.Clone()
		params.Set("ContinuationToken", next)
	}
	if !c.reading.reader.Flatten {
		d.sources = []machine.Source{{URI: "s3://" + bucket}}
	}
	return d, nil
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
	bucket, prefix := text(params, "Bucket"), strings.Trim(text(params, "Prefix"), "/")
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
