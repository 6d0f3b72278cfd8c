package logs

import (
	"fmt"
	"testing"
	"time"

	busmem "github.com/sallyport/sallyport/internal/bus/mem"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store/nats"
)

// TestEngineRestart_EV091 writes lines to the engine that everybody uses, and reads them after a restart.
func TestEngineRestart_EV091(t *testing.T) {
	dir := t.TempDir()
	start := func() (*fixture, *natsd.Engine) {
		engine, err := natsd.Embedded(natsd.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return newFixtureOn(t, nats.New(engine.Conn()), busmem.New()), engine
	}
	const group, stream = "/aws/lambda/f", "2026/11/20/[$LATEST]0123456789abcdef"
	f, engine := start()
	for i := range 1000 {
		f.service.Append(f.ctx(), group, stream, time.Now(), fmt.Sprintf("line %d", i))
		if i%100 == 0 {
			f.service.flush(f.ctx())
		}
	}
	f.service.flush(f.ctx())
	engine.Close()

	f, engine = start()
	defer engine.Close()
	got := f.messages(group, stream)
	if len(got) != 1000 || got[0] != "line 0" || got[999] != "line 999" {
		t.Errorf("%d lines", len(got))
	}
	if out := f.must("FilterLogEvents", object{"logGroupName": group, "filterPattern": `"line 777"`}); len(out["events"].([]any)) != 1 {
		t.Error(out)
	}
	f.must("DeleteLogGroup", object{"logGroupName": group})
	if left := f.documents(); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
