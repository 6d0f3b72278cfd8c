package states

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/sallyport/sallyport/internal/service/states/asl"
)

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

func newUUID() string { return asl.UUID(newSeed(), newSeed()) }

func newSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// checkName refuses names that AWS refuses.
func checkName(name string) error {
	if n := len([]rune(name)); n == 0 || n > 80 {
		return errName(name)
	}
	for _, r := range name {
		if r <= 0x20 || r >= 0x7f && r <= 0x9f || strings.ContainsRune("<>{}[]?*\"#%\\^|~`$&,;:/", r) {
			return errName(name)
		}
	}
	return nil
}

// A name is an ARN of this service, taken apart.
type name struct {
	place
	kind  string   // "stateMachine", "execution", "express", "activity", "mapRun"
	parts []string // machine and version or alias; machine and execution
}

// parseARN takes an ARN apart that must be of one of the kinds.
func parseARN(arn string, kinds ...string) (name, error) {
	if !strings.HasPrefix(arn, "arn:") {
		return name{}, errARN("Invalid ARN prefix: %s", arn)
	}
	parts := strings.Split(arn, ":")
	if len(parts) < 7 || parts[2] != "states" {
		return name{}, errARN("Invalid ARN: %s", arn)
	}
	n := name{place: place{Region: parts[3], Account: parts[4]}, kind: parts[5], parts: parts[6:]}
	for _, kind := range kinds {
		if kind == n.kind {
			return n, nil
		}
	}
	return name{}, errARN("Resource type not valid in this context: %s", n.kind)
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
