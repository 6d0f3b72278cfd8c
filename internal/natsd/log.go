package natsd

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// serverLog passes the server's warnings and errors to slog, and remembers the last one for the error of Embedded.
// Notices are the server's diary, not ours.
type serverLog struct {
	log    *slog.Logger
	failed chan<- error // holds one

	mu   sync.Mutex // guards last
	last string
}

func (l *serverLog) Noticef(string, ...any) {}
func (l *serverLog) Debugf(string, ...any)  {}
func (l *serverLog) Tracef(string, ...any)  {}

func (l *serverLog) Warnf(format string, v ...any) {
	l.log.Warn("engine warning", "engine", l.remember(format, v...))
}

func (l *serverLog) Errorf(format string, v ...any) { l.error(format, v...) }

// Fatalf does not end the process: Embedded sees that the server did not start.
func (l *serverLog) Fatalf(format string, v ...any) { l.error(format, v...) }

func (l *serverLog) error(format string, v ...any) {
	text := l.remember(format, v...)
	l.log.Error("engine error", "engine", text)
	// The server has no other way to say it: it answers no more writes to the stream and goes on.
	if strings.Contains(strings.ToLower(text), "critical write error") {
		select {
		case l.failed <- fmt.Errorf("the engine can no longer write: %s", text):
		default:
		}
	}
}

func (l *serverLog) remember(format string, v ...any) string {
	text := strings.TrimSpace(fmt.Sprintf(format, v...))
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = text
	return text
}

func (l *serverLog) lastWords() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.last == "" {
		return "no reason given"
	}
	return l.last
}
