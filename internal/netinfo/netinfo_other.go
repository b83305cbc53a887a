//go:build !linux && !windows

package netinfo

import (
	"fmt"
	"net"
	"net/netip"
)

// Lookup returns ErrNotSupported.
func Lookup(name string) (*Info, error) {
	return nil, fmt.Errorf("netinfo: interface %q: %w", name, ErrNotSupported)
}

// Neighbour returns ErrNotSupported.
func (in *Info) Neighbour(addr netip.Addr) (net.HardwareAddr, bool, error) {
	return nil, false, fmt.Errorf("netinfo: neighbour %v: %w", addr, ErrNotSupported)
}
