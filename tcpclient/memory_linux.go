package tcpclient

import (
	"bufio"
	"math"
	"os"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// memoryAvailable is what the kernel reckons can be used without swapping, or
// what is left of the control group's or the process's limit, or of 32-bit
// addresses, where that is less.
func memoryAvailable() (bytes int64, known bool) {
	bytes, known = systemMemory()
	bytes = min(bytes, math.MaxInt)
	if left, limited := addressSpaceLeft(); limited && (!known || left < bytes) {
		return left, true
	}
	return bytes, known
}

// addressSpaceLeft is half of what `ulimit -v` leaves, if there is such a
// limit: Go's heap, threads, devices and the application take of it too, and
// no word of Go's says how much.
func addressSpaceLeft() (bytes int64, limited bool) {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_AS, &limit) != nil || limit.Cur > math.MaxInt64 {
		return 0, false
	}
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	pages, _, _ := strings.Cut(string(text), " ")
	used, err := strconv.ParseInt(pages, 10, 64)
	if err != nil {
		return 0, false
	}
	left := int64(limit.Cur) - used*int64(os.Getpagesize())
	return max(left/2, 0), true
}

// systemMemory is the part of memoryAvailable that others use too.
func systemMemory() (bytes int64, known bool) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 10, 64)
			if err != nil {
				return 0, false
			}
			bytes, known = kib<<10, true
		}
	}
	if left, limited := groupMemoryLeft(); limited && (!known || left < bytes) {
		return left, true
	}
	return bytes, known
}

// groupMemoryLeft is the least that the process's control group (version 2), or
// one above it, leaves.
func groupMemoryLeft() (bytes int64, limited bool) {
	const root = "/sys/fs/cgroup"
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	_, group, _ := strings.Cut(strings.TrimSpace(string(own)), "::")
	for at := path.Join(root, group); strings.HasPrefix(at, root); at = path.Dir(at) {
		most, ok := readInt(path.Join(at, "memory.max"))
		used, okUsed := readInt(path.Join(at, "memory.current"))
		if ok && okUsed && (!limited || most-used < bytes) {
			bytes, limited = max(most-used, 0), true
		}
	}
	return bytes, limited
}

// readInt reads a file that holds one number.
func readInt(path string) (int64, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}
