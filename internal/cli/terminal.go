package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/term"
)

// A terminal writes for people: colours only where they are seen, whole lines only, from many goroutines. With JSON output
// it writes one object per line instead.
type terminal struct {
	mu     sync.Mutex // guards w
	w      io.Writer
	colour bool
	json   bool
}

// newTerminal returns a terminal on w. NO_COLOR turns colours off, as https://no-color.org asks.
func newTerminal(w io.Writer, json bool) *terminal {
	t := &terminal{w: w, json: json}
	t.colour = isTerminal(w) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return t
}

// isTerminal reports whether a stream is somebody's screen or keyboard.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

var (
	bold   = lipgloss.NewStyle().Bold(true)
	faint  = lipgloss.NewStyle().Faint(true)
	green  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	red    = lipgloss.NewStyle().Foreground(lipgloss.Red)
	yellow = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	cyan   = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
)

func (t *terminal) style(s lipgloss.Style, text string) string {
	if !t.colour || text == "" {
		return text
	}
	return s.Render(text)
}

func (t *terminal) println(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintln(t.w, line)
}

// tell writes one event. line is what people see; nothing is written for people if it is empty.
func (t *terminal) tell(kind string, data map[string]any, line string) {
	if t.json {
		object := map[string]any{"type": kind, "time": time.Now().UTC().Format(time.RFC3339Nano)}
		for k, v := range data {
			object[k] = v
		}
		t.println(compactJSON(object))
		return
	}
	if line != "" {
		t.println(line)
	}
}

// step is one line of progress: what, its state, and a detail.
func (t *terminal) step(mark, what, detail string) {
	line := "  " + mark + " " + what
	if detail != "" {
		line += strings.Repeat(" ", max(1, 44-len(what))) + t.style(faint, detail)
	}
	t.println(line)
}

func (t *terminal) done() string   { return t.style(green, "✓") }
func (t *terminal) failed() string { return t.style(red, "✗") }
func (t *terminal) going() string  { return t.style(yellow, "…") }

// elapsed prints a duration as people say it.
func elapsed(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
}
