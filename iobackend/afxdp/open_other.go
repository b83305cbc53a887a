//go:build !linux

package afxdp

import (
	"fmt"

	"myriad/iobackend"
)

// Open returns iobackend.ErrNotSupported: only Linux has AF_XDP.
func Open(c iobackend.Config) (iobackend.Device, error) {
	return OpenWith(c, Options{})
}

// OpenWith returns iobackend.ErrNotSupported: only Linux has AF_XDP.
func OpenWith(c iobackend.Config, o Options) (iobackend.Device, error) {
	return nil, fmt.Errorf("afxdp: open %q: %w: AF_XDP needs Linux", c.Interface, iobackend.ErrNotSupported)
}
