package json

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Value is JSON text as it stands, for struct fields that are passed on unread.
type Value = jsontext.Value

// Marshal returns v as JSON. Members of maps are sorted, so that equal values give equal bytes.
func Marshal(v any) ([]byte, error) {
	return json.Marshal(v, json.Deterministic(true))
}

// MarshalIndent is Marshal for people to read.
func MarshalIndent(v any) ([]byte, error) {
	return json.Marshal(v, json.Deterministic(true), jsontext.WithIndent("  "))
}

// Unmarshal reads data into v. Member names count with their case; members that v does not have are ignored.
func Unmarshal(data []byte, v any) error {
	return json.Unmarshal(data, v)
}

// UnmarshalStrict is Unmarshal that refuses members that v does not have.
func UnmarshalStrict(data []byte, v any) error {
	return json.Unmarshal(data, v, json.RejectUnknownMembers(true))
}
