package testbed

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"
)

// AsksForLargePages reports whether the process has asked the kernel for large
// pages under the memory in the middle of some (madvise, shown as "hg" in
// /proc/self/smaps).
func AsksForLargePages(memory []byte) (bool, error) {
	address := uintptr(unsafe.Pointer(&memory[len(memory)/2]))
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		return false, fmt.Errorf("testbed: memory: %w", err)
	}
	defer f.Close()
	inside := false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var from, to uintptr
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); n == 2 {
			inside = from <= address && address < to
		}
		if flags, ok := strings.CutPrefix(lines.Text(), "VmFlags:"); ok && inside {
			return slices.Contains(strings.Fields(flags), "hg"), nil
		}
	}
	return false, fmt.Errorf("testbed: memory at %#x is not the process's", address)
}
