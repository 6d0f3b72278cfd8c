package dynamodb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
)

// A client calls operations of a running service, in JSON.
type client struct {
	t       testing.TB
	service *Service
	catalog *awsapi.Catalog
	ctx     context.Context
}

func start(t testing.TB) *client { return startOver(t, mem.New()) }

func startOver(t testing.TB, stores store.Stores) *client {
	t.Helper()
	s := New(stores, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	c := &client{t: t, service: s, catalog: awsapi.NewCatalog([]awsapi.Service{s, s.Streams()})}
	return c.in("us-east-1")
}

// in returns a client for another region.
func (c *client) in(region string) *client {
	other := *c
	other.ctx = awsapi.WithCaller(context.Background(), awsapi.Caller{Account: "000000000000", Region: region, Admin: true})
	return &other
}

// call returns the operation's answer, or {"error":code,"message":text,…}.
func (c *client) call(operation, input string) map[string]any {
	c.t.Helper()
	service := "dynamodb"
	if name, ok := strings.CutPrefix(operation, "streams:"); ok {
		service, operation = "dynamodbstreams", name
	}
	out, err := c.catalog.Call(c.ctx, service, operation, []byte(input))
	if err != nil {
		var e *awsapi.Error
		if !errors.As(err, &e) {
			c.t.Fatalf("%s: %v", operation, err)
		}
		m := map[string]any{"error": e.Code, "message": e.Message}
		for k, v := range e.Detail {
			b, _ := json.Marshal(v)
			m[k] = parse(c.t, string(b))
		}
		return m
	}
	return parse(c.t, string(out)).(map[string]any)
}

func parse(t testing.TB, s string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}

func (c *client) okf(operation, format string, args ...any) map[string]any {
	c.t.Helper()
	return c.ok(operation, fmt.Sprintf(format, args...))
}

// want calls and compares the answer with JSON.
func (c *client) want(operation, input, want string) {
	c.t.Helper()
	if diff := cmp.Diff(parse(c.t, want), any(c.call(operation, input))); diff != "" {
		c.t.Errorf("%s %s (-want +got):\n%s", operation, input, diff)
	}
}

// ok calls, and ends the test if the call fails.
func (c *client) ok(operation, input string) map[string]any {
	c.t.Helper()
	out := c.call(operation, input)
	if out["error"] != nil {
		c.t.Fatalf("%s: %v: %v", operation, out["error"], out["message"])
	}
	return out
}

// refused calls and compares the error's message. A want that begins with ~ need only be contained.
func (c *client) refused(operation, input, code, want string) {
	c.t.Helper()
	out := c.call(operation, input)
	got, _ := out["message"].(string)
	part, partly := strings.CutPrefix(want, "~")
	if out["error"] != code || got != want && (!partly || !strings.Contains(got, part)) {
		c.t.Errorf("%s %s:\n got %v: %s\nwant %s: %s", operation, input, out["error"], got, code, want)
	}
}

func (c *client) invalid(operation, input, want string) {
	c.t.Helper()
	c.refused(operation, input, "ValidationException", want)
}

// in a subtest, errors belong to it.
func (c *client) run(name string, f func(c *client)) {
	c.t.(*testing.T).Run(name, func(t *testing.T) {
		sub := *c
		sub.t = t
		f(&sub)
	})
}

const connections = `{"TableName":"connections","BillingMode":"PAY_PER_REQUEST",
	"KeySchema":[{"AttributeName":"connectionId","KeyType":"HASH"}],"AttributeDefinitions":[{"AttributeName":"connectionId","AttributeType":"S"}]}`

const messages = `{"TableName":"messages","BillingMode":"PAY_PER_REQUEST",
	"KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],
	"AttributeDefinitions":[{"AttributeName":"pk","AttributeType":"S"},{"AttributeName":"sk","AttributeType":"N"},{"AttributeName":"who","AttributeType":"S"},{"AttributeName":"l","AttributeType":"S"}],
	"GlobalSecondaryIndexes":[{"IndexName":"byWho","KeySchema":[{"AttributeName":"who","KeyType":"HASH"},{"AttributeName":"sk","KeyType":"RANGE"}],"Projection":{"ProjectionType":"INCLUDE","NonKeyAttributes":["x"]}}],
	"LocalSecondaryIndexes":[{"IndexName":"byL","KeySchema":[{"AttributeName":"pk","KeyType":"HASH"},{"AttributeName":"l","KeyType":"RANGE"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}]}`

func TestItems(t *testing.T) {
	c := start(t)
	c.ok("CreateTable", connections)
	const all = `{"connectionId":{"S":"all"},"b":{"B":"AAEC/w=="},"bool":{"BOOL":false},"bs":{"BS":["AQ=="]},"l":{"L":[{"S":"x"},{"L":[]}]},
		"m":{"M":{"k":{"N":"1"}}},"n":{"N":"-12.5"},"ns":{"NS":["1","2"]},"null":{"NULL":true},"s":{"S":""},"ss":{"SS":["a","b"]}}`
	put := func(it string) string { return `{"TableName":"connections","Item":` + it + `}` }
	key := func(id string) string { return `{"TableName":"connections","Key":{"connectionId":{"S":"` + id + `"}}}` }

	c.run("DY-001 DY-007 all types", func(c *client) {
		c.want("PutItem", put(all), `{}`)
		c.want("GetItem", key("all"), `{"Item":`+all+`}`)
	})
	c.run("DY-002 missing", func(c *client) { c.want("GetItem", key("missing"), `{}`) })
	c.run("DY-003", func(c *client) {
		c.invalid("PutItem", put(`{"a":{"S":"x"}}`), "One or more parameter values were invalid: Missing the key connectionId in the item")
	})
	c.run("DY-004", func(c *client) {
		c.invalid("PutItem", put(`{"connectionId":{"N":"1"}}`), "One or more parameter values were invalid: Type mismatch for key connectionId expected: S actual: N")
	})
	c.run("DY-005", func(c *client) {
		c.invalid("GetItem", `{"TableName":"connections","Key":{"connectionId":{"S":"a"},"b":{"S":"c"}}}`, "The provided key element does not match the schema")
		c.invalid("DeleteItem", `{"TableName":"connections","Key":{"connectionId":{"N":"1"}}}`, "The provided key element does not match the schema")
	})
	c.run("DY-006", func(c *client) {
		c.invalid("PutItem", put(`{"connectionId":{"S":""}}`),
			"One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty string value. Key: connectionId")
	})
	c.run("DY-008", func(c *client) {
		c.invalid("PutItem", put(`{"connectionId":{"S":"a"},"x":{"SS":[]}}`), "~may not be empty")
	})
	c.run("DY-009", func(c *client) {
		c.invalid("PutItem", put(`{"connectionId":{"S":"a"},"x":{"SS":["a","a"]}}`), "~contains duplicates")
	})
	c.run("DY-010", func(c *client) {
		c.invalid("PutItem", put(`{"connectionId":{"S":"a"},"x":{"NULL":false}}`), "~must have the value of true")
	})
	c.run("DY-011", func(c *client) {
		c.invalid("PutItem", put(`{"connectionId":{"S":"a"},"x":{"S":"a","N":"1"}}`), "~more than one datatypes set")
		c.invalid("PutItem", put(`{"connectionId":{"S":"a"},"x":{}}`), "~Supplied AttributeValue is empty")
	})
	c.run("DY-013", func(c *client) {
		c.ok("PutItem", put(`{"connectionId":{"S":"n"},"a":{"N":"1e3"},"b":{"N":"01.50"},"c":{"N":"-0"}}`))
		c.want("GetItem", key("n"), `{"Item":{"connectionId":{"S":"n"},"a":{"N":"1000"},"b":{"N":"1.5"},"c":{"N":"0"}}}`)
	})
	c.run("DY-015", func(c *client) {
		it := func(n int) string {
			return put(`{"connectionId":{"S":"a"},"x":{"S":"` + strings.Repeat("x", n-len("connectionIdax")) + `"}}`)
		}
		c.ok("PutItem", it(409_600))
		c.invalid("PutItem", it(409_601), "Item size has exceeded the maximum allowed size")
		c.invalid("UpdateItem", `{"TableName":"connections","Key":{"connectionId":{"S":"a"}},"UpdateExpression":"SET y = :y","ExpressionAttributeValues":{":y":{"S":"1"}}}`,
			"Item size to update has exceeded the maximum allowed size")
	})
	c.run("DY-016", func(c *client) {
		c.refused("PutItem", `{"TableName":"nope","Item":{}}`, "ResourceNotFoundException", "Requested resource not found")
	})
	c.run("required", func(c *client) {
		c.invalid("PutItem", `{}`, "~Value null at 'item' failed to satisfy constraint: Member must not be null")
	})
	c.run("DY-030", func(c *client) { c.want("DeleteItem", key("missing"), `{}`) })
	c.run("DY-031", func(c *client) {
		in := `{"TableName":"connections","ReturnValues":"ALL_OLD","Item":{"connectionId":{"S":"old"},"v":{"N":"%d"}}}`
		c.want("PutItem", fmt.Sprintf(in, 1), `{}`)
		c.want("PutItem", fmt.Sprintf(in, 2), `{"Attributes":{"connectionId":{"S":"old"},"v":{"N":"1"}}}`)
		c.invalid("PutItem", `{"TableName":"connections","ReturnValues":"ALL_NEW","Item":{"connectionId":{"S":"old"}}}`, "ReturnValues can only be ALL_OLD or NONE")
	})
	c.run("DY-107 ARN", func(c *client) {
		const arn = `"arn:aws:dynamodb:us-east-1:000000000000:table/connections"`
		c.ok("PutItem", `{"TableName":`+arn+`,"Item":{"connectionId":{"S":"arn"}}}`)
		out := c.ok("Query", `{"TableName":`+arn+`,"KeyConditionExpression":"connectionId = :c","ExpressionAttributeValues":{":c":{"S":"arn"}}}`)
		if out["Count"] != 1.0 {
			c.t.Errorf("Query = %v", out)
		}
	})
	c.run("DY-108 large binary", func(c *client) {
		blob := strings.Repeat("AAEC", 100<<10)
		c.ok("PutItem", put(`{"connectionId":{"S":"blob"},"b":{"B":"`+blob+`"}}`))
		c.want("GetItem", key("blob"), `{"Item":{"connectionId":{"S":"blob"},"b":{"B":"`+blob+`"}}}`)
	})
	c.run("DY-075 projection", func(c *client) {
		c.ok("PutItem", put(`{"connectionId":{"S":"p"},"a":{"M":{"b":{"L":[{"S":"0"},{"S":"1"}]},"z":{"S":"z"}}},"c":{"N":"3"},"d":{"N":"4"}}`))
		c.want("GetItem", `{"TableName":"connections","Key":{"connectionId":{"S":"p"}},"ProjectionExpression":"a.b[0],c"}`,
			`{"Item":{"a":{"M":{"b":{"L":[{"S":"0"}]}}},"c":{"N":"3"}}}`)
		c.want("GetItem", `{"TableName":"connections","Key":{"connectionId":{"S":"p"}},"AttributesToGet":["d"]}`, `{"Item":{"d":{"N":"4"}}}`)
	})
	c.run("DY-105 wrong type", func(c *client) {
		c.refused("PutItem", put(`{"connectionId":{"S":1}}`), "SerializationException", "NUMBER_VALUE cannot be converted to String")
	})
	c.run("DY-114 regions", func(c *client) {
		c.ok("PutItem", put(`{"connectionId":{"S":"east"}}`))
		west := c.in("eu-west-1")
		west.refused("GetItem", key("east"), "ResourceNotFoundException", "Requested resource not found")
		west.ok("CreateTable", connections)
		west.want("GetItem", key("east"), `{}`)
	})
}

func TestConditions(t *testing.T) {
	c := start(t)
	c.ok("CreateTable", connections)
	c.ok("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"a"},"n":{"N":"1"},"room":{"S":"r"}}}`)
	c.run("DY-027", func(c *client) {
		c.want("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"a"}},"ConditionExpression":"attribute_not_exists(connectionId)"}`,
			`{"error":"ConditionalCheckFailedException","message":"The conditional request failed"}`)
	})
	c.run("DY-028", func(c *client) {
		c.want("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"a"}},"ConditionExpression":"attribute_not_exists(connectionId)",
			"ReturnValuesOnConditionCheckFailure":"ALL_OLD"}`,
			`{"error":"ConditionalCheckFailedException","message":"The conditional request failed","Item":{"connectionId":{"S":"a"},"n":{"N":"1"},"room":{"S":"r"}}}`)
	})
	c.run("DY-029", func(c *client) {
		const del = `{"TableName":"connections","Key":{"connectionId":{"S":"a"}},"ConditionExpression":"n = :n","ExpressionAttributeValues":{":n":{"N":"%s"}},"ReturnValues":"ALL_OLD"}`
		c.refused("DeleteItem", fmt.Sprintf(del, "2"), "ConditionalCheckFailedException", "The conditional request failed")
		c.want("DeleteItem", fmt.Sprintf(del, "1.0"), `{"Attributes":{"connectionId":{"S":"a"},"n":{"N":"1"},"room":{"S":"r"}}}`)
		c.refused("DeleteItem", fmt.Sprintf(del, "1"), "ConditionalCheckFailedException", "The conditional request failed")
	})
	c.run("DY-047", func(c *client) {
		const put = `{"TableName":"connections","Item":{"connectionId":{"S":"a"}},"ConditionExpression":"attribute_not_exists(x)",`
		c.invalid("PutItem", put+`"ExpressionAttributeValues":{":x":{"S":"a"}}}`, "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x}")
		c.invalid("PutItem", put+`"ExpressionAttributeNames":{"#x":"a"}}`, "Value provided in ExpressionAttributeNames unused in expressions: keys: {#x}")
		c.invalid("PutItem", put+`"ExpressionAttributeValues":{"x":{"S":"a"}}}`, `ExpressionAttributeValues contains invalid key: Syntax error; key: "x"`)
		c.invalid("PutItem", put+`"ExpressionAttributeNames":{}}`, "ExpressionAttributeNames must not be empty")
		c.invalid("PutItem", put+`"ExpressionAttributeValues":{":x":{"N":"a"}}}`,
			"ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a numeric value: a for key :x")
		c.invalid("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"a"}},"ExpressionAttributeValues":{":x":{"S":"a"}}}`,
			"ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null")
	})
	c.run("DY-089", func(c *client) {
		c.invalid("GetItem", `{"TableName":"connections","Key":{"connectionId":{"S":"a"}},"AttributesToGet":["a"],"ProjectionExpression":"a"}`,
			"Can not use both expression and non-expression parameters in the same request: Non-expression parameters: {AttributesToGet} Expression parameters: {ProjectionExpression}")
	})
	c.run("values before table", func(c *client) {
		c.invalid("PutItem", `{"TableName":"nope","Item":{"a":{"N":"x"}}}`, "The parameter cannot be converted to a numeric value: x")
	})
}

