//go:build !linux

package receive

import "myriad/bench/internal/usage"

// threadCPU is not known here.
func threadCPU() usage.CPU { return usage.CPU{} }
