package bare

import (
	"encoding/binary"
	"math/bits"
	"net"
	"net/netip"
)

// Offsets into a frame, and lengths.
const (
	ipAt, tcpAt, dataAt = 14, 34, 54
)

// TCP flags.
const (
	flagFIN, flagSYN, flagRST, flagPSH, flagACK = 1, 2, 4, 8, 16
)

// synOptions are those of Myriad's SYN: MSS, window scale and SACK-permitted.
var synOptions = []byte{2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2}

// shape is a frame that only wants addresses, ports and numbers, and the sums
// of everything else in it.
type shape struct {
	frame         []byte
	ipSum, tcpSum uint32
}

// newShape makes the frame of a segment with flags, options and payload.
func newShape(from, to net.HardwareAddr, flags byte, options, payload []byte) shape {
	f := make([]byte, dataAt, dataAt+len(options)+len(payload))
	copy(f[0:], to)
	copy(f[6:], from)
	binary.BigEndian.PutUint16(f[12:], 0x0800)
	f[ipAt] = 0x45
	binary.BigEndian.PutUint16(f[ipAt+2:], uint16(40+len(options)+len(payload)))
	binary.BigEndian.PutUint16(f[ipAt+6:], 0x4000)
	f[ipAt+8], f[ipAt+9] = 64, 6
	f[tcpAt+12] = byte(20+len(options)) << 2
	f[tcpAt+13] = flags
	binary.BigEndian.PutUint16(f[tcpAt+14:], 0xffff)
	f = append(append(f, options...), payload...)

	s := shape{frame: f, ipSum: sum(0, f[ipAt:tcpAt])}
	s.tcpSum = sum(6+uint32(20+len(options)+len(payload)), f[tcpAt:])
	return s
}

// write puts the frame into b, and returns its length. seq and ack are those
// of the segment.
func (s *shape) write(b []byte, source, target uint32, sport, dport uint16, seq, ack uint32) int {
	n := copy(b, s.frame)
	binary.BigEndian.PutUint32(b[ipAt+12:], source)
	binary.BigEndian.PutUint32(b[ipAt+16:], target)
	binary.BigEndian.PutUint16(b[tcpAt:], sport)
	binary.BigEndian.PutUint16(b[tcpAt+2:], dport)
	binary.BigEndian.PutUint32(b[tcpAt+4:], seq)
	binary.BigEndian.PutUint32(b[tcpAt+8:], ack)
	addresses := halves(source) + halves(target)
	binary.BigEndian.PutUint16(b[ipAt+10:], fold(s.ipSum+addresses))
	binary.BigEndian.PutUint16(b[tcpAt+16:], fold(s.tcpSum+addresses+
		uint32(sport)+uint32(dport)+halves(seq)+halves(ack)))
	return n
}

func halves(n uint32) uint32 { return n>>16 + n&0xffff }

// sum adds up 16-bit words in network order.
func sum(total uint32, b []byte) uint32 {
	for ; len(b) > 1; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		total += uint32(b[0]) << 8
	}
	return total
}

// valid reports whether the checksums of an IPv4 frame with a TCP segment are
// right, the segment's unless somebody vouches for it.
func valid(f []byte, vouched bool) bool {
	total := int(binary.BigEndian.Uint16(f[ipAt+2:]))
	if total < 40 || ipAt+total > len(f) || fold64(wide(0, f[ipAt:tcpAt])) != 0xffff {
		return false
	}
	if vouched {
		return true
	}
	pseudo := wide(uint64(binary.NativeEndian.Uint16([]byte{0, 6})), f[ipAt+12:tcpAt])
	pseudo = wide(pseudo, []byte{byte((total - 20) >> 8), byte(total - 20)})
	return fold64(wide(pseudo, f[tcpAt:ipAt+total])) == 0xffff
}

// wide adds up words as they lie in memory, eight bytes at a time; sums in
// another order of bytes are the same but for that order.
func wide(total uint64, b []byte) uint64 {
	var carry uint64
	for ; len(b) >= 8; b = b[8:] {
		total, carry = bits.Add64(total, binary.NativeEndian.Uint64(b), carry)
	}
	total, carry = bits.Add64(total, carry, 0)
	total += carry
	var rest [8]byte
	if copy(rest[:], b) > 0 {
		total, carry = bits.Add64(total, binary.NativeEndian.Uint64(rest[:]), 0)
		total += carry
	}
	return total
}

func fold64(n uint64) uint16 {
	n = n>>32 + n&0xffffffff
	n = n>>32 + n&0xffffffff
	n = n>>16 + n&0xffff
	n = n>>16 + n&0xffff
	n = n>>16 + n&0xffff
	return uint16(n)
}

func fold(n uint32) uint16 {
	n = n>>16 + n&0xffff
	n += n >> 16
	return ^uint16(n)
}

// number is an IPv4 address as a number.
func number(a netip.Addr) uint32 {
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}
