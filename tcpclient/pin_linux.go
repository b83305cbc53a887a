package tcpclient

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// pin ties the worker to a thread, and the thread to the processor of its
// index where there are enough: queue k's frames are then handled, and on a
// veth pair also answered, on processor k. It is a matter of speed alone, so
// a refusal is not an error.
func (c *Client) pin(w *Worker) {
	if w.link.parks {
		return
	}
	runtime.LockOSThread()
	if c.cfg.Unpinned {
		return
	}
	var may unix.CPUSet
	if unix.SchedGetaffinity(0, &may) != nil || may.Count() < len(c.workers) {
		return
	}
	for cpu, k := 0, 0; cpu < 1024; cpu++ {
		if !may.IsSet(cpu) {
			continue
		}
		if k == w.index {
			var one unix.CPUSet
			one.Set(cpu)
			_ = unix.SchedSetaffinity(0, &one)
			return
		}
		k++
	}
}
