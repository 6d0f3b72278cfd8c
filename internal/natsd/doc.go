// Package natsd is the engine below store/nats and bus/nats: a NATS server with JetStream, either embedded in this
// process or reached by URL. Both give the same connection, so nothing above knows which one it runs on:
//
//	engine, err := natsd.Embedded(natsd.Config{Dir: dir, Log: log}) // or natsd.External(ctx, url, log)
//	stores := storenats.NewReplicated(engine.Conn(), engine.Replicas())
//	bus := busnats.NewReplicated(engine.Conn(), engine.Replicas())
//	…
//	engine.Close() // after everything that uses the connection has stopped
//
// embedded.go starts and stops the server inside the process; it opens no port. dir.go prepares the data directory and
// locks it against a second process, lock_*.go per system, with the free space of its disk. verify.go looks for damage before the server reads its files,
// because the server itself drops what it cannot read; meta.go finishes the making of a stream that a killed process had begun. sync.go puts what many writers wrote on the disk at once, where ordered_*.go knows
// that the file system allows it; storenats.NewSynced and busnats.NewSynced are such writers. external.go connects to a
// cluster, and package streams opens streams there, which take a moment to have a leader. log.go passes the server's warnings on.
//
// The package configures no cluster of embedded servers: several nodes share an external one.
package natsd
