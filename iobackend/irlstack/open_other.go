//go:build !windows

package irlstack

import (
	"fmt"

	"myriad/iobackend"
)

// Open opens an interface; only Windows has the driver.
func Open(iobackend.Config) (iobackend.Device, error) {
	return nil, fmt.Errorf("irlstack: open: %w: the driver is for Windows", iobackend.ErrNotSupported)
}

// OpenWith is Open with options of this backend's.
func OpenWith(c iobackend.Config, _ Options) (iobackend.Device, error) { return Open(c) }
