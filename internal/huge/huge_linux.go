package huge

import "golang.org/x/sys/unix"

// advise tells the kernel. An error means that it has no large pages to give,
// and changes nothing for the caller.
func advise(memory []byte) { _ = unix.Madvise(memory, unix.MADV_HUGEPAGE) }
