package tcpclient

import (
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"

	"myriad/conntable"
	"myriad/internal/rss"
	"myriad/iobackend"
	"myriad/linklayer"
)

// link is an interface as its workers see it; nothing in it changes once they
// run, but for the neighbours.
type link struct {
	name      string
	device    iobackend.Device
	sources   sources
	routes    *linklayer.Routes
	neighbors *linklayer.Neighbors
	kernel    neighborAsker // asks the kernel instead of the link, when not nil
	mac       [6]byte
	ttl       uint8
	partial   bool // the device completes transport checksums
	mtu       int
	workers   int
	parks     bool           // the workers have no threads of their own
	first     int            // index of the first of them
	active    atomic.Int32   // those that still have connections, or may get some
	subnets   []netip.Prefix // on the link: their broadcast addresses are nobody's
	onePath   bool
	watched   iobackend.Watched // nil where the device does not tell
	path      linklayer.Path    // where everything goes, if onePath
	steering  *conntable.Steering
}

// steeringOf is how the device spreads what it receives over the workers, as far
// as it tells; where it does not, or in a way that nobody here knows, frames that
// arrive elsewhere are handed over.
func steeringOf(h *iobackend.ReceiveHash, s *sources) *conntable.Steering {
	if h == nil {
		return nil
	}
	hash, err := rss.New(rss.Config{Key: h.Key, Indirection: h.Indirection})
	if err != nil {
		return nil
	}
	g := &conntable.Steering{Hash: hash, Local: make([]uint32, s.count)}
	for k := range g.Local {
		g.Local[k] = hash.Local(s.ip4(uint16(k)))
	}
	return g
}

// neighborAsker resolves neighbours in another way than by our own ARP.
type neighborAsker interface {
	ask(w *Worker, address netip.Addr)
	close()
}

// opened is a device, the routes to use on it, neighbours that the system knows
// already, and, where its address is shared with the kernel, who resolves them.
type opened struct {
	device   iobackend.Device
	routes   []linklayer.Route
	stations []station
	kernel   neighborAsker
}

// station is a neighbour's addresses.
type station struct {
	address netip.Addr
	mac     [6]byte
}

var errDeviceRoutes = errors.New("tcpclient: Interface.Device comes without routes: set OnLink, Gateway or GatewayMAC")

// close detaches from the interface.
func (l *link) close() error {
	if l.kernel != nil {
		l.kernel.close()
	}
	return l.device.Close()
}

// version changes when a neighbour does.
func (l *link) version() uint32 { return l.neighbors.Version() }

// peer reports whether remote can be a peer at all: a unicast address, and not
// the broadcast address of a subnet on the link (RFC 9293 §3.9.2.3).
func (l *link) peer(remote uint32) bool {
	if !linklayer.IsUnicast4(remote) {
		return false
	}
	for _, p := range l.subnets {
		if linklayer.IsDirectedBroadcast(linklayer.Mapped(remote), p) {
			return false
		}
	}
	return true
}

// reaches reports whether there is a way to remote.
func (l *link) reaches(remote uint32) bool {
	if l.onePath {
		return true
	}
	_, ok := l.routes.NextHop(linklayer.Mapped(remote))
	return ok
}

// frameHeaders is what IPv4 and TCP take of the MTU without options.
const frameHeaders = 40

// newLink describes an opened device. routes are those that Interface or the
// kernel give.
func newLink(in *Interface, o opened, ttl uint8) (*link, error) {
	info := o.device.Info()
	l := &link{name: info.Name, device: o.device, kernel: o.kernel, ttl: ttl, partial: info.TransmitChecksum, mtu: info.MTU, neighbors: linklayer.NewNeighbors()}
	if len(info.HardwareAddr) != 6 {
		return nil, fmt.Errorf("tcpclient: interface %q has no Ethernet address: only Ethernet-like interfaces can be used", info.Name)
	}
	copy(l.mac[:], info.HardwareAddr)
	l.watched, _ = o.device.(iobackend.Watched)
	var err error
	if l.sources, err = newSources(in.Sources); err != nil {
		return nil, err
	}
	l.steering = steeringOf(info.ReceiveHash, &l.sources)
	l.parks = in.Park
	if l.workers = info.Queues; in.Queues > 0 {
		if in.Queues > info.Queues {
			return nil, fmt.Errorf("tcpclient: Interface.Queues %d exceeds the %d queues of %q: give at most as many", in.Queues, info.Queues, info.Name)
		}
		l.workers = in.Queues
	}
	for _, r := range o.routes {
		if !r.Gateway.IsValid() {
			l.subnets = append(l.subnets, r.Prefix)
		}
	}
	if len(in.GatewayMAC) > 0 {
		if len(in.GatewayMAC) != 6 {
			return nil, fmt.Errorf("tcpclient: Interface.GatewayMAC %v is not an Ethernet address of 6 bytes", in.GatewayMAC)
		}
		l.onePath = true
		l.path = l.pathTo([6]byte(in.GatewayMAC))
		return l, nil
	}
	if l.routes, err = linklayer.NewRoutes(o.routes); err != nil {
		return nil, fmt.Errorf("tcpclient: interface %q: %w", info.Name, err)
	}
	for _, s := range o.stations {
		// What cannot be right is asked for, as all others are.
		_ = l.neighbors.Set(s.address.As16(), s.mac, o.device.Queue(0).Now(), false)
	}
	return l, nil
}

// pathTo is the way to a station on the link.
func (l *link) pathTo(mac [6]byte) linklayer.Path {
	path := linklayer.NewPath(l.mac, mac, l.ttl, 0)
	if l.partial {
		path = path.WithPartialChecksum()
	}
	return path
}

// ownRoutes are the routes that the Interface itself names; nil when the
// kernel's are to be used.
func ownRoutes(in *Interface) []linklayer.Route {
	var routes []linklayer.Route
	for _, p := range in.OnLink {
		routes = append(routes, linklayer.Route{Prefix: p.Masked()})
	}
	if in.Gateway.IsValid() {
		everything := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		routes = append(routes, linklayer.Route{Prefix: everything, Gateway: in.Gateway})
	}
	return routes
}
