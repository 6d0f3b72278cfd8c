package telemetry

import (
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/apigateway"
	"github.com/sallyport/sallyport/internal/gateway"
)

// Logging levels.
const (
	levelOff   = "OFF"
	levelError = "ERROR"
	levelInfo  = "INFO"
)

// maxLine is the longest line of an execution log.
const maxLine = 1024

// levels returns the highest logging level of a stage's routes, and whether one of them asks for bodies.
func levels(s *apigateway.Stage) (level string, trace bool) {
	level = levelOff
	note := func(r apigateway.RouteSettings) {
		switch {
		case r.LoggingLevel == levelInfo, r.LoggingLevel == levelError && level == levelOff:
			level = r.LoggingLevel
		}
		trace = trace || r.DataTraceEnabled != nil && *r.DataTraceEnabled
	}
	note(s.DefaultSettings)
	for _, r := range s.RouteSettings {
		note(r)
	}
	return level, trace
}

// levelOf returns the logging level of a route.
func levelOf(s *apigateway.Stage, route string) (level string, trace bool) {
	level = s.DefaultSettings.LoggingLevel
	wanted := s.DefaultSettings.DataTraceEnabled
	if own, ok := s.RouteSettings[route]; ok {
		if own.LoggingLevel != "" {
			level = own.LoggingLevel
		}
		if own.DataTraceEnabled != nil {
			wanted = own.DataTraceEnabled
		}
	}
	return level, wanted != nil && *wanted
}

// writeExecution writes the steps of a request. The words are ours; AWS's are no contract.
func (t *Telemetry) writeExecution(r *gateway.Record) {
	level, trace := levelOf(r.Settings, r.Route)
	if level != levelInfo && level != levelError || level == levelError && r.Cause == nil {
		return
	}
	var lines []string
	say := func(format string, args ...any) {
		line := "(" + r.RequestID + ") " + oneLine(fmt.Sprintf(format, args...))
		if len(line) > maxLine {
			line = strings.ToValidUTF8(line[:maxLine-len("[TRUNCATED]")], "") + "[TRUNCATED]"
		}
		lines = append(lines, line)
	}
	if level == levelInfo {
		steps(r, trace, say)
	}
	switch {
	case r.Cause != nil:
		say("Execution failed: %v", r.Cause)
		if r.Hint != "" {
			say("What to do: %s", r.Hint)
		}
		if r.Kind != gateway.Disconnect {
			say("Client was answered with status %d: %s", r.Status, r.Error)
		}
	default:
		say("Successfully completed execution in %d ms", r.Latency.Milliseconds())
	}
	t.append(r, "API-Gateway-Execution-Logs_"+r.API+"/"+r.Stage, r.At, lines...)
}

// steps says what was done with a request.
func steps(r *gateway.Record, trace bool, say func(string, ...any)) {
	say("Extended Request Id: %s", r.RequestID)
	switch r.Kind {
	case gateway.Connect:
		say("Upgrade of connection %s from %s", r.Connection, r.SourceIP)
	case gateway.Message:
		say("Message of %d bytes from connection %s", r.In, r.Connection)
	case gateway.Push:
		say("Message of %d bytes for connection %s through @connections", r.Out, r.Connection)
		return
	case gateway.Disconnect:
		say("Connection %s ended with code %d", r.Connection, r.Status)
	}
	if r.Route == "" {
		say("No route was selected")
		return
	}
	say("Route %s was selected", r.Route)
	if !r.Called {
		return
	}
	say("Endpoint request: %s", r.Integration)
	if trace {
		say("Endpoint request body: %s", r.Request)
	}
	if r.Answered == 0 {
		return
	}
	say("Endpoint response: status %d after %d ms", r.Answered, r.Integrated.Milliseconds())
	if trace {
		say("Endpoint response body: %s", r.Reply)
	}
	if r.Twoway && r.Out > 0 {
		say("Reply of %d bytes to the client", r.Out)
	}
}
