package engine

import (
	"testing"

	"github.com/sallyport/sallyport/internal/natsd"
	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/nats"
)

// natsStores returns a function that opens the stores of one embedded server, each time over its own connection's view.
func natsStores(t testing.TB) func() store.Stores {
	t.Helper()
	server, err := natsd.Embedded(natsd.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return func() store.Stores { return nats.New(server.Conn()) }
}
