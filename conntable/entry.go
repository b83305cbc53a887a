package conntable

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"myriad/internal/seq"
)

// State is a connection's state; the names are those of RFC 9293 §3.3.2. The
// zero value means that the entry is free.
type State uint8

const (
	Free State = iota
	SynSent
	SynReceived // only after a simultaneous open
	Established
	FinWait1
	FinWait2
	CloseWait
	Closing
	LastAck
	TimeWait
)

// Entry is the hot part of a connection: one cache line, no pointers, so that
// the garbage collector never looks at ten million of them. Everything that
// only some connections need lives in a side record.
type Entry struct {
	Remote     uint32 // the peer's IPv4 address as a number
	RemotePort uint16
	LocalPort  uint16
	User       uint64 // the application's own word
	Local      uint16 // index of the local address in the client's sources
	State      State
	Scale      uint8      // low nibble: the peer's window shift; high nibble: ours
	SndUna     seq.Number // oldest unacknowledged
	SndNxt     seq.Number // next to be sent
	RcvNxt     seq.Number // next expected
	RcvEdge    seq.Number // right edge of the window last advertised
	SndWnd     uint16     // the peer's window as it stood in the header, unscaled
	SndMSS     uint16     // largest payload to send, options not yet taken off
	Flags      uint16     // the handshake package's
	Retries    uint8      // retransmissions since the last progress
	Unacked    uint8      // full segments received and not yet acknowledged
	Side       uint32     // side record + 1; 0 = none
	Generation uint32     // counts the uses of this entry, 24 bits
	Due        uint32     // when the state's own timer is due (retransmission, probe, FIN-WAIT-2, TIME-WAIT), in ms of the worker's clock; 0 = none
	Micros     uint32     // SYN-SENT: when the SYN left, µs; later: the handshake's round trip, µs
	Extended   bool       // Extra may hold something
}

var _ [64]byte = [unsafe.Sizeof(Entry{})]byte{}

// Extra is the part of a connection that only some need: those with a request,
// a limit, or a delayed ACK. While Entry.Extended is false it is zero, and
// neither read nor written: what no connection needs takes no memory. Instants
// are in ms of the worker's clock, 0 = none.
type Extra struct {
	Request    uint32     // interned request + 1; 0 = none
	RequestSeq seq.Number // where that request begins
	Active     uint32     // when the peer's last segment came
	Idle       uint32     // limit in ms on the time without one; 0 = none
	Deadline   uint32     // limit on the connection's whole life
	AckDue     uint32     // when a delayed ACK must leave
}

var _ [24]byte = [unsafe.Sizeof(Extra{})]byte{}

// Key names a connection within a table: the remote end and the local one.
type Key struct {
	Remote     uint32 // IPv4 address as a number
	RemotePort uint16
	LocalPort  uint16
	Local      uint16 // index of the local address
}

// Key returns the entry's own key.
func (e *Entry) Key() Key {
	return Key{e.Remote, e.RemotePort, e.LocalPort, e.Local}
}

// RemoteAddrPort returns the peer's end as netip knows it.
func (e *Entry) RemoteAddrPort() netip.AddrPort {
	var remote [4]byte
	binary.BigEndian.PutUint32(remote[:], e.Remote)
	return netip.AddrPortFrom(netip.AddrFrom4(remote), e.RemotePort)
}

// ID names one use of one entry of one worker's table: 8 bits of worker, 24
// bits of generation, 32 bits of index. An ID kept past the connection's end
// no longer resolves. The zero ID names nothing.
type ID uint64

// MakeID packs an ID.
func MakeID(worker uint8, generation, index uint32) ID {
	return ID(worker)<<56 | ID(generation&GenerationMask)<<32 | ID(index)
}

// GenerationMask keeps a generation's 24 bits.
const GenerationMask = 1<<24 - 1

func (id ID) Worker() int        { return int(id >> 56) }
func (id ID) Generation() uint32 { return uint32(id>>32) & GenerationMask }
func (id ID) Index() uint32      { return uint32(id) }
