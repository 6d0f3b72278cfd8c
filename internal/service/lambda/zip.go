package lambda

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unzip writes the files of a zip under dir, with their modes.
func unzip(data []byte, dir string) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, f := range z.File {
		if err := unzipOne(root, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

func unzipOne(root *os.Root, f *zip.File) error {
	if strings.HasSuffix(f.Name, "/") {
		return root.MkdirAll(strings.TrimSuffix(f.Name, "/"), 0o755)
	}
	if parent := filepath.Dir(f.Name); parent != "." {
		if err := root.MkdirAll(parent, 0o755); err != nil {
			return err
		}
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	if err := root.Remove(f.Name); err != nil && !errors.Is(err, fs.ErrNotExist) { // a later layer replaces what was there
		return err
	}
	if f.Mode()&fs.ModeSymlink != 0 {
		link, err := io.ReadAll(io.LimitReader(r, 4096))
		if err != nil {
			return err
		}
		return root.Symlink(string(link), f.Name)
	}
	mode := f.Mode().Perm()
	if mode == 0 { // zips made without modes
		mode = 0o644
	}
	out, err := root.OpenFile(f.Name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode|0o400)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.LimitReader(r, maxUnzipped))
	return errors.Join(err, out.Close())
}

// copyOver copies the files of a folder into another, over what is there.
func copyOver(to, from string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		dst := filepath.Join(to, name)
		switch {
		case d.IsDir():
			return os.MkdirAll(dst, 0o755)
		case d.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return errors.Join(os.RemoveAll(dst), os.Symlink(link, dst))
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return errors.Join(os.RemoveAll(dst), os.WriteFile(dst, data, info.Mode().Perm()))
	})
}
