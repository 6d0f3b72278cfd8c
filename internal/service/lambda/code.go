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
	// Every upload is a blob of its own, so that a function can delete its code without asking who else has the same.
	c := code{SHA256: base64.StdEncoding.EncodeToString(sum[:]), Size: int64(len(data)), Blob: "lambda/code/" + uuid()}
	if _, err := blobs.Put(ctx, c.Blob, bytes.NewReader(data)); err != nil {
		return code{}, fmt.Errorf("store code: %w", err)
	}
	return c, nil
}

// discard deletes code that no version has any more. Processes run from their unpacked folders.
func (s *Service) discard(ctx context.Context, blob string) {
	if blob == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	blobs, err := s.cfg.Stores.Blobs(ctx)
	if err == nil {
		err = blobs.Delete(ctx, blob)
	}
	if err != nil {
		s.cfg.Log.Warn("code that nobody needs could not be deleted", "blob", blob, "err", err)
	}
}

// unpacked returns the folder that holds the code, unpacking it the first time on this machine. Functions with the same code share it.
func (s *Service) unpacked(ctx context.Context, c code) (string, error) {
	if c.Dir != "" {
		return c.Dir, nil
	}
	return s.unpackAll(ctx, sum256Hex([]byte(c.SHA256)), c)
}

// unpackAll returns the folder of this name that holds all of codes, unpacked over each other.
func (s *Service) unpackAll(ctx context.Context, name string, codes ...code) (string, error) {
	dir := filepath.Join(s.cfg.CodeDir, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(s.cfg.CodeDir, 0o755); err != nil {
		return "", fmt.Errorf("make code folder: %w", err)
	}
	tmp, err := os.MkdirTemp(s.cfg.CodeDir, "unpacking-")
	if err != nil {
		return "", fmt.Errorf("make code folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	for _, c := range codes {
		if c.Dir != "" {
			if err := copyOver(tmp, c.Dir); err != nil {
				return "", fmt.Errorf("copy layer %s: %w", c.Dir, err)
			}
			continue
		}
		data, err := s.readBlob(ctx, c.Blob)
		if err != nil {
			return "", err
		}
		if err := unzip(data, tmp); err != nil {
			return "", fmt.Errorf("unpack code: %w", err)
		}
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
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
