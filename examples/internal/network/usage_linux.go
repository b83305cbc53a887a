package network

import (
	"time"

	"golang.org/x/sys/unix"
)

// Process is the processor time that this process has used.
func Process() Usage { return usage(unix.RUSAGE_SELF) }

func threadUsage() Usage { return usage(unix.RUSAGE_THREAD) }

func usage(who int) Usage {
	var r unix.Rusage
	if err := unix.Getrusage(who, &r); err != nil {
		return Usage{}
	}
	return Usage{time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())}
}
