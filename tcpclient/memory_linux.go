package tcpclient

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// memoryAvailable is what the kernel reckons can be used without swapping, or
// what is left of the control group's limit where that is less.
func memoryAvailable() (bytes int64, known bool) {
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
	limit, okLimit := readInt("/sys/fs/cgroup/memory.max")
	used, okUsed := readInt("/sys/fs/cgroup/memory.current")
	if okLimit && okUsed && (!known || limit-used < bytes) {
		return max(limit-used, 0), true
	}
	return bytes, known
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
