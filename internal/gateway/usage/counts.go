package usage

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/json"
	"github.com/sallyport/sallyport/internal/store"
)

// count takes one document on usage as it is now; data is nil if it was removed.
func (k *Keys) count(key string, data []byte) {
	parts := strings.Split(key, "/")
	if len(parts) < 5 {
		return
	}
	p := pair{place: apigateway.Place{Account: parts[0], Region: parts[1]}, plan: parts[2], key: parts[3]}
	if data == nil && k.drop(p) {
		return
	}
	switch {
	case parts[4] == apigateway.UsageGrant:
		var g apigateway.Grant
		if data != nil && json.Unmarshal(data, &g) != nil {
			return
		}
		k.edit(p, func(m *Meter) { m.granted = g })
	case len(parts) == 6 && parts[4]+"/" == apigateway.UsageNode:
		var u apigateway.Usage
		if data != nil && json.Unmarshal(data, &u) != nil {
			return
		}
		if parts[5] != strconv.Itoa(int(k.cfg.Node)) {
			k.edit(p, func(m *Meter) { m.others[parts[5]] = u })
			return
		}
		select {
		case <-k.ready[1]: // what we wrote ourselves
		default:
			k.edit(p, func(m *Meter) { m.own = u.Days })
		}
	}
}

// drop forgets a meter whose counts are removed and that nobody can use. It reports whether it did.
func (k *Keys) drop(p pair) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.planKeys[id{p.place, p.key}][p.plan] {
		return false
	}
	delete(k.meters, p)
	return true
}

// edit changes what a meter counts with. Counts may come before the documents that make the meter theirs.
func (k *Keys) edit(p pair, f func(*Meter)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := k.meter(p)
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
	if m.own == nil {
		m.own = map[string]int64{}
	}
	m.dayEnds = time.Time{}
}

// write writes the counts that changed since the last time.
func (k *Keys) write(ctx context.Context) {
	var writes []store.Write
	var written []*Meter
	flush := func() {
		if len(writes) == 0 {
			return
		}
		if _, err := k.counts.Apply(ctx, writes...); err != nil {
			k.cfg.Log.Warn("usage of API keys is not written yet; it is tried again", "cause", err)
			for _, m := range written {
				m.mu.Lock()
				m.unsaved = true
				m.mu.Unlock()
			}
		}
		writes, written = nil, nil
	}
	for _, m := range k.unsaved() {
		data, err := json.Marshal(m.take(k.cfg.Now()))
		if err != nil {
			continue
		}
		key := m.pair.place.UsagePrefix(m.pair.plan, m.pair.key) + apigateway.UsageNode + strconv.Itoa(int(k.cfg.Node))
		writes, written = append(writes, store.Write{Key: key, Data: data}), append(written, m)
		if len(writes) == store.MaxBatch {
			flush()
		}
	}
	flush()
}

// unsaved returns the meters with something to write.
func (k *Keys) unsaved() []*Meter {
	k.mu.RLock()
	defer k.mu.RUnlock()
	var out []*Meter
	for _, m := range k.meters {
		m.mu.Lock()
		if m.unsaved {
			out = append(out, m)
		}
		m.mu.Unlock()
	}
	return out
}

// take returns a copy of the counts, without days that are long gone, and takes them for saved.
func (m *Meter) take(now time.Time) apigateway.Usage {
	m.mu.Lock()
	defer m.mu.Unlock()
	oldest := now.UTC().AddDate(0, 0, -apigateway.UsageDays).Format(apigateway.DayFormat)
	maps.DeleteFunc(m.own, func(day string, _ int64) bool { return day < oldest })
	m.unsaved = false
	return apigateway.Usage{Days: maps.Clone(m.own)}
}
