package telemetry

import (
	"strings"
)

// A format is the text of an access log, parsed.
type format struct {
	parts []formatPart
}

// A formatPart is text, or the path of a variable.
type formatPart struct {
	text string
	path string // without "$context."; empty: text
}

const variablePrefix = "$context."

// parseFormat reads a format. It is no template: text with variables in it, on one line.
func parseFormat(text string) *format {
	f := &format{}
	for text != "" {
		before, after, found := strings.Cut(text, variablePrefix)
		if before != "" {
			f.parts = append(f.parts, formatPart{text: before})
		}
		if !found {
			break
		}
		n := 0
		for n < len(after) && isName(after[n]) {
			n++
		}
		for n > 0 && after[n-1] == '.' { // the end of a sentence
			n--
		}
		if n == 0 {
			f.parts = append(f.parts, formatPart{text: variablePrefix})
		} else {
			f.parts = append(f.parts, formatPart{path: after[:n]})
		}
		text = after[n:]
	}
	return f
}

func isName(c byte) bool {
	return c == '.' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// render writes the line. AWS: what has no value is "-".
func (f *format) render(value func(path string) string) string {
	var b strings.Builder
	for _, p := range f.parts {
		if p.path == "" {
			b.WriteString(p.text)
			continue
		}
		if v := value(p.path); v != "" {
			b.WriteString(oneLine(v))
		} else {
			b.WriteByte('-')
		}
	}
	return b.String()
}

// oneLine keeps a client's text from making lines of its own.
func oneLine(v string) string {
	if !strings.ContainsAny(v, "\r\n") {
		return v
	}
	return strings.NewReplacer("\r", "\\r", "\n", "\\n").Replace(v)
}
