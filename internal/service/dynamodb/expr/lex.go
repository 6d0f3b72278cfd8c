package expr

// A token is a piece of the source. kind is one of: i (identifier), # and : (placeholders with a name), d (digits),
// an operator's first character, l g n (<= >= <>), $ (the end), ! (what no token begins with).
type token struct {
	kind     byte
	from, to int
}

// lex cuts src into tokens; the last is the end.
func lex(src string) []token {
	tokens := make([]token, 0, len(src)/3+4)
	for i := 0; i < len(src); {
		c := src[i]
		from := i
		i++
		kind := c
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			continue
		case isLetter(c):
			kind = 'i'
			i = word(src, i)
		case c == '#' || c == ':':
			i = word(src, i)
			if i == from+1 {
				kind = '!'
			}
		case isDigit(c):
			kind = 'd'
			for i < len(src) && isDigit(src[i]) {
				i++
			}
		case c == '<' && i < len(src) && src[i] == '=':
			kind = 'l'
			i++
		case c == '>' && i < len(src) && src[i] == '=':
			kind = 'g'
			i++
		case c == '<' && i < len(src) && src[i] == '>':
			kind = 'n'
			i++
		case c == '=' || c == '<' || c == '>' || c == '(' || c == ')' || c == '[' || c == ']' || c == ',' || c == '.' || c == '+' || c == '-':
		default:
			kind = '!'
			for i < len(src) && src[i]&0xc0 == 0x80 { // the rest of a character of several bytes
				i++
			}
		}
		tokens = append(tokens, token{kind, from, i})
	}
	return append(tokens, token{'$', len(src), len(src)})
}

func word(src string, i int) int {
	for i < len(src) && (isLetter(src[i]) || isDigit(src[i])) {
		i++
	}
	return i
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
