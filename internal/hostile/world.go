package hostile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"myriad/internal/seq"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
	"myriad/tcpclient"
)

var (
	ourMAC   = [6]byte{2, 0, 0, 0, 0, 1}
	theirMAC = [6]byte{2, 0, 0, 0, 0, 2}
	ourNet   = netip.MustParsePrefix("10.1.0.0/30")
	server   = netip.MustParseAddrPort("10.2.0.1:80")
	gateway  = netip.MustParseAddr("10.1.0.100")
	stranger = netip.MustParseAddr("10.9.0.1")
)

// world is one client under attack.
type world struct {
	attack  *Attack
	link    *simlink.Link
	client  *tcpclient.Client
	worker  *tcpclient.Worker
	peers   map[netip.AddrPort]*peer
	first   *peer // of the connection that most attacks are about
	mute    bool  // the attack's packets do not leave
	sent    int   // of the attack
	bytes   int   // of those
	ended   map[uint64]tcpclient.Reason
	wrong   error
	scratch [2048]byte
	parsed  linklayer.Packet
	asked   []linklayer.ARP
}

// peer is the far end of one connection, as far as an attack needs to know it.
type peer struct {
	remote    netip.AddrPort
	local     [16]byte
	port      uint16
	id        tcpclient.ID
	iss       seq.Number // the client's
	irs       seq.Number // the peer's
	nxt       seq.Number // after what the client has sent
	ack       seq.Number // what the client acknowledged
	fresh     int        // segments from the client with data that it had not sent before
	delivered int        // bytes that the application got
	stamp     uint32     // the client's last timestamp
}

const irs = seq.Number(0x7fffff00)

func newWorld(a *Attack) (*world, error) {
	w := &world{attack: a, peers: map[netip.AddrPort]*peer{}, ended: map[uint64]tcpclient.Reason{}}
	var err error
	w.link, err = simlink.New(simlink.Config{
		Seed: 1, Start: time.Hour, Debug: true,
		Ends: []simlink.EndConfig{{}, {ReceiveFrames: 1, SendFrames: 1}},
	})
	if err != nil {
		return nil, err
	}
	config := a.config
	config.Manual, config.Seed = true, 1
	if config.ConnectionsMax == 0 {
		config.ConnectionsMax = 64
	}
	if config.BufferMemory == 0 {
		config.BufferMemory = 8 << 20
	}
	in := tcpclient.Interface{Device: w.link.End(0), Sources: []netip.Prefix{ourNet}}
	if a.neighbors {
		in.Gateway = gateway
	} else {
		in.GatewayMAC = net.HardwareAddr(theirMAC[:])
	}
	config.Interfaces = []tcpclient.Interface{in}
	w.client, err = tcpclient.New(config, func(worker *tcpclient.Worker) tcpclient.Handler {
		w.worker = worker
		return handler{w}
	})
	if err != nil {
		return nil, err
	}
	w.link.End(1).OnFrame(w.hear)
	if err := w.client.Start(); err != nil {
		return nil, err
	}
	return w, nil
}

// close ends the client, and says whether anything was left.
func (w *world) close() error {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = w.client.Close(done) // says that connections were cut, as they are
	if n := w.link.Leaked(); n != 0 {
		return fmt.Errorf("%d frames were never given back", n)
	}
	return w.wrong
}

// handler is the application: it reads, and notes.
type handler struct{ w *world }

func (h handler) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	for k := range events {
		e := &events[k]
		switch e.Kind {
		case tcpclient.Data:
			if p := h.w.byUser(e.User); p != nil {
				p.delivered += len(e.Data)
			}
		case tcpclient.Closed, tcpclient.Failed:
			h.w.ended[e.User] = e.Reason
		}
	}
}

func (w *world) byUser(user uint64) *peer {
	return w.peers[netip.AddrPortFrom(server.Addr(), uint16(user))]
}

// hear takes note of what the client sends.
func (w *world) hear(_ time.Duration, frame []byte) {
	p := &w.parsed
	if drop := linklayer.Parse(frame, false, p); drop != linklayer.DropNone {
		w.wrong = fmt.Errorf("the client sent a frame that does not parse: %v", drop)
		return
	}
	switch p.Kind {
	case linklayer.KindARP:
		if p.ARP.Op == linklayer.ARPRequest {
			w.asked = append(w.asked, p.ARP)
		}
	case linklayer.KindTCP:
		if c := w.peers[netip.AddrPortFrom(netip.AddrFrom16(p.Destination).Unmap(), p.DestinationPort)]; c != nil {
			c.hear(p)
		}
	}
}

