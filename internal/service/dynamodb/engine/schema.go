package engine

import (
	"encoding/json"

	"github.com/sallyport/sallyport/internal/service/dynamodb/item"
)

// A Schema is what the engine must know of a table.
type Schema struct {
	ID      string // names the table's documents; a table made anew under the same name has another
	Name    string
	Key     KeySchema
	Indexes []Index `json:",omitempty"`
	TTL     string  `json:",omitempty"` // the attribute with the time of expiry
	Stream  string  `json:",omitempty"` // label of the stream that is being written; empty if none

	// Projected are the attributes that an index shows, besides keys. An index that shows all is not listed.
	Projected map[string][]string `json:",omitempty"`

	// Description is the caller's.
	Description json.RawMessage
}

// A KeySchema names the attributes of a key.
type KeySchema struct {
	Hash  KeyAttr
	Range KeyAttr // without name if there is none
}

// A KeyAttr is an attribute of a key.
type KeyAttr struct {
	Name string
	Kind item.Kind
}

// An Index is a secondary index.
type Index struct {
	Name   string
	Global bool
	Key    KeySchema
}

// Attrs returns the key's attributes: one or two.
func (k KeySchema) Attrs() []KeyAttr {
	if k.Range.Name == "" {
		return []KeyAttr{k.Hash}
	}
	return []KeyAttr{k.Hash, k.Range}
}

// Index returns the index with this name.
func (s *Schema) Index(name string) (Index, bool) {
	for _, i := range s.Indexes {
		if i.Name == name {
			return i, true
		}
	}
	return Index{}, false
}
