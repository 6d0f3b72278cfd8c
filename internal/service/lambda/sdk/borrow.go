package sdk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// findBoto prints where an interpreter finds boto3 and what it needs: all of it is plain Python, which runs on any version.
const findBoto = `
import importlib.util as u
for n in ("boto3", "botocore", "jmespath", "s3transfer", "dateutil", "six", "urllib3"):
    s = u.find_spec(n)
    if s is None: raise SystemExit(1)
    print(s.submodule_search_locations[0] if s.submodule_search_locations else s.origin)
`

// borrow makes the boto3 of this machine's usual Python available to another one. That needs no network.
func (b *Bundles) borrow(ctx context.Context, python string) (dir string, ok bool) {
	for _, name := range []string{"python3", "python"} {
		other, err := exec.LookPath(name)
		if err != nil || other == python {
			continue
		}
		out, err := exec.CommandContext(ctx, other, "-I", "-c", findBoto).Output()
		if err != nil {
			continue
		}
		if dir, err := b.link(strings.Fields(string(out))); err == nil {
			return dir, true
		}
	}
	return "", false
}

// link makes a folder of links to packages.
func (b *Bundles) link(packages []string) (string, error) {
	base, err := b.base()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.Join(packages, "\n")))
	dir := filepath.Join(base, "python-borrowed-"+hex.EncodeToString(sum[:])[:12])
	if exists(dir) {
		return dir, nil
	}
	if err := os.MkdirAll(base, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(base, ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	for _, p := range packages {
		if err := os.Symlink(p, filepath.Join(tmp, filepath.Base(p))); err != nil {
			return "", err
		}
	}
	if err := os.Rename(tmp, dir); err != nil && !exists(dir) {
		return "", err
	}
	return dir, nil
}
