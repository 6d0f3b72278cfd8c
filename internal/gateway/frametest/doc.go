// Package frametest holds an endpoint that echoes to RFC 6455, over real sockets: what it sends back, how it ends, and
// that it ends in words. It follows the sections of the Autobahn test suite, whose numbers the cases bear, and goes on
// where that suite cannot look.
//
//	run.go        what a case is, and how it is run
//	client.go     a client that sends what it is told, also what is wrong; it shares no code with the endpoint
//	framing.go    1: messages of all lengths
//	pings.go      2: pings and pongs
//	reserved.go   3, 4: reserved bits and opcodes
//	fragments.go  5: fragments
//	utf8.go       6: what is UTF-8 and what is not, and how early that is seen
//	closing.go    7: close frames
//	sizes.go      9, 10: large messages, many fragments, many messages, bytes in any pieces
//	beyond.go     B: masks, lengths, clients that do not listen or never close
//
// The endpoint echoes text as text and binary as binary, the empty message too, and takes messages of 16 MiB in a frame
// or in 65,536. Sections 8, 11, 12 and 13 of that suite are empty or about an extension that is never negotiated.
package frametest
