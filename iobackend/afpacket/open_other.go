//go:build !linux

package afpacket

import (
	"fmt"

	"myriad/iobackend"
)

// Open opens an interface; only Linux has AF_PACKET.
func Open(iobackend.Config) (iobackend.Device, error) {
	return nil, fmt.Errorf("afpacket: open: %w", iobackend.ErrNotSupported)
}
