package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// ready is what a running server tells of itself: the content of --ready-file, and of the file by which other
// commands find it.
type ready struct {
	Endpoint    string            `json:"endpoint"`
	Region      string            `json:"region"`
	AccountID   string            `json:"accountId"`
	Credentials credentials       `json:"credentials"`
	CAFile      string            `json:"caFile"`
	Stack       string            `json:"stack,omitempty"`
	APIs        []readyAPI        `json:"apis"`
	Outputs     map[string]string `json:"outputs"`
	PID         int               `json:"pid"`

	file string // that other commands find it by
}

type credentials struct {
	AccessKeyID     string `json:"accessKeyId"`
	SecretAccessKey string `json:"secretAccessKey"`
}

type readyAPI struct {
	APIID string `json:"apiId"`
	Name  string `json:"name"`
	Stage string `json:"stage"`
	URL   string `json:"url"`
}

// write replaces file as a whole, readable by its owner only: it holds a secret.
func (r *ready) write(file string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode ready file: %w", err)
	}
	tmp := fmt.Sprintf("%s.%d", file, os.Getpid())
	if err := os.WriteFile(tmp, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	if err := os.Rename(tmp, file); err != nil {
		return fmt.Errorf("write ready file: %w", err)
	}
	return nil
}

// serversDir is where servers that run leave their ready, each a file, for commands that are given no endpoint.
func serversDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the user's configuration folder: %w", err)
	}
	return filepath.Join(dir, "sallyport", "servers"), nil
}

// announce lets other commands find r; forget takes it back.
func (r *ready) announce() error {
	if r.file == "" {
		dir, err := serversDir()
		if err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make configuration folder: %w", err)
		}
		r.file = filepath.Join(dir, fmt.Sprintf("%d-%d.json", time.Now().UnixNano(), r.PID))
	}
	return r.write(r.file)
}

func (r *ready) forget() {
	if r.file != "" {
		_ = os.Remove(r.file)
	}
}

// current returns what the server says of itself that was started last, of those that run.
func current() (*ready, error) {
	dir, err := serversDir()
	if err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir) // by name, which begins with the time
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for servers: %w", err)
	}
	for _, f := range slices.Backward(files) {
		if filepath.Ext(f.Name()) != ".json" {
			continue
		}
		r, err := readReady(filepath.Join(dir, f.Name()))
		if errors.Is(err, fs.ErrNotExist) { // it stops just now
			continue
		}
		if err != nil {
			return nil, err
		}
		switch err := r.dial(); {
		case err == nil:
			return r, nil
		case errors.Is(err, syscall.ECONNREFUSED):
			r.forget() // it was killed, and could not take back what it announced
		}
	}
	return nil, errors.New("no running server was found; start one with `sallyport dev` or `sallyport serve`, or set AWS_ENDPOINT_URL and AWS credentials")
}

// dial reports whether somebody takes connections at the server's address.
func (r *ready) dial() error {
	u, err := url.Parse(r.Endpoint)
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

func readReady(file string) (*ready, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	r := &ready{file: file}
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return r, nil
}
