package usage

import (
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/json"
)

// document takes one admission document as it is now; data is nil if it was removed. One that cannot be read changes nothing.
func (k *Keys) document(key string, data []byte) {
	place, kind, name, ok := apigateway.ParseAdmissionKey(key)
	if !ok {
		return
	}
	var err error
	switch kind {
	case apigateway.KindAPIKey:
		err = k.setKey(id{place, name}, data)
	case apigateway.KindPlan:
		err = k.setPlan(id{place, name}, data)
	case apigateway.KindPlanKey:
		plan, key, _ := strings.Cut(name, "/")
		err = k.setPlanKey(pair{place, plan, key}, data)
	}
	if err != nil {
		k.cfg.Log.Error("document on API keys cannot be read; all stays as it was", "kind", kind, "id", name, "cause", err)
	}
}

func decode[T any](data []byte) (*T, error) {
	if data == nil {
		return nil, nil
	}
	v := new(T)
	return v, json.Unmarshal(data, v)
}

func (k *Keys) setKey(name id, data []byte) error {
	fresh, err := decode[apigateway.APIKey](data)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if old := k.keys[name]; old != nil && k.byValue[id{name.place, old.Value}] == name.name {
		delete(k.byValue, id{name.place, old.Value})
	}
	delete(k.keys, name)
	if fresh != nil {
		k.keys[name] = fresh
		k.byValue[id{name.place, fresh.Value}] = name.name
	}
	return nil
}

func (k *Keys) setPlan(name id, data []byte) error {
	fresh, err := decode[apigateway.UsagePlan](data)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.plans, name)
	if fresh != nil {
		k.plans[name] = fresh
	}
	for p, m := range k.meters {
		if p.place == name.place && p.plan == name.name {
			m.setPlan(fresh)
		}
	}
	return nil
}

func (k *Keys) setPlanKey(p pair, data []byte) error {
	fresh, err := decode[apigateway.PlanKey](data)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := id{p.place, p.key}
	if fresh == nil {
		delete(k.planKeys[key], p.plan)
		if len(k.planKeys[key]) == 0 {
			delete(k.planKeys, key)
		}
		if m := k.meters[p]; m != nil {
			m.setPlan(nil)
			delete(k.meters, p)
		}
		return nil
	}
	if k.planKeys[key] == nil {
		k.planKeys[key] = map[string]bool{}
	}
	k.planKeys[key][p.plan] = true
	k.meter(p).setPlan(k.plans[id{p.place, p.plan}])
	return nil
}

// meter returns the meter of a key in a plan, making it if there is none. The caller holds k.mu.
func (k *Keys) meter(p pair) *Meter {
	m := k.meters[p]
	if m == nil {
		m = newMeter(p)
		k.meters[p] = m
	}
	return m
}

// forgetBut removes what a watch that begins anew does not find any more.
func (k *Keys) forgetBut(prefix string, known map[string]bool) {
	if prefix == "" {
		return // counts that were removed belong to plans or keys that were
	}
	var gone []string
	k.mu.RLock()
	for name := range k.keys {
		gone = append(gone, name.place.AdmissionPrefix()+apigateway.KindAPIKey+name.name)
	}
	for name := range k.plans {
		gone = append(gone, name.place.AdmissionPrefix()+apigateway.KindPlan+name.name)
	}
	for name, plans := range k.planKeys {
		for plan := range plans {
			gone = append(gone, name.place.AdmissionPrefix()+apigateway.KindPlanKey+plan+"/"+name.name)
		}
	}
	k.mu.RUnlock()
	for _, key := range gone {
		if !known[key] {
			k.document(key, nil)
		}
	}
}