func TestUpdates(t *testing.T) {
	c := start(t)
	c.ok("CreateTable", connections)
	update := func(rest string) string {
		return `{"TableName":"connections","Key":{"connectionId":{"S":"u"}},` + rest + `}`
	}
	c.run("DY-032", func(c *client) {
		c.want("UpdateItem", update(`"ReturnValues":"ALL_NEW"`), `{"Attributes":{"connectionId":{"S":"u"}}}`)
		c.want("UpdateItem", update(`"UpdateExpression":"SET a = :a","ExpressionAttributeValues":{":a":{"N":"1"}}`), `{}`)
	})
	c.run("DY-033", func(c *client) {
		c.want("UpdateItem", update(`"UpdateExpression":"SET b = :a","ExpressionAttributeValues":{":a":{"N":"2"}},"ReturnValues":"ALL_NEW"`),
			`{"Attributes":{"connectionId":{"S":"u"},"a":{"N":"1"},"b":{"N":"2"}}}`)
		c.want("UpdateItem", update(`"UpdateExpression":"SET b = :a","ExpressionAttributeValues":{":a":{"N":"3"}},"ReturnValues":"UPDATED_NEW"`), `{"Attributes":{"b":{"N":"3"}}}`)
		c.want("UpdateItem", update(`"UpdateExpression":"SET b = :a","ExpressionAttributeValues":{":a":{"N":"4"}},"ReturnValues":"UPDATED_OLD"`), `{"Attributes":{"b":{"N":"3"}}}`)
		c.want("UpdateItem", update(`"UpdateExpression":"REMOVE b","ReturnValues":"UPDATED_NEW"`), `{}`)
	})
	c.run("DY-034", func(c *client) {
		c.invalid("UpdateItem", update(`"UpdateExpression":"SET zz = zz + :n","ExpressionAttributeValues":{":n":{"N":"1"}}`),
			"The provided expression refers to an attribute that does not exist in the item")
	})
	c.run("DY-041", func(c *client) {
		c.invalid("UpdateItem", update(`"UpdateExpression":"SET connectionId = :n","ExpressionAttributeValues":{":n":{"S":"1"}}`),
			"One or more parameter values were invalid: Cannot update attribute connectionId. This attribute is part of the key")
	})
	c.run("DY-085", func(c *client) {
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				c.call("UpdateItem", update(`"UpdateExpression":"ADD hits :one","ExpressionAttributeValues":{":one":{"N":"1"}}`))
			})
		}
		wg.Wait()
		c.want("GetItem", `{"TableName":"connections","Key":{"connectionId":{"S":"u"}},"ProjectionExpression":"hits"}`, `{"Item":{"hits":{"N":"100"}}}`)
	})
	c.run("DY-086", func(c *client) {
		var wg sync.WaitGroup
		var mu sync.Mutex
		results := map[any]int{}
		for i := range 50 {
			wg.Go(func() {
				out := c.call("PutItem", fmt.Sprintf(`{"TableName":"connections","Item":{"connectionId":{"S":"one"},"w":{"N":"%d"}},"ConditionExpression":"attribute_not_exists(connectionId)"}`, i))
				mu.Lock()
				defer mu.Unlock()
				results[out["error"]]++
			})
		}
		wg.Wait()
		if want := map[any]int{nil: 1, "ConditionalCheckFailedException": 49}; !reflect.DeepEqual(results, want) {
			c.t.Errorf("results %v, want %v", results, want)
		}
	})
	c.run("DY-088 legacy", func(c *client) {
		c.want("UpdateItem", update(`"AttributeUpdates":{"x":{"Action":"PUT","Value":{"S":"1"}},"hits":{"Action":"ADD","Value":{"N":"5"}},"a":{"Action":"DELETE"}},"ReturnValues":"ALL_NEW"`),
			`{"Attributes":{"connectionId":{"S":"u"},"hits":{"N":"105"},"x":{"S":"1"}}}`)
		c.refused("UpdateItem", update(`"AttributeUpdates":{"x":{"Value":{"S":"2"}}},"Expected":{"x":{"Value":{"S":"9"}}}`), "ConditionalCheckFailedException", "The conditional request failed")
		c.ok("UpdateItem", update(`"AttributeUpdates":{"x":{"Value":{"S":"2"}}},"Expected":{"x":{"ComparisonOperator":"BEGINS_WITH","AttributeValueList":[{"S":"1"}]},"y":{"Exists":false}}`))
		c.want("GetItem", `{"TableName":"connections","Key":{"connectionId":{"S":"u"}},"AttributesToGet":["x"]}`, `{"Item":{"x":{"S":"2"}}}`)
		c.invalid("UpdateItem", update(`"AttributeUpdates":{"x":{"Action":"ADD","Value":{"S":"2"}}}`), "One or more parameter values were invalid: ADD action is not supported for the type S")
		c.invalid("UpdateItem", update(`"Expected":{"x":{}}`), "One or more parameter values were invalid: Value must be provided when Exists is null for Attribute: x")
	})
}

