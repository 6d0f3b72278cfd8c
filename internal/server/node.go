package server

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/store"
)

// nodeNumber returns the number of this node, which every connection id carries. It is claimed in the store once, so that no two
// nodes of a cluster have the same, and kept in the data folder.
func nodeNumber(ctx context.Context, stores store.Stores, dir string) (uint16, error) {
	file := filepath.Join(dir, "node")
	data, err := os.ReadFile(file)
	if err == nil {
		n, err := strconv.ParseUint(strings.TrimSpace(string(data)), 10, 16)
		if err != nil {
			return 0, fmt.Errorf("read %s (remove it to get a new number): %w", file, err)
		}
		return uint16(n), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("read node number: %w", err)
	}
	st, err := stores.Open(ctx, "nodes")
	if err != nil {
		return 0, fmt.Errorf("open store of nodes: %w", err)
	}
	host, _ := os.Hostname()
	for range 100 {
		var b [2]byte
		_, _ = rand.Read(b[:]) // never fails
		n := binary.BigEndian.Uint16(b[:])
		_, err := store.Put(ctx, st, strconv.Itoa(int(n)), []byte(host), store.Absent)
		if errors.Is(err, store.ErrConflict) {
			continue
		} else if err != nil {
			return 0, fmt.Errorf("claim node number: %w", err)
		}
		if err := os.WriteFile(file, []byte(strconv.Itoa(int(n))+"\n"), 0o600); err != nil {
			return 0, fmt.Errorf("keep node number: %w", err)
		}
		return n, nil
	}
	return 0, errors.New("no node number is free; remove those of nodes that are gone from the store \"nodes\"")
}
