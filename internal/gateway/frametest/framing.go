package frametest

import "fmt"

// framing: messages of the lengths where the form of a frame changes.
func framing() (out []Case) {
	for kind, op := range []byte{textOp, binaryOp} {
		payload := repeat
		if op == binaryOp {
			payload = bytesOf
		}
		for i, n := range []int{0, 125, 126, 127, 128, 65535, 65536} {
			data := payload(n)
			out = append(out, Case{Name: fmt.Sprintf("1.%d.%d %d bytes", kind+1, i+1, n), Send: frame(fin|op, data), Want: echo(op, data)})
		}
		data := payload(65536)
		out = append(out, Case{Name: fmt.Sprintf("1.%d.8 65536 bytes in pieces", kind+1), Send: frame(fin|op, data), Chop: 997, Want: echo(op, data)})
		data = payload(300)
		out = append(out, Case{Name: fmt.Sprintf("1.%d.9 byte by byte", kind+1), Send: frame(fin|op, data), Chop: 1, Want: echo(op, data)})
	}
	return out
}
