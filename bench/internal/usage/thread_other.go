//go:build !linux

package usage

// Thread is not known here.
func Thread() CPU { return CPU{} }
