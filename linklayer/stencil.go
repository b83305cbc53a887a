package linklayer

import (
	"encoding/binary"

	"myriad/internal/seq"
)

// Stencil is a segment without payload, of which everything but the ends and the
// numbers is known beforehand: flags, options, lengths, and the sum of these. It
// holds no pointers and may be copied. Make it with NewStencil; the zero Stencil
// emits nothing.
type Stencil struct {
	length  uint32 // of the frame
	control uint32 // the header's fourth word, without the window
	sum     uint64 // of that, the options, and what the pseudo-header has beside addresses
	options [stencilOptions]byte
}

// stencilOptions are the bytes of options that a Stencil has room for: those of
// our SYN.
const stencilOptions = 12

// Numbers are what a Stencil is filled in with.
type Numbers struct {
	Source, Destination         uint32 // IPv4 addresses as numbers
	SourcePort, DestinationPort uint16
	ID                          uint16 // the IPv4 identification
	Window                      uint16
	Seq, Ack                    seq.Number
}

// NewStencil makes a stencil with a segment's flags and options. ok is false
// where there is no room for the options, or the segment has a payload or an
// urgent pointer: it is to be emitted by EmitTCP then.
func NewStencil(seg *Segment) (s Stencil, ok bool) {
	syn := seg.Flags&SYN != 0
	options := OptionsLen(&seg.Options, syn)
	if options != 0 && options != stencilOptions || len(seg.Payload)+len(seg.Payload2) > 0 || seg.Urgent != 0 {
		return s, false
	}
	header := tcpBytes + options
	s.length = uint32(ethernetBytes + ipv4Bytes + header)
	s.control = uint32(header)<<26 | uint32(seg.Flags)<<16
	s.sum = uint64(s.control) + pseudoSum(0, 0, ProtocolTCP, header)
	if options > 0 {
		s.sum += emitOptions(s.options[:], &seg.Options, syn)
	}
	return s, true
}

// Flags are the segment's.
func (s *Stencil) Flags() Flags { return Flags(s.control >> 16) }

// Emit writes what EmitTCP4 would for the stencil's segment with these numbers,
// and returns the frame's length; 0, with dst untouched, when dst is too small.
// No allocation.
func (s *Stencil) Emit(dst []byte, path *Path, n *Numbers) int {
	length := int(s.length)
	if length < TCPHeadersBytes || length > len(dst) {
		return 0
	}
	ports := uint32(n.SourcePort)<<16 | uint32(n.DestinationPort)
	sum := s.sum + uint64(n.Source) + uint64(n.Destination) + uint64(ports) + uint64(n.Seq) + uint64(n.Ack) + uint64(n.Window)
	check := ^fold(sum)
	if path.partial {
		check = fold(pseudoSum(n.Source, n.Destination, ProtocolTCP, length-ethernetBytes-ipv4Bytes))
	}
	path.emitIPv4(dst, n.Source, n.Destination, ProtocolTCP, n.ID, length-ethernetBytes)
	tcp := (*[tcpBytes]byte)(dst[ethernetBytes+ipv4Bytes:])
	binary.BigEndian.PutUint32(tcp[0:], ports)
	binary.BigEndian.PutUint64(tcp[4:], uint64(n.Seq)<<32|uint64(n.Ack))
	binary.BigEndian.PutUint32(tcp[12:], s.control|uint32(n.Window))
	binary.BigEndian.PutUint16(tcp[16:], check)
	binary.BigEndian.PutUint16(tcp[18:], 0) // urgent
	if length > TCPHeadersBytes {
		*(*[stencilOptions]byte)(dst[TCPHeadersBytes:length]) = s.options
	}
	return length
}
