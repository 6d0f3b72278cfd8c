package frametest

import "slices"

// fragmentation: messages in several frames, with control frames between them, and what is no such message.
func fragmentation() []Case {
	const one, two = "fragment1", "fragment2"
	both := join(frame(textOp, one), frame(fin, two))
	between := join(frame(textOp, one), frame(fin|pingOp, "ping"), frame(fin, two))
	pongFirst := append(pongs("ping"), echo(textOp, one+two)...)
	said := frame(fin|textOp, "Hello, world!")
	loneFinal, loneOpen := join(frame(fin, "non-continuation payload"), said), join(frame(contOp, "non-continuation payload"), said)
	five := join(
		frame(textOp, "fragment1"), frame(contOp, "fragment2"), frame(fin|pingOp, "pongme 1!"), frame(contOp, "fragment3"),
		frame(contOp, "fragment4"), frame(fin|pingOp, "pongme 2!"), frame(fin, "fragment5"),
	)
	fiveBack := slices.Concat(pongs("pongme 1!", "pongme 2!"), echo(textOp, "fragment1fragment2fragment3fragment4fragment5"))
	return []Case{
		{Name: "5.1 ping", Send: join(frame(pingOp, one), frame(fin, two)), Fails: 1002},
		{Name: "5.2 pong", Send: join(frame(pongOp, one), frame(fin, two)), Fails: 1002},
		{Name: "5.2a close", Send: join(frame(closeOp, "\x03\xE8"), frame(fin, "x")), Fails: 1002},
		{Name: "5.3 two", Send: both, Want: echo(textOp, one+two)},
		{Name: "5.4 two, in pieces", Send: both, Chop: 15, Want: echo(textOp, one+two)},
		{Name: "5.5 two, byte by byte", Send: both, Chop: 1, Want: echo(textOp, one+two)},
		{Name: "5.6 a ping between them", Send: between, Want: pongFirst},
		{Name: "5.7 the same in pieces", Send: between, Chop: 15, Want: pongFirst},
		{Name: "5.8 the same byte by byte", Send: between, Chop: 1, Want: pongFirst},
		{Name: "5.9 the end of nothing", Send: loneFinal, Fails: 1002},
		{Name: "5.10 the same in pieces", Send: loneFinal, Chop: 30, Fails: 1002},
		{Name: "5.11 the same byte by byte", Send: loneFinal, Chop: 1, Fails: 1002},
		{Name: "5.12 a part of nothing", Send: loneOpen, Fails: 1002},
		{Name: "5.13 the same in pieces", Send: loneOpen, Chop: 30, Fails: 1002},
		{Name: "5.14 the same byte by byte", Send: loneOpen, Chop: 1, Fails: 1002},
		{Name: "5.15 a part of nothing behind a message", Send: join(both, loneOpen), Want: echo(textOp, one+two), Fails: 1002},
		{Name: "5.16 a message that begins with a part", Send: join(frame(contOp, one), frame(textOp, two), frame(fin, "fragment3")), Fails: 1002},
		{Name: "5.17 a message that begins with an end", Send: join(frame(fin, one), frame(textOp, two), frame(fin, "fragment3")), Fails: 1002},
		{Name: "5.18 a message within a message", Send: join(frame(textOp, one), frame(fin|textOp, two)), Fails: 1002},
		{Name: "5.18a another kind within a message", Send: join(frame(textOp, one), frame(fin|binaryOp, two)), Fails: 1002},
		{Name: "5.19 five, pings between them", Send: five, Want: fiveBack},
		{Name: "5.20 the same byte by byte", Send: five, Chop: 1, Want: fiveBack},
		{Name: "5.21 binary", Send: fragments(binaryOp, bytesOf(100), 7), Want: echo(binaryOp, bytesOf(100))},
		{Name: "5.22 pong and close between them", Send: join(frame(textOp, one), frame(fin|pongOp, "x"), closing(1000, "")), Closed: 1000},
		{Name: "5.23 two messages", Send: join(fragments(textOp, repeat(40), 9), frame(fin|pingOp, "p"), fragments(textOp, "", 1)), Want: slices.Concat(echo(textOp, repeat(40)), pongs("p"), echo(textOp, ""))},
	}
}
