package tcpclient

import (
	"runtime"
	"sync"
)

// A worker that wakes from the kernel needs one of Go's processors (its Ps) to
// go on. When goroutines hold all of them it waits, up to 10 ms, until one is
// taken away, and its peers take the silence for loss. So the workers bring
// Ps of their own, and the operating system shares out the real processors.
var procs sync.Mutex

// addProcs raises GOMAXPROCS by the number of threads that start, and lowers it
// again when they have ended.
func addProcs(threads int) {
	if threads == 0 {
		return // to set it stops all goroutines
	}
	procs.Lock()
	defer procs.Unlock()
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0)+threads, 1))
}

// threads is the number of workers with threads of their own.
func (c *Client) threads() (count int) {
	for _, l := range c.links {
		if !l.parks {
			count += l.workers
		}
	}
	return count
}
