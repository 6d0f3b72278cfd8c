// Package loop holds the sockets of the gateway: event loops, the connection
// table, the upgrade and the life of a WebSocket connection up to its end. It
// knows RFC 6455 and AWS's limits, and nothing about routes, stages or backends:
// those belong to the [Handler].
//
// One port serves everything. The path of a connection through the files:
//
//	server.go     Run: listeners, loops, sweep; Shutdown
//	sniff.go      the first byte: TLS goes to its own goroutine
//	upgrade.go    the request head: an upgrade becomes a Handshake and goes to
//	              Handler.Open; anything else leaves through Server.HTTP
//	conn.go       Conn, what the gateway holds: Accept, Refuse, Write, Close
//	table.go      records in pointer-free slabs, found by arithmetic from an ID
//	epoll_linux.go, turn_linux.go   event loops: one goroutine per core
//	stream.go     goroutine per connection: TLS, tunnels, systems without epoll
//	sweep.go      idle, lifetime, slow handshakes and slow closers
//
// An idle connection owns one record and no goroutine, buffer or timer. A
// connection served by stream.go (TLS) owns a goroutine and crypto/tls's
// buffers, some 20 KB.
package loop
