package lambda

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	shape "github.com/sallyport/sallyport/internal/awsapi/shapes/lambda"
)

// LocalBucket is a bucket that does not exist: code "in" it lies in a folder of this machine, whose absolute path is the
// key. The object version, which must change with the content, stands for the hash. Only a server with Config.LocalCode takes it.
const LocalBucket = "local.sallyport"

// Limits of code, in bytes.
const (
	maxZip      = 52428800
	maxUnzipped = 262144000
)

// code is where the code of a version is.
type code struct {
	SHA256 string `json:"sha256"` // base64, of the zip
	Size   int64  `json:"size"`   // of the zip
	Blob   string `json:"blob,omitempty"`
	Dir    string `json:"dir,omitempty"` // a folder of this machine instead
}

func sum256Hex(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// takeCode stores the code that a request carries or names.
func (s *Service) takeCode(ctx context.Context, in *shape.FunctionCode) (code, error) {
	switch {
	case in.ImageUri != nil:
		return code{}, errInvalid("Container images are not supported; use PackageType Zip")
	case in.ZipFile != nil:
		return s.keepZip(ctx, in.ZipFile)
	case deref(in.S3Bucket) == LocalBucket && s.cfg.LocalCode:
		return localCode(deref(in.S3Key), deref(in.S3ObjectVersion))
	case in.S3Bucket != nil && in.S3Key != nil:
		return s.fetchZip(ctx, deref(in.S3Bucket), deref(in.S3Key), deref(in.S3ObjectVersion))
	}
	return code{}, errInvalid("Please provide a source for function code.")
}

func localCode(dir, version string) (code, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return code{}, errInvalid("Function code cannot be read: %v", err)
	}
	if !info.IsDir() {
		return code{}, errInvalid("Function code cannot be read: %s is not a folder", dir)
	}
	sum := sha256.Sum256([]byte(version))
	return code{SHA256: base64.StdEncoding.EncodeToString(sum[:]), Size: info.Size(), Dir: dir}, nil
}

func (s *Service) fetchZip(ctx context.Context, bucket, key, version string) (code, error) {
	if s.cfg.Objects == nil {
		return code{}, errInvalid("Code cannot come from S3 here; send it in ZipFile")
	}
	r, err := s.cfg.Objects.Open(ctx, bucket, key, version)
	if err != nil {
		var e *awsapi.Error
		if errors.As(err, &e) {
			return code{}, errInvalid("Error occurred while GetObject. S3 Error Code: %s. S3 Error Message: %s", e.Code, e.Message)
		}
		return code{}, fmt.Errorf("open code s3://%s/%s: %w", bucket, key, err)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxUnzipped+1))
	if err != nil {
		return code{}, fmt.Errorf("read code s3://%s/%s: %w", bucket, key, err)
	}
	if len(data) > maxUnzipped {
		return code{}, errInvalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
	}
	return s.keep(ctx, data)
}

func (s *Service) keepZip(ctx context.Context, data []byte) (code, error) {
	if len(data) > maxZip {
		return code{}, failure("RequestEntityTooLargeException", 413, "Zipped size must be smaller than %d bytes", maxZip)
	}
	return s.keep(ctx, data)
}

// keep checks a zip and stores it.
func (s *Service) keep(ctx context.Context, data []byte) (code, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return code{}, errInvalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
	}
	if len(z.File) == 0 {
		return code{}, errInvalid("Uploaded file must be a non-empty zip")
	}
	var total uint64
	for _, f := range z.File {
		if !filepath.IsLocal(f.Name) {
			return code{}, errInvalid("Could not unzip uploaded file. Please check your file, then try to upload again.")
		}
		if total += f.UncompressedSize64; total > maxUnzipped {
			return code{}, errInvalid("Unzipped size must be smaller than %d bytes", maxUnzipped)
		}
	}
	blobs, err := s.cfg.Stores.Blobs(ctx)
	if err != nil {
		return code{}, fmt.Errorf("open blobs: %w", err)
	}
	sum := sha256.Sum256(data)
	c := code{SHA256: base64.StdEncoding.EncodeToString(sum[:]), Size: int64(len(data)), Blob: "lambda/" + hex.EncodeToString(sum[:])}
	if _, err := blobs.Put(ctx, c.Blob, bytes.NewReader(data)); err != nil {
		return code{}, fmt.Errorf("store code: %w", err)
	}
	return c, nil
}

// unpacked returns the folder that holds the code, unpacking it the first time on this machine.
func (s *Service) unpacked(ctx context.Context, c code) (string, error) {
	if c.Dir != "" {
		return c.Dir, nil
	}
	dir := filepath.Join(s.cfg.CodeDir, filepath.Base(c.Blob))
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	data, err := s.readBlob(ctx, c.Blob)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(s.cfg.CodeDir, 0o755); err != nil {
		return "", fmt.Errorf("make code folder: %w", err)
	}
	tmp, err := os.MkdirTemp(s.cfg.CodeDir, "unpacking-")
	if err != nil {
		return "", fmt.Errorf("make code folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	if err := unzip(data, tmp); err != nil {
		return "", fmt.Errorf("unpack code: %w", err)
	}
	if err := os.Rename(tmp, dir); err != nil && !errors.Is(err, fs.ErrExist) {
		if _, statErr := os.Stat(dir); statErr != nil { // not made by another invocation meanwhile
			return "", fmt.Errorf("unpack code: %w", err)
		}
	}
	return dir, nil
}

func (s *Service) readBlob(ctx context.Context, key string) ([]byte, error) {
	blobs, err := s.cfg.Stores.Blobs(ctx)
	if err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	r, err := blobs.Open(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("open code: %w", err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read code: %w", err)
	}
	return data, nil
}

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

// zipOne makes a zip of one file, for inline code.
func zipOne(name, text string) ([]byte, error) {
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, err := z.Create(name)
	if err != nil {
		return nil, fmt.Errorf("pack inline code: %w", err)
	}
	if _, err := io.WriteString(w, text); err != nil {
		return nil, fmt.Errorf("pack inline code: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack inline code: %w", err)
	}
	return buf.Bytes(), nil
}
