package usage

import (
	"time"

	"golang.org/x/sys/unix"
)

// Thread is the processor time that the calling thread has used.
func Thread() CPU {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_THREAD, &r) != nil {
		return CPU{}
	}
	return CPU{User: time.Duration(r.Utime.Nano()), System: time.Duration(r.Stime.Nano())}
}
