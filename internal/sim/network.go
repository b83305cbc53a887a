package sim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"myriad/internal/seq"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
)

// network is the far end of the link: it gives each frame to the peer that it
// is for, and sends theirs. Its frames are put together here, byte by byte,
// and not by the code under test.
type network struct {
	end     *simlink.End
	clock   *simlink.Clock
	peers   []peer  // by port - firstPort
	foreign Foreign // where there are visits
	strict  bool    // nothing spoils our frames on their way here
	wrong   error
	packet  linklayer.Packet
	buffer  []byte
	id      uint16
}

// peer is one server with one port.
type peer interface {
	// hear takes a segment that arrived; its bytes end with the call.
	hear(p *linklayer.Packet, now time.Duration)
	// truth says what the peer did, for the reasons of its connection's end.
	truth() *truth
}

// truth is what a peer did that a connection may end of.
type truth struct {
	refused  bool         // sent a RST that acknowledges our SYN
	resets   map[int]bool // offsets in its stream of the RSTs that it sent
	icmp     bool         // sent an ICMP error
	answered bool         // sent a segment that acknowledges our SYN, or a SYN
	fins     map[int]bool // offsets in its stream at which it sent FIN
}

const firstPort = 1000

var (
	clientMAC = [6]byte{2, 0, 0, 0, 0, 1}
	farMAC    = [6]byte{2, 0, 0, 0, 0, 2}
)

var errSpoilt = errors.New("the client sent a frame that does not parse")

func newNetwork(end *simlink.End, clock *simlink.Clock) *network {
	n := &network{end: end, clock: clock}
	end.OnFrame(n.arrive)
	return n
}

func (n *network) arrive(at time.Duration, frame []byte) {
	if drop := linklayer.Parse(frame, false, &n.packet); drop != linklayer.DropNone {
		if n.strict {
			n.wrong = fmt.Errorf("%w: %v", errSpoilt, drop)
		}
		n.visit(frame)
		return
	}
	port := int(n.packet.DestinationPort) - firstPort
	if n.packet.Kind != linklayer.KindTCP || port < 0 || port >= len(n.peers) {
		return
	}
	n.peers[port].hear(&n.packet, at)
	if _, ok := n.peers[port].(*visit); ok {
		n.visit(frame)
	}
}

// ethernet is how frames begin that are for the foreign TCP.
var ethernet = append(append(append([]byte(nil), farMAC[:]...), clientMAC[:]...), 0x08, 0x00)

// visit gives a frame to the foreign TCP, also one that was spoilt: to find
// that out is its own affair.
func (n *network) visit(frame []byte) {
	if n.foreign != nil && bytes.HasPrefix(frame, ethernet) {
		n.foreign.Hear(frame[ipAt:])
		n.foreign.Settle()
	}
}

// forward puts a packet of the foreign TCP's on the wire, and notes what it
// was.
func (n *network) forward(packet []byte) {
	n.buffer = append(n.buffer[:0], clientMAC[:]...)
	n.buffer = append(n.buffer, farMAC[:]...)
	n.buffer = append(n.buffer, 0x08, 0x00)
	n.buffer = append(n.buffer, packet...)
	var p linklayer.Packet
	if drop := linklayer.Parse(n.buffer, false, &p); drop != linklayer.DropNone {
		n.wrong = fmt.Errorf("the foreign TCP sent a packet that does not parse: %v", drop)
		return
	}
	if port := int(p.SourcePort) - firstPort; p.Kind == linklayer.KindTCP && port >= 0 && port < len(n.peers) {
		if v, ok := n.peers[port].(*visit); ok {
			v.saw(&p)
		}
	}
	n.end.Inject(n.buffer)
}

// ends are a connection's two, as a peer sees them.
type ends struct {
	mine, client         [16]byte
	minePort, clientPort uint16
}

func (e *ends) of(p *linklayer.Packet) {
	*e = ends{p.Destination, p.Source, p.DestinationPort, p.SourcePort}
}

