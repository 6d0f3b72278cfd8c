package apigateway

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Policy lifts limits of AWS for one stage. AWS has none: here the stage has tags for it, which mean nothing there. The zero Policy lifts
// nothing.
type Policy struct {
	Idle        time.Duration // without a message in either direction; 0: AWS's, negative: none
	Lifetime    time.Duration // of a connection; 0: AWS's, negative: none
	Frame       int           // bytes of one frame of a client; 0: AWS's
	Message     int           // bytes of one message, in either direction; 0: AWS's
	Binary      bool          // binary messages are taken, and sent
	Integration time.Duration // of integrations whose timeout is the longest that AWS has; 0: that
}

// PolicyPrefix begins the tags of a Policy.
const PolicyPrefix = "sallyport:"

// Bounds of a Policy.
const (
	maxPolicySize        = 64 << 20
	maxPolicyIntegration = time.Hour
)

var policyTags = map[string]func(p *Policy, value string) error{
	"idle-timeout":        func(p *Policy, v string) error { return readPolicyTime(&p.Idle, v, time.Second, 0) },
	"connection-lifetime": func(p *Policy, v string) error { return readPolicyTime(&p.Lifetime, v, time.Second, 0) },
	"frame-size":          func(p *Policy, v string) error { return readPolicySize(&p.Frame, v) },
	"message-size":        func(p *Policy, v string) error { return readPolicySize(&p.Message, v) },
	"binary": func(p *Policy, v string) (err error) {
		if p.Binary, err = strconv.ParseBool(v); err != nil {
			err = fmt.Errorf("it is true or false, not %q", v)
		}
		return err
	},
	"integration-timeout": func(p *Policy, v string) error {
		return readPolicyTime(&p.Integration, v, minTimeoutMillis*time.Millisecond, maxPolicyIntegration)
	},
}

// PolicyOf reads the policy in a stage's tags.
func PolicyOf(tags map[string]string) (Policy, error) {
	var p Policy
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		name, ok := strings.CutPrefix(tag, PolicyPrefix)
		if !ok {
			continue
		}
		read := policyTags[name]
		if read == nil {
			return Policy{}, BadRequest("Tag %s is not known; of those that begin with %s there are %s", tag, PolicyPrefix, strings.Join(slices.Sorted(maps.Keys(policyTags)), ", "))
		}
		if err := read(&p, tags[tag]); err != nil {
			return Policy{}, BadRequest("Tag %s: %v", tag, err)
		}
	}
	return p, nil
}

// readPolicyTime reads a duration of at least low. If there is no longest, it may be none.
func readPolicyTime(into *time.Duration, value string, low, high time.Duration) error {
	if value == "none" && high == 0 {
		*into = -1
		return nil
	}
	d, err := time.ParseDuration(value)
	switch {
	case err != nil && high == 0:
		return fmt.Errorf(`it is a duration like 90s or 2h30m, or none, not %q`, value)
	case err != nil:
		return fmt.Errorf(`it is a duration like 90s or 5m, not %q`, value)
	case d < low:
		return fmt.Errorf("%v is less than %v", d, low)
	case high > 0 && d > high:
		return fmt.Errorf("%v is more than %v", d, high)
	}
	*into = d
	return nil
}

// readPolicySize reads bytes, also as KiB and MiB.
func readPolicySize(into *int, value string) error {
	number, unit := value, 1
	for suffix, size := range map[string]int{"KiB": 1 << 10, "MiB": 1 << 20} {
		if n, ok := strings.CutSuffix(value, suffix); ok {
			number, unit = strings.TrimSpace(n), size
		}
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > maxPolicySize/unit {
		return fmt.Errorf("it is a number of bytes like 1048576, 512KiB or 16MiB, at most %d MiB, not %q", maxPolicySize>>20, value)
	}
	*into = n * unit
	return nil
}
