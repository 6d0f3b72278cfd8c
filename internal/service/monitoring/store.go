package monitoring

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/store"
)

// Documents, under {account}/{region}/:
//
//	metric/{key}               a Metric, and the last hour that has values
//	hour/{key}/{hour}/{node}   minutes

const storeName = "monitoring"

// A known is the document of a metric.
type known struct {
	Metric
	Last int64 `json:"last"` // hour since 1970
}

func (p place) prefix() string              { return p.account + "/" + p.region + "/" }
func (p place) metricKey(key string) string { return p.prefix() + "metric/" + key }
func (p place) hours(key string) string     { return p.prefix() + "hour/" + key + "/" }

// hourKey sorts by time.
func (p place) hourKey(key string, hour int64, node uint16) string {
	return fmt.Sprintf("%s%08d/%d", p.hours(key), hour, node)
}

// hourOf reads an hour out of a document's key.
func hourOf(key string) (int64, bool) {
	parts := strings.Split(key, "/")
	if len(parts) != 6 {
		return 0, false
	}
	hour, err := strconv.ParseInt(parts[4], 10, 64)
	return hour, err == nil
}

func (s *Service) open(ctx context.Context) (store.Store, error) {
	st, err := s.cfg.Stores.Open(ctx, storeName)
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", storeName, err)
	}
	return st, nil
}

// flush writes what is pending. What cannot be written is kept.
func (s *Service) flush(ctx context.Context) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.mu.Lock()
	pending := s.pending
	s.pending = map[place]map[string]*series{}
	s.mu.Unlock()
	if len(pending) == 0 {
		return nil
	}
	docs, err := s.open(ctx)
	if err != nil {
		s.keep(pending)
		return err
	}
	for p, all := range pending {
		for key, one := range all {
			if err := s.write(ctx, docs, p, key, one); err != nil {
				s.keep(pending)
				return err
			}
			delete(all, key)
		}
		delete(pending, p)
	}
	return nil
}

// keep puts back what was not written.
func (s *Service) keep(pending map[place]map[string]*series) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, all := range pending {
		for _, one := range all {
			kept := s.seriesOf(p, one.metric)
			for minute, v := range one.minutes {
				kept.add(minute, v)
			}
		}
	}
}

// write adds a series to the documents of its hours.
func (s *Service) write(ctx context.Context, docs store.Store, p place, key string, one *series) error {
	hours := map[int64]minutes{}
	last := int64(0)
	for minute, v := range one.minutes {
		hour := minute / 60
		if hours[hour] == nil {
			hours[hour] = minutes{}
		}
		hours[hour].add(minute, v)
		last = max(last, hour)
	}
	for _, hour := range slices.Sorted(maps.Keys(hours)) {
		name := p.hourKey(key, hour, s.cfg.Node)
		all := minutes{}
		if err := read(ctx, docs, name, &all); err != nil {
			return err
		}
		for minute, v := range hours[hour] {
			all.add(minute, v)
		}
		if err := put(ctx, docs, name, all); err != nil {
			return err
		}
		for minute := range hours[hour] {
			delete(one.minutes, minute) // if a later hour fails, this one is not added twice
		}
	}
	var k known
	if err := read(ctx, docs, p.metricKey(key), &k); err != nil {
		return err
	}
	if k.Last >= last && k.Name != "" {
		return nil
	}
	return put(ctx, docs, p.metricKey(key), known{one.metric, last})
}

func read(ctx context.Context, docs store.Store, key string, v any) error {
	doc, err := docs.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	} else if err != nil {
		return fmt.Errorf("read %s: %w", key, err)
	}
	if err := json.Unmarshal(doc.Data, v); err != nil {
		return fmt.Errorf("decode %s: %w", key, err)
	}
	return nil
}

func put(ctx context.Context, docs store.Store, key string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode %s: %w", key, err)
	}
	if _, err := store.Put(ctx, docs, key, data, store.Always); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// load returns the minutes of a metric between two hours, of all nodes.
func (s *Service) load(ctx context.Context, p place, key string, from, to int64) (minutes, error) {
	docs, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	list, err := docs.List(ctx, p.hours(key))
	if err != nil {
		return nil, fmt.Errorf("list metric: %w", err)
	}
	all := minutes{}
	for _, doc := range list {
		hour, ok := hourOf(doc.Key)
		if !ok || hour < from || hour > to {
			continue
		}
		some := minutes{}
		if err := json.Unmarshal(doc.Data, &some); err != nil {
			return nil, fmt.Errorf("decode %s: %w", doc.Key, err)
		}
		for minute, v := range some {
			all.add(minute, v)
		}
	}
	return all, nil
}

// sweep removes what is too old.
func (s *Service) sweep(ctx context.Context) error {
	docs, err := s.open(ctx)
	if err != nil {
		return err
	}
	list, err := docs.List(ctx, "")
	if err != nil {
		return fmt.Errorf("list metrics: %w", err)
	}
	oldest := s.now().Add(-retention).Unix() / 3600
	for _, doc := range list {
		old := false
		if hour, ok := hourOf(doc.Key); ok {
			old = hour < oldest
		} else {
			var k known
			old = json.Unmarshal(doc.Data, &k) == nil && k.Last < oldest
		}
		if !old {
			continue
		}
		if err := store.Delete(ctx, docs, doc.Key, store.AtRev(doc.Rev)); err != nil && !errors.Is(err, store.ErrConflict) {
			return fmt.Errorf("remove %s: %w", doc.Key, err)
		}
	}
	return nil
}