// segment is what a peer sends. Options are raw: up to 40 bytes, padded with
// zeroes to a multiple of four.
type segment struct {
	seq, ack seq.Number
	flags    linklayer.Flags
	window   uint16
	urgent   uint16
	options  []byte
	payload  []byte
}

const (
	ipAt      = 14
	tcpAt     = ipAt + 20
	tcpHeader = 20
)

// send puts a segment on the wire.
func (n *network) send(e *ends, g *segment) {
	options := (len(g.options) + 3) / 4 * 4
	tcpLength := tcpHeader + options + len(g.payload)
	b := n.frame(e, linklayer.ProtocolTCP, tcpLength)
	t := b[tcpAt:]
	binary.BigEndian.PutUint16(t[0:], e.minePort)
	binary.BigEndian.PutUint16(t[2:], e.clientPort)
	binary.BigEndian.PutUint32(t[4:], uint32(g.seq))
	binary.BigEndian.PutUint32(t[8:], uint32(g.ack))
	t[12], t[13] = byte((tcpHeader+options)/4<<4), byte(g.flags)
	binary.BigEndian.PutUint16(t[14:], g.window)
	binary.BigEndian.PutUint16(t[18:], g.urgent)
	copy(t[tcpHeader:], g.options)
	copy(t[tcpHeader+options:], g.payload)
	sum := add(uint64(linklayer.ProtocolTCP)+uint64(tcpLength), b[ipAt+12:ipAt+20])
	binary.BigEndian.PutUint16(t[16:], finish(add(sum, t)))
	n.end.Inject(b)
}

// sendICMP sends an error about a segment of the client's.
func (n *network) sendICMP(e *ends, kind, code uint8, mtu uint16, quoted seq.Number) {
	b := n.frame(e, linklayer.ProtocolICMP, 8+28)
	m := b[tcpAt:]
	m[0], m[1] = kind, code
	binary.BigEndian.PutUint16(m[6:], mtu)
	ip := m[8:]
	putIPv4(ip, e.client, e.mine, linklayer.ProtocolTCP, 40, 1)
	binary.BigEndian.PutUint16(ip[20:], e.clientPort)
	binary.BigEndian.PutUint16(ip[22:], e.minePort)
	binary.BigEndian.PutUint32(ip[24:], uint32(quoted))
	binary.BigEndian.PutUint16(m[2:], finish(add(0, m)))
	n.end.Inject(b)
}

// frame returns a zeroed frame with its Ethernet and IPv4 headers.
func (n *network) frame(e *ends, protocol uint8, size int) []byte {
	length := tcpAt + size
	if cap(n.buffer) < length {
		n.buffer = make([]byte, length, 2048)
	}
	b := n.buffer[:length]
	clear(b)
	copy(b[0:], clientMAC[:])
	copy(b[6:], farMAC[:])
	b[12] = 0x08
	n.id++
	putIPv4(b[ipAt:], e.mine, e.client, protocol, 20+size, n.id)
	return b
}

func putIPv4(ip []byte, from, to [16]byte, protocol uint8, total int, id uint16) {
	ip[0] = 0x45
	binary.BigEndian.PutUint16(ip[2:], uint16(total))
	binary.BigEndian.PutUint16(ip[4:], id)
	ip[6], ip[8], ip[9] = 0x40, 64, protocol
	copy(ip[12:16], from[12:])
	copy(ip[16:20], to[12:])
	binary.BigEndian.PutUint16(ip[10:], finish(add(0, ip[:20])))
}

// add is the Internet checksum's sum (RFC 1071), four bytes at a time: they
// count 65536 and 1 times, which is the same to the checksum.
func add(sum uint64, b []byte) uint64 {
	for ; len(b) >= 4; b = b[4:] {
		sum += uint64(binary.BigEndian.Uint32(b))
	}
	if len(b) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(b))
		b = b[2:]
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func finish(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
