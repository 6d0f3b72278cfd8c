package states

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/sallyport/sallyport/internal/service/states/asl"
	"github.com/sallyport/sallyport/internal/service/states/machine"
)

// What distributed Map states read: the items in an object of S3.

// maxObject bounds an object after it was decompressed. AWS: 10 GB; it is held in memory here.
const maxObject = 1 << 30

// parseItems returns the items in an object, with the keys if they are members of an object of JSON.
func parseItems(r *asl.Reader, key string, data []byte) (items []json.RawMessage, keys []string, err error) {
	if data, err = inflate(key, data); err != nil {
		return nil, nil, err
	}
	switch r.Input {
	case "CSV":
		items, err = csvItems(r, data)
	case "JSONL":
		items, err = lineItems(data)
	case "PARQUET":
		err = errors.New("Sallyport does not read Parquet files.")
	default:
		return jsonItems(data, r.Pointer)
	}
	return items, nil, err
}

// inflate decompresses an object, if its name says that it is compressed.
func inflate(key string, data []byte) ([]byte, error) {
	var r io.Reader
	switch strings.ToLower(path.Ext(key)) {
	case ".gz", ".gzip":
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, errors.New("Attempting to decompress the object failed: it is no GZIP.")
		}
		r = z
	case ".zst", ".zstd":
		z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxObject))
		if err != nil {
			return nil, errors.New("Attempting to decompress the object failed: it is no ZSTD.")
		}
		defer z.Close()
		r = z
	default:
		return data, nil
	}
	out, err := io.ReadAll(io.LimitReader(r, maxObject+1))
	switch {
	case err != nil:
		return nil, errors.New("Attempting to decompress the object failed.")
	case len(out) > maxObject:
		return nil, fmt.Errorf("The object has more than %d bytes.", maxObject)
	}
	return out, nil
}

// jsonItems returns the elements of a list, or the members of an object, in JSON.
func jsonItems(data []byte, pointer string) ([]json.RawMessage, []string, error) {
	v, err := asl.Decode(data)
	if err != nil {
		return nil, nil, errors.New("Attempting to parse JSON failed: the object is not valid JSON.")
	}
	if v, err = pointed(v, pointer); err != nil {
		return nil, nil, err
	}
	list, ok := v.([]any)
	var keys []string
	if o, isObject := v.(*asl.Object); isObject {
		list, keys = machine.Pairs(o)
	} else if !ok {
		return nil, nil, errors.New("Attempting to map over non-iterable node.")
	}
	items := make([]json.RawMessage, len(list))
	for i := range list {
		items[i] = asl.Encode(list[i])
	}
	return items, keys, nil
}

// pointed follows a JSON Pointer (RFC 6901).
func pointed(v any, pointer string) (any, error) {
	if pointer == "" {
		return v, nil
	}
	for part := range strings.SplitSeq(pointer[1:], "/") {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch in := v.(type) {
		case *asl.Object:
			inner, ok := in.Get(part)
			if !ok {
				return nil, fmt.Errorf("Attempting to find the node %s failed.", pointer)
			}
			v = inner
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(in) {
				return nil, fmt.Errorf("Attempting to find the node %s failed.", pointer)
			}
			v = in[i]
		default:
			return nil, fmt.Errorf("Attempting to find the node %s failed.", pointer)
		}
	}
	return v, nil
}

// lineItems returns the values of JSON Lines.
func lineItems(data []byte) ([]json.RawMessage, error) {
	var items []json.RawMessage
	for line := range bytes.Lines(data) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		v, err := asl.Decode(line)
		if err != nil {
			return nil, errors.New("Attempting to parse JSON Lines failed: a line is not valid JSON.")
		}
		items = append(items, asl.Encode(v))
	}
	return items, nil
}

// delimiters are the names that definitions have for what stands between fields.
var delimiters = map[string]byte{"PIPE": '|', "SEMICOLON": ';', "SPACE": ' ', "TAB": '\t'}

// csvItems makes an object of each row. AWS: fields that are missing are empty, and those without a header are left out.
func csvItems(r *asl.Reader, data []byte) ([]json.RawMessage, error) {
	headers := r.Headers
	if r.Header == "GIVEN" {
		seen := map[string]bool{}
		for _, h := range headers {
			if seen[h] {
				return nil, errors.New("CSV headers cannot contain duplicates.")
			}
			seen[h] = true
		}
	}
	rows := csvReader{data: bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), comma: ','}
	if d, ok := delimiters[r.Delim]; ok {
		rows.comma = d
	}
	var items []json.RawMessage
	for first := true; ; first = false {
		row, ok := rows.next()
		if !ok {
			return items, nil
		}
		if first && r.Header != "GIVEN" {
			headers = slices.Clone(row)
			continue
		}
		o := asl.NewObject()
		for i, h := range headers {
			value := ""
			if i < len(row) {
				value = row[i]
			}
			o.Set(h, value)
		}
		items = append(items, asl.Encode(o))
	}
}

// A csvReader reads rows as AWS does: quotes keep delimiters and newlines, and stand for themselves when they are doubled; a backslash keeps
// backslashes, quotes and delimiters, and is dropped before all else.
type csvReader struct {
	data  []byte
	comma byte
}

// next returns the next row that is not empty.
func (r *csvReader) next() (row []string, ok bool) {
	for len(r.data) > 0 && (r.data[0] == '\n' || r.data[0] == '\r') {
		r.data = r.data[1:]
	}
	if len(r.data) == 0 {
		return nil, false
	}
	var field []byte
	quoted, begun := false, false // begun: the field has had something
	for len(r.data) > 0 {
		b := r.data[0]
		r.data = r.data[1:]
		peek := byte(0)
		if len(r.data) > 0 {
			peek = r.data[0]
		}
		switch {
		case b == '\\':
			if len(r.data) > 0 && (peek == '\\' || peek == '"' || peek == r.comma) {
				field, r.data = append(field, peek), r.data[1:]
			}
			begun = true
		case b == '"' && begun && peek == '"':
			field, r.data = append(field, '"'), r.data[1:]
		case b == '"' && (quoted || !begun):
			quoted, begun = !quoted, true
		case b == r.comma && !quoted:
			row, field, begun = append(row, string(field)), nil, false
		case (b == '\n' || b == '\r' && peek == '\n') && !quoted:
			return append(row, string(field)), true
		default:
			field, begun = append(field, b), true
		}
	}
	return append(row, string(field)), true
}
