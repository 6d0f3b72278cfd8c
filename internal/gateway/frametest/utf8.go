package frametest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// kosme is the word that Markus Kuhn's test file for decoders begins with.
const kosme = "\u03ba\u1f79\u03c3\u03bc\u03b5"

// valid are texts; by section of the Autobahn test suite.
var valid = map[string][]string{
	"6.5":  {kosme, "Hello-µ@ßöäüàá-UTF-8!!", "ξένος", "日本語", "\U0001F600\U0001F468\u200d\U0001F469"},
	"6.7":  {"\x00", "\u0080", "\u0800", "\U00010000"},
	"6.9":  {"\x7F", "\u07FF", "\uFFFF", "\U0010FFFF"},
	"6.11": {"\uD7FF", "\uE000", "\uFFFD", "\U0010FFFF"},
	"6.22": {"\uFFFE", "\uFFFF", "\U0001FFFE", "\U0001FFFF", "\U0008FFFE", "\U000FFFFF", "\U0010FFFE", "\U0010FFFF", "\uFDD0", "\uFDEF"},
	"6.23": {"\uFFF9", "\uFFFA", "\uFFFB", "\uFFFC", "\uFFFD", "\uFEFF", "\u202E"},
}

// invalid are none.
var invalid = map[string][]string{
	"6.3":  {kosme + "\xED\xA0\x80" + "edited"},
	"6.4":  {kosme + "\xF4\x90\x80\x80" + "edited"},
	"6.8":  {"\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80"},
	"6.10": {"\xF7\xBF\xBF\xBF", "\xFB\xBF\xBF\xBF\xBF", "\xFD\xBF\xBF\xBF\xBF\xBF"},
	"6.11": {"\xF4\x90\x80\x80"},
	"6.12": {"\x80", "\xBF", "\x80\xBF", "\x80\xBF\x80", "\x80\xBF\x80\xBF", continuations(0x80, 0xBF, "")},
	"6.13": {continuations(0xC0, 0xDF, " "), continuations(0xE0, 0xEF, " "), continuations(0xF0, 0xF7, " "), continuations(0xF8, 0xFB, " "), "\xFC \xFD "},
	"6.14": {"\xC0", "\xE0\x80", "\xF0\x80\x80", "\xDF", "\xEF\xBF", "\xF7\xBF\xBF", "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xF0\x9F", "\xF0"},
	"6.15": {"\xC0\xE0\x80\xF0\x80\x80\xDF\xEF\xBF\xF7\xBF\xBF"},
	"6.16": {"\xFE", "\xFF", "\xFE\xFE\xFF\xFF"},
	"6.17": {"\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF", "\xF8\x80\x80\x80\xAF", "\xFC\x80\x80\x80\x80\xAF"},
	"6.18": {"\xC1\xBF", "\xE0\x9F\xBF", "\xF0\x8F\xBF\xBF", "\xF8\x87\xBF\xBF\xBF"},
	"6.19": {"\xC0\x80", "\xE0\x80\x80", "\xF0\x80\x80\x80", "\xF8\x80\x80\x80\x80"},
	"6.20": {"\xED\xA0\x80", "\xED\xAD\xBF", "\xED\xAE\x80", "\xED\xAF\xBF", "\xED\xB0\x80", "\xED\xBE\x80", "\xED\xBF\xBF"},
	"6.21": {"\xED\xA0\x80\xED\xB0\x80", "\xED\xAD\xBF\xED\xBF\xBF", "\xED\xAF\xBF\xED\xBF\xBF"},
}

// continuations are the bytes from first to last, with something between them.
func continuations(first, last byte, between string) string {
	var b strings.Builder
	for x := int(first); x <= int(last); x++ {
		b.WriteByte(byte(x))
		b.WriteString(between)
	}
	return b.String()
}

// wrongAt returns after how many bytes it is certain that s is no text, or one more than its length if only its end tells.
func wrongAt(s string) int {
	for n := 1; n <= len(s); n++ {
		for rest := s[:n]; rest != ""; {
			r, size := utf8.DecodeRuneInString(rest)
			if r == utf8.RuneError && size == 1 {
				if utf8.FullRuneInString(rest) {
					return n
				}
				break
			}
			rest = rest[size:]
		}
	}
	return len(s) + 1
}

