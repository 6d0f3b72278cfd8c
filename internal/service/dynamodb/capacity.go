package dynamodb

import (
	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/dynamodb"
	"github.com/sallyport/sallyport/internal/service/dynamodb/engine"
	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A cost is what an operation would have consumed of a table and its indexes, in units.
type cost struct {
	table   float64
	indexes map[string]float64
}

func (c *cost) add(other cost) {
	c.table += other.table
	for name, units := range other.indexes {
		c.addIndex(name, units)
	}
}

func (c *cost) addIndex(name string, units float64) {
	if units == 0 {
		return
	}
	if c.indexes == nil {
		c.indexes = map[string]float64{}
	}
	c.indexes[name] += units
}

func (c *cost) double() {
	c.table *= 2
	for name := range c.indexes {
		c.indexes[name] *= 2
	}
}

// readCost returns the units of reading bytes: each four kilobytes are one, or half if the read may be late.
func readCost(bytes int, consistent *bool) float64 {
	units := float64(max((bytes+4095)/4096, 1))
	if value(consistent) {
		return units
	}
	return units / 2
}

func kilobytes(bytes int) float64 { return float64(max((bytes+1023)/1024, 1)) }

// writeCost returns the units of a change: each kilobyte of the larger image is one; an index costs what changes in it.
func writeCost(s *engine.Schema, before, after item.Encoded) cost {
	c := cost{table: kilobytes(max(before.Size(), after.Size()))}
	for _, x := range s.Indexes {
		c.addIndex(x.Name, indexCost(s, x, before, after))
	}
	return c
}

func indexCost(s *engine.Schema, x engine.Index, before, after item.Encoded) float64 {
	a, inA := entryOf(s, x, before)
	b, inB := entryOf(s, x, after)
	switch {
	case !inA && !inB:
		return 0
	case !inA:
		return kilobytes(item.Size(b))
	case !inB:
		return kilobytes(item.Size(a))
	case item.EqualItems(a, b):
		return 0
	}
	keyA, _ := x.Key.KeyOf(a)
	keyB, _ := x.Key.KeyOf(b)
	if keyA != keyB {
		return kilobytes(item.Size(a)) + kilobytes(item.Size(b))
	}
	return kilobytes(max(item.Size(a), item.Size(b)))
}

// entryOf returns the item as the index shows it.
func entryOf(s *engine.Schema, x engine.Index, data item.Encoded) (item.Item, bool) {
	if data == nil {
		return nil, false
	}
	it, err := data.Decode()
	if err != nil {
		return nil, false
	}
	if _, ok := x.Key.KeyOf(it); !ok {
		return nil, false
	}
	return project(s, x.Name, it), true
}

// consumed returns what a request that asked for it is told.
func consumed(wanted *string, s *engine.Schema, tableName string, c cost) *shapes.ConsumedCapacity {
	if wanted == nil || *wanted == "NONE" {
		return nil
	}
	total := c.table
	for _, units := range c.indexes {
		total += units
	}
	out := &shapes.ConsumedCapacity{TableName: &tableName, CapacityUnits: &total}
	if *wanted != "INDEXES" {
		return out
	}
	out.Table = &shapes.Capacity{CapacityUnits: new(c.table)}
	for name, units := range c.indexes {
		list := &out.LocalSecondaryIndexes
		if x, _ := s.Index(name); x.Global {
			list = &out.GlobalSecondaryIndexes
		}
		if *list == nil {
			*list = map[string]*shapes.Capacity{}
		}
		(*list)[name] = &shapes.Capacity{CapacityUnits: new(units)}
	}
	return out
}
