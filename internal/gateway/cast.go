package gateway

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"unicode/utf8"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/gateway/loop"
)

// Cast sends one text message to all connections of a stage that are on this node, but for those in except; its frame is made once. sent
// counts those that took it, failed those that do not read. The error is an *awsapi.Error: BadRequestException, PayloadTooLargeException.
func (g *Gateway) Cast(ctx context.Context, api, stage string, data []byte, except []string) (sent, failed int, err error) {
	switch {
	case len(data) > g.MaxPayload(api, stage):
		return 0, 0, awsapi.Errorf("PayloadTooLargeException", 413, "Message too long")
	case !utf8.Valid(data):
		return 0, 0, awsapi.Errorf("BadRequestException", 400, "The payload is not valid UTF-8, and a text message cannot carry it")
	}
	message := loop.Prepare(data)
	for conn := range g.connections(api, stage) {
		if ctx.Err() != nil {
			return sent, failed, fmt.Errorf("send to all: %w", ctx.Err())
		}
		if len(except) > 0 && slices.Contains(except, conn.ID().String()) {
			continue
		}
		switch conn.Send(message) {
		case nil:
			sent++
		case loop.ErrBusy:
			failed++
		}
	}
	return sent, failed, nil
}

// Connections yields the ids of a stage's connections on this node.
func (g *Gateway) Connections(api, stage string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for conn := range g.connections(api, stage) {
			if !yield(conn.ID().String()) {
				return
			}
		}
	}
}

func (g *Gateway) connections(api, stage string) iter.Seq[loop.Conn] {
	return func(yield func(loop.Conn) bool) {
		for conn := range g.cfg.Sockets.All() {
			s, _ := conn.Attached().(*session)
			if s == nil {
				continue
			}
			st := s.stage.current.Load()
			if st != nil && st.name == stage && st.api == api && !yield(conn) {
				return
			}
		}
	}
}
