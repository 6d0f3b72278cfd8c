package dynamodb

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
	"github.com/sallyport/sallyport/internal/store/nats"
)

// An item of about 200 bytes, as connection tables have them.
const connectionItem = `{"connectionId":{"S":"L0SM9cOFvHcCIhw=%d"},"room":{"S":"general"},"user":{"S":"ada"},"at":{"N":"1795143927614"},"note":{"S":"` +
	`xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}}`

func benchStores(b *testing.B, f func(b *testing.B, c *client)) {
	open := map[string]func(b *testing.B) store.Stores{
		"mem": func(*testing.B) store.Stores { return mem.New() },
		"nats": func(b *testing.B) store.Stores {
			server, err := natsd.Embedded(natsd.Config{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(server.Close)
			return nats.New(server.Conn())
		},
	}
	for _, name := range []string{"mem", "nats"} {
		b.Run(name, func(b *testing.B) {
			c := startOver(b, open[name](b))
			c.ok("CreateTable", strings.Replace(messages, `"messages"`, `"other"`, 1))
			c.ok("CreateTable", connections)
			f(b, c)
		})
	}
}

func (c *client) run1(operation, input string) {
	if _, err := c.catalog.Call(c.ctx, "dynamodb", operation, []byte(input)); err != nil {
		c.t.Fatal(err)
	}
}

// BenchmarkPutItem_DY115 puts one after the other.
func BenchmarkPutItem_DY115(b *testing.B) {
	benchStores(b, func(b *testing.B, c *client) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c.run1("PutItem", `{"TableName":"connections","Item":`+fmt.Sprintf(connectionItem, i%10000)+`}`)
		}
	})
}

// BenchmarkPutItemParallel puts from 32 goroutines.
func BenchmarkPutItemParallel(b *testing.B) {
	benchStores(b, func(b *testing.B, c *client) {
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				c.run1("PutItem", `{"TableName":"connections","Item":`+fmt.Sprintf(connectionItem, time.Now().UnixNano()%10000)+`}`)
			}
		})
	})
}

func BenchmarkUpdateItemCounter(b *testing.B) {
	benchStores(b, func(b *testing.B, c *client) {
		b.ReportAllocs()
		for b.Loop() {
			c.run1("UpdateItem", `{"TableName":"connections","Key":{"connectionId":{"S":"n"}},"UpdateExpression":"ADD n :one","ExpressionAttributeValues":{":one":{"N":"1"}}}`)
		}
	})
}

func BenchmarkGetItem(b *testing.B) {
	c := start(b)
	c.ok("CreateTable", connections)
	for i := range 10000 {
		c.run1("PutItem", `{"TableName":"connections","Item":`+fmt.Sprintf(connectionItem, i)+`}`)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		c.run1("GetItem", `{"TableName":"connections","Key":{"connectionId":{"S":"L0SM9cOFvHcCIhw=`+strconv.Itoa(i%10000)+`"}}}`)
	}
}

// BenchmarkQuery asks for ten items of a table of ten thousand.
func BenchmarkQuery(b *testing.B) {
	c := start(b)
	c.ok("CreateTable", messages)
	for i := range 10000 {
		c.run1("PutItem", fmt.Sprintf(`{"TableName":"messages","Item":{"pk":{"S":"p%d"},"sk":{"N":"%d"},"who":{"S":"w%d"},"text":{"S":"hello, world"}}}`, i/100, i%100, i%7))
	}
	for _, tt := range []struct{ name, rest string }{
		{"table", `"KeyConditionExpression":"pk = :p AND sk >= :s","ExpressionAttributeValues":{":p":{"S":"p5"},":s":{"N":"90"}}`},
		{"index", `"IndexName":"byWho","Limit":10,"KeyConditionExpression":"who = :p AND sk >= :s","ExpressionAttributeValues":{":p":{"S":"w5"},":s":{"N":"90"}}`},
		{"filter", `"KeyConditionExpression":"pk = :p AND sk >= :s","FilterExpression":"begins_with(#t, :h)","ExpressionAttributeNames":{"#t":"text"},"ExpressionAttributeValues":{":p":{"S":"p5"},":s":{"N":"90"},":h":{"S":"hello"}}`},
	} {
		b.Run(tt.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.run1("Query", `{"TableName":"messages",`+tt.rest+`}`)
			}
		})
	}
}
