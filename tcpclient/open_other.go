//go:build !linux && !windows

package tcpclient

import (
	"fmt"

	"myriad/iobackend"
)

// openInterface takes devices that the owner opened; this system has no
// backend of its own yet.
func (c *Config) openInterface(in *Interface) (opened, error) {
	if in.Device == nil {
		return opened{}, fmt.Errorf("tcpclient: interface %q: %w: no backend for this operating system; set Interface.Device", in.Name, iobackend.ErrNotSupported)
	}
	routes := ownRoutes(in)
	if routes == nil && len(in.GatewayMAC) == 0 {
		return opened{}, errDeviceRoutes
	}
	return opened{device: in.Device, routes: routes}, nil
}
