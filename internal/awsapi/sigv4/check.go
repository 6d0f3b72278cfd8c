package sigv4

import (
	"strconv"
	"strings"
	"time"
)

// maxSkew is how far the clocks of client and server may differ.
const maxSkew = 5 * time.Minute

// CheckScope returns an *Error unless the signature was made for service, a valid region, and its own day. An empty service is not checked.
func (s *Signature) CheckScope(service string) error {
	var buf [len(dayFormat)]byte
	if ValidRegion(s.Region) && (service == "" || s.Service == service) && s.Terminator == terminator &&
		s.Day == string(s.Time.UTC().AppendFormat(buf[:0], dayFormat)) {
		return nil
	}
	day := s.Time.UTC().Format(dayFormat)
	var b strings.Builder
	if !ValidRegion(s.Region) {
		b.WriteString("Credential should be scoped to a valid region. ")
	}
	if service != "" && s.Service != service {
		b.WriteString("Credential should be scoped to correct service: '" + service + "'. ")
	}
	if s.Terminator != terminator {
		b.WriteString("Credential should be scoped with a valid terminator: 'aws4_request', not '" + s.Terminator + "'. ")
	}
	if s.Day != day {
		b.WriteString("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" + s.Day + "' != '" + day + "', from '" + s.Timestamp + "'. ")
	}
	return &Error{Kind: Invalid, Message: b.String()}
}

// ValidRegion reports whether r looks like a region: "us-east-1", "us-gov-west-1", and "aws-global" of a few clients.
func ValidRegion(r string) bool {
	if r == "aws-global" {
		return true
	}
	n := len(r)
	if n < 6 || n > 32 || strings.Count(r, "-") < 2 || r[n-1] < '0' || r[n-1] > '9' {
		return false
	}
	for i := range n {
		if c := r[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return r[0] >= 'a' && r[0] <= 'z'
}

// CheckTime returns an *Error unless the signature is valid at now.
func (s *Signature) CheckTime(now time.Time) error {
	valid := maxSkew
	if s.Presigned {
		valid = s.Expires
	}
	switch {
	case now.Sub(s.Time) > valid:
		return &Error{Kind: Skewed, Message: "Signature expired: " + s.Timestamp + " is now earlier than " +
			now.Add(-valid).UTC().Format(timeFormat) + " (" + now.UTC().Format(timeFormat) + " - " + period(valid) + ")"}
	case s.Time.Sub(now) > maxSkew:
		return &Error{Kind: Skewed, Message: "Signature not yet current: " + s.Timestamp + " is still later than " +
			now.Add(maxSkew).UTC().Format(timeFormat) + " (" + now.UTC().Format(timeFormat) + " + " + period(maxSkew) + ")"}
	}
	return nil
}

func period(d time.Duration) string {
	if d%time.Minute == 0 {
		return strconv.Itoa(int(d/time.Minute)) + " min."
	}
	return strconv.Itoa(int(d/time.Second)) + " sec."
}
