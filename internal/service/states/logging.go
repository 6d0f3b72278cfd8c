package states

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	shapes "github.com/sallyport/sallyport/internal/awsapi/shapes/states"
	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// logging is a machine's logging configuration.
type logging struct {
	Level string `json:"level"`
	Data  bool   `json:"data,omitempty"`
	Group string `json:"group,omitempty"` // ARN
}

func (l *logging) active() bool { return l != nil && l.Level != "OFF" && l.Group != "" }

func loggingOf(in *shapes.LoggingConfiguration) (*logging, error) {
	if in == nil {
		return nil, nil
	}
	l := &logging{Level: deref(in.Level), Data: deref(in.IncludeExecutionData)}
	if l.Level == "" {
		l.Level = "OFF"
	}
	if len(in.Destinations) != 1 && l.Level != "OFF" {
		return nil, failure("InvalidLoggingConfiguration", "Invalid Logging Configuration: Must specify exactly one Log Destination.")
	}
	if len(in.Destinations) == 1 {
		if d := in.Destinations[0]; d.CloudWatchLogsLogGroup != nil {
			l.Group = deref(d.CloudWatchLogsLogGroup.LogGroupArn)
		}
		if !strings.HasSuffix(l.Group, ":*") || !strings.Contains(l.Group, ":log-group:") {
			return nil, failure("InvalidLoggingConfiguration", "Invalid Logging Configuration: Log Destination ARN must have the form arn:aws:logs:region:account:log-group:name:*.")
		}
	}
	return l, nil
}

// shape is the configuration as it is described; nothing is OFF.
func (l *logging) shape() *shapes.LoggingConfiguration {
	if l == nil {
		return &shapes.LoggingConfiguration{Level: new("OFF"), IncludeExecutionData: new(false)}
	}
	out := &shapes.LoggingConfiguration{Level: new(l.Level), IncludeExecutionData: new(l.Data)}
	if l.Group != "" {
		out.Destinations = []*shapes.LogDestination{{CloudWatchLogsLogGroup: &shapes.CloudWatchLogsLogGroup{LogGroupArn: new(l.Group)}}}
	}
	return out
}

// wants tells whether a level has events of a type. AWS: ERROR has failures, FATAL only the end of executions.
func (l *logging) wants(kind string) bool {
	switch l.Level {
	case "ALL":
		return true
	case "FATAL":
		return kind == "ExecutionFailed" || kind == "ExecutionTimedOut" || kind == "ExecutionAborted"
	}
	for _, end := range []string{"Failed", "TimedOut", "Aborted"} {
		if strings.HasSuffix(kind, end) {
			return true
		}
	}
	return kind == "FailStateEntered"
}

// logEvents hands the events since the last write to the machine's log group.
func (s *Service) logEvents(x *execution, _ *machine.Turn) {
	events := x.logged
	x.logged = nil
	if s.cfg.Logs == nil || !x.Logging.active() || len(events) == 0 {
		return
	}
	_, group, _ := strings.Cut(x.Logging.Group, ":log-group:")
	group = strings.TrimSuffix(group, ":*")
	h := fnv.New32a()
	h.Write([]byte(x.MachineARN))
	stream := fmt.Sprintf("states/%s/%s/%08x", x.MachineName, time.UnixMilli(x.Started).UTC().Format("2006-01-02-15-04"), h.Sum32())
	var lines []string
	for _, e := range events {
		if x.Logging.wants(e.Type) {
			lines = append(lines, x.logLine(e.arn, e.Event))
		}
	}
	if len(lines) > 0 {
		s.cfg.Logs.Append(s.as(context.Background(), x, ""), group, stream, s.cfg.Now(), lines...)
	}
}

// logLine writes an event as AWS does in log groups.
func (x *execution) logLine(arn string, e machine.Event) string {
	details := e.Details
	if !x.Logging.Data {
		details = withoutData(details)
	}
	o := asl.NewObject("id", fmt.Sprint(e.ID), "type", e.Type)
	if v, err := asl.Decode(details); err == nil && len(details) > 0 {
		o.Set("details", v)
	} else {
		o.Set("details", asl.NewObject())
	}
	o.Set("redrive_count", fmt.Sprint(x.Redriven))
	o.Set("previous_event_id", fmt.Sprint(e.Prev))
	o.Set("event_timestamp", fmt.Sprint(e.At))
	o.Set("execution_arn", arn)
	return string(asl.Encode(o))
}
