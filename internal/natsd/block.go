package natsd

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"github.com/minio/highwayhash"
)

// A message block is a file of records: length (its top bit says that there are headers), sequence, time, subject length;
// subject; headers with their length; message; checksum. The checksum leaves out the lengths.
const (
	recordHeader   = 22
	recordChecksum = 8
	recordMax      = 32 << 20
	headersBit     = 1 << 31
)

// checkBlock returns where the first record of block that cannot be right begins, and why; an empty reason means all are right.
func checkBlock(data []byte, stream string, index int) (at int, reason string) {
	if len(data) >= 4 && string(data[:3]) == "cmp" {
		return 0, "" // compressed or written by somebody else's configuration: the server checks it when it unpacks it
	}
	sum := blockHash(stream, index)
	for at < len(data) {
		n, reason := checkRecord(data[at:], sum)
		if reason != "" {
			return at, reason
		}
		at += n
	}
	return at, ""
}

func blockHash(stream string, index int) hash.Hash64 {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, index))
	h, err := highwayhash.New64(key[:])
	if err != nil {
		panic(err) // only for keys of another size
	}
	return h
}

// checkRecord returns the length of the record that data begins with, or why it cannot be right.
func checkRecord(data []byte, sum hash.Hash64) (n int, reason string) {
	if len(data) < recordHeader+recordChecksum {
		return 0, "a record is cut off"
	}
	length := binary.LittleEndian.Uint32(data)
	subject := int(binary.LittleEndian.Uint16(data[20:]))
	body := recordHeader + subject // where headers or message begin
	if length&headersBit != 0 {
		body += 4
	}
	n = int(length &^ headersBit)
	switch {
	case n < body+recordChecksum || n > recordMax:
		return 0, "a record has an impossible length"
	case n > len(data):
		return 0, "a record is cut off"
	}
	sum.Reset()
	sum.Write(data[4:20])
	sum.Write(data[recordHeader : recordHeader+subject])
	sum.Write(data[body : n-recordChecksum])
	if !bytes.Equal(sum.Sum(nil), data[n-recordChecksum:n]) {
		return 0, "a checksum is wrong"
	}
	return n, ""
}

// unfinished tells whether rest, which begins with a bad record, can be one write that did not end: nothing after
// it is right. Where a good record follows, bytes that had been written were changed.
func unfinished(rest []byte, stream string, index int) bool {
	sum := blockHash(stream, index)
	for at := 1; at < len(rest); at++ {
		if _, reason := checkRecord(rest[at:], sum); reason == "" {
			return false
		}
	}
	return true
}
