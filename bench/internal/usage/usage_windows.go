package usage

import (
	"runtime/debug"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

var (
	kernel32    = windows.NewLazySystemDLL("kernel32.dll")
	systemTimes = kernel32.NewProc("GetSystemTimes")
	memoryInfo  = kernel32.NewProc("K32GetProcessMemoryInfo")
)

// span is a FILETIME that is a length of time, in units of 100 ns.
func span(t *windows.Filetime) time.Duration {
	return time.Duration(uint64(t.HighDateTime)<<32|uint64(t.LowDateTime)) * 100
}

// Process is the processor time that this process has used, all threads
// together.
func Process() CPU {
	var created, ended, system, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &ended, &system, &user) != nil {
		return CPU{}
	}
	return CPU{User: span(&user), System: span(&system)}
}

// Machine is the processor time that everything on the machine has used.
func Machine() Whole {
	var idle, system, user windows.Filetime
	ok, _, _ := syscall.SyscallN(systemTimes.Addr(), uintptr(unsafe.Pointer(&idle)), uintptr(unsafe.Pointer(&system)), uintptr(unsafe.Pointer(&user)))
	if ok == 0 {
		return Whole{}
	}
	return Whole{CPU: CPU{User: span(&user), System: span(&system) - span(&idle)}, At: time.Now()} // Windows counts idle time as the system's
}

// memoryCounters is PROCESS_MEMORY_COUNTERS of psapi.h.
type memoryCounters struct {
	size, pageFaults           uint32
	peakWorkingSet, workingSet uintptr
	_                          [6]uintptr
}

// ResidentBytes is the memory of this process that is in RAM, after what the
// Go runtime does not need has gone back to the system.
func ResidentBytes() uint64 {
	debug.FreeOSMemory()
	m := memoryCounters{}
	m.size = uint32(unsafe.Sizeof(m))
	ok, _, _ := syscall.SyscallN(memoryInfo.Addr(), uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&m)), uintptr(m.size))
	if ok == 0 {
		return 0
	}
	return uint64(m.workingSet)
}

// Of returns zeros.
func Of(int) (CPU, error) { return CPU{}, nil }

// Family is Process: what ended children have used is not told here.
func Family() CPU { return Process() }
