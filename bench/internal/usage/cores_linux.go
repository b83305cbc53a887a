package usage

import "os"

// Cores is what each processor has done since the machine began, in the
// kernel's order; nil where that cannot be read.
func Cores() []Core {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return nil
	}
	cores, err := parseCores(string(text), tick)
	if err != nil {
		return nil
	}
	return cores
}
