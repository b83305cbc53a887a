package sim

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"myriad/iobackend/simlink"
	"myriad/tcpclient"
)

// Foreign is a complete TCP/IP of somebody else's, at the far end of the link.
// Everything is called on the goroutine that runs the world, to which it owes
// that it does nothing but between a call and the end of the Settle after it,
// or in what it gave to Surroundings.Clock.After.
type Foreign interface {
	// Listen has it accept connections to a port, at each of its addresses.
	// accepted is told of each, and returns what is to be called whenever
	// anything about the socket has changed.
	Listen(port uint16, accepted func(Socket) (changed func())) error
	// Connect opens a connection to ours.
	Connect(local, remote netip.AddrPort, changed func()) (Socket, error)
	// Hear takes an IPv4 packet, whose bytes end with the call.
	Hear(packet []byte)
	// Settle returns when nothing is left to do until a packet comes or a timer
	// fires. It follows Hear, and calls of a Socket's from elsewhere than
	// changed.
	Settle()
	// Close ends it, whatever is open.
	Close()
}

// Socket is one connection of a Foreign's. Nothing blocks.
type Socket interface {
	// Read returns 0 bytes and no error when there is nothing to read yet, and
	// io.EOF after the peer's FIN. What a RST brought wraps
	// syscall.ECONNRESET.
	io.Reader
	// Write takes what there is room for.
	io.Writer
	CloseWrite() error
	// Close gives the socket back, after both FINs or an error.
	Close()
	// Abort ends the connection with RST, and gives the socket back.
	Abort()
}

// Surroundings are what a Foreign lives in.
type Surroundings struct {
	// Seed is to make all its choices.
	Seed      uint64
	Clock     *simlink.Clock
	Addresses []netip.Addr
	MTU       int
	// Send puts an IPv4 packet on the wire. The bytes are copied.
	Send func(packet []byte)
}

// Opener makes a Foreign.
type Opener func(s Surroundings) (Foreign, error)

// RunForeign runs the world of a seed in which the well-behaved peers are
// applications above somebody else's TCP, as Run does.
func RunForeign(open Opener, seed uint64, capture io.Writer) (Result, error) {
	s := newScenario(Visits, seed)
	s.open = open
	return s.run(capture)
}

// visits draws a world whose honest connections go to a foreign TCP. Its wire
// is a storm in one of four.
func (m *maker) visits() {
	s := m.s
	if m.one(4) {
		s.up, s.down = m.stormWire(), m.stormWire()
	} else {
		m.wire()
	}
	// Without any delay a TCP that sends on every ACK may send for ever at one
	// instant.
	s.up.Delay, s.down.Delay = max(s.up.Delay, leastDelay), max(s.down.Delay, leastDelay)
	m.client()
	if !s.endurance && m.one(2) {
		s.endurance, s.config.SYNRetries, s.config.DataRetries = true, 30, 60
	}
	dials, hostile := pick(m, 1, 4, 16, 50), pick(m, 0, 0, 10)
	for k := range dials {
		if m.IntN(100) < hostile {
			m.dial(k, true)
		} else {
			m.visit(k)
		}
	}
}

const leastDelay = 100 * time.Microsecond

// visit draws one honest connection.
func (m *maker) visit(k int) {
	m.dial(k, false)
	d := &m.s.dials[k]
	v := &visitPlan{serverPlan: *m.s.servers[k].(*serverPlan), abortAt: -1}
	m.s.servers[k] = v
	switch m.IntN(16) {
	case 0:
		v.absent = true
	case 1:
		v.abortAt = m.IntN(v.expect + v.total + 1)
	case 2, 3:
		// Where the rate is limited our SYN may leave after theirs has come,
		// and ours be the one that refuses.
		if m.s.queues == 1 && m.s.config.Rate == 0 {
			v.meets, d.local = true, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, 0, 1}), uint16(meetingPort+k))
		}
	}
	switch {
	case d.timeout > 0:
	case v.abortAt >= 0:
		d.timeout = 30*time.Second + m.ms(60_000) // the RST may be lost, and nobody repeats it
	case m.one(2):
		d.timeout = patience
	}
}

// meetingPort is where our ports begin that are chosen by us.
const meetingPort = 30_000

// farAddresses are those of dial's peers.
func farAddresses() (all []netip.Addr) {
	for k := range 8 {
		all = append(all, netip.AddrFrom4([4]byte{10, 2, 0, byte(1 + k)}))
	}
	return all
}

// welcome makes the foreign TCP, and has it get what arrives for its visits.
func (w *world) welcome() (err error) {
	w.net.foreign, err = w.s.open(Surroundings{
		Seed: w.s.seed, Clock: w.link.Clock(), Addresses: farAddresses(), MTU: w.link.End(1).Info().MTU, Send: w.net.forward,
	})
	return err
}

// sayGoodbye ends the foreign TCP, if there is one.
func (w *world) sayGoodbye() {
	if w.net.foreign != nil {
		w.net.foreign.Close()
	}
}

// heardOut says which connection ended in order, and not yet so at its server.
func (w *world) heardOut() error {
	for k, c := range w.app.conns {
		if v, ok := c.plan.peer.(*visit); ok && c.end == tcpclient.Closed && !v.heardOut() {
			return fmt.Errorf("connection %d closed, and its server has %d bytes of %d, FIN %v; it sent %d of %d, FIN %v",
				k, v.got, v.plan.expect, v.gotFIN, v.sent, v.plan.total, v.fin)
		}
	}
	return nil
}
