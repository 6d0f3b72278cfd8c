package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Provenances say where a case's expectation comes from.
var Provenances = []string{"documented", "observed", "recorded", "inferred", "decision", "RFC"}

// block is a line at the margin and what is indented below it.
type block struct {
	head  Line
	lines []Line
}

func (s *Suite) parse(file, text string) error {
	blocks, err := split(text)
	if err != nil {
		return fmt.Errorf("%s:%w", file, err)
	}
	var g *Group
	for _, b := range blocks {
		switch b.head.Word {
		case "api":
			g = &Group{File: file, Line: b.head.Line, API: b.lines}
			s.Groups = append(s.Groups, g)
		case "case":
			if g == nil {
				return fmt.Errorf("%s:%d: a case needs an api before it", file, b.head.Line)
			}
			c, err := parseCase(b)
			if err != nil {
				return fmt.Errorf("%s:%d: %w", file, b.head.Line, err)
			}
			c.File = file
			g.Cases = append(g.Cases, c)
		case "impossible":
			word, reason, _ := strings.Cut(b.head.Rest, " ")
			n, ok := statement(word)
			if !ok || reason == "" {
				return fmt.Errorf("%s:%d: impossible needs a statement and a reason", file, b.head.Line)
			}
			s.Impossible[n] = strings.TrimSpace(reason)
		default:
			return fmt.Errorf("%s:%d: %q is none of api, case, impossible", file, b.head.Line, b.head.Word)
		}
	}
	return nil
}

func parseCase(b block) (*Case, error) {
	c := &Case{Line: b.head.Line}
	rest := b.head.Rest
	for {
		word, after, _ := strings.Cut(rest, " ")
		n, ok := statement(word)
		if !ok {
			break
		}
		c.Statements = append(c.Statements, n)
		rest = strings.TrimSpace(after)
	}
	c.Title = rest
	if len(c.Statements) == 0 || c.Title == "" {
		return nil, fmt.Errorf("a case needs a statement such as DP-001, and a title")
	}
	for _, l := range b.lines {
		if l.Word != "from" {
			c.Steps = append(c.Steps, l)
			continue
		}
		if !slices.Contains(Provenances, l.Rest) {
			return nil, fmt.Errorf("from is one of %v", Provenances)
		}
		c.Provenance = l.Rest
	}
	if c.Provenance == "" {
		return nil, fmt.Errorf("case %s does not say where it comes from", c.Title)
	}
	return c, nil
}

func statement(word string) (int, bool) {
	digits, ok := strings.CutPrefix(word, "DP-")
	if !ok || len(digits) != 3 {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 1 && n <= Last
}

// split makes blocks of lines by their indentation: none begins a block, two spaces a line of it, more continues that line.
func split(text string) ([]block, error) {
	var blocks []block
	for i, raw := range strings.Split(text, "\n") {
		line := strings.TrimRight(raw, " \t\r")
		trimmed := strings.TrimLeft(line, " ")
		if trimmed == "" || strings.HasPrefix(trimmed, "#") && !strings.HasPrefix(line, "    ") {
			continue
		}
		word, rest, _ := strings.Cut(trimmed, " ")
		parsed := Line{Word: word, Rest: strings.TrimSpace(rest), Line: i + 1}
		indent := len(line) - len(trimmed)
		switch {
		case indent == 0:
			blocks = append(blocks, block{head: parsed})
			continue
		case len(blocks) == 0:
			return nil, fmt.Errorf("%d: indented, but there is nothing above", i+1)
		}
		b := &blocks[len(blocks)-1]
		switch {
		case indent == 2:
			b.lines = append(b.lines, parsed)
		case len(b.lines) == 0:
			return nil, fmt.Errorf("%d: indented too deep", i+1)
		default:
			last := &b.lines[len(b.lines)-1]
			last.Rest += "\n" + trimmed
		}
	}
	return blocks, nil
}
