package main

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/conformance"
	"github.com/sallyport/sallyport/internal/server"
)

// startHere starts Sallyport in this process, with a clock that cases move. Its own authority's certificate is in caFile.
func startHere(ctx context.Context, t *conformance.Target) (stop func(), caFile string, err error) {
	dir, err := os.MkdirTemp("", "conformance-*")
	if err != nil {
		return nil, "", err
	}
	var ahead atomic.Int64
	level := slog.LevelError
	if os.Getenv("CONFORMANCE_LOG") != "" {
		level = slog.LevelDebug
	}
	s, err := server.New(ctx, server.Config{
		Data: dir, Listen: "127.0.0.1:0", Region: t.Region,
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) },
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})),
	})
	if err != nil {
		os.RemoveAll(dir)
		return nil, "", err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- s.Run(running) }()
	stop = func() {
		cancel()
		<-ended
		os.RemoveAll(dir)
	}
	select {
	case <-s.Ready():
	case err := <-ended:
		cancel()
		os.RemoveAll(dir)
		return nil, "", err
	}
	key, _ := s.Credentials()
	t.Name, t.Endpoint, t.Region = "Sallyport", s.Endpoint(), s.Region()
	t.KeyID, t.Secret = key.AccessKeyID, key.Secret
	t.Advance = func(d time.Duration) {
		ahead.Add(int64(d))
		s.Sweep()
	}
	return stop, s.CAFile(), nil
}
