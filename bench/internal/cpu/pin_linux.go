package cpu

import (
	"time"

	"golang.org/x/sys/unix"
)

// Pin keeps the calling thread on the k-th processor that it may use, where
// there are at least as many as workers.
func Pin(workers, k int) {
	var allowed, one unix.CPUSet
	if unix.SchedGetaffinity(0, &allowed) != nil || allowed.Count() < workers {
		return
	}
	for cpu := 0; ; cpu++ {
		if !allowed.IsSet(cpu) {
			continue
		}
		if k == 0 {
			one.Set(cpu)
			_ = unix.SchedSetaffinity(0, &one) // slower without, no more
			return
		}
		k--
	}
}

// Sleep has the calling thread sleep, to some microseconds where it is tied to
// its goroutine. It may end early.
func Sleep(d time.Duration) {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // it ends later without, no more
	t := unix.NsecToTimespec(int64(max(d, 0)))
	_ = unix.Nanosleep(&t, nil)
}