func TestQuery(t *testing.T) {
	c := start(t)
	c.ok("CreateTable", messages)
	for i := range 5 {
		c.okf("PutItem", `{"TableName":"messages","Item":{"pk":{"S":"a"},"sk":{"N":"%d"},"who":{"S":"w%d"},"l":{"S":"l%d"},"x":{"N":"%d"},"y":{"S":"y"}}}`, i*5, i%2, 9-i, i)
	}
	query := func(rest string) string { return `{"TableName":"messages",` + rest + `}` }
	const ofA = `"KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"a"}}`
	sks := func(out map[string]any) (list []string) {
		items, _ := out["Items"].([]any)
		for _, it := range items {
			list = append(list, it.(map[string]any)["sk"].(map[string]any)["N"].(string))
		}
		return list
	}
	gives := func(c *client, in string, want ...string) map[string]any {
		c.t.Helper()
		out := c.ok("Query", in)
		if diff := cmp.Diff(want, sks(out)); diff != "" {
			c.t.Errorf("%s (-want +got):\n%s", in, diff)
		}
		return out
	}
	c.run("DY-058 DY-059", func(c *client) {
		gives(c, query(ofA), "0", "5", "10", "15", "20")
		gives(c, query(ofA+`,"ScanIndexForward":false`), "20", "15", "10", "5", "0")
		gives(c, query(`"KeyConditionExpression":"pk = :p AND sk BETWEEN :a AND :b","ExpressionAttributeValues":{":p":{"S":"a"},":a":{"N":"5"},":b":{"N":"15"}}`), "5", "10", "15")
		gives(c, query(`"KeyConditionExpression":":a < #s and #p = :p","ExpressionAttributeNames":{"#p":"pk","#s":"sk"},"ExpressionAttributeValues":{":p":{"S":"a"},":a":{"N":"9.5"}}`), "10", "15", "20")
	})
	c.run("DY-060", func(c *client) {
		c.invalid("Query", query(`"KeyConditionExpression":"sk = :p","ExpressionAttributeValues":{":p":{"N":"1"}}`), "Query condition missed key schema element: pk")
	})
	c.run("DY-061", func(c *client) {
		c.invalid("Query", query(`"KeyConditionExpression":"pk = :p OR sk = :p","ExpressionAttributeValues":{":p":{"S":"a"}}`), "Invalid operator used in KeyConditionExpression: OR")
	})
	c.run("DY-062", func(c *client) {
		c.invalid("Query", query(`"KeyConditionExpression":"pk = :p","FilterExpression":"sk > :s","ExpressionAttributeValues":{":p":{"S":"a"},":s":{"N":"1"}}`),
			"Filter Expression can only contain non-primary key attributes: Primary key attribute: sk")
	})
	c.run("key type", func(c *client) {
		c.invalid("Query", query(`"KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"N":"1"}}`),
			"One or more parameter values were invalid: Condition parameter type does not match schema type")
	})
	c.run("DY-063", func(c *client) {
		var all []string
		start, pages := "", 0
		for {
			out := c.ok("Query", query(ofA+`,"Limit":2`+start))
			all = append(all, sks(out)...)
			pages++
			last, ok := out["LastEvaluatedKey"]
			if !ok {
				break
			}
			b, _ := json.Marshal(last)
			start = `,"ExclusiveStartKey":` + string(b)
		}
		if diff := cmp.Diff([]string{"0", "5", "10", "15", "20"}, all); diff != "" || pages != 3 {
			c.t.Errorf("%d pages (-want +got):\n%s", pages, diff)
		}
		out := c.ok("Query", query(ofA+`,"Limit":5`))
		if out["LastEvaluatedKey"] == nil {
			c.t.Error("a Limit that is just enough gives no LastEvaluatedKey")
		}
	})
	c.run("DY-064", func(c *client) {
		c.want("Query", query(`"KeyConditionExpression":"pk = :p","FilterExpression":"x = :x","ExpressionAttributeValues":{":p":{"S":"a"},":x":{"N":"4"}},"Limit":2`),
			`{"Count":0,"ScannedCount":2,"Items":[],"LastEvaluatedKey":{"pk":{"S":"a"},"sk":{"N":"5"}}}`)
	})
	c.run("DY-066", func(c *client) { c.want("Query", query(ofA+`,"Select":"COUNT"`), `{"Count":5,"ScannedCount":5}`) })
	c.run("DY-067", func(c *client) {
		c.want("Query", query(`"IndexName":"byWho","KeyConditionExpression":"who = :w","ExpressionAttributeValues":{":w":{"S":"w1"}},"Limit":1`),
			`{"Count":1,"ScannedCount":1,"Items":[{"pk":{"S":"a"},"sk":{"N":"5"},"who":{"S":"w1"},"x":{"N":"1"}}],"LastEvaluatedKey":{"pk":{"S":"a"},"sk":{"N":"5"},"who":{"S":"w1"}}}`)
		gives(c, query(`"IndexName":"byWho","KeyConditionExpression":"who = :w AND sk > :s","ExpressionAttributeValues":{":w":{"S":"w1"},":s":{"N":"5"}}`), "15")
	})
	c.run("DY-068", func(c *client) {
		c.invalid("Query", query(`"IndexName":"byWho","ConsistentRead":true,"KeyConditionExpression":"who = :w","ExpressionAttributeValues":{":w":{"S":"w1"}}`),
			"Consistent reads are not supported on global secondary indexes")
	})
	c.run("DY-069", func(c *client) {
		c.invalid("Query", query(`"IndexName":"xyz",`+ofA), "The table does not have the specified index: xyz")
	})
	c.run("DY-070", func(c *client) {
		c.invalid("Query", query(ofA+`,"ExclusiveStartKey":{"pk":{"S":"a"}}`), "~The provided starting key is invalid")
		c.invalid("Query", query(ofA+`,"ExclusiveStartKey":{"pk":{"S":"b"},"sk":{"N":"1"}}`), "The provided starting key is outside query boundaries based on provided conditions")
	})
	c.run("DY-071", func(c *client) {
		const w7 = `"IndexName":"byWho","KeyConditionExpression":"who = :w","ExpressionAttributeValues":{":w":{"S":"w7"}}`
		c.ok("UpdateItem", `{"TableName":"messages","Key":{"pk":{"S":"b"},"sk":{"N":"1"}},"UpdateExpression":"SET who = :w","ExpressionAttributeValues":{":w":{"S":"w7"}}}`)
		gives(c, query(w7), "1")
		c.ok("DeleteItem", `{"TableName":"messages","Key":{"pk":{"S":"b"},"sk":{"N":"1"}}}`)
		gives(c, query(w7))
	})
	c.run("DY-072", func(c *client) {
		gives(c, query(`"IndexName":"byL","ConsistentRead":true,`+ofA), "20", "15", "10", "5", "0")
		c.want("Query", query(`"IndexName":"byL","ProjectionExpression":"y","KeyConditionExpression":"pk = :p AND begins_with(l, :l)","ExpressionAttributeValues":{":p":{"S":"a"},":l":{"S":"l9"}}`),
			`{"Count":1,"ScannedCount":1,"Items":[{"y":{"S":"y"}}]}`)
	})
	c.run("DY-088 KeyConditions", func(c *client) {
		gives(c, query(`"KeyConditions":{"pk":{"ComparisonOperator":"EQ","AttributeValueList":[{"S":"a"}]},"sk":{"ComparisonOperator":"GE","AttributeValueList":[{"N":"10"}]}},
			"QueryFilter":{"x":{"ComparisonOperator":"NE","AttributeValueList":[{"N":"3"}]}}`), "10", "20")
	})
	c.run("index key type", func(c *client) {
		c.invalid("PutItem", `{"TableName":"messages","Item":{"pk":{"S":"a"},"sk":{"N":"1"},"who":{"N":"1"}}}`,
			"One or more parameter values were invalid: Type mismatch for Index Key who Expected: S Actual: N IndexName: byWho")
		const set = `{"TableName":"messages","Key":{"pk":{"S":"a"},"sk":{"N":"1"}},"UpdateExpression":"SET who = %s","ExpressionAttributeValues":{":v":%s}}`
		c.invalid("UpdateItem", fmt.Sprintf(set, ":v", `{"N":"1"}`), "One or more parameter values were invalid: Type mismatch for Index Key who Expected: S Actual: N IndexName: byWho")
		c.invalid("UpdateItem", fmt.Sprintf(set, "if_not_exists(nothing, :v)", `{"N":"1"}`), "The update expression attempted to update the secondary index key to unsupported type")
		c.invalid("UpdateItem", fmt.Sprintf(set, ":v", `{"S":""}`), "~The update expression attempted to update a secondary index key to a value that is not supported")
		c.invalid("PutItem", `{"TableName":"messages","Item":{"pk":{"S":"a"},"sk":{"N":"1"},"who":{"S":""}}}`, "~A value specified for a secondary index key is not supported")
	})
	c.run("DY-065 one megabyte", func(c *client) {
		for i := range 5 {
			c.okf("PutItem", `{"TableName":"messages","Item":{"pk":{"S":"big"},"sk":{"N":"%d"},"d":{"S":"%s"}}}`, i, strings.Repeat("d", 300<<10))
		}
		out := c.ok("Query", query(`"KeyConditionExpression":"pk = :p","ExpressionAttributeValues":{":p":{"S":"big"}}`))
		if out["Count"] != 4.0 || out["LastEvaluatedKey"] == nil {
			c.t.Errorf("Count = %v, LastEvaluatedKey %v", out["Count"], out["LastEvaluatedKey"])
		}
	})
}

