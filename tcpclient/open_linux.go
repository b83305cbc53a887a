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
func (c *Config) openInterface(in *Interface) (o opened, err error) {
	o.routes = ownRoutes(in)
	if in.Device != nil {
		if o.routes == nil && len(in.GatewayMAC) == 0 {
			return o, errDeviceRoutes
		}
		o.device = in.Device
		return o, nil
	}
	info, err := netinfo.Lookup(in.Name)
	if err != nil {
		return o, fmt.Errorf("tcpclient: Interface.Name: %w", err)
	}
	for _, p := range in.Sources {
		if have, owned := info.KernelOwns(p); owned {
			return o, fmt.Errorf("tcpclient: Interface.Sources: %v holds %v, which is the kernel's: give addresses that nobody else uses on %q", p, have, in.Name)
		}
	}
	if o.routes == nil {
		o.routes = kernelRoutes(info)
	}
	if len(o.routes) == 0 && len(in.GatewayMAC) == 0 {
		return o, fmt.Errorf("tcpclient: interface %q has no route: set Gateway, GatewayMAC or OnLink", in.Name)
	}
	var shared *iobackend.Shared
	if len(in.Sources) == 0 {
		if shared, err = shareAddress(in, info, c.PortMin, c.PortMax); err != nil {
			return o, err
		}
		k, err := newKernelNeighbors(info.Index)
		if err != nil {
			return o, err
		}
		o.kernel = k
	}
	if o.device, err = openBackend(in, shared); err != nil && o.kernel != nil {
		o.kernel.close()
	}
	return o, err
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
func openBackend(in *Interface, shared *iobackend.Shared) (iobackend.Device, error) {
	cfg := iobackend.Config{
		Interface: in.Name, Queues: in.Queues, Shared: shared,
		ReceiveFrames: in.ReceiveFrames, SendFrames: in.SendFrames,
		SegmentationOff: in.SegmentationOff, BusyPoll: in.BusyPoll, Park: in.Park,
		TransmitChecksum: in.TransmitChecksum,
	}
	if shared == nil {
		for _, p := range in.Sources {
			cfg.Addresses = append(cfg.Addresses, p.Masked())
		}
	}
	switch in.Backend {
	case "afxdp":
		return afxdp.Open(cfg)
	case "live":
		return afxdp.OpenWith(cfg, afxdp.Options{Live: true})
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
	return nil, fmt.Errorf("tcpclient: Interface.Backend %q is none of afxdp, live and afpacket", in.Backend)
}
