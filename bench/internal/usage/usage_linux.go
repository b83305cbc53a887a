package usage

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is the processor time that this process has used, all threads
// together. What the kernel does for it in softirqs counts as far as it runs
// within the process's own system calls.
func Process() CPU { return rusage(syscall.RUSAGE_SELF) }

// Family is Process with the processes that this one started, once they have
// ended.
func Family() CPU {
	own, children := Process(), rusage(syscall.RUSAGE_CHILDREN)
	return CPU{User: own.User + children.User, System: own.System + children.System}
}

func rusage(who int) CPU {
	var r syscall.Rusage
	if err := syscall.Getrusage(who, &r); err != nil {
		return CPU{}
	}
	return CPU{User: time.Duration(r.Utime.Nano()), System: time.Duration(r.Stime.Nano())}
}

// tick is the unit of /proc/stat: USER_HZ, 100 on every Linux that Go knows.
const tick = time.Second / 100

// Machine is the processor time that everything on the machine has used,
// interrupts included.
func Machine() Whole {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Whole{}
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return Whole{CPU: parseStat(line), Cores: Cores(), At: time.Now()}
}

// parseStat reads the first line of /proc/stat: "cpu  user nice system idle
// iowait irq softirq steal …".
func parseStat(line string) (c CPU) {
	for i, field := range strings.Fields(line) {
		n, err := strconv.ParseInt(field, 10, 64)
		switch {
		case err != nil:
		case i == 1 || i == 2:
			c.User += time.Duration(n) * tick
		case i == 3 || i == 6 || i == 7:
			c.System += time.Duration(n) * tick
		}
	}
	return c
}

// Of is the processor time that another process has used, in ticks of 10 ms.
func Of(pid int) (c CPU, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return c, fmt.Errorf("usage: %w", err)
	}
	// The name, in parentheses, may hold anything; utime and stime are the 12th
	// and 13th field after it.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) < 13 {
		return c, fmt.Errorf("usage: /proc/%d/stat is too short", pid)
	}
	for i, to := range []*time.Duration{&c.User, &c.System} {
		n, err := strconv.ParseInt(fields[11+i], 10, 64)
		if err != nil {
			return c, fmt.Errorf("usage: /proc/%d/stat: %w", pid, err)
		}
		*to = time.Duration(n) * tick
	}
	return c, nil
}

// ResidentBytes is the memory of this process that is in RAM, after what the
// Go runtime does not need has gone back to the system.
func ResidentBytes() uint64 {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var size, resident uint64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0
	}
	return resident * uint64(os.Getpagesize())
}
