package stack

// readTicks reads the time stamp counter.
func readTicks() uint64
