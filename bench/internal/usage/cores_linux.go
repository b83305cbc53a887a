package usage

import (
	"os"

	"golang.org/x/sys/unix"
)

// allowed are the processors that this process may use, as it was started: threads
// that are pinned later may each use one. Empty where that cannot be read.
var allowed = func() (set unix.CPUSet) {
	if unix.SchedGetaffinity(0, &set) != nil {
		set.Zero()
	}
	return set
}()

// Cores is what each processor that this process may use has done since the machine
// began, in the kernel's order; nil where that cannot be read.
func Cores() []Core {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil
	}
	cores, err := parseCores(string(text), tick, func(cpu int) bool { return allowed.Count() == 0 || allowed.IsSet(cpu) })
	if err != nil {
		return nil
	}
	return cores
}
