//go:build !linux

package main

import (
	"fmt"

	"myriad/internal/netinfo"
	"myriad/iobackend"
)

// share is not supported.
func (p *path) share(*netinfo.Info) (*iobackend.Shared, error) {
	return nil, fmt.Errorf("-source is missing: sharing %s's address with the kernel needs AF_XDP: %w", p.name, iobackend.ErrNotSupported)
}
