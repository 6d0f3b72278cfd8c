// Package loop holds the sockets of the gateway: event loops, the connection
// table, the upgrade and the life of a WebSocket connection up to its end. It
// knows RFC 6455 and AWS's limits, and nothing about routes, stages or backends:
// those belong to the [Handler].
//
// One port serves everything. The path of a connection through the files:
//
//	server.go        Run and Shutdown: listeners, loops, sweep
//	engine_linux.go  event loops, one goroutine per core: accept, wait, wake
//	turn_linux.go    one turn of one connection on its loop
//	upgrade.go       the request head: an upgrade becomes a Handshake and goes to
//	                 Handler.Open; TLS goes to stream.go, all else through
//	                 http.go to an http.Server
//	turn.go          frames to messages, pongs and close frames, whoever reads them
//	output.go        messages to the kernel, or into a bounded queue
//	conn.go          Conn, what the gateway holds: Accept, Refuse, Write, Close;
//	                 a close waits for answers under way if the Handler is a Leaver
//	table.go         records in pointer-free slabs, found by arithmetic from an ID
//	stream.go        a goroutine per connection: TLS, tunnels, systems without epoll
//	limits.go        what clients may do, all of them or one
//	sweep.go         idle, lifetime, slow handshakes and slow closers
//
// An idle connection owns one record of 56 bytes, and no goroutine, buffer or
// timer. A connection served by stream.go owns a goroutine and its buffers: some
// 21 KB with TLS. For very many clients, end TLS in front.
//
// Locks, from the outer to the inner: stream.calls, record.mu, then one of
// eventLoop.mu, rares.mu or table.mu. No lock but stream.calls is held while the
// handler is called. An event loop alone reads, closes and frees what it serves;
// others write to it under record.mu and send it mail for everything else.
//
// An http.Server behind the package sees only whole requests: whether a request
// is an upgrade is known when its head is complete. Listen on "tcp4" where only
// IPv4 is meant: it saves the kernel 128 bytes per connection.
package loop
