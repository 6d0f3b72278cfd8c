package frametest

import "fmt"

// reserved: bits and opcodes that mean nothing without an extension.
func reserved() (out []Case) {
	const hello = "Hello, world!"
	said := func() []byte { return frame(fin|textOp, hello) }
	ping := frame(fin|pingOp, "")
	bits := func(rsv byte, op byte, payload string) []byte { return frame(fin|rsv<<4|op, payload) }
	out = []Case{
		{Name: "3.1 text with bit 1", Send: bits(1, textOp, hello), Fails: 1002},
		{Name: "3.2 behind a message, before a ping", Send: join(said(), bits(2, textOp, hello), ping), Want: echo(textOp, hello), Fails: 1002},
		{Name: "3.3 the same in pieces", Send: join(said(), bits(3, textOp, hello), ping), Chop: 19, Want: echo(textOp, hello), Fails: 1002},
		{Name: "3.4 the same byte by byte", Send: join(said(), bits(4, textOp, hello), ping), Chop: 1, Want: echo(textOp, hello), Fails: 1002},
		{Name: "3.5 binary", Send: bits(5, binaryOp, "\x00\xFF\xFE"), Fails: 1002},
		{Name: "3.6 ping", Send: bits(6, pingOp, hello), Fails: 1002},
		{Name: "3.7 close", Send: bits(7, closeOp, "\x03\xE8"), Fails: 1002},
		{Name: "3.8 first byte only", Send: bits(4, textOp, hello)[:1], Fails: 1002},
		{Name: "3.9 continuation", Send: join(frame(textOp, "a"), bits(1, contOp, "b")), Fails: 1002},
	}
	for kind, first := range []byte{3, 11} {
		for i := range byte(5) {
			op := first + i
			name := func(n int, what string) string { return fmt.Sprintf("4.%d.%d opcode %d %s", kind+1, n, op, what) }
			out = append(
				out,
				Case{Name: name(1, "empty"), Send: frame(fin|op, ""), Fails: 1002},
				Case{Name: name(2, "with a payload"), Send: frame(fin|op, "reserved opcode payload"), Fails: 1002},
				Case{Name: name(3, "behind a message"), Send: join(said(), frame(fin|op, ""), ping), Want: echo(textOp, hello), Fails: 1002},
				Case{Name: name(4, "behind a message, with a payload"), Send: join(said(), frame(fin|op, "payload"), ping), Want: echo(textOp, hello), Fails: 1002},
				Case{Name: name(5, "behind a message, byte by byte"), Send: join(said(), frame(fin|op, "payload"), ping), Chop: 1, Want: echo(textOp, hello), Fails: 1002},
				Case{Name: name(6, "not final"), Send: frame(op, ""), Fails: 1002},
			)
		}
	}
	return out
}
