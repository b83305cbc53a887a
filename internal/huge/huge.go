// Package huge asks for large pages under large tables. A table of a million
// connections is touched at random; with pages of 4 KiB nearly every touch
// also misses the processor's address cache, which costs about as much as the
// miss of the data itself.
package huge

import "unsafe"

// pageBytes is the size of a large page on the systems that have them.
const pageBytes = 2 << 20

// Make makes a slice of n zero elements and asks for large pages under it. It
// is advice: where there are none, it is make. T must hold no pointers. A slice
// of several large pages begins with one, and has the last to itself: without
// that some megabytes at its ends, a fifth of a table of a million connections,
// would lie on small ones.
func Make[T any](n int) []T {
	size := int(unsafe.Sizeof(*new(T)))
	if n*size < alignedFrom {
		return make([]T, n)
	}
	s := make([]T, n+(2*pageBytes+size-1)/size)
	start := unsafe.Pointer(unsafe.SliceData(s))
	ask(start, uintptr(len(s))*uintptr(size))
	first := (int(-uintptr(start)&(pageBytes-1)) + size - 1) / size
	return s[first : first+n : first+n]
}

// alignedFrom is the size, in bytes, from which a slice is worth a large page
// more.
const alignedFrom = 2 * pageBytes

// Ask asks for large pages under memory that is there already.
func Ask(memory []byte) {
	ask(unsafe.Pointer(unsafe.SliceData(memory)), uintptr(len(memory)))
}

func ask(start unsafe.Pointer, length uintptr) {
	if inner := aligned(start, length); inner != nil {
		advise(inner)
	}
}

// aligned returns the whole large pages within some memory, nil when there are
// none.
func aligned(start unsafe.Pointer, length uintptr) []byte {
	skip := -uintptr(start) & (pageBytes - 1)
	if length < skip+pageBytes {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(start, skip)), (length-skip)&^(pageBytes-1))
}
