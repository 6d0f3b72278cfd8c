package frametest

import "fmt"

// pings: each is answered with its own payload, in order; pongs are not.
func pings() []Case {
	const notText = "\x00\xFF\xFE\xFD\xFC\xFB\x00\xFF"
	full := bytesOf(125)
	ping := func(data string) []byte { return frame(fin|pingOp, data) }
	var ten []byte
	var answers []string
	for i := range 10 {
		data := fmt.Sprint("payload-", i)
		ten, answers = append(ten, ping(data)...), append(answers, data)
	}
	return []Case{
		{Name: "2.1 empty", Send: ping(""), Want: pongs("")},
		{Name: "2.2 text", Send: ping("Hello, world!"), Want: pongs("Hello, world!")},
		{Name: "2.3 no text", Send: ping(notText), Want: pongs(notText)},
		{Name: "2.4 longest", Send: ping(full), Want: pongs(full)},
		{Name: "2.5 too long", Send: ping(bytesOf(126)), Fails: 1002},
		{Name: "2.6 byte by byte", Send: ping(full), Chop: 1, Want: pongs(full)},
		{Name: "2.7 a pong that nobody asked for", Send: frame(fin|pongOp, "")},
		{Name: "2.8 the same with a payload", Send: frame(fin|pongOp, "unsolicited pong payload")},
		{Name: "2.9 a pong, then a ping", Send: join(frame(fin|pongOp, "unsolicited"), ping("ping payload")), Want: pongs("ping payload")},
		{Name: "2.10 ten", Send: ten, Want: pongs(answers...)},
		{Name: "2.11 ten, byte by byte", Send: ten, Chop: 1, Want: pongs(answers...)},
	}
}
