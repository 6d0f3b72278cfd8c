package conformance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A Rival is another product as a target: one that has no APIs to deploy by. Each group of cases is written as a project of its own and
// served by a process of its own. What cannot be written so, cannot be had there, and its cases fail.
type Rival interface {
	// open looks whether the product is there.
	open(t *Target) error

	// deploy serves the API of a group, until what the group has to undo is done. It fills in the group's address and pushes.
	deploy(ctx context.Context, g *group) error
}

// rivalStart is how long a process may take until it serves.
const rivalStart = time.Minute

// nowhere fills in what a target without AWS's APIs has no answer for.
func (t *Target) nowhere() {
	t.account, t.prefix = "000000000000", "conformance"
	t.handler = "arn:aws:lambda:" + t.Region + ":" + t.account + ":function:handler"
}

// ports gives every process its own.
type ports struct {
	mu   sync.Mutex // guards next
	next int
}

// take returns the first of n ports.
func (p *ports) take(n int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.next == 0 {
		p.next = 13100
	}
	port := p.next
	p.next += max(n, 10)
	return port
}

// folder writes the files of a group's project into a folder below dir.
func (g *group) folder(dir string, files map[string][]byte) (string, error) {
	dir, err := os.MkdirTemp(dir, "group-*")
	if err != nil {
		return "", err
	}
	g.undo = append(g.undo, func(context.Context) { os.RemoveAll(dir) })
	for name, data := range files {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, data, 0o600)); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// start runs the process of a group until it says that it is ready.
func (g *group) start(ctx context.Context, cmd *exec.Cmd, readyLine string) error {
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = in, in
	err = cmd.Start()
	in.Close()
	if err != nil {
		out.Close()
		return err
	}
	ready := make(chan error, 1)
	go func() {
		defer out.Close()
		var said []string
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if strings.Contains(lines.Text(), readyLine) {
				ready <- nil
				_, _ = io.Copy(io.Discard, out)
				return
			}
			said = append(said, lines.Text())
		}
		ready <- fmt.Errorf("it ended: %s", brief(strings.Join(said, "\n")))
	}()
	g.undo = append(g.undo, func(context.Context) {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	select {
	case err := <-ready:
		return err
	case <-time.After(rivalStart):
		return errors.New("it does not serve")
	case <-ctx.Done():
		return ctx.Err()
	}
}
