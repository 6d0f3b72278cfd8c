package s3

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/internal/awsapi"
	"github.com/sallyport/sallyport/internal/awsapi/sigv4"
)

// Limits of what stands between the data of chunks.
const (
	maxChunkLine = 4 << 10
	maxTrailers  = 16
)

// A chunkReader takes a body in AWS's own chunks apart (Content-Encoding: aws-chunked), and verifies each chunk's signature
// where chunks are signed. What it has given may still turn out to be wrong: the error comes with the end of its chunk.
type chunkReader struct {
	src    *bufio.Reader
	chunks *sigv4.Chunks // nil: signatures are not verified

	left      int64 // bytes of this chunk that are still to come
	started   bool
	signature string // of this chunk
	sum       hash.Hash
	trailer   http.Header // after the last chunk
	err       error
}

func newChunkReader(r io.Reader, chunks *sigv4.Chunks) *chunkReader {
	return &chunkReader{src: bufio.NewReader(r), chunks: chunks, sum: sha256.New(), trailer: http.Header{}}
}

func (c *chunkReader) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.left == 0 {
		if c.err = c.nextChunk(); c.err != nil {
			return 0, c.err
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.src.Read(p)
	c.left -= int64(n)
	if c.chunks != nil {
		c.sum.Write(p[:n])
	}
	if err != nil {
		c.err = unexpected(err)
	}
	return n, c.err
}

// nextChunk ends the chunk that was read and begins the next. After the last one it returns io.EOF.
func (c *chunkReader) nextChunk() error {
	if c.started {
		if err := c.verify(); err != nil {
			return err
		}
		if line, err := c.line(); err != nil || line != "" {
			return errors.Join(errChunk(), err)
		}
	}
	c.started = true
	line, err := c.line()
	if err != nil {
		return err
	}
	size, extension, _ := strings.Cut(line, ";")
	if c.left, err = strconv.ParseInt(strings.TrimSpace(size), 16, 64); err != nil || c.left < 0 {
		return errChunk()
	}
	c.signature, _ = strings.CutPrefix(strings.TrimSpace(extension), "chunk-signature=")
	if c.left > 0 {
		return nil
	}
	if err := c.verify(); err != nil {
		return err
	}
	return c.readTrailer()
}

// verify compares the signature of the chunk that was read.
func (c *chunkReader) verify() error {
	if c.chunks == nil {
		return nil
	}
	sum := [sha256.Size]byte(c.sum.Sum(nil))
	c.sum.Reset()
	if !sigv4.SameSignature(c.chunks.Chunk(sum), c.signature) {
		return errChunkSignature()
	}
	return nil
}

// readTrailer reads the header fields after the last chunk; it returns io.EOF when all is well.
func (c *chunkReader) readTrailer() error {
	var signed strings.Builder
	for range maxTrailers {
		line, err := c.line()
		if errors.Is(err, io.ErrUnexpectedEOF) && line == "" {
			return io.EOF // some clients leave the last empty line out
		} else if err != nil {
			return err
		}
		if line == "" {
			return io.EOF
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return errChunk()
		}
		name, value = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)
		if name == "x-amz-trailer-signature" {
			if c.chunks != nil && !sigv4.SameSignature(c.chunks.Trailer(sha256.Sum256([]byte(signed.String()))), value) {
				return errChunkSignature()
			}
			continue
		}
		signed.WriteString(name + ":" + value + "\n")
		c.trailer.Set(name, value)
	}
	return errChunk()
}

// line reads a line that ends in CRLF.
func (c *chunkReader) line() (string, error) {
	var b strings.Builder
	for {
		ch, err := c.src.ReadByte()
		if err != nil {
			return b.String(), unexpected(err)
		}
		if ch == '\n' {
			return strings.TrimSuffix(b.String(), "\r"), nil
		}
		if b.Len() == maxChunkLine {
			return "", errChunk()
		}
		b.WriteByte(ch)
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func errChunk() error {
	return awsapi.Errorf("InvalidChunkSizeError", 403, "The body is not in the chunks that its content encoding promises.")
}

func errChunkSignature() error {
	return awsapi.Errorf("SignatureDoesNotMatch", 403, "The request signature we calculated does not match the signature you provided. Check your key and signing method.")
}
