package nats_test

import (
	"testing"

	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
	"github.com/sallyport/sallyport/internal/store/nats"
	"github.com/sallyport/sallyport/internal/store/storetest"
)

func open(t testing.TB) store.Stores {
	t.Helper()
	engine, err := natsd.Embedded(natsd.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(engine.Close)
	return nats.New(engine.Conn())
}

func TestContract(t *testing.T) { storetest.Run(t, open) }

func TestAgreesWithMem(t *testing.T) { storetest.Agree(t, mem.New(), open(t)) }

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, open) }
