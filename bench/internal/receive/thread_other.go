//go:build !linux

package receive

import "time"

// threadCPU is not known here.
func threadCPU() time.Duration { return 0 }
