package worker

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// attributes puts the process into a group of its own, so that Ctrl-C does not reach it before us and its children die
// with it; and has the kernel kill it when we are gone.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// humble takes from this thread, and so from the processes that it starts, the right to write where permissions forbid
// it: even where the server runs as root, a read-only task root is one for functions, as on AWS.
func humble() {
	unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_DAC_OVERRIDE, 0, 0, 0) // without the right to do so there is nothing to take
}

// limit sets what AWS limits: 1024 open files. Memory is watched instead: address space says little about it.
func limit(pid int) {
	unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 1024, Max: 1024}, nil)
	unix.Prlimit(pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
}

// memoryUsed returns the most memory that the process has had, and what it has now, in MB.
func memoryUsed(pid int) (peak, now int) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, 0
	}
	return field(string(b), "VmHWM:"), field(string(b), "VmRSS:")
}

func field(status, name string) int {
	_, rest, ok := strings.Cut(status, name)
	if !ok {
		return 0
	}
	kb, _ := strconv.Atoi(strings.Fields(rest)[0])
	return (kb + 1023) / 1024
}

// machineMB is the memory of this machine, or 0.
func machineMB() int {
	var si unix.Sysinfo_t
	if unix.Sysinfo(&si) != nil {
		return 0
	}
	return int(uint64(si.Totalram) * uint64(si.Unit) >> 20)
}
