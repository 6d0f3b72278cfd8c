package dynamodb

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A row is an item of the model. who is empty where the attribute is missing.
type row struct {
	pk, who string
	sk, n   int
}

// TestModel_DY063_DY071 lets random writes, queries and scans agree with a model that is too simple to be wrong: a list of rows.
func TestModel_DY063_DY071(t *testing.T) {
	c := start(t)
	tables := 0
	rapid.Check(t, func(rt *rapid.T) {
		tables++
		m := &model{c: c, table: fmt.Sprintf("model%d", tables)}
		c.ok("CreateTable", strings.Replace(messages, `"messages"`, strconv.Quote(m.table), 1))
		defer c.ok("DeleteTable", `{"TableName":"`+m.table+`"}`)
		rt.Repeat(map[string]func(*rapid.T){
			"put": m.put, "delete": m.remove, "update": m.update, "query": m.query, "scan": m.scan, "transact": m.transact, "": func(*rapid.T) {},
		})
	})
}

type model struct {
	c     *client
	table string
	rows  []row
}

var (
	pks  = rapid.SampledFrom([]string{"a", "b", "a\x00", "ä"})
	sks  = rapid.IntRange(-3, 12)
	whos = rapid.SampledFrom([]string{"", "u", "v"})
)

func key(pk string, sk int) string {
	b, _ := json.Marshal(pk)
	return fmt.Sprintf(`{"pk":{"S":%s},"sk":{"N":"%d"}}`, b, sk)
}

func (r row) json() string {
	who := ""
	if r.who != "" {
		who = `,"who":{"S":"` + r.who + `"}`
	}
	return strings.TrimSuffix(key(r.pk, r.sk), "}") + fmt.Sprintf(`,"n":{"N":"%d"}%s}`, r.n, who)
}

func (m *model) find(pk string, sk int) int {
	return slices.IndexFunc(m.rows, func(r row) bool { return r.pk == pk && r.sk == sk })
}

func (m *model) set(r row) {
	if i := m.find(r.pk, r.sk); i >= 0 {
		m.rows[i] = r
		return
	}
	m.rows = append(m.rows, r)
}

func (m *model) put(t *rapid.T) {
	r := row{pks.Draw(t, "pk"), whos.Draw(t, "who"), sks.Draw(t, "sk"), rapid.IntRange(0, 3).Draw(t, "n")}
	onlyNew := rapid.Bool().Draw(t, "only new")
	cond := ""
	if onlyNew {
		cond = `,"ConditionExpression":"attribute_not_exists(pk)"`
	}
	out := m.c.call("PutItem", `{"TableName":"`+m.table+`","Item":`+r.json()+cond+`}`)
	if exists := m.find(r.pk, r.sk) >= 0; (out["error"] != nil) != (onlyNew && exists) {
		t.Fatalf("PutItem of %+v: %v", r, out)
	}
	if out["error"] == nil {
		m.set(r)
	}
}

func (m *model) remove(t *rapid.T) {
	pk, sk := pks.Draw(t, "pk"), sks.Draw(t, "sk")
	m.c.ok("DeleteItem", `{"TableName":"`+m.table+`","Key":`+key(pk, sk)+`}`)
	if i := m.find(pk, sk); i >= 0 {
		m.rows = slices.Delete(m.rows, i, i+1)
	}
}

func (m *model) update(t *rapid.T) {
	pk, sk, who := pks.Draw(t, "pk"), sks.Draw(t, "sk"), whos.Draw(t, "who")
	change := `"UpdateExpression":"ADD n :one REMOVE who","ExpressionAttributeValues":{":one":{"N":"1"}}`
	if who != "" {
		change = `"UpdateExpression":"ADD n :one SET who = :w","ExpressionAttributeValues":{":one":{"N":"1"},":w":{"S":"` + who + `"}}`
	}
	m.c.ok("UpdateItem", `{"TableName":"`+m.table+`","Key":`+key(pk, sk)+`,`+change+`}`)
	r := row{pk: pk, sk: sk}
	if i := m.find(pk, sk); i >= 0 {
		r = m.rows[i]
	}
	r.n++
	r.who = who
	m.set(r)
}

// transact deletes one item and puts another, if a third is not there.
func (m *model) transact(t *rapid.T) {
	at := func(name string) row { return row{pk: pks.Draw(t, name+" pk"), sk: sks.Draw(t, name+" sk"), n: 9} }
	del, put, check := at("del"), at("put"), at("check")
	if del == put || del == check || put == check {
		return
	}
	out := m.c.call("TransactWriteItems", fmt.Sprintf(`{"TransactItems":[{"Delete":{"TableName":"%[1]s","Key":%[2]s}},{"Put":{"TableName":"%[1]s","Item":%[3]s}},
		{"ConditionCheck":{"TableName":"%[1]s","Key":%[4]s,"ConditionExpression":"attribute_not_exists(pk)"}}]}`, m.table, key(del.pk, del.sk), put.json(), key(check.pk, check.sk)))
	if exists := m.find(check.pk, check.sk) >= 0; (out["error"] != nil) != exists {
		t.Fatalf("transaction: %v", out)
	}
	if out["error"] == nil {
		if i := m.find(del.pk, del.sk); i >= 0 {
			m.rows = slices.Delete(m.rows, i, i+1)
		}
		m.set(put)
	}
}

