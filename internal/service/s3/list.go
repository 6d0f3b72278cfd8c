package s3

import (
	"encoding/base64"
	"encoding/xml"
	"maps"
	"slices"
	"strconv"
	"strings"
)

const maxKeys = 1000

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// A listing is what a request asks for when it lists.
type listing struct {
	prefix, delimiter string
	after             string // keys up to this one, and those that it begins when it is a common prefix, were given
	max               int
	encode            func(string) string
}

func (q *request) listing() (listing, error) {
	l := listing{prefix: q.query.Get("prefix"), delimiter: q.query.Get("delimiter"), max: maxKeys, encode: func(s string) string { return s }}
	if text := q.query.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			return l, errArgument("Provided max-keys not an integer or within integer range")
		}
		l.max = min(n, maxKeys)
	}
	switch q.query.Get("encoding-type") {
	case "":
	case "url":
		l.encode = encodeKey
	default:
		return l, errArgument("Invalid Encoding Method specified in Request")
	}
	return l, nil
}

// encodeKey escapes what may not stand in XML, and more: every byte but letters, digits and -_./~.
func encodeKey(key string) string {
	var b strings.Builder
	for i := range len(key) {
		switch c := key[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', strings.IndexByte("-_./~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + strings.ToUpper(strconv.FormatUint(uint64(c)|0x100, 16)[1:]))
		}
	}
	return b.String()
}

// commonPrefix returns the part of a key up to the first delimiter after the prefix.
func (l *listing) commonPrefix(key string) (string, bool) {
	if l.delimiter == "" {
		return "", false
	}
	i := strings.Index(key[len(l.prefix):], l.delimiter)
	if i < 0 {
		return "", false
	}
	return key[:len(l.prefix)+i+len(l.delimiter)], true
}

// pick gives objects and common prefixes, in order, to found until max are given; it returns the last of them, and whether
// there are more.
func (l *listing) pick(objects []*object, found func(o *object, prefix string)) (last string, more bool) {
	n := 0
	for _, o := range objects {
		if o.Key <= l.after {
			continue
		}
		prefix, common := l.commonPrefix(o.Key)
		if common && (prefix == last || prefix <= l.after) {
			continue
		}
		if n == l.max {
			return last, n > 0
		}
		n++
		if last = o.Key; common {
			last = prefix
		}
		found(o, prefix)
	}
	return last, false
}

// An entry is an object in a listing.
type entry struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
	Owner        *owner `xml:",omitempty"`
}

type commonPrefix struct{ Prefix string }

// listObjects answers both versions of the operation.
func (s *Service) listObjects(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	l, err := q.listing()
	if err != nil {
		return err
	}
	second := q.query.Get("list-type") == "2"
	if l.after = q.query.Get("marker"); second {
		l.after = q.query.Get("start-after")
		if token := q.query.Get("continuation-token"); token != "" {
			after, err := base64.URLEncoding.DecodeString(token)
			if err != nil {
				return errArgument("The continuation token provided is incorrect")
			}
			l.after = string(after)
		}
	}
	objects, err := list[object](q.ctx, s, objectKey(b, l.prefix))
	if err != nil {
		return err
	}
	objects = slices.DeleteFunc(objects, func(o *object) bool { return !o.visible() })

	var out struct {
		XMLName               xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
		Name                  string
		Prefix                string
		Marker                *string `xml:",omitempty"`
		NextMarker            string  `xml:",omitempty"`
		StartAfter            string  `xml:",omitempty"`
		ContinuationToken     string  `xml:",omitempty"`
		NextContinuationToken string  `xml:",omitempty"`
		KeyCount              *int    `xml:",omitempty"`
		MaxKeys               int
		Delimiter             string `xml:",omitempty"`
		EncodingType          string `xml:",omitempty"`
		IsTruncated           bool
		Contents              []entry
		CommonPrefixes        []commonPrefix
	}
	var who *owner
	if !second || q.query.Get("fetch-owner") == "true" {
		who = new(ownerOf(b.Account))
	}
	last, more := l.pick(objects, func(o *object, prefix string) {
		if prefix != "" {
			out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{l.encode(prefix)})
			return
		}
		v := o.current()
		out.Contents = append(out.Contents, entry{l.encode(o.Key), stamp(v.Modified), `"` + v.ETag + `"`, v.Size, "STANDARD", who})
	})
	out.Name, out.Prefix, out.Delimiter, out.MaxKeys = b.Name, l.encode(l.prefix), l.encode(l.delimiter), l.max
	out.EncodingType, out.IsTruncated = q.query.Get("encoding-type"), more
	if second {
		out.KeyCount = new(len(out.Contents) + len(out.CommonPrefixes))
		out.StartAfter, out.ContinuationToken = l.encode(q.query.Get("start-after")), q.query.Get("continuation-token")
		if more {
			out.NextContinuationToken = base64.URLEncoding.EncodeToString([]byte(last))
		}
	} else {
		out.Marker = new(l.encode(l.after))
		if more && l.delimiter != "" { // AWS: without a delimiter the last key is the marker
			out.NextMarker = l.encode(last)
		}
	}
	return q.answer(out)
}

// listVersions lists all versions of all keys; a page never ends within a key.
func (s *Service) listVersions(q *request) error {
	b, err := s.bucket(q.ctx, q.bucket)
	if err != nil {
		return err
	}
	l, err := q.listing()
	if err != nil {
		return err
	}
	l.after = q.query.Get("key-marker")
	objects, err := list[object](q.ctx, s, objectKey(b, l.prefix))
	if err != nil {
		return err
	}
	type item struct {
		Key          string
		VersionId    string
		IsLatest     bool
		LastModified string
		ETag         string `xml:",omitempty"`
		Size         *int64 `xml:",omitempty"`
		StorageClass string `xml:",omitempty"`
		Owner        owner
	}
	var out struct {
		XMLName        xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListVersionsResult"`
		Name           string
		Prefix         string
		KeyMarker      string
		NextKeyMarker  string `xml:",omitempty"`
		MaxKeys        int
		Delimiter      string `xml:",omitempty"`
		EncodingType   string `xml:",omitempty"`
		IsTruncated    bool
		Version        []item
		DeleteMarker   []item
		CommonPrefixes []commonPrefix
	}
	last, more := l.pick(objects, func(o *object, prefix string) {
		if prefix != "" {
			out.CommonPrefixes = append(out.CommonPrefixes, commonPrefix{l.encode(prefix)})
			return
		}
		for i := range o.Versions {
			v := &o.Versions[i]
			it := item{Key: l.encode(o.Key), VersionId: v.ID, IsLatest: i == 0, LastModified: stamp(v.Modified), Owner: ownerOf(b.Account)}
			if v.Marker {
				out.DeleteMarker = append(out.DeleteMarker, it)
				continue
			}
			it.ETag, it.Size, it.StorageClass = `"`+v.ETag+`"`, &v.Size, "STANDARD"
			out.Version = append(out.Version, it)
		}
	})
	out.Name, out.Prefix, out.Delimiter, out.MaxKeys = b.Name, l.encode(l.prefix), l.encode(l.delimiter), l.max
	out.KeyMarker, out.EncodingType, out.IsTruncated = l.encode(l.after), q.query.Get("encoding-type"), more
	if more {
		out.NextKeyMarker = l.encode(last)
	}
	return q.answer(out)
}
