package dynamodb

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store/nats"
)

// TestLimits_OnNATS puts what is as large as AWS allows through the real store, with a stream, and reads it again after a restart.
func TestLimits_OnNATS(t *testing.T) {
	server, err := natsd.Embedded(natsd.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	c := startOver(t, nats.New(server.Conn()))
	c.ok("CreateTable", `{"TableName":"bin","BillingMode":"PAY_PER_REQUEST","StreamSpecification":{"StreamEnabled":true,"StreamViewType":"NEW_AND_OLD_IMAGES"},
		"KeySchema":[{"AttributeName":"h","KeyType":"HASH"},{"AttributeName":"r","KeyType":"RANGE"}],
		"AttributeDefinitions":[{"AttributeName":"h","AttributeType":"B"},{"AttributeName":"r","AttributeType":"B"}]}`)
	zeros := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	key := func(i int) string {
		return fmt.Sprintf(`"h":{"B":"%s"},"r":{"B":"%s"}`, zeros(2048), zeros(1000+i))
	}
	put := func(i int, pad string) string {
		return `{"TableName":"bin","Item":{` + key(i) + `,"d":{"S":"` + strings.Repeat(pad, 400_000) + `"}}}`
	}
	t.Run("largest item", func(t *testing.T) {
		c.ok("PutItem", put(1, "a"))
		c.ok("PutItem", put(1, "b")) // the record has both images
		c.ok("PutItem", put(2, `\"`))
	})
	t.Run("largest transaction", func(t *testing.T) {
		var ops []string
		for i := range 100 {
			ops = append(ops, fmt.Sprintf(`{"Put":{"TableName":"bin","Item":{"h":{"B":"AQ=="},"r":{"B":"%s"},"d":{"S":"%s"}}}}`, zeros(i+1), strings.Repeat("x", 39_000)))
		}
		c.ok("TransactWriteItems", `{"ClientRequestToken":"t1","TransactItems":[`+strings.Join(ops, ",")+`]}`)
		c.ok("TransactWriteItems", `{"ClientRequestToken":"t1","TransactItems":[`+strings.Join(ops, ",")+`]}`)
	})
	t.Run("largest batch", func(t *testing.T) {
		var list []string
		for i := range 25 {
			list = append(list, fmt.Sprintf(`{"PutRequest":{"Item":{"h":{"B":"Ag=="},"r":{"B":"%s"},"d":{"S":"%s"}}}}`, zeros(i+1), strings.Repeat("d", 390<<10)))
		}
		c.want("BatchWriteItem", `{"RequestItems":{"bin":[`+strings.Join(list, ",")+`]}}`, `{"UnprocessedItems":{}}`)
	})
	t.Run("too long", func(t *testing.T) {
		c.invalid("PutItem", fmt.Sprintf(`{"TableName":"bin","Item":{"h":{"B":"%s"},"r":{"B":"AA=="}}}`, zeros(2049)), "~Size of hashkey has exceeded the maximum size limit of2048 bytes")
	})
	began := time.Now()
	again := startOver(t, nats.New(server.Conn()))
	for h, want := range map[string]float64{zeros(2048): 2, "AQ==": 100, "Ag==": 25} {
		got, start := 0.0, ""
		for {
			out := again.ok("Query", `{"TableName":"bin","Select":"COUNT","KeyConditionExpression":"h = :h","ExpressionAttributeValues":{":h":{"B":"`+h+`"}}`+start+`}`)
			got += out["Count"].(float64)
			last, more := out["LastEvaluatedKey"]
			if !more {
				break
			}
			start = fmt.Sprintf(`,"ExclusiveStartKey":{"h":{"B":"%s"},"r":{"B":"%s"}}`, at(last, "h", "B"), at(last, "r", "B"))
		}
		if got != want {
			t.Errorf("%v items under %.10s…, want %v", got, h, want)
		}
	}
	t.Logf("restart took %s", time.Since(began))
	if got := again.ok("GetItem", `{"TableName":"bin","Key":{`+key(1)+`},"ProjectionExpression":"d"}`); !strings.HasPrefix(at(got, "Item", "d", "S").(string), "bbb") {
		t.Errorf("the largest item is not what it was")
	}
}
