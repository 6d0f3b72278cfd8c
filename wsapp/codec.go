package wsapp

import (
	"bytes"
	"encoding/json"
)

// decoder returns what makes an In of a request.
func decoder[In any]() func(r *Request) (In, error) {
	var kind In
	switch any(kind).(type) {
	case string:
		return func(r *Request) (in In, err error) { *any(&in).(*string) = string(r.Body); return in, nil }
	case []byte:
		return func(r *Request) (in In, err error) { *any(&in).(*[]byte) = bytes.Clone(r.Body); return in, nil }
	case json.RawMessage:
		return func(r *Request) (in In, err error) {
			*any(&in).(*json.RawMessage) = bytes.Clone(r.Body)
			return in, nil
		}
	case *Request:
		return func(r *Request) (In, error) { return any(r).(In), nil }
	case *Event:
		return func(r *Request) (in In, err error) {
			e, err := r.Event()
			*any(&in).(**Event) = e
			return in, err
		}
	case Event:
		return func(r *Request) (in In, err error) {
			e, err := r.Event()
			if err == nil {
				*any(&in).(*Event) = *e
			}
			return in, err
		}
	}
	return func(r *Request) (in In, err error) {
		if err := json.Unmarshal(r.Body, &in); err != nil {
			return in, Errorf(400, "message cannot be read: %v", err)
		}
		return in, nil
	}
}

// encoder returns what makes a response of an Out.
func encoder[Out any]() func(Out) (Response, error) {
	var kind Out
	switch any(kind).(type) {
	case Response:
		return func(out Out) (Response, error) { return *any(&out).(*Response), nil }
	case *Response:
		return func(out Out) (Response, error) {
			if r := *any(&out).(**Response); r != nil {
				return *r, nil
			}
			return Response{StatusCode: 200}, nil
		}
	case string:
		return func(out Out) (Response, error) {
			return Response{StatusCode: 200, Body: *any(&out).(*string)}, nil
		}
	}
	return func(out Out) (Response, error) {
		text, err := encode(out)
		return Response{StatusCode: 200, Body: string(text)}, err
	}
}

// encode returns v as a message: text as it is, all else as JSON.
func encode(v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return []byte(v), nil
	case []byte:
		return v, nil
	case json.RawMessage:
		return v, nil
	}
	return json.Marshal(v)
}
