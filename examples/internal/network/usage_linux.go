package network

import (
	"time"

	"golang.org/x/sys/unix"
)

// Process is the processor time that this process has used.
func Process() Usage {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return Usage{}
	}
	return Usage{time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())}
}
