package irlstack

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Go's clock moves in steps of up to 15 ms on Windows, which is too coarse for
// round trips, so the performance counter is read.
var (
	kernel32         = windows.NewLazySystemDLL("kernel32.dll")
	counterProc      = kernel32.NewProc("QueryPerformanceCounter")
	frequencyProc    = kernel32.NewProc("QueryPerformanceFrequency")
	clockStart, tick = startClock()
)

// startClock returns the counter now, and its ticks per second.
func startClock() (start, perSecond int64) {
	_, _, _ = syscall.SyscallN(frequencyProc.Addr(), uintptr(unsafe.Pointer(&perSecond))) // cannot fail since Windows XP
	return readCounter(), perSecond
}

func readCounter() (count int64) {
	_, _, _ = syscall.SyscallN(counterProc.Addr(), uintptr(unsafe.Pointer(&count)))
	return count
}

// now reads the clock.
func now() time.Duration {
	ticks := readCounter() - clockStart
	return time.Duration(ticks/tick)*time.Second + time.Duration(ticks%tick)*time.Second/time.Duration(tick)
}
