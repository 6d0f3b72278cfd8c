//go:build unix && !linux

package worker

import "syscall"

// attributes puts the process into a group of its own, so that Ctrl-C does not reach it before us and its children die
// with it. These systems cannot tie it to our life: it ends when its connection to us does.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func humble() {}

func limit(int) {}

func memoryUsed(int) (peak, now int) { return 0, 0 }

func machineMB() int { return 0 }