func TestScan(t *testing.T) {
	c := start(t)
	c.ok("CreateTable", connections)
	const count = 57
	for i := range count {
		c.okf("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"c%d"},"n":{"N":"%d"}}}`, i, i)
	}
	collect := func(c *client, rest string) map[string]int {
		seen := map[string]int{}
		for start := ""; ; {
			out := c.okf("Scan", `{"TableName":"connections","Limit":10%s%s}`, rest, start)
			for _, it := range out["Items"].([]any) {
				seen[it.(map[string]any)["connectionId"].(map[string]any)["S"].(string)]++
			}
			last, ok := out["LastEvaluatedKey"]
			if !ok {
				return seen
			}
			b, _ := json.Marshal(last)
			start = `,"ExclusiveStartKey":` + string(b)
		}
	}
	c.run("DY-073 pages", func(c *client) {
		if seen := collect(c, ""); len(seen) != count {
			c.t.Errorf("%d items, want %d", len(seen), count)
		}
	})
	c.run("DY-073 segments", func(c *client) {
		all := map[string]int{}
		for seg := range 4 {
			for k, n := range collect(c, fmt.Sprintf(`,"Segment":%d,"TotalSegments":4`, seg)) {
				all[k] += n
			}
		}
		for k, n := range all {
			if n != 1 {
				c.t.Errorf("%s came %d times", k, n)
			}
		}
		if len(all) != count {
			c.t.Errorf("%d items, want %d", len(all), count)
		}
	})
	c.run("DY-074", func(c *client) {
		c.invalid("Scan", `{"TableName":"connections","Segment":2,"TotalSegments":2}`,
			"The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 is not less than TotalSegments: 2")
		c.invalid("Scan", `{"TableName":"connections","Segment":2}`,
			"The TotalSegments parameter is required but was not present in the request when Segment parameter is present")
	})
	c.run("DY-088 ScanFilter", func(c *client) {
		out := c.ok("Scan", `{"TableName":"connections","ScanFilter":{"n":{"ComparisonOperator":"LT","AttributeValueList":[{"N":"10"}]}}}`)
		if out["Count"] != 10.0 || out["ScannedCount"] != float64(count) {
			c.t.Errorf("Count %v, ScannedCount %v", out["Count"], out["ScannedCount"])
		}
	})
	c.run("DY-049", func(c *client) {
		c.invalid("Scan", `{"TableName":"connections","FilterExpression":""}`, "Invalid FilterExpression: The expression can not be empty;")
	})
	c.run("filter and projection", func(c *client) {
		c.want("Scan", `{"TableName":"connections","FilterExpression":"n = :n","ProjectionExpression":"n","ExpressionAttributeValues":{":n":{"N":"7"}},"ReturnConsumedCapacity":"TOTAL"}`,
			`{"Count":1,"ScannedCount":57,"Items":[{"n":{"N":"7"}}],"ConsumedCapacity":{"TableName":"connections","CapacityUnits":0.5}}`)
	})
}

func TestCapacity_DY087(t *testing.T) {
	c := start(t)
	c.ok("CreateTable", connections)
	put := func(size int) map[string]any {
		return c.okf("PutItem", `{"TableName":"connections","ReturnConsumedCapacity":"TOTAL","Item":{"connectionId":{"S":"a"},"d":{"S":"%s"}}}`, strings.Repeat("d", size-len("connectionIdad")))
	}
	units := func(out map[string]any) any { return out["ConsumedCapacity"].(map[string]any)["CapacityUnits"] }
	if got := units(put(1024)); got != 1.0 {
		t.Errorf("1 KB costs %v, want 1", got)
	}
	if got := units(put(1126)); got != 2.0 {
		t.Errorf("1.1 KB costs %v, want 2", got)
	}
	put(4096)
	if got := units(c.ok("GetItem", `{"TableName":"connections","ReturnConsumedCapacity":"TOTAL","Key":{"connectionId":{"S":"a"}}}`)); got != 0.5 {
		t.Errorf("eventual read costs %v, want 0.5", got)
	}
	if got := units(c.ok("GetItem", `{"TableName":"connections","ReturnConsumedCapacity":"TOTAL","ConsistentRead":true,"Key":{"connectionId":{"S":"a"}}}`)); got != 1.0 {
		t.Errorf("strong read costs %v, want 1", got)
	}
}

func TestBatches(t *testing.T) {
	c := start(t)
	c.ok("CreateTable", connections)
	write := func(n int, suffix string) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"PutRequest":{"Item":{"connectionId":{"S":"c%d%s"}}}}`, i, suffix))
		}
		return `{"RequestItems":{"connections":[` + strings.Join(list, ",") + `]}}`
	}
	get := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`{"connectionId":{"S":"c%d"}}`, i))
		}
		return `{"RequestItems":{"connections":{"Keys":[` + strings.Join(list, ",") + `]}}}`
	}
	c.run("DY-076 DY-077", func(c *client) {
		c.want("BatchWriteItem", write(25, ""), `{"UnprocessedItems":{}}`)
		c.invalid("BatchWriteItem", write(26, ""), "~Map value must satisfy constraint: [Member must have length less than or equal to 25, Member must have length greater than or equal to 1]")
		c.invalid("BatchWriteItem", `{"RequestItems":{"connections":[{"PutRequest":{"Item":{"connectionId":{"S":"a"}}}},{"DeleteRequest":{"Key":{"connectionId":{"S":"a"}}}}]}}`,
			"Provided list of item keys contains duplicates")
		c.invalid("BatchWriteItem", `{"RequestItems":{"connections":[{"PutRequest":{"Item":{"x":{"S":"a"}}}}]}}`, "The provided key element does not match the schema")
	})
	c.run("DY-078", func(c *client) {
		out := c.ok("BatchGetItem", get(100))
		if rows := out["Responses"].(map[string]any)["connections"].([]any); len(rows) != 25 {
			c.t.Errorf("%d items, want 25", len(rows))
		}
		if diff := cmp.Diff(map[string]any{}, out["UnprocessedKeys"]); diff != "" {
			c.t.Error(diff)
		}
		c.invalid("BatchGetItem", get(101), "1 validation error detected: Value at 'RequestItems.connections.member.Keys' failed to satisfy constraint: Member must have length less than or equal to 100")
		c.invalid("BatchGetItem", `{"RequestItems":{}}`, "The requestItems parameter is required for BatchGetItem")
		c.invalid("BatchWriteItem", `{"RequestItems":{}}`, "The requestItems parameter is required for BatchWriteItem")
		c.invalid("BatchGetItem", `{"RequestItems":{"connections":{"Keys":[{"connectionId":{"S":"a"}},{"connectionId":{"S":"a"}}]}}}`, "Provided list of item keys contains duplicates")
	})
	c.run("unknown table", func(c *client) {
		c.refused("BatchWriteItem", `{"RequestItems":{"nope":[{"PutRequest":{"Item":{"connectionId":{"S":"a"}}}}]}}`, "ResourceNotFoundException", "Requested resource not found")
	})
	c.run("unprocessed keys", func(c *client) {
		var keys []string
		for i := range 50 {
			c.okf("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"huge%d"},"d":{"S":"%s"}}}`, i, strings.Repeat("d", 390<<10))
			keys = append(keys, fmt.Sprintf(`{"connectionId":{"S":"huge%d"}}`, i))
		}
		request, got, rounds := `{"connections":{"Keys":[`+strings.Join(keys, ",")+`],"ProjectionExpression":"connectionId"}}`, 0, 0
		for request != "{}" {
			out := c.ok("BatchGetItem", `{"RequestItems":`+request+`}`)
			got += len(at(out, "Responses", "connections").([]any))
			rest, _ := json.Marshal(out["UnprocessedKeys"])
			request = string(rest)
			rounds++
		}
		if got != 50 || rounds != 2 {
			c.t.Errorf("%d items in %d rounds, want 50 in 2", got, rounds)
		}
	})
	c.run("large batch is written in parts", func(c *client) {
		var list []string
		for i := range 25 {
			list = append(list, fmt.Sprintf(`{"PutRequest":{"Item":{"connectionId":{"S":"big%d"},"d":{"S":"%s"}}}}`, i, strings.Repeat("d", 390<<10)))
		}
		c.want("BatchWriteItem", `{"RequestItems":{"connections":[`+strings.Join(list, ",")+`]}}`, `{"UnprocessedItems":{}}`)
	})
}

