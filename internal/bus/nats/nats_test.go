package nats_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/bus/bustest"
	"github.com/sallyport/sallyport/internal/bus/nats"
	"github.com/sallyport/sallyport/internal/natsd"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(workDir); dir != "" {
		fmt.Println(workForever(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

func TestContract(t *testing.T) {
	bustest.Run(t, func(t testing.TB) bus.Bus {
		engine, err := natsd.Embedded(natsd.Config{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(engine.Close)
		return nats.New(engine.Conn())
	})
}
