package sqs

import (
	"crypto/md5" //nolint:gosec // AWS's checksum
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/service/sqs/box"
)

func md5Of(body string) string {
	sum := md5.Sum([]byte(body)) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}

// md5OfAttributes is what SDKs compare: names, types and values in the order of the names, each with its length. It is nil for none.
func md5OfAttributes(all map[string]box.Attribute) *string {
	if len(all) == 0 {
		return nil
	}
	var buf []byte
	add := func(s string) {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(s)))
		buf = append(buf, s...)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a := all[name]
		add(name)
		add(a.Type)
		if strings.HasPrefix(a.Type, "Binary") {
			buf = append(buf, 2)
			add(string(a.Binary))
		} else {
			buf = append(buf, 1)
			add(a.String)
		}
	}
	sum := md5.Sum(buf) //nolint:gosec // as above
	return new(hex.EncodeToString(sum[:]))
}
