package build

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// left lists folders that are never part of a function.
var left = []string{".git", ".aws-sam", ".venv", "__pycache__"}

// syncTree makes dst a copy of src, touching only what differs. Entries of dst's top folder named in keep, and
// our own stamps, stay.
func syncTree(src, dst string, keep ...string) error {
	if err := copyTree(src, dst, keep...); err != nil {
		return fmt.Errorf("copy %s: %w", src, err)
	}
	if err := prune(src, dst, keep); err != nil {
		return fmt.Errorf("clean %s: %w", dst, err)
	}
	return nil
}

// copyTree copies what is newer or of another size in src; skip names entries of the top folder that are left out.
func copyTree(src, dst string, skip ...string) error {
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(src, path)
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains(left, d.Name()) || slices.Contains(skip, rel) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		to := filepath.Join(dst, rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case d.IsDir():
			return os.MkdirAll(to, info.Mode().Perm()|0o700)
		case info.Mode()&fs.ModeSymlink != 0:
			return copyLink(path, to)
		case info.Mode().IsRegular():
			return copyFile(path, to, info)
		}
		return nil // sockets and the like
	})
}

func copyLink(from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	if old, err := os.Readlink(to); err == nil && old == target {
		return nil
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.Symlink(target, to)
}

func copyFile(from, to string, info fs.FileInfo) error {
	if old, err := os.Lstat(to); err == nil && old.Mode() == info.Mode() && old.Size() == info.Size() && old.ModTime().Equal(info.ModTime()) {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	tmp := to + ".sallyport-new"
	out, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, info.Mode().Perm())
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err := os.Chtimes(tmp, info.ModTime(), info.ModTime()); err != nil {
		return err
	}
	return os.Rename(tmp, to)
}

// prune removes from dst what src does not have.
func prune(src, dst string, keep []string) error {
	return filepath.WalkDir(dst, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dst, path)
		if err != nil || rel == "." {
			return err
		}
		if slices.Contains(keep, rel) || strings.HasPrefix(rel, ".sallyport-") {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if _, err := os.Lstat(filepath.Join(src, rel)); err == nil {
			return nil
		}
		if err := os.RemoveAll(path); err != nil {
			return err
		}
		if d.IsDir() {
			return filepath.SkipDir
		}
		return nil
	})
}
