// Package park has a goroutine wait for sockets as those of package net do: parked
// in Go's poller, without blocking its thread.
//
// A Parker is for one goroutine that waits, for as long as it says, and any number
// that wake it. To wake it takes no system call, and the goroutine runs next on the
// processor of whoever does. While it is parked it can be without a lock, so that
// others use meanwhile what the lock guards. It needs epoll: there is none of it
// but on Linux. Nothing is allocated after New.
package park