// pages follows a Query or Scan to its end and returns the items as JSON.
func (m *model) pages(t *rapid.T, operation, request string, limit int) []string {
	var got []string
	start := ""
	for range 1000 {
		out := m.c.ok(operation, fmt.Sprintf(`{"TableName":"%s","Limit":%d,%s%s}`, m.table, limit, request, start))
		for _, it := range out["Items"].([]any) {
			b, _ := json.Marshal(it)
			got = append(got, string(b))
		}
		last, more := out["LastEvaluatedKey"]
		if !more {
			return got
		}
		b, _ := json.Marshal(last)
		start = `,"ExclusiveStartKey":` + string(b)
	}
	t.Fatal("the pages have no end")
	return nil
}

// shown returns rows as pages gives them.
func shown(rows []row, index bool) []string {
	var out []string
	for _, r := range rows {
		text := r.json()
		if index { // it shows keys and x
			text = strings.Replace(text, fmt.Sprintf(`,"n":{"N":"%d"}`, r.n), "", 1)
		}
		var v any
		_ = json.Unmarshal([]byte(text), &v)
		b, _ := json.Marshal(v)
		out = append(out, string(b))
	}
	return out
}

func (m *model) query(t *rapid.T) {
	limit := rapid.IntRange(1, 6).Draw(t, "limit")
	backwards := rapid.Bool().Draw(t, "backwards")
	byWho := rapid.Bool().Draw(t, "index")
	op := rapid.SampledFrom([]string{"", "=", "<", "<=", ">", ">=", "BETWEEN"}).Draw(t, "op")
	a, b := sks.Draw(t, "a"), sks.Draw(t, "b")
	if b < a {
		a, b = b, a
	}
	hash, name, index := pks.Draw(t, "pk"), "pk", ""
	if byWho {
		hash, name, index = "u", "who", `"IndexName":"byWho",`
	}
	quoted, _ := json.Marshal(hash)
	cond, vals := name+" = :h", `":h":{"S":`+string(quoted)+`}`
	switch op {
	case "":
	case "BETWEEN":
		cond += " AND sk BETWEEN :a AND :b"
		vals += fmt.Sprintf(`,":a":{"N":"%d"},":b":{"N":"%d"}`, a, b)
	default:
		cond += " AND sk " + op + " :a"
		vals += fmt.Sprintf(`,":a":{"N":"%d"}`, a)
	}
	var want []row
	for _, r := range m.rows {
		in := map[string]bool{"": true, "=": r.sk == a, "<": r.sk < a, "<=": r.sk <= a, ">": r.sk > a, ">=": r.sk >= a, "BETWEEN": r.sk >= a && r.sk <= b}[op]
		if in && (!byWho && r.pk == hash || byWho && r.who == hash) {
			want = append(want, r)
		}
	}
	slices.SortFunc(want, func(x, y row) int {
		if backwards {
			x, y = y, x
		}
		return x.sk - y.sk
	})
	got := m.pages(t, "Query", fmt.Sprintf(`%s"ScanIndexForward":%v,"KeyConditionExpression":"%s","ExpressionAttributeValues":{%s}`, index, !backwards, cond, vals), limit)
	wanted := shown(want, byWho)
	if byWho { // items with one range key come in any order
		slices.Sort(got)
		slices.Sort(wanted)
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Fatalf("%s backwards %v (-want +got):\n%s", cond, backwards, diff)
	}
}

func (m *model) scan(t *rapid.T) {
	limit, total := rapid.IntRange(1, 6).Draw(t, "limit"), rapid.IntRange(1, 4).Draw(t, "segments")
	n := rapid.IntRange(0, 3).Draw(t, "n")
	var got []string
	for seg := range total {
		got = append(got, m.pages(t, "Scan", fmt.Sprintf(`"Segment":%d,"TotalSegments":%d,"FilterExpression":"n >= :n","ExpressionAttributeValues":{":n":{"N":"%d"}}`, seg, total, n), limit)...)
	}
	var want []row
	for _, r := range m.rows {
		if r.n >= n {
			want = append(want, r)
		}
	}
	wanted := shown(want, false)
	slices.Sort(got)
	slices.Sort(wanted)
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Fatalf("scan (-want +got):\n%s", diff)
	}
}
