package lambda

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	busnats "github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/natsd"
	storenats "github.com/sallyport/sallyport/internal/store/nats"
)

// On the engine of real servers: code, large events, retries and a restart, all on disk.
func TestEngine(t *testing.T) {
	need(t, "node")
	dir, post := t.TempDir(), &postman{}
	open := func() (*server, *natsd.Engine) {
		t.Helper()
		engine, err := natsd.Embedded(natsd.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		s := start(t, func(c *Config) {
			c.Stores, c.Bus, c.Destinations = storenats.New(engine.Conn()), busnats.New(engine.Conn()), post
		})
		return s, engine
	}
	s, engine := open()
	file := filepath.Join(t.TempDir(), "sizes")
	s.create("size", fmt.Sprintf("async (e) => require('fs').appendFileSync(%q, e.length + ' ')", file), object{"Publish": true})
	s.create("fails", "async () => { throw new Error('no') }")
	s.ok("PutFunctionEventInvokeConfig", object{"FunctionName": "fails", "DestinationConfig": object{"OnFailure": object{"Destination": queueARN + "f"}}})
	s.ok("PublishLayerVersion", object{"LayerName": "l", "Content": object{"ZipFile": source(t, "a", "b")}})
	for _, n := range []int{10, maxInQueue, 1<<20 - 2} {
		s.ok("Invoke", object{"FunctionName": "size", "InvocationType": "Event", "Payload": `"` + strings.Repeat("x", n) + `"`})
	}
	eventually(t, "all run", func() bool { data, _ := os.ReadFile(file); return len(strings.Fields(string(data))) == 3 })
	id := s.ok("Invoke", object{"FunctionName": "fails", "InvocationType": "Event"}).header.Get("X-Amzn-Requestid")
	if l := post.wait(t, queueARN+"f"); !strings.Contains(l.body, id) || !strings.Contains(l.body, `"approximateInvokeCount":3`) {
		t.Errorf("%s", l.body)
	}
	s.stop()
	engine.Close()

	s, engine = open()
	defer engine.Close()
	defer s.stop()
	s.invoke("size:1", `"xx"`, "null")
	if a := s.ok("ListLayers", object{}); len(a.json["Layers"].([]any)) != 1 {
		t.Errorf("%s", a.body)
	}
	for _, name := range []string{"size", "fails"} {
		s.ok("DeleteFunction", object{"FunctionName": name})
	}
	blobs, err := s.stores.Blobs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "all is forgotten but the layer", func() bool {
		keys, err := blobs.List(t.Context(), "lambda/")
		return err == nil && len(keys) == 1
	})
}
