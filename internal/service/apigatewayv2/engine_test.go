package apigatewayv2

import (
	"os"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store/nats"
)

// TestEngineRestart_CP092 makes an API on the engine that everybody uses, and looks for it after a restart.
func TestEngineRestart_CP092(t *testing.T) {
	dir := t.TempDir()
	start := func() (*fixture, *natsd.Engine) {
		engine, err := natsd.Embedded(natsd.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return newFixtureOn(t, nats.New(engine.Conn())), engine
	}
	f, engine := start()
	api := f.api()
	f.must(201, "POST", api+"/stages", `{"stageName":"prod","autoDeploy":true}`)
	f.must(201, "POST", api+"/routes", `{"routeKey":"$default","target":"integrations/`+f.mock(api)+`"}`)
	gone := f.api()
	for range 150 {
		f.mock(gone)
	}
	f.must(204, "DELETE", gone, "")
	paths := []string{"/v2/apis", api, api + "/routes", api + "/integrations", api + "/stages", api + "/deployments"}
	before := map[string]string{}
	for _, p := range paths {
		before[p] = f.must(200, "GET", p, "").raw
	}
	engine.Close()

	f, engine = start()
	defer engine.Close()
	for _, p := range paths {
		if after := f.must(200, "GET", p, "").raw; after != before[p] {
			t.Errorf("GET %s = %s, before the restart %s", p, after, before[p])
		}
	}
	checkSnapshots(f.ctx(), t, f, strings.TrimPrefix(api, "/v2/apis/"))
	if readDoc(t, f, apigateway.DeletingPrefix+strings.TrimPrefix(gone, "/v2/apis/"), &apigateway.Place{}) {
		t.Error("the note of a finished deletion is left")
	}
}

// TestEngineConcurrency_CP093 is TestOneOfManyWins_CP093 on the engine.
func TestEngineConcurrency_CP093(t *testing.T) {
	engine, err := natsd.Embedded(natsd.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	stores := nats.New(engine.Conn())
	oneOfManyWins(t, newFixtureOn(t, stores), newFixtureOn(t, stores))
}

// TestEngineNothingHalfWritten is TestNothingHalfWritten on the engine. What it asks is not a matter of the disk, so the engine writes to
// memory where the system has a directory for that: there a change costs a tenth.
func TestEngineNothingHalfWritten(t *testing.T) {
	dir, err := os.MkdirTemp("/dev/shm", "sallyport-test-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	engine, err := natsd.Embedded(natsd.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	nothingHalfWritten(t, newFixtureOn(t, nats.New(engine.Conn())), 100)
}
