package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"myriad/examples/internal/demonet"
	"myriad/examples/internal/network"
	"myriad/examples/internal/scan"
	"myriad/examples/internal/scannet"
	"myriad/internal/netinfo"
	"myriad/iobackend"
	"myriad/iobackend/afpacket"
	"myriad/iobackend/afxdp"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// path is the way to the network.
type path struct {
	name, backend, why string
	device             iobackend.Device
	sources            []netip.Prefix
	ports              [2]uint16
	routes             []linklayer.Route
	gateway            net.HardwareAddr
}

// The local ports that are ours: on addresses of our own, and on one that is
// shared with the kernel.
var (
	ownPorts    = [2]uint16{32768, 65535}
	sharedPorts = [2]uint16{61000, 65535}
)

// openNetwork opens the interface, which in the demo it makes first, and puts
// the scanner and the client on it.
func (s *session) openNetwork() (err error) {
	p := &path{name: s.o.Interface, sources: s.o.Sources, ports: ownPorts, gateway: net.HardwareAddr(s.o.GatewayMAC)}
	s.path = p
	backend := s.o.Backend
	if s.o.demo() {
		if backend == "" && !demonet.Privileged() {
			backend = "afpacket"
		}
		c := scannet.Config{Seed: s.from.Seed, Backend: backend, Queues: 2}
		if s.world, err = scannet.Start(c); err != nil {
			return err
		}
		s.check = &checker{hosts: scannet.Hosts{Seed: c.Seed}, protocol: s.o.protocol, banner: s.o.Banner, request: s.o.request}
		p.name, p.sources = scannet.Interface, []netip.Prefix{scannet.Sources}
	}
	if err := p.open(s.o, backend); err != nil {
		return err
	}
	if err := s.openScanner(); err != nil {
		p.device.Close()
		return err
	}
	s.r.Log.Info(fmt.Sprintf("%v on %s; output to %s", network.Choice{Backend: p.backend}, p.name, s.out.out.Name), "targets", s.scanner.Targets()-s.from.Count())
	s.r.Details(p.sources, p.device.Info())
	return nil
}

// openScanner makes the scanner and its client.
func (s *session) openScanner() (err error) {
	p, c := s.path, s.config()
	c.Device, c.Sources, c.PortMin, c.PortMax = p.device, p.sources, p.ports[0], p.ports[1]
	c.Routes, c.GatewayMAC = p.routes, p.gateway
	if s.scanner, err = scan.New(c); err != nil {
		return err
	}
	s.holds.of(s.scanner)
	s.buffers = make([][]byte, p.device.Info().Queues)
	in := tcpclient.Interface{Device: s.scanner.Device(), Sources: p.sources, GatewayMAC: p.gateway}
	for _, r := range p.routes {
		switch {
		case !r.Gateway.IsValid():
			in.OnLink = append(in.OnLink, r.Prefix)
		case r.Prefix.Bits() == 0 || !in.Gateway.IsValid():
			in.Gateway = r.Gateway
		}
	}
	ports := s.scanner.Ports()
	s.client, err = tcpclient.New(tcpclient.Config{
		Interfaces: []tcpclient.Interface{in}, Batch: 256, PortMin: ports.ClientMin, PortMax: ports.ClientLast,
		ConnectionsMax: 4*s.o.BannerParallel + 64, SYNRetries: 1, TimeWait: time.Second, KeepGOMAXPROCS: true,
	}, s.scanner.Handler)
	if err != nil || len(s.o.request) == 0 {
		return err
	}
	id, err := s.client.Intern(s.o.request)
	s.scanner.SetRequest(id)
	return err
}

// open opens the interface with the backend asked for, or the first that works.
func (p *path) open(o *options, backend string) error {
	info, err := netinfo.Lookup(p.name)
	if err != nil {
		return fmt.Errorf("-interface: %w", err)
	}
	for _, source := range p.sources {
		if have, owned := info.KernelOwns(source); owned {
			return fmt.Errorf("-source %v holds %v, which is the kernel's: give addresses that nobody else uses on %s", source, have, p.name)
		}
	}
	p.takeRoutes(o, info)
	if len(p.routes) == 0 && len(p.gateway) == 0 {
		return fmt.Errorf("interface %s has no route: give -gateway or -gateway-mac", p.name)
	}
	c := iobackend.Config{Interface: p.name, Addresses: p.sources, Queues: o.Queues, ReceiveFrames: frames, SendFrames: frames}
	if len(p.sources) == 0 {
		if c.Shared, err = p.share(info); err != nil {
			return err
		}
		if backend == "" {
			backend = "afxdp"
		}
	}
	if p.backend = backend; backend == "" {
		p.backend = "afxdp"
	}
	p.device, err = openers[p.backend](c)
	if backend == "" && errors.Is(err, iobackend.ErrNotSupported) {
		p.backend, p.why = "afpacket", err.Error()
		first := err
		if p.device, err = openers[p.backend](c); err != nil {
			err = errors.Join(first, err)
		}
	}
	return err
}

// frames per queue and direction.
const frames = 4096

var openers = map[string]func(iobackend.Config) (iobackend.Device, error){
	"afxdp": func(c iobackend.Config) (iobackend.Device, error) { return afxdp.Open(c) },
	"live": func(c iobackend.Config) (iobackend.Device, error) {
		return afxdp.OpenWith(c, afxdp.Options{Live: true})
	},
	"afpacket": func(c iobackend.Config) (iobackend.Device, error) { return afpacket.Open(c) },
}

// takeRoutes takes -gateway, or the kernel's routes.
func (p *path) takeRoutes(o *options, info *netinfo.Info) {
	for _, r := range info.Routes {
		if r.Destination.Addr().Is4() && (!r.Gateway.IsValid() || !o.Gateway.IsValid()) {
			p.routes = append(p.routes, linklayer.Route{Prefix: r.Destination, Gateway: r.Gateway})
		}
	}
	if o.Gateway.IsValid() {
		p.routes = append(p.routes, linklayer.Route{Prefix: netip.PrefixFrom(netip.IPv4Unspecified(), 0), Gateway: o.Gateway.Addr})
	}
}

// deviceCounters adds up all queues'.
func (s *session) deviceCounters() (total iobackend.Counters) {
	for k := range s.path.device.Info().Queues {
		c := s.path.device.Queue(k).Counters()
		total.FramesSent += c.FramesSent
		total.FramesReceived += c.FramesReceived
		total.DropTransmit += c.DropTransmit
		total.DropRingFull += c.DropRingFull
		total.DropFillEmpty += c.DropFillEmpty
	}
	return total
}
