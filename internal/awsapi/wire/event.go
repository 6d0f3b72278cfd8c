package wire

import (
	"encoding/binary"
	"hash/crc32"
	"reflect"
)

// appendEvents writes a list of event structures, of each of which one member is set, as messages of an event stream.
// A member that is a structure with one blob member is sent as those bytes, all else as JSON.
func appendEvents(dst []byte, t *Type, list reflect.Value) ([]byte, error) {
	var err error
	for i := range list.Len() {
		if dst, err = appendMember(dst, t, list.Index(i).Elem()); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// AppendEvent writes one event structure, which event points to, as a message of an event stream.
func AppendEvent(dst []byte, t *Type, event any) ([]byte, error) {
	return appendMember(dst, t, reflect.ValueOf(event).Elem())
}

// AppendInitialResponse writes the message that begins the event streams of protocols which put everything into the body.
func AppendInitialResponse(dst []byte) []byte {
	return appendEvent(dst, "initial-response", "application/json", []byte("{}"))
}

func appendMember(dst []byte, t *Type, e reflect.Value) ([]byte, error) {
	for j := range t.fields {
		f := &t.fields[j]
		v, ok := f.shape.given(e.Field(f.index))
		if !ok || f.shape.kind != kStruct {
			continue
		}
		payload, contentType, err := eventPayload(f.shape.st, v)
		if err != nil {
			return dst, err
		}
		dst = appendEvent(dst, f.wire, contentType, payload)
	}
	return dst, nil
}

func eventPayload(t *Type, v reflect.Value) (payload []byte, contentType string, err error) {
	if len(t.fields) == 1 && t.fields[0].shape.kind == kBlob {
		return v.Field(t.fields[0].index).Bytes(), "application/octet-stream", nil
	}
	payload, err = t.AppendJSON(nil, v.Addr().Interface())
	return payload, "application/json", err
}

// appendEvent frames one message: total and header lengths, their CRC, headers, payload, CRC of all.
func appendEvent(dst []byte, name, contentType string, payload []byte) []byte {
	var headers []byte
	for _, h := range [][2]string{{":message-type", "event"}, {":event-type", name}, {":content-type", contentType}} {
		headers = append(headers, byte(len(h[0])))
		headers = append(headers, h[0]...)
		headers = append(headers, 7) // a string
		headers = binary.BigEndian.AppendUint16(headers, uint16(len(h[1])))
		headers = append(headers, h[1]...)
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(16+len(headers)+len(payload)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(headers)))
	dst = binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
	dst = append(dst, headers...)
	dst = append(dst, payload...)
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[start:]))
}
