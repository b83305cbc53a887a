//go:build !linux

package usage

// Cores returns nil.
func Cores() []Core { return nil }
