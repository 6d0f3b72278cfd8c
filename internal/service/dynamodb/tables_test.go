package dynamodb

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/resource"
	"github.com/sallyport/sallyport/internal/store/mem"
	"github.com/sallyport/sallyport/internal/store/nats"
)

// at follows a path of member names and list indexes through JSON.
func at(v any, path ...any) any {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

func TestTables(t *testing.T) {
	c := start(t)
	c.run("DY-019 DY-020", func(c *client) {
		if got := at(c.ok("CreateTable", connections), "TableDescription", "TableStatus"); got != "CREATING" {
			c.t.Errorf("CreateTable status %v", got)
		}
		table := c.ok("DescribeTable", `{"TableName":"connections"}`)["Table"]
		for _, tt := range []struct {
			path []any
			want any
		}{
			{[]any{"TableStatus"}, "ACTIVE"},
			{[]any{"BillingModeSummary", "BillingMode"}, "PAY_PER_REQUEST"},
			{[]any{"ProvisionedThroughput", "ReadCapacityUnits"}, 0.0},
			{[]any{"TableArn"}, "arn:aws:dynamodb:us-east-1:000000000000:table/connections"},
			{[]any{"KeySchema", 0, "AttributeName"}, "connectionId"},
			{[]any{"ItemCount"}, 0.0},
			{[]any{"DeletionProtectionEnabled"}, false},
			{[]any{"StreamSpecification"}, nil},
		} {
			if got := at(table, tt.path...); got != tt.want {
				c.t.Errorf("%v = %v, want %v", tt.path, got, tt.want)
			}
		}
	})
	c.run("DY-017", func(c *client) {
		c.refused("DescribeTable", `{"TableName":"nope"}`, "ResourceNotFoundException", "Requested resource not found: Table: nope not found")
	})
	c.run("DY-018", func(c *client) {
		c.refused("CreateTable", connections, "ResourceInUseException", "Table already exists: connections")
	})
	create := func(rest string) string { return `{"TableName":"bad",` + rest + `}` }
	const hashA = `"KeySchema":[{"AttributeName":"a","KeyType":"HASH"}],`
	const defA, defAB = `"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"S"}]`, `"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"S"},{"AttributeName":"b","AttributeType":"S"}]`
	const ppr = `,"BillingMode":"PAY_PER_REQUEST"`
	gsi := func(hash string) string {
		return `,"GlobalSecondaryIndexes":[{"IndexName":"idx","KeySchema":[{"AttributeName":"` + hash + `","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"}}]`
	}
	for _, tt := range []struct{ name, in, want string }{
		{"DY-021", create(hashA + defA), "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"},
		{
			"throughput on demand", create(hashA + defA + ppr + `,"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}`),
			"One or more parameter values were invalid: Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST",
		},
		{"DY-022", create(hashA + defAB + ppr), "One or more parameter values were invalid: Number of attributes in KeySchema does not exactly match number of attributes defined in AttributeDefinitions"},
		{"DY-022 with index", create(hashA + defAB + ppr + gsi("a")), "One or more parameter values were invalid: Some AttributeDefinitions are not used. AttributeDefinitions: [a, b], keys used: [a]"},
		{
			"DY-023", create(hashA + defA + ppr + gsi("b")),
			"One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions. Keys: [b], AttributeDefinitions: [a]",
		},
		{"range first", create(`"KeySchema":[{"AttributeName":"a","KeyType":"RANGE"}],` + defA + ppr), "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"},
		{"twice", create(hashA + `"AttributeDefinitions":[{"AttributeName":"a","AttributeType":"S"},{"AttributeName":"a","AttributeType":"N"}]` + ppr), "Attribute Name is duplicated: a"},
		{
			"stream without view", create(hashA + defA + ppr + `,"StreamSpecification":{"StreamEnabled":true}`),
			"One or more parameter values were invalid: Table is being created with a stream enabled, UpdateViewType is required",
		},
		{"system tag", create(hashA + defA + ppr + `,"Tags":[{"Key":"aws:x","Value":"y"}]`), "Tag Key cannot be prefixed with aws:, Key: aws:x"},
		{"name", strings.Replace(connections, "connections", "a!", 1), "~Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"},
	} {
		c.run(tt.name, func(c *client) { c.invalid("CreateTable", tt.in, tt.want) })
	}
	c.run("DY-024", func(c *client) {
		for _, n := range []string{"zeta", "alpha"} {
			c.ok("CreateTable", strings.Replace(connections, "connections", n, 1))
		}
		c.want("ListTables", `{}`, `{"TableNames":["alpha","connections","zeta"]}`)
		c.want("ListTables", `{"Limit":2}`, `{"TableNames":["alpha","connections"],"LastEvaluatedTableName":"connections"}`)
		c.want("ListTables", `{"Limit":2,"ExclusiveStartTableName":"connections"}`, `{"TableNames":["zeta"]}`)
	})
	c.run("DY-025", func(c *client) {
		if got := at(c.ok("DeleteTable", `{"TableName":"zeta"}`), "TableDescription", "TableStatus"); got != "DELETING" {
			c.t.Errorf("DeleteTable status %v", got)
		}
		c.refused("DescribeTable", `{"TableName":"zeta"}`, "ResourceNotFoundException", "Requested resource not found: Table: zeta not found")
		c.refused("DeleteTable", `{"TableName":"zeta"}`, "ResourceNotFoundException", "Requested resource not found: Table: zeta not found")
	})
	c.run("DY-026", func(c *client) {
		c.ok("UpdateTable", `{"TableName":"alpha","DeletionProtectionEnabled":true}`)
		c.invalid("DeleteTable", `{"TableName":"alpha"}`, "1 validation error detected: Table 'alpha' can't be deleted while DeletionProtectionEnabled is set to True")
		c.ok("UpdateTable", `{"TableName":"alpha","DeletionProtectionEnabled":false}`)
		c.ok("DeleteTable", `{"TableName":"alpha"}`)
	})
	c.run("DY-090 DY-091", func(c *client) {
		const on = `{"TableName":"connections","TimeToLiveSpecification":{"Enabled":true,"AttributeName":"ttl"}}`
		c.want("DescribeTimeToLive", `{"TableName":"connections"}`, `{"TimeToLiveDescription":{"TimeToLiveStatus":"DISABLED"}}`)
		c.want("UpdateTimeToLive", on, `{"TimeToLiveSpecification":{"Enabled":true,"AttributeName":"ttl"}}`)
		c.want("DescribeTimeToLive", `{"TableName":"connections"}`, `{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"ttl"}}`)
		c.invalid("UpdateTimeToLive", on, "TimeToLive is already enabled")
		c.invalid("UpdateTimeToLive", strings.Replace(on, `"ttl"`, `"other"`, 1), "TimeToLive is active on a different AttributeName: current AttributeName is ttl")
	})
	c.run("DY-101 index on a full table", func(c *client) {
		for i := range 30 {
			c.okf("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"c%d"},"room":{"S":"r%d"}}}`, i, i%3)
		}
		out := c.ok("UpdateTable", `{"TableName":"connections","AttributeDefinitions":[{"AttributeName":"room","AttributeType":"S"}],
			"GlobalSecondaryIndexUpdates":[{"Create":{"IndexName":"byRoom","KeySchema":[{"AttributeName":"room","KeyType":"HASH"}],"Projection":{"ProjectionType":"KEYS_ONLY"}}}]}`)
		if got := at(out, "TableDescription", "GlobalSecondaryIndexes", 0, "IndexStatus"); got != "CREATING" {
			c.t.Errorf("status %v", got)
		}
		table := c.ok("DescribeTable", `{"TableName":"connections"}`)["Table"]
		if got := at(table, "GlobalSecondaryIndexes", 0, "IndexStatus"); got != "ACTIVE" {
			c.t.Errorf("status %v", got)
		}
		if got := at(table, "GlobalSecondaryIndexes", 0, "ItemCount"); got != 30.0 {
			c.t.Errorf("ItemCount %v", got)
		}
		query := c.ok("Query", `{"TableName":"connections","IndexName":"byRoom","KeyConditionExpression":"room = :r","ExpressionAttributeValues":{":r":{"S":"r1"}}}`)
		if query["Count"] != 10.0 {
			c.t.Errorf("Count %v", query["Count"])
		}
		c.ok("UpdateTable", `{"TableName":"connections","GlobalSecondaryIndexUpdates":[{"Delete":{"IndexName":"byRoom"}}]}`)
		if got := at(c.ok("DescribeTable", `{"TableName":"connections"}`), "Table", "AttributeDefinitions").([]any); len(got) != 1 {
			c.t.Errorf("AttributeDefinitions %v", got)
		}
		c.invalid("UpdateTable", `{"TableName":"connections"}`, "~At least one of ProvisionedThroughput")
	})
	c.run("DY-102 tags", func(c *client) {
		const arn = `"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/connections"`
		c.want("TagResource", `{`+arn+`,"Tags":[{"Key":"b","Value":"2"},{"Key":"a","Value":"1"}]}`, `{}`)
		c.want("ListTagsOfResource", `{`+arn+`}`, `{"Tags":[{"Key":"a","Value":"1"},{"Key":"b","Value":"2"}]}`)
		c.want("UntagResource", `{`+arn+`,"TagKeys":["b"]}`, `{}`)
		c.want("ListTagsOfResource", `{`+arn+`}`, `{"Tags":[{"Key":"a","Value":"1"}]}`)
	})
	c.run("DY-103 backups", func(c *client) {
		c.want("DescribeContinuousBackups", `{"TableName":"connections"}`,
			`{"ContinuousBackupsDescription":{"ContinuousBackupsStatus":"ENABLED","PointInTimeRecoveryDescription":{"PointInTimeRecoveryStatus":"DISABLED"}}}`)
		c.refused("DescribeContinuousBackups", `{"TableName":"nope"}`, "TableNotFoundException", "Table not found: nope")
	})
	c.run("DY-112 endpoints", func(c *client) {
		c.want("DescribeEndpoints", `{}`, `{"Endpoints":[{"Address":"dynamodb.us-east-1.amazonaws.com","CachePeriodInMinutes":1440}]}`)
	})
	c.run("DY-113 PartiQL", func(c *client) {
		c.invalid("ExecuteStatement", `{"Statement":"SELECT * FROM connections"}`, "~Sallyport does not support PartiQL")
	})
	c.run("policy", func(c *client) {
		const arn = `"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/connections"`
		rev := c.ok("PutResourcePolicy", `{`+arn+`,"Policy":"{}"}`)["RevisionId"]
		if got := c.ok("GetResourcePolicy", `{`+arn+`}`); got["Policy"] != "{}" || got["RevisionId"] != rev {
			c.t.Errorf("GetResourcePolicy = %v, revision %v", got, rev)
		}
		c.ok("DeleteResourcePolicy", `{`+arn+`}`)
		c.refused("GetResourcePolicy", `{`+arn+`}`, "PolicyNotFoundException", "~Requested policy not found")
	})
	c.run("throughput", func(c *client) {
		c.ok("UpdateTable", `{"TableName":"connections","BillingMode":"PROVISIONED","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6}}`)
		table := c.ok("DescribeTable", `{"TableName":"connections"}`)["Table"]
		if at(table, "ProvisionedThroughput", "WriteCapacityUnits") != 6.0 || at(table, "BillingModeSummary", "BillingMode") != "PROVISIONED" {
			c.t.Errorf("table %v", table)
		}
		c.invalid("UpdateTable", `{"TableName":"connections","ProvisionedThroughput":{"ReadCapacityUnits":5,"WriteCapacityUnits":6}}`, "~The provisioned throughput for the table will not change")
	})
}

func TestStreams(t *testing.T) {
	c := start(t)
	c.ok("CreateTable", strings.Replace(connections, "{", `{"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"},`, 1))
	table := c.ok("DescribeTable", `{"TableName":"connections"}`)["Table"]
	arn, _ := at(table, "LatestStreamArn").(string)
	label, _ := at(table, "LatestStreamLabel").(string)
	list := c.ok("streams:ListStreams", `{"TableName":"connections"}`)
	if arn == "" || !strings.HasSuffix(arn, "/stream/"+label) || at(list, "Streams", 0, "StreamArn") != arn || at(list, "Streams", 0, "StreamLabel") != label {
		t.Errorf("DY-100: table says %s, %s, streams %v", arn, label, list)
	}
	stream := c.ok("streams:DescribeStream", `{"StreamArn":"`+arn+`"}`)["StreamDescription"]
	shard, _ := at(stream, "Shards", 0, "ShardId").(string)
	if len(shard) < 28 || len(shard) > 65 || at(stream, "StreamStatus") != "ENABLED" {
		t.Errorf("stream %v", stream)
	}
	iterator := func(kind string) string {
		return c.okf("streams:GetShardIterator", `{"StreamArn":"%s","ShardId":"%s","ShardIteratorType":"%s"}`, arn, shard, kind)["ShardIterator"].(string)
	}
	put := func(v string) string {
		return `{"TableName":"connections","Item":{"connectionId":{"S":"a"},"v":{"N":"` + v + `"}}}`
	}
	c.ok("PutItem", put("1"))
	c.ok("PutItem", put("1")) // nothing changes
	latest := iterator("LATEST")
	c.ok("PutItem", put("2"))
	c.ok("DeleteItem", `{"TableName":"connections","Key":{"connectionId":{"S":"a"}}}`)

	// read follows an iterator until it has seen n records.
	read := func(it string, n, limit int) (records []any) {
		eventually(t, "records", func() bool {
			out := c.okf("streams:GetRecords", `{"ShardIterator":"%s","Limit":%d}`, it, limit)
			records = append(records, out["Records"].([]any)...)
			it = out["NextShardIterator"].(string)
			return len(records) >= n
		})
		return records
	}
	t.Run("DY-095 DY-096 DY-097 DY-099", func(t *testing.T) {
		records := read(iterator("TRIM_HORIZON"), 3, 1)
		var kinds []string
		last := ""
		for _, r := range records {
			kinds = append(kinds, fmt.Sprint(at(r, "eventName"), at(r, "dynamodb", "OldImage", "v", "N"), at(r, "dynamodb", "NewImage", "v", "N")))
			seq := at(r, "dynamodb", "SequenceNumber").(string)
			if len(seq) < 21 || seq <= last {
				t.Errorf("sequence number %s after %s", seq, last)
			}
			last = seq
		}
		if diff := cmp.Diff([]string{"INSERT<nil>1", "MODIFY12", "REMOVE2<nil>"}, kinds); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("DY-098", func(t *testing.T) {
		if records := read(latest, 2, 100); len(records) != 2 || at(records[0], "eventName") != "MODIFY" {
			t.Errorf("records %v", records)
		}
	})
	t.Run("disabled and enabled again", func(t *testing.T) {
		c.ok("UpdateTable", `{"TableName":"connections","StreamSpecification":{"StreamEnabled":false}}`)
		out := c.okf("streams:GetRecords", `{"ShardIterator":"%s"}`, iterator("TRIM_HORIZON"))
		if len(out["Records"].([]any)) != 3 {
			t.Errorf("GetRecords of a disabled stream = %v", out)
		}
		c.invalid("UpdateTable", `{"TableName":"connections","StreamSpecification":{"StreamEnabled":false}}`, "Table has no stream to disable: TableName: connections")
		c.ok("UpdateTable", `{"TableName":"connections","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}`)
		c.invalid("UpdateTable", `{"TableName":"connections","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"}}`, "Table already has an enabled stream: TableName: connections")
		if got := at(c.ok("DescribeTable", `{"TableName":"connections"}`), "Table", "LatestStreamArn"); got == arn || got == nil {
			t.Errorf("new stream %v, old %v", got, arn)
		}
	})
	t.Run("unknown", func(t *testing.T) {
		c.refused("streams:DescribeStream", `{"StreamArn":"`+arn+`9"}`, "ResourceNotFoundException", "Requested resource not found: Stream: "+arn+"9 not found")
	})
}

func TestExpiry_DY092_DY093_DY094(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		s := New(mem.New(), slog.New(slog.DiscardHandler))
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		c := &client{t: t, service: s, catalog: awsapi.NewCatalog([]awsapi.Service{s, s.Streams()})}
		c = c.in("us-east-1")
		c.ok("CreateTable", strings.Replace(connections, "{", `{"StreamSpecification":{"StreamEnabled":true,"StreamViewType":"KEYS_ONLY"},`, 1))
		c.ok("UpdateTimeToLive", `{"TableName":"connections","TimeToLiveSpecification":{"Enabled":true,"AttributeName":"ttl"}}`)
		c.okf("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"a"},"ttl":{"N":"%d"}}}`, time.Now().Add(time.Minute).Unix())
		c.okf("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"ms"},"ttl":{"N":"%d"}}}`, time.Now().UnixMilli())
		c.okf("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"text"},"ttl":{"S":"%d"}}}`, time.Now().Unix())
		c.okf("PutItem", `{"TableName":"connections","Item":{"connectionId":{"S":"old"},"ttl":{"N":"%d"}}}`, time.Now().AddDate(-5, 0, -1).Unix())
		time.Sleep(59 * time.Second)
		count := func() any { return c.ok("Scan", `{"TableName":"connections"}`)["Count"] }
		if got := count(); got != 4.0 {
			t.Errorf("before expiry: %v items, want 4", got)
		}
		time.Sleep(16 * time.Second)
		if got := count(); got != 3.0 {
			t.Errorf("after expiry: %v items, want 3", got)
		}
		arn := at(c.ok("DescribeTable", `{"TableName":"connections"}`), "Table", "LatestStreamArn").(string)
		shard := at(c.ok("streams:DescribeStream", `{"StreamArn":"`+arn+`"}`), "StreamDescription", "Shards", 0, "ShardId")
		it := c.okf("streams:GetShardIterator", `{"StreamArn":"%s","ShardId":"%s","ShardIteratorType":"TRIM_HORIZON"}`, arn, shard)["ShardIterator"]
		records := c.okf("streams:GetRecords", `{"ShardIterator":"%s"}`, it)["Records"].([]any)
		if last := records[len(records)-1]; at(last, "eventName") != "REMOVE" || at(last, "userIdentity", "Type") != "Service" {
			t.Errorf("DY-094: record %v", last)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestRestart_DY109 opens the same store again, as after a crash.
func TestRestart_DY109(t *testing.T) {
	server, err := natsd.Embedded(natsd.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	c := startOver(t, nats.New(server.Conn()))
	c.ok("CreateTable", messages)
	for i := range 50 {
		c.okf("PutItem", `{"TableName":"messages","Item":{"pk":{"S":"a"},"sk":{"N":"%d"},"who":{"S":"w"}}}`, i)
	}
	c.ok("UpdateItem", `{"TableName":"messages","Key":{"pk":{"S":"a"},"sk":{"N":"7"}},"UpdateExpression":"REMOVE who"}`)
	again := startOver(t, nats.New(server.Conn()))
	for index, want := range map[string]any{`"IndexName":"byWho",`: 49.0, "": 50.0} {
		if got := again.ok("Scan", `{"TableName":"messages",`+index+`"Select":"COUNT"}`)["Count"]; got != want {
			t.Errorf("%s %v items, want %v", index, got, want)
		}
	}
}

func TestResource(t *testing.T) {
	c := start(t)
	table := c.service.Resources()[0]
	properties := func(s string) map[string]any {
		m := parse(t, s).(map[string]any)
		if err := table.Check(m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	request := resource.Request{LogicalID: "T", Token: "tok", PhysicalName: func(int) string { return "stack-T-ABCDEFGHIJKL" }}
	request.Properties = properties(`{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
		"BillingMode":"PAY_PER_REQUEST","StreamSpecification":{"StreamViewType":"NEW_IMAGE"},"TimeToLiveSpecification":{"AttributeName":"ttl","Enabled":"true"},
		"Tags":[{"Key":"k","Value":"v"}]}`)
	for range 2 { // a step may be repeated
		got, err := table.Create(c.ctx, request)
		if err != nil {
			t.Fatal(err)
		}
		if arn, _ := got.Attributes["StreamArn"].(string); got.PhysicalID != "stack-T-ABCDEFGHIJKL" || !strings.HasPrefix(arn, "arn:aws:dynamodb:us-east-1:000000000000:table/stack-T-ABCDEFGHIJKL/stream/") {
			t.Errorf("Create = %+v", got)
		}
	}
	other := request
	other.Token = "another"
	if _, err := table.Create(c.ctx, other); awsapi.Code(err) != "ResourceInUseException" {
		t.Errorf("Create by another step = %v", err)
	}
	c.want("DescribeTimeToLive", `{"TableName":"stack-T-ABCDEFGHIJKL"}`, `{"TimeToLiveDescription":{"TimeToLiveStatus":"ENABLED","AttributeName":"ttl"}}`)

	c.ok("PutItem", `{"TableName":"stack-T-ABCDEFGHIJKL","Item":{"id":{"S":"1"},"room":{"S":"r"}}}`)
	request.PhysicalID, request.Old = "stack-T-ABCDEFGHIJKL", request.Properties
	request.Properties = properties(`{"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"},{"AttributeName":"room","AttributeType":"S"}],"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],
		"ProvisionedThroughput":{"ReadCapacityUnits":"1","WriteCapacityUnits":1},
		"GlobalSecondaryIndexes":[{"IndexName":"byRoom","KeySchema":[{"AttributeName":"room","KeyType":"HASH"}],"Projection":{"ProjectionType":"ALL"},"ProvisionedThroughput":{"ReadCapacityUnits":1,"WriteCapacityUnits":1}}]}`)
	got, err := table.Update(c.ctx, request)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := got.Attributes["StreamArn"]; ok {
		t.Errorf("Update = %+v", got)
	}
	if out := c.ok("Query", `{"TableName":"stack-T-ABCDEFGHIJKL","IndexName":"byRoom","KeyConditionExpression":"room = :r","ExpressionAttributeValues":{":r":{"S":"r"}}}`); out["Count"] != 1.0 {
		t.Errorf("Query = %v", out)
	}
	c.want("ListTagsOfResource", `{"ResourceArn":"arn:aws:dynamodb:us-east-1:000000000000:table/stack-T-ABCDEFGHIJKL"}`, `{"Tags":[]}`)
	for range 2 {
		if err := table.Delete(c.ctx, request); err != nil {
			t.Fatal(err)
		}
	}
	empty := request
	empty.Properties = properties(`{"TableName":"empty","KeySchema":[],"BillingMode":"PAY_PER_REQUEST","AttributeDefinitions":[{"AttributeName":"id","AttributeType":"X"}]}`)
	if _, err := table.Create(c.ctx, empty); awsapi.Code(err) != "ValidationException" || !strings.Contains(err.Error(), "2 validation errors detected") {
		t.Errorf("Create without a key = %v", err)
	}
	if err := table.Check(map[string]any{"Nonsense": 1}); err == nil {
		t.Error("an unknown property was taken")
	}
	if diff := cmp.Diff([]string{"ImportSourceSpecification", "KeySchema", "LocalSecondaryIndexes", "TableName"}, table.CreateOnly()); diff != "" {
		t.Error(diff)
	}
}