func (c *peer) hear(p *linklayer.Packet) {
	g := &p.Segment
	if g.Flags&linklayer.SYN != 0 {
		c.iss, c.local, c.port, c.nxt = g.Seq, p.Source, p.SourcePort, g.Seq+1
		return
	}
	if g.Flags&linklayer.RST != 0 {
		return
	}
	if end := g.Seq.Add(g.Len()); end.After(c.nxt) {
		c.nxt = end
		c.fresh++
	}
	c.ack = g.Ack
	c.stamp = g.Options.TSVal
}

// pass lets time go by. The client is stepped only when something arrives or is
// due, so that what is counted is the attack's.
func (w *world) pass(d time.Duration) {
	clock := w.link.Clock()
	end := clock.Now() + d
	for {
		next := w.settle()
		if at, ok := clock.NextEvent(); ok {
			next = min(next, at)
		}
		if next > end {
			clock.AdvanceTo(end)
			return
		}
		clock.AdvanceTo(max(next, clock.Now()+time.Microsecond))
	}
}

// settle steps the client until it has nothing more to do now.
func (w *world) settle() (next time.Duration) {
	for range 10_000 {
		n, busy := w.client.Step()
		if !busy {
			return n
		}
	}
	w.wrong = errors.New("the client is busy for ever")
	return 1 << 62
}

// open begins a connection to port; its SYN has arrived when it returns.
func (w *world) open(port uint16, o tcpclient.Open) *peer {
	o.Remote = netip.AddrPortFrom(server.Addr(), port)
	o.User = uint64(port)
	p := &peer{remote: o.Remote, irs: irs}
	w.peers[o.Remote] = p
	var r [1]tcpclient.Opened
	w.worker.Open([]tcpclient.Open{o}, r[:])
	if r[0].Err != nil {
		w.wrong = errors.Join(w.wrong, r[0].Err)
	}
	p.id = r[0].Conn
	if w.first == nil {
		w.first = p
	}
	w.settle()
	return p
}

// establish brings a connection to ESTABLISHED.
func (w *world) establish(port uint16, o tcpclient.Open, change ...func(*linklayer.Segment)) *peer {
	p := w.open(port, o)
	g := linklayer.Segment{Flags: linklayer.SYN | linklayer.ACK, Seq: irs, Ack: p.iss + 1, Window: 65535}
	g.Options.Has = linklayer.HasMSS | linklayer.HasSACKPermitted | linklayer.HasWindowScale
	g.Options.MSS, g.Options.WindowScale = 1460, 7
	for _, f := range change {
		f(&g)
	}
	w.pass(10 * time.Millisecond) // the round trip
	w.deliver(p, &g)
	w.pass(100 * time.Millisecond)
	return p
}

// write has the application send.
func (w *world) write(p *peer, n int) {
	var r [1]tcpclient.Sent
	w.worker.Send([]tcpclient.Send{{Conn: p.id, Data: make([]byte, n)}}, r[:])
	if r[0].Err != nil {
		w.wrong = errors.Join(w.wrong, r[0].Err)
	}
	w.settle()
}

func (w *world) finish(p *peer, how tcpclient.CloseHow) {
	var errs [1]error
	w.worker.Close([]tcpclient.Close{{Conn: p.id, How: how}}, errs[:])
	w.wrong = errors.Join(w.wrong, errs[0])
	w.settle()
}

// segment is a segment of the peer's, in order and empty.
func (p *peer) segment(flags linklayer.Flags) *linklayer.Segment {
	return &linklayer.Segment{Seq: p.ack, Ack: p.nxt, Flags: flags, Window: 65535}
}

// deliver sends a segment that is not the attack's.
func (w *world) deliver(p *peer, g *linklayer.Segment) {
	w.link.End(1).Inject(w.frame(p, g))
}

// hit sends a segment of the attack's.
func (w *world) hit(p *peer, g *linklayer.Segment) { w.hitFrame(w.frame(p, g)) }

// hitFrame sends a frame of the attack's.
func (w *world) hitFrame(frame []byte) {
	w.sent++
	w.bytes += len(frame)
	if !w.mute {
		w.link.End(1).Inject(frame)
	}
}

func (w *world) frame(p *peer, g *linklayer.Segment) []byte {
	return w.frameFrom(p.remote, p.local, p.port, g)
}

func (w *world) frameFrom(from netip.AddrPort, to [16]byte, port uint16, g *linklayer.Segment) []byte {
	path := linklayer.NewPath(theirMAC, ourMAC, 64, 0)
	n := linklayer.EmitTCP(w.scratch[:], &path, from.Addr().As16(), to, from.Port(), port, 1, g, 0)
	return w.scratch[:n]
}
