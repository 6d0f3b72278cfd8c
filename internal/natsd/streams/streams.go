// Package streams opens streams of the engine: at once on one server, and on a cluster as soon as its servers have found each other and
// agreed on a leader. Stores and queues each are such a stream.
package streams

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Codes of the server's API that may pass.
const (
	codeNoPeers        = 10005 // the servers have not all found each other
	codeNotAvailable   = 10008
	codeNotReady       = 10009
	codeStreamFailed   = 10049 // removing the last stream, the server also removes the directory that it makes the next one in
	codeConsumerFailed = 10012 // the stream's new leader does not know it yet
	codeOffline        = 10118
)

// failures is how often an error that says nothing about its cause may come.
const failures = 10

// answerTime is how long one call is waited for: of two nodes that make a stream at the same time, the cluster may forget to answer one.
const answerTime = 5 * time.Second

var errNoLeader = errors.New("the stream has no leader")

// Open makes or finds a stream, and returns when it can be used. It tries for as long as ctx allows.
func Open(ctx context.Context, js jetstream.JetStream, config jetstream.StreamConfig) (stream jetstream.Stream, err error) {
	err = Try(ctx, func(ctx context.Context) error {
		if stream, err = js.CreateOrUpdateStream(ctx, config); err != nil || config.Replicas < 2 {
			return err
		}
		info, err := stream.Info(ctx) // the answer before may be of a stream that was not made in the end
		if err == nil && (info.Cluster == nil || info.Cluster.Leader == "") {
			return errNoLeader
		}
		return err
	})
	return stream, err
}

// Try calls f until its error is one that does not pass, or ctx ends: then it returns the last one.
func Try(ctx context.Context, f func(ctx context.Context) error) error {
	wait := 10 * time.Millisecond
	for tries := 1; ; tries++ {
		one, cancel := context.WithTimeout(ctx, answerTime)
		err := f(one)
		silent := one.Err() != nil
		cancel()
		if err == nil || ctx.Err() != nil || !silent && !passes(err, tries) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
			wait = min(2*wait, time.Second)
		}
	}
}

// electionTime is how long a cluster may have no leader of a stream.
const electionTime = 10 * time.Second

// AcrossElection calls f, which asks the engine something about a stream, and on a cluster again while nobody hears it: a leader is
// being elected, or has just been. What nobody has heard has not been done.
func AcrossElection(ctx context.Context, cluster bool, f func() error) error {
	began, wait := time.Now(), 10*time.Millisecond
	for {
		err := f()
		if !cluster || !errors.Is(err, nats.ErrNoResponders) || time.Since(began) > electionTime {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(wait):
			wait = min(2*wait, 500*time.Millisecond)
		}
	}
}

func passes(err error, tries int) bool {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		switch api.ErrorCode {
		case codeNoPeers, codeNotAvailable, codeNotReady, codeOffline:
			return true
		case codeStreamFailed, codeConsumerFailed:
			return tries < failures
		}
		return false
	}
	return errors.Is(err, errNoLeader) || errors.Is(err, nats.ErrNoResponders)
}
