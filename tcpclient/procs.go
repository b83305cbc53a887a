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

// addProcs raises GOMAXPROCS by the number of workers that start, and lowers it
// again when they have ended.
func addProcs(workers int) {
	procs.Lock()
	defer procs.Unlock()
	runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0)+workers, 1))
}
