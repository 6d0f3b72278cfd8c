package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/internal/service/lambda/runtime"
)

// An outcome is how a request ended inside its environment.
type outcome struct {
	payload   []byte
	failed    bool
	status    string // of the REPORT line: "", "timeout" or "error"
	errorType string // of the REPORT line
	again     bool   // the process ended before it had seen the request: another may have it
	refused   *grant // there was no process: why
}

// failure is an outcome that the platform, not the function, describes. AWS: errorType comes first.
func failure(errorType, message string) outcome {
	b, _ := json.Marshal(struct {
		Type    string `json:"errorType"`
		Message string `json:"errorMessage"`
	}{errorType, message})
	return outcome{payload: b, failed: true, status: "error", errorType: errorType}
}

func timedOut(id string, limit time.Duration) outcome {
	o := failure("Sandbox.Timedout", fmt.Sprintf("RequestId: %s Error: Task timed out after %.2f seconds", id, limit.Seconds()))
	o.status, o.errorType = "timeout", ""
	return o
}

// exited describes a process that ended by itself; how is "exit status 1", "signal: killed", or "" for a clean end.
func exited(id, how string) outcome {
	if how == "" {
		return failure("Runtime.ExitError", "RequestId: "+id+" Error: Runtime exited without providing a reason")
	}
	return failure("Runtime.ExitError", "RequestId: "+id+" Error: Runtime exited with error: "+how)
}

func tooLarge() outcome {
	return failure("Function.ResponseSizeTooLarge", fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", MaxResponse))
}

// reported is an outcome that the function's runtime describes itself.
func reported(body []byte, errorType string) outcome {
	if errorType == "" {
		var e struct {
			Type string `json:"errorType"`
		}
		if json.Unmarshal(body, &e) == nil {
			errorType = e.Type
		}
	}
	return outcome{payload: body, failed: true, errorType: errorType}
}

// notStarted describes why a process could not be started at all.
func notStarted(id string, err error) outcome {
	var missing *runtime.MissingError
	if errors.As(err, &missing) {
		return failure("Runtime.NotInstalled", "RequestId: "+id+" Error: "+missing.Text)
	}
	return failure("Runtime.InvalidEntrypoint", "RequestId: "+id+" Error: "+err.Error())
}
