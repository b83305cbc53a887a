package latency

import (
	"encoding/binary"
	"net"
)

// Offsets into a frame, and lengths.
const (
	ipAt, tcpAt   = 14, 34
	headerBytes   = 54
	requestFrame  = headerBytes + messageBytes
	optionBytes   = 4 // MSS, of a SYN-ACK
	flagFIN       = 1
	flagSYN       = 2
	flagRST       = 4
	flagPSH       = 8
	flagACK       = 16
	announcedSize = 1460
)

// segment is what the far end reads of a frame.
type segment struct {
	key      uint64 // source address and port
	seq, ack uint32
	flags    byte
	payload  int
}

// parse reads a frame; ok is false when it is no TCP over IPv4.
func parse(b []byte) (s segment, ok bool) {
	if len(b) < headerBytes || binary.BigEndian.Uint16(b[12:]) != 0x0800 || b[ipAt] != 0x45 || b[ipAt+9] != 6 {
		return s, false
	}
	header := int(b[tcpAt+12]>>4) * 4
	total := int(binary.BigEndian.Uint16(b[ipAt+2:]))
	if header < 20 || total < 20+header {
		return s, false
	}
	return segment{
		key: uint64(binary.BigEndian.Uint32(b[ipAt+12:]))<<16 | uint64(binary.BigEndian.Uint16(b[tcpAt:])),
		seq: binary.BigEndian.Uint32(b[tcpAt+4:]), ack: binary.BigEndian.Uint32(b[tcpAt+8:]),
		flags: b[tcpAt+13], payload: total - 20 - header,
	}, true
}

// emitter writes the far end's frames.
type emitter struct {
	to, from net.HardwareAddr
	address  uint32 // ours
	port     uint16
}

// emit writes a segment to a client, and returns its length. b has room for
// requestFrame bytes.
func (e *emitter) emit(b []byte, key uint64, seq, ack uint32, flags byte, payload int) int {
	option := 0
	if flags&flagSYN != 0 {
		option = optionBytes
	}
	n := headerBytes + option + payload
	b = b[:n]
	clear(b)
	copy(b, e.to)
	copy(b[6:], e.from)
	binary.BigEndian.PutUint16(b[12:], 0x0800)
	ip, tcp := b[ipAt:tcpAt], b[tcpAt:]
	ip[0], ip[6], ip[8], ip[9] = 0x45, 0x40, 64, 6
	binary.BigEndian.PutUint16(ip[2:], uint16(n-ipAt))
	binary.BigEndian.PutUint32(ip[12:], e.address)
	binary.BigEndian.PutUint32(ip[16:], uint32(key>>16))
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip, 0))
	binary.BigEndian.PutUint16(tcp, e.port)
	binary.BigEndian.PutUint16(tcp[2:], uint16(key))
	binary.BigEndian.PutUint32(tcp[4:], seq)
	binary.BigEndian.PutUint32(tcp[8:], ack)
	tcp[12], tcp[13] = byte(20+option)<<2, flags
	binary.BigEndian.PutUint16(tcp[14:], 0xffff)
	if option > 0 {
		binary.BigEndian.PutUint32(tcp[20:], 2<<24|4<<16|announcedSize)
	}
	binary.BigEndian.PutUint16(tcp[16:], ^sum(tcp, uint32(sum(ip[12:], uint32(6+len(tcp))))))
	return n
}

// sum is the Internet checksum's, folded and not complemented, of an even
// number of bytes.
func sum(b []byte, total uint32) uint16 {
	for ; len(b) > 1; b = b[2:] {
		total += uint32(b[0])<<8 | uint32(b[1])
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}
