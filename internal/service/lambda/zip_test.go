package lambda

import (
	"archive/zip"
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestUnzip(t *testing.T) {
	dir := t.TempDir()
	for _, files := range [][]string{{"bootstrap", "1", "a/b.txt", "old", "run", "x"}, {"a/b.txt", "new", "a/c.txt", "c"}} {
		if err := unzip(source(t, files...), dir); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"a/b.txt": "new", "a/c.txt": "c", "run": "x"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %s %v", name, got, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "bootstrap")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("bootstrap cannot be executed: %v %v", info, err)
	}
}

// linkZip is a zip of a symbolic link, and of a file behind it.
func linkZip(t testing.TB, link, file string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	h := &zip.FileHeader{Name: "link"}
	h.SetMode(fs.ModeSymlink | 0o777)
	for _, f := range []struct {
		header *zip.FileHeader
		text   string
	}{{h, link}, {&zip.FileHeader{Name: file}, "evil"}} {
		w, err := z.CreateHeader(f.header)
		if err == nil {
			_, err = w.Write([]byte(f.text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// Whatever a zip says, nothing is written beside its folder.
func FuzzUnzip(f *testing.F) {
	f.Add(source(f, "index.js", "x", "a/b", "y"))
	f.Add(source(f, "../evil", "x"))
	f.Add(linkZip(f, "..", "link/evil"))
	f.Add(linkZip(f, "/tmp", "link/evil"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if z, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil {
			var size uint64
			for _, file := range z.File {
				size += file.UncompressedSize64
			}
			if size > 1<<20 {
				return
			}
		}
		parent := t.TempDir()
		dir := filepath.Join(parent, "code")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		_ = unzip(data, dir)
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Errorf("beside the folder: %v %v", entries, err)
		}
	})
}
