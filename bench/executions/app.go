//go:build linux

package main

import (
	"encoding/json"
	"fmt"
)

const (
	account = "000000000000"
	bus     = "bench"
	group   = "/aws/events/bench"
	steps   = 6 // notifications of an execution
)

// deploy makes the state machine, the bus and the log group, and returns the machine's ARN.
func deploy(s *server, wait int) (machine string, err error) {
	var made struct{ StateMachineArn string }
	for _, c := range []struct {
		service, operation string
		in                 map[string]any
		out                any
	}{
		{"logs", "CreateLogGroup", map[string]any{"logGroupName": group}, nil},
		{"events", "CreateEventBus", map[string]any{"Name": bus}, nil},
		{"events", "PutRule", map[string]any{"Name": "all", "EventBusName": bus, "EventPattern": `{"source":[{"prefix":""}]}`}, nil},
		{"events", "PutTargets", map[string]any{"Rule": "all", "EventBusName": bus, "Targets": []map[string]any{
			{"Id": "log", "Arn": "arn:aws:logs:us-east-1:" + account + ":log-group:" + group},
		}}, nil},
		{"states", "CreateStateMachine", map[string]any{
			"name": "bench", "definition": definition(wait), "roleArn": "arn:aws:iam::" + account + ":role/bench",
		}, &made},
	} {
		if err := s.call(c.service, c.operation, c.in, c.out); err != nil {
			return "", err
		}
	}
	return made.StateMachineArn, nil
}

// definition is a state machine of six notifications with waits between them.
func definition(wait int) string {
	states := map[string]any{}
	for i := 1; i <= steps; i++ {
		notify := map[string]any{
			"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "ResultPath": nil,
			"Parameters": map[string]any{"Entries": []any{map[string]any{
				"EventBusName": bus, "Source": "bench", "DetailType": "step",
				"Detail": map[string]any{"order.$": "$.order", "step": i},
			}}},
		}
		if i == steps {
			notify["End"] = true
		} else {
			notify["Next"] = fmt.Sprintf("Wait %d", i)
			states[fmt.Sprintf("Wait %d", i)] = map[string]any{"Type": "Wait", "Seconds": wait, "Next": fmt.Sprintf("Notify %d", i+1)}
		}
		states[fmt.Sprintf("Notify %d", i)] = notify
	}
	text, _ := json.Marshal(map[string]any{"StartAt": "Notify 1", "States": states}) // nothing in it cannot be encoded
	return string(text)
}
