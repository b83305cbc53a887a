package tcpclient

import (
	"errors"
	"fmt"
	"strings"

	"myriad/internal/netinfo"
	"myriad/iobackend"
	"myriad/iobackend/irlstack"
	"myriad/linklayer"
)

// openInterface opens the device, and finds the routes to use on it: those of
// Windows where the Interface names none.
func (c *Config) openInterface(in *Interface) (o opened, err error) {
	o.routes = ownRoutes(in)
	if in.Device != nil {
		if o.routes == nil && len(in.GatewayMAC) == 0 {
			return o, errDeviceRoutes
		}
		o.device = in.Device
		return o, nil
	}
	if len(in.Sources) == 0 {
		return o, fmt.Errorf("tcpclient: Interface.Sources: none: an address cannot be shared with Windows: give addresses that nobody else uses on %q", in.Name)
	}
	if !strings.HasPrefix(in.Name, `\\.\`) { // the driver's own name tells nothing of routes
		if err := o.ask(in); err != nil {
			return o, err
		}
	}
	if len(o.routes) == 0 && len(in.GatewayMAC) == 0 {
		return o, fmt.Errorf("tcpclient: interface %q has no route: set Gateway, GatewayMAC or OnLink", in.Name)
	}
	o.device, err = openBackend(in)
	return o, err
}

// ask asks Windows about the interface.
func (o *opened) ask(in *Interface) error {
	info, err := netinfo.Lookup(in.Name)
	if err != nil {
		return fmt.Errorf("tcpclient: Interface.Name: %w", err)
	}
	for _, p := range in.Sources {
		if have, owned := info.KernelOwns(p); owned {
			return fmt.Errorf("tcpclient: Interface.Sources: %v holds %v, which is Windows' own: give addresses that nobody else uses on %q", p, have, in.Name)
		}
	}
	if o.routes == nil {
		for _, r := range info.Routes {
			if r.Destination.Addr().Is4() {
				o.routes = append(o.routes, linklayer.Route{Prefix: r.Destination, Gateway: r.Gateway})
			}
		}
	}
	for _, r := range o.routes { // gateways that Windows knows need not be asked for
		if mac, known, err := info.Neighbour(r.Gateway); err == nil && known && len(mac) == 6 {
			o.stations = append(o.stations, station{r.Gateway, [6]byte(mac)})
		}
	}
	return nil
}

// openBackend opens the device with the one backend there is.
func openBackend(in *Interface) (iobackend.Device, error) {
	switch in.Backend {
	case "", "irlstack":
	case "afxdp", "live", "afpacket":
		return nil, fmt.Errorf("tcpclient: Interface.Backend %q: %w: it is Linux's: give irlstack, or nothing", in.Backend, iobackend.ErrNotSupported)
	default:
		return nil, fmt.Errorf("tcpclient: Interface.Backend %q is not irlstack", in.Backend)
	}
	cfg := iobackend.Config{
		Interface: in.Name, Queues: in.Queues,
		ReceiveFrames: in.ReceiveFrames, SendFrames: in.SendFrames,
		TransmitChecksum: in.TransmitChecksum,
	}
	for _, p := range in.Sources {
		cfg.Addresses = append(cfg.Addresses, p.Masked())
	}
	device, err := irlstack.Open(cfg)
	if errors.Is(err, irlstack.ErrMissing) {
		err = fmt.Errorf("%w: %w", iobackend.ErrNotSupported, err)
	}
	return device, err
}
