// Package frame is RFC 6455 below the handshake, without I/O: frame headers
// (header.go), the reading of a client's frames into messages (read.go) and the
// building of a server's frames (write.go).
//
// It knows no sockets, no time and no extensions: a frame with a reserved bit
// is an error, since the gateway never negotiates an extension.
package frame