func TestTransactions(t *testing.T) {
	c := start(t)
	c.ok("CreateTable", connections)
	c.ok("CreateTable", messages)
	c.ok("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"a"},"n":{"N":"1"}}}`)
	put := func(id, rest string) string {
		return `{"Put":{"TableName":"connections","Item":{"connectionId":{"S":"` + id + `"}}` + rest + `}}`
	}
	write := func(token string, ops ...string) string {
		if token != "" {
			token = `"ClientRequestToken":"` + token + `",`
		}
		return `{` + token + `"TransactItems":[` + strings.Join(ops, ",") + `]}`
	}
	const ifNew = `,"ConditionExpression":"attribute_not_exists(connectionId)","ReturnValuesOnConditionCheckFailure":"ALL_OLD"`
	c.run("DY-079 DY-080", func(c *client) {
		c.want("TransactWriteItems", write("", put("a", ifNew), put("b", "")),
			`{"error":"TransactionCanceledException","message":"Transaction cancelled, please refer cancellation reasons for specific reasons [ConditionalCheckFailed, None]",
			"CancellationReasons":[{"Code":"ConditionalCheckFailed","Message":"The conditional request failed","Item":{"connectionId":{"S":"a"},"n":{"N":"1"}}},{"Code":"None"}]}`)
		c.want("GetItem", `{"TableName":"connections","Key":{"connectionId":{"S":"b"}}}`, `{}`)
	})
	c.run("DY-081", func(c *client) {
		c.invalid("TransactWriteItems", write("", put("x", ""), `{"Delete":{"TableName":"connections","Key":{"connectionId":{"S":"x"}}}}`),
			"Transaction request cannot include multiple operations on one item")
	})
	c.run("DY-082", func(c *client) {
		var ops []string
		for i := range 101 {
			ops = append(ops, put(fmt.Sprint("many", i), ""))
		}
		c.want("TransactWriteItems", write("", ops[:100]...), `{}`)
		c.invalid("TransactWriteItems", write("", ops...), "~Member must have length less than or equal to 100")
	})
	c.run("DY-084 all four over two tables", func(c *client) {
		c.want("TransactWriteItems", write("", put("new", ifNew),
			`{"Update":{"TableName":"messages","Key":{"pk":{"S":"p"},"sk":{"N":"1"}},"UpdateExpression":"ADD n :n","ExpressionAttributeValues":{":n":{"N":"3"}}}}`,
			`{"Delete":{"TableName":"connections","Key":{"connectionId":{"S":"many0"}}}}`,
			`{"ConditionCheck":{"TableName":"connections","Key":{"connectionId":{"S":"a"}},"ConditionExpression":"n = :n","ExpressionAttributeValues":{":n":{"N":"1"}}}}`), `{}`)
		c.want("TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"messages","Key":{"pk":{"S":"p"},"sk":{"N":"1"}}}},{"Get":{"TableName":"connections","Key":{"connectionId":{"S":"many0"}}}},
			{"Get":{"TableName":"connections","Key":{"connectionId":{"S":"new"}},"ProjectionExpression":"connectionId"}}]}`,
			`{"Responses":[{"Item":{"pk":{"S":"p"},"sk":{"N":"1"},"n":{"N":"3"}}},{},{"Item":{"connectionId":{"S":"new"}}}]}`)
	})
	c.run("DY-083", func(c *client) {
		add := func(n string) string {
			return `{"Update":{"TableName":"connections","Key":{"connectionId":{"S":"count"}},"UpdateExpression":"ADD n :n","ExpressionAttributeValues":{":n":{"N":"` + n + `"}}}}`
		}
		c.want("TransactWriteItems", write("tok-1", add("1")), `{}`)
		c.want("TransactWriteItems", write("tok-1", add("1")), `{}`)
		c.want("GetItem", `{"TableName":"connections","Key":{"connectionId":{"S":"count"}}}`, `{"Item":{"connectionId":{"S":"count"},"n":{"N":"1"}}}`)
		if out := c.call("TransactWriteItems", write("tok-1", add("2"))); out["error"] != "IdempotentParameterMismatchException" {
			c.t.Errorf("other body: %v", out)
		}
	})
	c.run("validation error", func(c *client) {
		c.ok("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"s"},"n":{"S":"text"}}}`)
		out := c.call("TransactWriteItems", write("", `{"Update":{"TableName":"connections","Key":{"connectionId":{"S":"s"}},"UpdateExpression":"ADD n :n","ExpressionAttributeValues":{":n":{"N":"1"}}}}`))
		if !strings.HasSuffix(fmt.Sprint(out["message"]), "[ValidationError]") {
			c.t.Errorf("answer %v", out)
		}
	})
	c.run("keys that do not fit", func(c *client) {
		const cancelled = `"error":"TransactionCanceledException","message":"Transaction cancelled, please refer cancellation reasons for specific reasons [ValidationError, None]"`
		c.want("TransactWriteItems", write("", `{"Delete":{"TableName":"connections","Key":{"connectionId":{"N":"1"}}}}`, put("ok", "")),
			`{`+cancelled+`,"CancellationReasons":[{"Code":"ValidationError","Message":"The provided key element does not match the schema"},{"Code":"None"}]}`)
		c.want("TransactGetItems", `{"TransactItems":[{"Get":{"TableName":"connections","Key":{"x":{"N":"1"}}}},{"Get":{"TableName":"connections","Key":{"connectionId":{"S":"a"}}}}]}`,
			`{`+cancelled+`,"CancellationReasons":[{"Code":"ValidationError","Message":"The provided key element does not match the schema"},{"Code":"None"}]}`)
		c.invalid("TransactWriteItems", write("", put("", "")), "~cannot contain an empty string value. Key: connectionId")
	})
	c.run("unknown table", func(c *client) {
		c.refused("TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"nope","Item":{}}}]}`, "ResourceNotFoundException", "Requested resource not found")
	})
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}
