package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// Billing modes.
const (
	provisioned = "PROVISIONED"
	onDemand    = "PAY_PER_REQUEST"
)

// A definition is all that was said of a table. It is kept as the Description of the table's Schema, which follows from it.
type definition struct {
	ID            string // a UUID
	ARN           string
	Created       time.Time
	Token         string `json:",omitempty"` // of the CloudFormation step that made the table
	Attributes    []*shapes.AttributeDefinition
	KeySchema     []*shapes.KeySchemaElement
	Billing       string
	OnDemandSince *time.Time                     `json:",omitempty"`
	Throughput    *shapes.ProvisionedThroughput  `json:",omitempty"`
	Global        []*shapes.GlobalSecondaryIndex `json:",omitempty"`
	Local         []*shapes.LocalSecondaryIndex  `json:",omitempty"`
	Protected     bool                           `json:",omitempty"`
	Class         *string                        `json:",omitempty"`
	SSE           *shapes.SSESpecification       `json:",omitempty"`
	OnDemand      *shapes.OnDemandThroughput     `json:",omitempty"`
	Warm          *shapes.WarmThroughput         `json:",omitempty"`
	Streams       []stream                       `json:",omitempty"` // the newest last
	TTL           string                         `json:",omitempty"`
	Tags          map[string]string              `json:",omitempty"`
	PITR          bool                           `json:",omitempty"`
	Policy        string                         `json:",omitempty"`
	PolicyRev     string                         `json:",omitempty"`
}

// A stream is a stream that the table has or had.
type stream struct {
	Label   string // the time of its making
	View    string
	Created time.Time
	Closed  *time.Time `json:",omitempty"`
}

// streamLife is how long a stream can be read after it was disabled.
const streamLife = 24 * time.Hour

// openStream adds a stream.
func (d *definition) openStream(view string, now time.Time) {
	for _, old := range d.Streams { // labels are names, and two may not be the same
		if label := now.UTC().Format("2006-01-02T15:04:05.000"); old.Label == label {
			now = now.Add(time.Millisecond)
		}
	}
	d.Streams = append(d.Streams, stream{Label: now.UTC().Format("2006-01-02T15:04:05.000"), View: view, Created: now})
}

func (d *definition) closeStream(now time.Time) {
	if n := len(d.Streams); n > 0 && d.Streams[n-1].Closed == nil {
		d.Streams[n-1].Closed = &now
	}
	d.Streams = slices.DeleteFunc(d.Streams, func(s stream) bool { return s.Closed != nil && now.Sub(*s.Closed) > streamLife })
}

// current returns the stream that is being written, or nil.
func (d *definition) current() *stream {
	if n := len(d.Streams); n > 0 && d.Streams[n-1].Closed == nil {
		return &d.Streams[n-1]
	}
	return nil
}

func (d *definition) streamARN(s stream) string { return d.ARN + "/stream/" + s.Label }

// schema returns what the engine must know.
func (d *definition) schema(name string) (*engine.Schema, error) {
	description, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode table %s: %w", name, err)
	}
	out := &engine.Schema{ID: engineID(d.ID), Name: name, Key: d.keySchema(d.KeySchema), TTL: d.TTL, Description: description}
	if s := d.current(); s != nil {
		out.Stream = s.Label
	}
	add := func(name string, global bool, key []*shapes.KeySchemaElement, p *shapes.Projection) {
		out.Indexes = append(out.Indexes, engine.Index{Name: name, Global: global, Key: d.keySchema(key)})
		if value(p.ProjectionType) == "ALL" {
			return
		}
		if out.Projected == nil {
			out.Projected = map[string][]string{}
		}
		out.Projected[name] = append([]string{}, p.NonKeyAttributes...)
	}
	for _, x := range d.Global {
		add(*x.IndexName, true, x.KeySchema, x.Projection)
	}
	for _, x := range d.Local {
		add(*x.IndexName, false, x.KeySchema, x.Projection)
	}
	return out, nil
}

// engineID is the part of the UUID that names documents: short, because it is in every key.
func engineID(uuid string) string { return uuid[:8] + uuid[9:13] }

func (d *definition) keySchema(elements []*shapes.KeySchemaElement) engine.KeySchema {
	attr := func(e *shapes.KeySchemaElement) engine.KeyAttr {
		for _, a := range d.Attributes {
			if *a.AttributeName == *e.AttributeName {
				return engine.KeyAttr{Name: *a.AttributeName, Kind: item.KindOf(*a.AttributeType)}
			}
		}
		return engine.KeyAttr{Name: *e.AttributeName}
	}
	out := engine.KeySchema{Hash: attr(elements[0])}
	if len(elements) > 1 {
		out.Range = attr(elements[1])
	}
	return out
}

func definitionOf(s *engine.Schema) (*definition, error) {
	d := &definition{}
	if err := json.Unmarshal(s.Description, d); err != nil {
		return nil, fmt.Errorf("read table %s: %w", s.Name, err)
	}
	return d, nil
}

// change changes a table's definition and returns it. The table is given by name or ARN.
func (s *Service) change(ctx context.Context, nameOrARN string, f func(*definition) error) (*definition, *handle, error) {
	name, err := tableName(ctx, nameOrARN)
	if err != nil {
		return nil, nil, err
	}
	sp, err := s.space(ctx)
	if err != nil {
		return nil, nil, err
	}
	var d *definition
	schema, err := sp.UpdateTable(ctx, name, func(schema *engine.Schema) (err error) {
		if d, err = definitionOf(schema); err != nil {
			return err
		}
		if err := f(d); err != nil {
			return err
		}
		updated, err := d.schema(name)
		if err != nil {
			return err
		}
		*schema = *updated
		return nil
	})
	if errors.Is(err, engine.ErrNoTable) {
		return nil, nil, errTableNotFound(name)
	} else if err != nil {
		return nil, nil, err
	}
	return d, &handle{schema, sp.Table(name), sp}, nil
}

