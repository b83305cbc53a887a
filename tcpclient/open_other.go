//go:build !linux

package tcpclient

import (
	"fmt"

	"myriad/iobackend"
	"myriad/linklayer"
)

// openInterface takes devices that the owner opened; this system has no
// backend of its own yet.
func openInterface(in *Interface) (iobackend.Device, []linklayer.Route, error) {
	if in.Device == nil {
		return nil, nil, fmt.Errorf("tcpclient: interface %q: %w: no backend for this operating system; set Interface.Device", in.Name, iobackend.ErrNotSupported)
	}
	routes := ownRoutes(in)
	if routes == nil && len(in.GatewayMAC) == 0 {
		return nil, nil, fmt.Errorf("tcpclient: Interface.Device comes without routes: set OnLink, Gateway or GatewayMAC")
	}
	return in.Device, routes, nil
}
