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

// currentFile is where the server that was started last leaves its ready, for commands that are given no endpoint.
func currentFile() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the user's configuration folder: %w", err)
	}
	return filepath.Join(dir, "sallyport", "current.json"), nil
}

// announce makes r what other commands find; forget takes it back.
func (r *ready) announce() error {
	file, err := currentFile()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("make configuration folder: %w", err)
	}
	return r.write(file)
}

func (r *ready) forget() {
	file, err := currentFile()
	if err != nil {
		return
	}
	if now, err := readReady(file); err == nil && now.PID == r.PID {
		_ = os.Remove(file)
	}
}

// current returns what the server that was started last says of itself.
func current() (*ready, error) {
	file, err := currentFile()
	if err != nil {
		return nil, err
	}
	r, err := readReady(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("no running server was found; start one with `sallyport dev` or `sallyport serve`, or set AWS_ENDPOINT_URL and AWS credentials")
	}
	if err != nil {
		return nil, err
	}
	if !r.answers() {
		return nil, fmt.Errorf("the server that was started last, %s, does not answer; start one with `sallyport dev` or `sallyport serve`, or set AWS_ENDPOINT_URL and AWS credentials", r.Endpoint)
	}
	return r, nil
}

// answers reports whether somebody takes connections at the server's address: one that was killed could not take back what it announced.
func (r *ready) answers() bool {
	u, err := url.Parse(r.Endpoint)
	if err != nil {
		return false
	}
	conn, err := net.DialTimeout("tcp", u.Host, 5*time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func readReady(file string) (*ready, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	r := new(ready)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return r, nil
}
