package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/internal/store"
)

// Table returns the table with this name, or nil.
func (s *Space) Table(name string) *Table {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.byName[name]
}

// Find is Table, but asks the store before it says that there is no such table: another node may have made it just now.
func (s *Space) Find(ctx context.Context, name string) (*Table, error) {
	if t := s.Table(name); t != nil {
		return t, nil
	}
	doc, err := s.docs.Get(ctx, "t/"+name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoTable
	} else if err != nil {
		return nil, fmt.Errorf("read table %s: %w", name, err)
	}
	schema := &Schema{}
	if err := json.Unmarshal(doc.Data, schema); err != nil {
		return nil, fmt.Errorf("read table %s: %w", name, err)
	}
	s.know(schema, doc.Rev)
	return s.Table(name), nil
}

// Names returns the names of all tables, sorted.
func (s *Space) Names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	names := make([]string, 0, len(s.byName))
	for n := range s.byName {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// CreateTable makes a table. It returns ErrTableExists if the name is taken.
func (s *Space) CreateTable(ctx context.Context, schema *Schema) error {
	s.mu.RLock()
	known := s.known
	s.mu.RUnlock()
	if !known {
		if err := s.register(ctx); err != nil {
			return fmt.Errorf("register table %s: %w", schema.Name, err)
		}
		s.mu.Lock()
		s.known = true
		s.mu.Unlock()
	}
	return s.putTable(ctx, schema, store.Absent)
}

func (s *Space) putTable(ctx context.Context, schema *Schema, when store.Condition) error {
	doc, err := json.Marshal(schema)
	if err != nil {
		return fmt.Errorf("encode table %s: %w", schema.Name, err)
	}
	rev, err := store.Put(ctx, s.docs, "t/"+schema.Name, doc, when)
	if errors.Is(err, store.ErrConflict) {
		return ErrTableExists
	} else if err != nil {
		return fmt.Errorf("write table %s: %w", schema.Name, err)
	}
	s.know(schema, rev)
	return nil
}

// UpdateTable changes a table's schema with change, which gets a copy, and returns the new one. It returns ErrNoTable if there is no such
// table, or what change returns. change may be called several times.
func (s *Space) UpdateTable(ctx context.Context, name string, change func(*Schema) error) (*Schema, error) {
	for range maxAttempts {
		doc, err := s.docs.Get(ctx, "t/"+name)
		if errors.Is(err, store.ErrNotFound) {
			return nil, ErrNoTable
		} else if err != nil {
			return nil, fmt.Errorf("read table %s: %w", name, err)
		}
		schema := &Schema{}
		if err := json.Unmarshal(doc.Data, schema); err != nil {
			return nil, fmt.Errorf("read table %s: %w", name, err)
		}
		if err := change(schema); err != nil {
			return nil, err
		}
		err = s.putTable(ctx, schema, store.AtRev(doc.Rev))
		if !errors.Is(err, ErrTableExists) {
			return schema, err
		}
	}
	return nil, ErrContention
}

// DeleteTable removes a table and returns its last schema. check may refuse.
func (s *Space) DeleteTable(ctx context.Context, name string, check func(*Schema) error) (*Schema, error) {
	doc, err := s.docs.Get(ctx, "t/"+name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoTable
	} else if err != nil {
		return nil, fmt.Errorf("read table %s: %w", name, err)
	}
	schema := &Schema{}
	if err := json.Unmarshal(doc.Data, schema); err != nil {
		return nil, fmt.Errorf("read table %s: %w", name, err)
	}
	if err := check(schema); err != nil {
		return nil, err
	}
	rev, err := s.docs.Apply(ctx, store.Write{Key: "t/" + name, Delete: true, When: store.AtRev(doc.Rev)})
	if errors.Is(err, store.ErrConflict) {
		return nil, ErrContention
	} else if err != nil {
		return nil, fmt.Errorf("remove table %s: %w", name, err)
	}
	s.forget(name, rev)
	return schema, nil
}