// texts: what is text is echoed however it is cut; what is none is refused as soon as it is certain.
func texts() []Case {
	out := []Case{
		{Name: "6.1.1 empty", Send: frame(fin|textOp, ""), Want: echo(textOp, "")},
		{Name: "6.1.2 three empty fragments", Send: join(frame(textOp, ""), frame(contOp, ""), frame(fin, "")), Want: echo(textOp, "")},
		{Name: "6.1.3 something between empty ones", Send: join(frame(textOp, ""), frame(contOp, "middle"), frame(fin, "")), Want: echo(textOp, "middle")},
		{Name: "6.2.2 cut between characters", Send: join(frame(textOp, "Hello-µ@ßöä"), frame(fin, "üàá-UTF-8!!")), Want: echo(textOp, "Hello-µ@ßöäüàá-UTF-8!!")},
		{Name: "6.4.1 wrong in the second of three fragments", Send: join(frame(textOp, kosme), frame(contOp, "\xF4\x90\x80\x80")), Fails: 1007},
		{Name: "6.4.2 wrong only by its second byte", Send: join(frame(textOp, kosme+"\xF4"), frame(contOp, "\x90")), Fails: 1007},
		{Name: "6.4.5 a ping within a character", Send: join(frame(textOp, "\xF0\x9F"), frame(fin|pingOp, "\xFF"), frame(fin, "\x98\x80")), Want: append(pongs("\xFF"), echo(textOp, "\U0001F600")...)},
		{Name: "6.4.6 binary is not looked at", Send: fragments(binaryOp, "\xFF\xFE\xED\xA0\x80", 1), Want: echo(binaryOp, "\xFF\xFE\xED\xA0\x80")},
	}
	for i := range len(kosme) {
		prefix := kosme[:i+1]
		c := Case{Name: fmt.Sprintf("6.6.%d the first %d bytes of a word", i+1, i+1), Send: frame(fin|textOp, prefix), Fails: 1007}
		if utf8.ValidString(prefix) {
			c.Fails, c.Want = 0, echo(textOp, prefix)
		}
		out = append(out, c)
	}
	for section, all := range valid {
		for i, s := range all {
			name := fmt.Sprintf("%s valid %d", section, i+1)
			out = append(
				out,
				Case{Name: name, Send: frame(fin|textOp, s), Want: echo(textOp, s)},
				Case{Name: name + " in fragments", Send: fragments(textOp, s, 1), Want: echo(textOp, s)},
				Case{Name: name + " byte by byte", Send: frame(fin|textOp, s), Chop: 1, Want: echo(textOp, s)},
			)
		}
	}
	for section, all := range invalid {
		for i, s := range all {
			out = append(out, refusals(fmt.Sprintf("%s invalid %d", section, i+1), s)...)
		}
	}
	return out
}

// refusals are the ways to send what is no text.
func refusals(name, s string) []Case {
	out := []Case{
		{Name: name, Send: frame(fin|textOp, s), Fails: 1007},
		{Name: name + " behind text", Send: frame(fin|textOp, repeat(200)+s), Fails: 1007},
		{Name: name + " in fragments", Send: fragments(textOp, s, 1), Fails: 1007},
	}
	n := wrongAt(s)
	if n > len(s) {
		return out
	}
	head := len(frame(textOp, s)) - len(s)
	early := join(frame(textOp, "a"))
	for i := range n {
		early = append(early, frame(contOp, s[i:i+1])...)
	}
	return append(
		out,
		Case{Name: name + " seen before the message ends", Send: early, Fails: 1007},
		Case{Name: name + " seen before the frame ends", Send: frame(fin|textOp, s+"the rest is never sent")[:head+n], Fails: 1007},
		Case{Name: name + " seen before the frame ends, byte by byte", Send: frame(fin|textOp, s+"the rest is never sent")[:head+n], Chop: 1, Fails: 1007},
	)
}
