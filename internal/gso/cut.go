package gso

import "encoding/binary"

// Limits of one segment: what an IPv4 packet can hold, and pieces of memory.
const (
	PacketMax = 65535
	PiecesMax = 64
)

// Offsets in a frame of Ethernet, IPv4 without options and TCP.
const (
	ethernetBytes = 14
	tcpAt         = ethernetBytes + 20
	checksumInTCP = 16
)

// Cut does in memory what is asked of the kernel by Send: it writes the frames
// of a long segment, one after the other, into scratch, and hands each to emit.
// headers are as for Send, payload is all of it, and scratch holds at least
// len(headers)+size bytes. The IPv4 identification counts up from that of
// headers, PSH and FIN stand in the last frame only.
func Cut(headers, payload []byte, size int, scratch []byte, emit func(frame []byte)) {
	for at := 0; at < len(payload); at += size {
		part := payload[at:min(at+size, len(payload))]
		frame := scratch[:len(headers)+len(part)]
		copy(frame, headers)
		copy(frame[len(headers):], part)
		number(frame, at/size, at, at+size < len(payload))
		emit(frame)
	}
}

// number makes headers those of the index-th frame, offset bytes into the
// payload.
func number(frame []byte, index, offset int, more bool) {
	ip, tcp := frame[ethernetBytes:tcpAt], frame[tcpAt:]
	binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)+len(tcp)))
	binary.BigEndian.PutUint16(ip[4:], binary.BigEndian.Uint16(ip[4:])+uint16(index))
	binary.BigEndian.PutUint16(ip[10:], 0)
	binary.BigEndian.PutUint16(ip[10:], ^sum(ip, 0))
	binary.BigEndian.PutUint32(tcp[4:], binary.BigEndian.Uint32(tcp[4:])+uint32(offset))
	if more {
		tcp[13] &^= 0x09 // FIN, PSH
	}
	binary.BigEndian.PutUint16(tcp[checksumInTCP:], 0)
	pseudo := uint32(ip[9]) + uint32(len(tcp))
	for at := 12; at < 20; at += 2 {
		pseudo += uint32(binary.BigEndian.Uint16(ip[at:]))
	}
	binary.BigEndian.PutUint16(tcp[checksumInTCP:], ^sum(tcp, pseudo))
}

// sum is the Internet checksum's sum of data and what was added before.
func sum(data []byte, s uint32) uint16 {
	for ; len(data) > 1; data = data[2:] {
		s += uint32(binary.BigEndian.Uint16(data))
	}
	if len(data) > 0 {
		s += uint32(data[0]) << 8
	}
	for s > 0xffff {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// Frames is the number of frames that Send makes of pieces, and of their bytes.
func Frames(pieces [][]byte, size int) (frames, bytes uint64) {
	payload := 0
	for _, p := range pieces[1:] {
		payload += len(p)
	}
	count := (payload + size - 1) / size
	return uint64(count), uint64(payload + count*len(pieces[0]))
}
