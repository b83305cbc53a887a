//go:build amd64 || arm64

package ahead

import "unsafe"

// lines asks for the lines at table + size·index of count indices.
//
//go:noescape
func lines(table unsafe.Pointer, size uintptr, indices *uint32, count int)
