package mem_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/bus"
	"github.com/sallyport/sallyport/internal/bus/bustest"
	"github.com/sallyport/sallyport/internal/bus/mem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestContract(t *testing.T) {
	bustest.Run(t, func(testing.TB) bus.Bus { return mem.New() })
}

// inParts is a bus whose queues are each made of several.
type inParts struct{ bus.Bus }

func (b inParts) Queue(ctx context.Context, name string) (bus.Queue, error) {
	return bus.OpenSpread(ctx, b.Bus, name, 3)
}

func TestSpread(t *testing.T) {
	bustest.Run(t, func(testing.TB) bus.Bus { return inParts{mem.New()} })
}
