package scan

import (
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"myriad/examples/internal/latency"
	"myriad/iobackend"
	"myriad/linklayer"
)

// Scanner is a scan over one device. Make it with New, give Device to a
// tcpclient.Client with Handler, and start that.
type Scanner struct {
	cfg       Config
	ports     Ports
	key       key
	sources   []uint32
	shape     *shape
	canary    *shape
	mac       [6]byte
	routes    *linklayer.Routes // nil with a GatewayMAC
	gateway   [12]byte          // Ethernet addresses, with a GatewayMAC
	direct    bool              // any probe may leave at once: the gateway's address is known, and there are no limits
	neighbors *linklayer.Neighbors
	canaries  canaries
	polite    polite
	job       atomic.Pointer[job]
	workers   []*Worker
	stopping  atomic.Bool
	held      atomic.Bool
}

// New prepares a scan. The error names the field.
func New(c Config) (s *Scanner, err error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	info := c.Device.Info()
	if len(info.HardwareAddr) != 6 {
		return nil, fmt.Errorf("scan: interface %q has no Ethernet address: only Ethernet-like interfaces can be used", info.Name)
	}
	s = &Scanner{cfg: c, key: c.Key, mac: [6]byte(info.HardwareAddr), neighbors: linklayer.NewNeighbors()}
	if s.ports, err = DividePorts(c.PortMin, c.PortMax); err != nil {
		return nil, err
	}
	if err := s.takeSources(); err != nil {
		return nil, err
	}
	mss := info.MTU - 40
	if s.shape = newShape(c.Protocol, c.Payload, mss, ttl); len(s.shape.frame) > min(info.MTU+ipAt, info.FrameBytes) || len(s.shape.frame) == 0 {
		return nil, fmt.Errorf("scan: Payload of %d bytes does not fit into a frame of %q", len(c.Payload), info.Name)
	}
	s.canary = newShape(TCP, nil, mss, ttl)
	if len(c.GatewayMAC) == 6 {
		s.gateway = s.ethernet([6]byte(c.GatewayMAC))
	} else if s.routes, err = linklayer.NewRoutes(c.Routes); err != nil {
		return nil, fmt.Errorf("scan: %w", err)
	}
	s.polite = newPolite(&s.cfg)
	s.direct = s.routes == nil && s.polite.address == nil && s.polite.prefix == nil
	first, err := s.newJob(c.Shard, c.From)
	if err != nil {
		return nil, err
	}
	s.job.Store(first)
	for k := range info.Queues {
		s.workers = append(s.workers, newWorker(s, k, info.Queues))
	}
	return s, nil
}

const ttl = 64

// sourcesMax is what a cookie can choose from.
const sourcesMax = 1 << 16

func (s *Scanner) takeSources() error {
	for _, p := range s.cfg.Sources {
		if !p.Addr().Is4() || len(s.sources)+1<<(32-p.Bits()) > sourcesMax {
			return fmt.Errorf("scan: Sources: %v is no IPv4 prefix, or makes more than %d addresses", p, sourcesMax)
		}
		first := ip4(p.Masked().Addr())
		for k := range uint32(1) << (32 - p.Bits()) {
			s.sources = append(s.sources, first+k)
		}
	}
	if len(s.sources) == 0 {
		return fmt.Errorf("scan: Sources is empty: give at least one address of ours")
	}
	return nil
}

// shareOf is how many of count numbers leave the remainder part modulo parts.
func shareOf(count, part, parts uint64) uint64 {
	if count <= part {
		return 0
	}
	return (count-part-1)/parts + 1
}

// ethernet is the beginning of a frame to a station.
func (s *Scanner) ethernet(to [6]byte) (e [12]byte) {
	copy(e[:], to[:])
	copy(e[6:], s.mac[:])
	return e
}

// Ports are the local ports' division.
func (s *Scanner) Ports() Ports { return s.ports }

// Targets is the number of the shard's targets, those before From included.
func (s *Scanner) Targets() uint64 { return s.job.Load().targets }

// Done is closed when every target of the shard has come to its outcome.
func (s *Scanner) Done() <-chan struct{} { return s.job.Load().done }

// Stop has no more probes sent. What is under way is lost to this run: Rest says
// what the next one is to do.
func (s *Scanner) Stop() { s.stopping.Store(true) }

// Hold has no new targets probed and none settled for want of an answer, until
// it is called with false: the results are not taken fast enough.
func (s *Scanner) Hold(yes bool) { s.held.Store(yes) }

// Counts sums up what all workers have done until their last turn.
func (s *Scanner) Counts() (total Counts) {
	for _, w := range s.workers {
		w.mutex.Lock()
		total.Add(&w.shown)
		w.mutex.Unlock()
	}
	return total
}

// Latency has the delays of open and closed targets' answers to their first
// probe: of one target in eight, and of those whose answer came to the queue that
// its probe left by.
func (s *Scanner) Latency() *latency.Distribution {
	all := new(latency.Distribution)
	for _, w := range s.workers {
		all.Add(&w.delays)
	}
	return all
}

// Duration is how long a number of targets takes at a rate per second.
func Duration(targets uint64, rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(targets) / rate * float64(time.Second))
}

// Device is the scan's device with the scanner in it, for the client.
func (s *Scanner) Device() iobackend.Device { return &device{s.cfg.Device, s} }

// isOurs reports whether an address is one of Sources.
func (s *Scanner) isOurs(address uint32) bool {
	for _, p := range s.cfg.Sources {
		if p.Contains(Addr(address)) {
			return true
		}
	}
	return false
}

// sourceIs reports whether an address is our address with that number.
func (s *Scanner) sourceIs(number uint16, address *[16]byte) bool {
	return s.sources[number] == uint32(address[12])<<24|uint32(address[13])<<16|uint32(address[14])<<8|uint32(address[15])
}

// ip16 is an address from a packet as a number.
func ip16(a *[16]byte) uint32 { return ip4(netip.AddrFrom4([4]byte(a[12:]))) }
