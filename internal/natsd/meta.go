package natsd

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/minio/highwayhash"
)

// A stream, and each of its consumers, is described by its meta.inf, whose checksum is in meta.sum. The server writes one after the
// other, each at once. A process that was killed between them leaves a description without a checksum, which is no damage; but
// the server neither restores such a stream at its next start nor ever writes the checksum, and what the stream takes then
// would be lost at the start after that. So we write what is missing.

// finishMeta finishes the descriptions of a stream and of its consumers.
func finishMeta(dir, name string) error {
	stream := filepath.Join(streamsDir(dir), name)
	if err := finishSum(stream, name); err != nil {
		return fmt.Errorf("finish description of stream %s: %w", name, err)
	}
	consumers, err := os.ReadDir(filepath.Join(stream, "obs"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("list consumers of stream %s: %w", name, err)
	}
	for _, c := range consumers {
		if err := finishSum(filepath.Join(stream, "obs", c.Name()), name+"/"+c.Name()); err != nil {
			return fmt.Errorf("finish description of consumer %s of stream %s: %w", c.Name(), name, err)
		}
	}
	return nil
}

// finishSum writes the checksum of the description in dir, if that is missing. name is what the checksum is keyed with.
func finishSum(dir, name string) error {
	inf, sum := filepath.Join(dir, "meta.inf"), filepath.Join(dir, "meta.sum")
	if _, err := os.Stat(sum); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	description, err := os.ReadFile(inf)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	if !json.Valid(description) { // of a machine that lost power: without it the server makes the stream anew
		return os.Remove(inf)
	}
	key := sha256.Sum256([]byte(name))
	h, err := highwayhash.New64(key[:])
	if err != nil {
		return err
	}
	h.Write(description)
	if err := os.WriteFile(sum+".new", []byte(hex.EncodeToString(h.Sum(nil))), 0o600); err != nil {
		return err
	}
	if _, err := syncFile(sum + ".new"); err != nil {
		return err
	}
	return os.Rename(sum+".new", sum)
}
