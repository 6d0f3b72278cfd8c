package telemetry

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/arn"
	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/gateway"
)

// streamOf names the streams that this node writes. AWS: they are called like the hash of a small number.
func streamOf(node uint16) string {
	sum := md5.Sum([]byte(strconv.Itoa(int(node))))
	return hex.EncodeToString(sum[:])
}

// writeAccess writes a line for a connect, a message or a disconnect. AWS: pushes have none.
func (t *Telemetry) writeAccess(r *gateway.Record) {
	log := r.Settings.AccessLog
	if log == nil || log.DestinationARN == "" || r.Kind == gateway.Push {
		return
	}
	group, ok := groupOf(log.DestinationARN)
	if !ok {
		if _, again := t.unknown.LoadOrStore(log.DestinationARN, true); !again {
			t.log.Warn("access logs go nowhere: the destination is no log group", "api", r.API, "stage", r.Stage, "destination", log.DestinationARN)
		}
		return
	}
	f, ok := t.formats.Load(log.Format)
	if !ok {
		f, _ = t.formats.LoadOrStore(log.Format, parseFormat(log.Format))
	}
	v := valuesOf(r)
	t.append(r, group, r.At, f.(*format).render(v.get))
}

func (t *Telemetry) append(r *gateway.Record, group string, at time.Time, lines ...string) {
	ctx := awsapi.WithCaller(context.Background(), awsapi.Caller{Account: r.Account, Region: r.Region})
	t.cfg.Logs.Append(ctx, group, t.stream, at, lines...)
}

// groupOf returns the log group that an ARN names.
func groupOf(destination string) (string, bool) {
	a, err := arn.Parse(destination)
	if err != nil || a.Service != "logs" {
		return "", false
	}
	group, ok := strings.CutPrefix(a.Resource, "log-group:")
	return strings.TrimSuffix(group, ":*"), ok && group != ""
}

// values are what an access log knows of a record.
type values struct {
	r       *gateway.Record
	context map[string]any
}

func valuesOf(r *gateway.Record) *values {
	v := &values{r: r}
	d := json.NewDecoder(strings.NewReader(string(r.Variables)))
	d.UseNumber()
	_ = d.Decode(&v.context) // the gateway wrote it
	return v
}

// get returns a variable, "" if it has no value.
func (v *values) get(path string) string {
	r := v.r
	switch path {
	case "status":
		return strconv.Itoa(v.status())
	case "responseLength":
		return strconv.Itoa(r.Out)
	case "integrationLatency", "integration.latency":
		if !r.Called {
			return ""
		}
		return millis(r.Integrated)
	case "responseLatency":
		return millis(r.Latency)
	case "integration.status":
		return number(r.Answered)
	case "integrationStatus", "integration.integrationStatus":
		if r.Answered != 0 && strings.HasPrefix(r.Integration, "AWS_PROXY ") {
			return "200" // AWS: what Lambda answered, not the function
		}
		return number(r.Answered)
	case "integration.error", "integrationErrorMessage":
		if r.Called {
			return v.cause()
		}
	case "error.message":
		return r.Error
	case "error.messageString":
		if r.Error != "" {
			return strconv.Quote(r.Error)
		}
	case "error.responseType":
		return v.responseType()
	case "error.validationErrorString":
		if r.Error == "Invalid request body" {
			return v.cause()
		}
	case "authorize.status", "authenticate.status":
		return v.authorization(path)
	case "authorize.error", "authenticate.error":
		if v.authorization(strings.Replace(path, "error", "status", 1)) != "" && r.Error != "" {
			return v.cause()
		}
	case "authorizer.latency":
		return v.lookup("authorizer.integrationLatency")
	}
	return v.lookup(path)
}

func (v *values) cause() string {
	if v.r.Cause == nil {
		return ""
	}
	return v.r.Cause.Error()
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// status is what the request was answered with.
func (v *values) status() int {
	switch {
	case v.r.Kind == gateway.Disconnect, v.r.Error == "":
		return 200
	}
	return v.r.Status
}

// authorization is the status of the check of who may connect, if it is what refused.
func (v *values) authorization(path string) string {
	r := v.r
	if r.Kind != gateway.Connect || r.Called || r.Status != 401 && r.Status != 403 {
		return ""
	}
	if _, signed := v.context["identity"].(map[string]any)["userArn"]; strings.HasPrefix(path, "authenticate.") && !signed {
		return ""
	}
	return strconv.Itoa(r.Status)
}

// responseType is AWS's word for why the gateway refused.
func (v *values) responseType() string {
	r := v.r
	switch {
	case r.Error == "":
		return ""
	case r.Error == "Invalid request body":
		return "BAD_REQUEST_BODY"
	case r.Error == "Endpoint request timed out":
		return "INTEGRATION_TIMEOUT"
	case r.Error == "Limit Exceeded":
		return "QUOTA_EXCEEDED"
	}
	switch r.Status {
	case 400:
		return "BAD_REQUEST_PARAMETERS"
	case 401:
		return "UNAUTHORIZED"
	case 403:
		return "ACCESS_DENIED"
	case 415:
		return "UNSUPPORTED_MEDIA_TYPE"
	case 429:
		return "THROTTLED"
	case 502, 504:
		return "INTEGRATION_FAILURE"
	}
	if r.Status >= 500 {
		return "DEFAULT_5XX"
	}
	return "DEFAULT_4XX"
}

// lookup finds a member of $context by its path.
func (v *values) lookup(path string) string {
	var at any = v.context
	for name := range strings.SplitSeq(path, ".") {
		o, ok := at.(map[string]any)
		if !ok {
			return ""
		}
		at = o[name]
	}
	switch at := at.(type) {
	case string:
		return at
	case json.Number:
		return at.String()
	case bool:
		return strconv.FormatBool(at)
	}
	return ""
}