// defined returns a table and its definition, for operations on tables.
func (s *Service) defined(ctx context.Context, nameOrARN string) (*definition, *handle, error) {
	name, err := tableName(ctx, nameOrARN)
	if err != nil {
		return nil, nil, err
	}
	sp, err := s.space(ctx)
	if err != nil {
		return nil, nil, err
	}
	t, err := sp.Find(ctx, name)
	if errors.Is(err, engine.ErrNoTable) {
		return nil, nil, errTableNotFound(name)
	} else if err != nil {
		return nil, nil, err
	}
	h := &handle{t.Schema(), t, sp}
	d, err := definitionOf(h.Schema)
	return d, h, err
}

// describe returns the table as DescribeTable shows it, in the given status.
func (d *definition) describe(h *handle, status string) *shapes.TableDescription {
	items, bytes := 0, 0
	if h.table != nil {
		items, bytes = h.table.Size()
	}
	out := &shapes.TableDescription{
		TableName: &h.Name, TableArn: &d.ARN, TableId: &d.ID, TableStatus: &status, CreationDateTime: &d.Created,
		AttributeDefinitions: d.Attributes, KeySchema: d.KeySchema,
		ItemCount: new(int64(items)), TableSizeBytes: new(int64(bytes)),
		ProvisionedThroughput:     describeThroughput(d.Throughput),
		DeletionProtectionEnabled: &d.Protected,
		OnDemandThroughput:        d.OnDemand,
		WarmThroughput:            d.warm(d.Throughput, d.Warm, status),
	}
	if d.OnDemandSince != nil {
		out.BillingModeSummary = &shapes.BillingModeSummary{BillingMode: &d.Billing, LastUpdateToPayPerRequestDateTime: d.OnDemandSince}
	}
	if d.Class != nil {
		out.TableClassSummary = &shapes.TableClassSummary{TableClass: d.Class}
	}
	if d.SSE != nil && value(d.SSE.Enabled) {
		out.SSEDescription = &shapes.SSEDescription{Status: new("ENABLED"), SSEType: new("KMS"), KMSMasterKeyArn: d.SSE.KMSMasterKeyId}
	}
	if n := len(d.Streams); n > 0 {
		last := d.Streams[n-1]
		out.LatestStreamLabel, out.LatestStreamArn = &last.Label, new(d.streamARN(last))
		if last.Closed == nil {
			out.StreamSpecification = &shapes.StreamSpecification{StreamEnabled: new(true), StreamViewType: &last.View}
		}
	}
	indexStatus := "ACTIVE"
	if status == "CREATING" || status == "DELETING" {
		indexStatus = status
	}
	for _, x := range d.Global {
		out.GlobalSecondaryIndexes = append(out.GlobalSecondaryIndexes, &shapes.GlobalSecondaryIndexDescription{
			IndexName: x.IndexName, IndexArn: new(d.ARN + "/index/" + *x.IndexName), IndexStatus: &indexStatus,
			KeySchema: x.KeySchema, Projection: x.Projection, ItemCount: h.indexSize(*x.IndexName), IndexSizeBytes: new(int64(0)),
			ProvisionedThroughput: describeThroughput(x.ProvisionedThroughput), OnDemandThroughput: x.OnDemandThroughput,
			WarmThroughput: d.warm(x.ProvisionedThroughput, x.WarmThroughput, indexStatus),
		})
	}
	for _, x := range d.Local {
		out.LocalSecondaryIndexes = append(out.LocalSecondaryIndexes, &shapes.LocalSecondaryIndexDescription{
			IndexName: x.IndexName, IndexArn: new(d.ARN + "/index/" + *x.IndexName),
			KeySchema: x.KeySchema, Projection: x.Projection, ItemCount: h.indexSize(*x.IndexName), IndexSizeBytes: new(int64(0)),
		})
	}
	return out
}

func (h *handle) indexSize(name string) *int64 {
	if h.table == nil {
		return new(int64(0))
	}
	return new(int64(h.table.IndexSize(name)))
}

func describeThroughput(t *shapes.ProvisionedThroughput) *shapes.ProvisionedThroughputDescription {
	out := &shapes.ProvisionedThroughputDescription{NumberOfDecreasesToday: new(int64(0)), ReadCapacityUnits: new(int64(0)), WriteCapacityUnits: new(int64(0))}
	if t != nil {
		out.ReadCapacityUnits, out.WriteCapacityUnits = t.ReadCapacityUnits, t.WriteCapacityUnits
	}
	return out
}

// warm describes the throughput that is there at once. AWS: on demand it begins with 12,000 reads and 4,000 writes.
func (d *definition) warm(t *shapes.ProvisionedThroughput, asked *shapes.WarmThroughput, status string) *shapes.WarmThroughputDescription {
	out := &shapes.WarmThroughputDescription{ReadUnitsPerSecond: new(int64(12000)), WriteUnitsPerSecond: new(int64(4000)), Status: &status}
	if t != nil {
		out.ReadUnitsPerSecond, out.WriteUnitsPerSecond = t.ReadCapacityUnits, t.WriteCapacityUnits
	}
	if asked != nil && asked.ReadUnitsPerSecond != nil {
		out.ReadUnitsPerSecond = asked.ReadUnitsPerSecond
	}
	if asked != nil && asked.WriteUnitsPerSecond != nil {
		out.WriteUnitsPerSecond = asked.WriteUnitsPerSecond
	}
	return out
}
