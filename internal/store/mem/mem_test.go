package mem_test

import (
	"testing"

	"github.com/sallyport/sallyport/internal/store"
	"github.com/sallyport/sallyport/internal/store/mem"
	"github.com/sallyport/sallyport/internal/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(testing.TB) store.Stores { return mem.New() })
}
