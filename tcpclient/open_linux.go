package tcpclient

import (
	"errors"
	"fmt"

	"myriad/internal/netinfo"
	"myriad/iobackend"
	"myriad/iobackend/afpacket"
	"myriad/iobackend/afxdp"
	"myriad/linklayer"
)

// openInterface opens the device, and finds the routes to use on it: the
// kernel's where the Interface names none.
func openInterface(in *Interface) (iobackend.Device, []linklayer.Route, error) {
	routes := ownRoutes(in)
	if in.Device != nil {
		if routes == nil && len(in.GatewayMAC) == 0 {
			return nil, nil, fmt.Errorf("tcpclient: Interface.Device comes without routes: set OnLink, Gateway or GatewayMAC")
		}
		return in.Device, routes, nil
	}
	info, err := netinfo.Lookup(in.Name)
	if err != nil {
		return nil, nil, fmt.Errorf("tcpclient: Interface.Name: %w", err)
	}
	for _, p := range in.Sources {
		if have, owned := info.KernelOwns(p); owned {
			return nil, nil, fmt.Errorf("tcpclient: Interface.Sources: %v holds %v, which is the kernel's: give addresses that nobody else uses on %q", p, have, in.Name)
		}
	}
	if routes == nil {
		routes = kernelRoutes(info)
	}
	if len(routes) == 0 && len(in.GatewayMAC) == 0 {
		return nil, nil, fmt.Errorf("tcpclient: interface %q has no route: set Gateway, GatewayMAC or OnLink", in.Name)
	}
	device, err := openBackend(in)
	return device, routes, err
}

func kernelRoutes(info *netinfo.Info) []linklayer.Route {
	var routes []linklayer.Route
	for _, r := range info.Routes {
		if r.Destination.Addr().Is4() {
			routes = append(routes, linklayer.Route{Prefix: r.Destination, Gateway: r.Gateway})
		}
	}
	return routes
}

// openBackend opens the device with the backend asked for, or with the first
// that works.
func openBackend(in *Interface) (iobackend.Device, error) {
	cfg := iobackend.Config{
		Interface: in.Name, Addresses: in.Sources, Queues: in.Queues,
		ReceiveFrames: in.ReceiveFrames, SendFrames: in.SendFrames,
	}
	switch in.Backend {
	case "afxdp":
		return afxdp.Open(cfg)
	case "afpacket":
		return afpacket.Open(cfg)
	case "":
		device, err := afxdp.Open(cfg)
		if err == nil || !errors.Is(err, iobackend.ErrNotSupported) {
			return device, err
		}
		device, second := afpacket.Open(cfg)
		if second != nil {
			return nil, errors.Join(err, second)
		}
		return device, nil
	}
	return nil, fmt.Errorf("tcpclient: Interface.Backend %q is neither afxdp nor afpacket", in.Backend)
}
