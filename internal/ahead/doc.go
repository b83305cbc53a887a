// Package ahead has the processor fetch memory that will be read or written
// before long, without waiting for it.
//
// A look into a table of a million connections waits for the main memory, as
// long as several hundred instructions take. A load that is only made ahead
// holds up what comes after it all the same, once it is the oldest that has not
// ended; what Lines asks for holds up nothing, as long as it is no more than a
// core can have under way (10 to 48 lines): ask for some, do other work, ask for
// the next. It changes nothing but time: on processors for which it is not
// written it does nothing.
package ahead

import "unsafe"

// Lines asks for the cache lines in which the elements of a table begin that
// indices name. Indices beyond the table are harmless: nothing is read.
func Lines[T any](table []T, indices []uint32) {
	if len(indices) > 0 {
		lines(unsafe.Pointer(unsafe.SliceData(table)), unsafe.Sizeof(*new(T)), unsafe.SliceData(indices), len(indices))
	}
}
