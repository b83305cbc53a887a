package receive

import (
	"time"

	"golang.org/x/sys/unix"

	"myriad/bench/internal/usage"
)

// threadCPU is the processor time that the calling thread has used.
func threadCPU() usage.CPU {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &r) != nil {
		return usage.CPU{}
	}
	return usage.CPU{User: time.Duration(r.Utime.Nano()), System: time.Duration(r.Stime.Nano())}
}
