package sampling

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// symbols are the kernel's functions, by address, and where this process has the
// code that the kernel lends it.
type symbols struct {
	starts             []uint64
	functions          []string
	vdsoFrom, vdsoUpTo uint64
}

var errNoSymbols = errors.New("sampling: /proc/kallsyms shows no addresses: kptr_restrict of 0, or CAP_SYSLOG, is needed")

func readSymbols() (*symbols, error) {
	file, err := os.Open("/proc/kallsyms")
	if err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	defer file.Close()
	type symbol struct {
		at   uint64
		name string
	}
	var all []symbol
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		address, rest, _ := strings.Cut(lines.Text(), " ")
		kind, name, _ := strings.Cut(rest, " ")
		at, err := strconv.ParseUint(address, 16, 64)
		if err != nil || at == 0 || !strings.Contains("tTwW", kind) {
			continue
		}
		name, _, _ = strings.Cut(name, "\t")
		all = append(all, symbol{at, name})
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("sampling: %w", err)
	}
	if len(all) == 0 {
		return nil, errNoSymbols
	}
	slices.SortStableFunc(all, func(a, b symbol) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	y := &symbols{}
	for _, s := range all {
		y.starts, y.functions = append(y.starts, s.at), append(y.functions, kernelMark+s.name)
	}
	y.readVDSO()
	return y, nil
}

// readVDSO finds the kernel's code in our memory: that reads the clock.
func (y *symbols) readVDSO() {
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "[vdso]") {
			_, _ = fmt.Sscanf(line, "%x-%x", &y.vdsoFrom, &y.vdsoUpTo)
		}
	}
}

// contextFrom is where the marks begin that stand between the kernel's and the
// process's addresses (PERF_CONTEXT_MAX).
const contextFrom = ^uint64(4095) + 1

// kernelFrom is the first address of the kernel's half.
const kernelFrom = 1 << 63

// names names a stack's functions, innermost first; of processes only of our
// own.
func (y *symbols) names(addresses []uint64, own bool) (names []string) {
	var user []uintptr
	for _, a := range addresses {
		switch {
		case a >= contextFrom:
		case a >= kernelFrom:
			names = append(names, y.kernel(a))
		case !own:
		case a >= y.vdsoFrom && a < y.vdsoUpTo:
			names = append(names, "[vdso]")
		default:
			if len(user) == 0 {
				a++ // CallersFrames expects where a call returns to
			}
			user = append(user, uintptr(a))
		}
	}
	if len(user) == 0 {
		return names
	}
	for frames := runtime.CallersFrames(user); ; {
		f, more := frames.Next()
		names = append(names, f.Function)
		if !more {
			return names
		}
	}
}

func (y *symbols) kernel(address uint64) string {
	k, found := slices.BinarySearch(y.starts, address)
	if !found {
		k--
	}
	if k < 0 {
		return kernelMark
	}
	return y.functions[k]
}
