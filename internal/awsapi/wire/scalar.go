package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// setScalar reads text, as it stands in forms, paths, query strings and headers, into v.
func setScalar(s *shape, v reflect.Value, text string) bool {
	switch s.kind {
	case kString:
		s.place(v).SetString(text)
	case kInt:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return false
		}
		s.place(v).SetInt(n)
	case kFloat:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return false
		}
		s.place(v).SetFloat(f)
	case kBool:
		switch strings.ToLower(text) {
		case "true":
			s.place(v).SetBool(true)
		case "false":
			s.place(v).SetBool(false)
		default:
			return false
		}
	case kBlob:
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return false
		}
		v.SetBytes(b)
	case kTime:
		at, ok := parseTime(text)
		if !ok {
			return false
		}
		s.place(v).Set(reflect.ValueOf(at))
	default:
		return false
	}
	return true
}

// scalarText is the reverse of setScalar. v has been unwrapped.
func scalarText(s *shape, v reflect.Value, format timeFormat) string {
	switch s.kind {
	case kString:
		return v.String()
	case kInt:
		return strconv.FormatInt(v.Int(), 10)
	case kFloat:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case kBool:
		return strconv.FormatBool(v.Bool())
	case kBlob:
		return base64.StdEncoding.EncodeToString(v.Bytes())
	case kTime:
		return string(appendTime(nil, v.Interface().(time.Time), format))
	}
	return ""
}

// parseTime reads the forms that clients send: ISO 8601, seconds since 1970, RFC 822.
func parseTime(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02", time.RFC1123, "20060102T150405Z"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), true
		}
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && math.Abs(f) < 1e12 {
		return time.UnixMilli(int64(math.Round(f * 1000))).UTC(), true
	}
	return time.Time{}, false
}

// appendTime writes t without quotes. ISO 8601 has milliseconds only where there are some.
func appendTime(dst []byte, t time.Time, format timeFormat) []byte {
	t = t.UTC()
	switch format {
	case timeISO8601:
		if t.Nanosecond() >= 1e6 {
			return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
		}
		return t.AppendFormat(dst, "2006-01-02T15:04:05Z")
	case timeRFC822:
		return t.AppendFormat(dst, "Mon, 02 Jan 2006 15:04:05 GMT")
	}
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return strconv.AppendInt(dst, ms/1000, 10)
	}
	return strconv.AppendFloat(dst, float64(ms)/1000, 'f', 3, 64)
}
