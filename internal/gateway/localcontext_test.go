package gateway

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestLocalContext(t *testing.T) {
	for _, asked := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			ctx, end := newLocalContext(t.Context(), time.Second)
			if asked {
				_ = ctx.Done()
			}
			if err := ctx.Err(); err != nil {
				t.Errorf("at first: %v", err)
			}
			if d, ok := ctx.Deadline(); !ok || time.Until(d) != time.Second {
				t.Errorf("deadline %v %v", d, ok)
			}
			time.Sleep(time.Second)
			<-ctx.Done()
			if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("after its time: %v", err)
			}
			end()

			ctx, end = newLocalContext(t.Context(), time.Second)
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			end()
			<-ctx.Done()
			<-child.Done()
			if err := ctx.Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("after the end: %v", err)
			}
			parent, stop := context.WithCancel(t.Context())
			ctx, end = newLocalContext(parent, time.Second)
			defer end()
			stop()
			if err := ctx.Err(); !errors.Is(err, context.Canceled) {
				t.Errorf("after the parent: %v", err)
			}
			<-ctx.Done()
		})
	}
}
