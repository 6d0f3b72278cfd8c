package frametest

import "fmt"

// closings: the answer has the code of the client, nothing is heard behind it, and what is no close frame is told so.
func closings() []Case {
	const hello = "Hello World!"
	said := frame(fin|textOp, hello)
	bye := closing(1000, "")
	big := repeat(256 << 10)
	raw := func(payload string) []byte { return frame(fin|closeOp, payload) }
	out := []Case{
		{Name: "7.1.1 behind a message", Send: join(said, bye), Want: echo(textOp, hello), Closed: 1000},
		{Name: "7.1.2 twice", Send: join(bye, bye), Closed: 1000},
		{Name: "7.1.3 a ping behind it", Send: join(bye, frame(fin|pingOp, "")), Closed: 1000},
		{Name: "7.1.4 a message behind it", Send: join(bye, said), Closed: 1000},
		{Name: "7.1.5 within a message", Send: join(frame(textOp, "fragment1"), bye, frame(fin, "fragment2")), Closed: 1000},
		{Name: "7.1.6 behind a large message, and more behind it", Send: join(frame(fin|textOp, big), bye, frame(fin|pingOp, "")), Want: echo(textOp, big), Closed: 1000},
		{Name: "7.1.7 a mistake behind it", Send: join(bye, frame(fin|0x70|3, "x")), Closed: 1000},
		{Name: "7.1.8 byte by byte", Send: join(said, closing(4321, "bye")), Chop: 1, Want: echo(textOp, hello), Closed: 4321},
		{Name: "7.3.1 empty", Send: raw(""), Closed: noStatus},
		{Name: "7.3.2 one byte", Send: raw("\x03"), Fails: 1002},
		{Name: "7.3.3 code alone", Send: bye, Closed: 1000},
		{Name: "7.3.4 with a reason", Send: closing(1000, hello), Closed: 1000},
		{Name: "7.3.5 longest reason", Send: closing(1000, repeat(123)), Closed: 1000},
		{Name: "7.3.6 reason too long", Send: closing(1000, repeat(124)), Fails: 1002},
		{Name: "7.5.1 reason is no text", Send: closing(1000, kosme+"\xED\xA0\x80edited"), Fails: 1007},
		{Name: "7.5.2 reason is half a character", Send: closing(1000, "\xE2\x82"), Fails: 1007},
	}
	for i, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		out = append(out, Case{Name: fmt.Sprintf("7.7.%d code %d", i+1, code), Send: closing(code, "reason"), Closed: code})
	}
	for i, code := range []int{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		payload := string([]byte{byte(code >> 8), byte(code)})
		out = append(
			out,
			Case{Name: fmt.Sprintf("7.9.%d code %d", i+1, code), Send: raw(payload), Fails: 1002},
			Case{Name: fmt.Sprintf("7.9.%d code %d with a reason", i+1, code), Send: raw(payload + "reason"), Fails: 1002},
		)
	}
	return out
}
