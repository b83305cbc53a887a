package script

import (
	"encoding/binary"
	"fmt"
)

// This is the peer's own codec: nothing here is shared with the code under
// test, so an error in that cannot hide behind the same error here.

const (
	ethernetLen = 14
	ipLen       = 20
	tcpLen      = 20
)

// TCP's option kinds.
const (
	kindEOL    = 0
	kindNOP    = 1
	kindMSS    = 2
	kindScale  = 3
	kindSACKOK = 4
	kindSACK   = 5
	kindTS     = 8
)

// segment is a TCP segment with absolute numbers.
type segment struct {
	seq, ack         uint32
	flags            uint8
	window, urgent   uint16
	options          []rawOption
	payload          []byte
	ttl, tos         uint8
	source, dest     [4]byte
	sport, dport     uint16
	identification   uint16
	dontFragment     bool
	ethernetTo, from [6]byte
}

// rawOption is an option's kind and body.
type rawOption struct {
	kind byte
	body []byte
}

func checksum(parts ...[]byte) uint16 {
	var sum uint64
	for _, b := range parts { // all but the last are of even length
		for ; len(b) >= 2; b = b[2:] {
			sum += uint64(b[0])<<8 | uint64(b[1])
		}
		if len(b) == 1 {
			sum += uint64(b[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}

func pseudo(source, dest [4]byte, protocol uint8, length int) []byte {
	b := append(append([]byte{}, source[:]...), dest[:]...)
	return append(b, 0, protocol, byte(length>>8), byte(length))
}

// decode takes a frame of the client's apart, and finds everything wrong with
// it that RFC 791 and RFC 9293 forbid.
func decode(frame []byte) (*segment, error) {
	if len(frame) < ethernetLen+ipLen+tcpLen {
		return nil, fmt.Errorf("a frame of %d bytes", len(frame))
	}
	ip := frame[ethernetLen:]
	headerLen, total := int(ip[0]&15)*4, int(binary.BigEndian.Uint16(ip[2:]))
	switch {
	case binary.BigEndian.Uint16(frame[12:]) != 0x0800:
		return nil, fmt.Errorf("EtherType %x", frame[12:14])
	case ip[0]>>4 != 4 || headerLen != ipLen:
		return nil, fmt.Errorf("IP version and length %02x", ip[0])
	case total != len(ip):
		return nil, fmt.Errorf("IP total length %d in a frame that holds %d", total, len(ip))
	case checksum(ip[:headerLen]) != 0:
		return nil, fmt.Errorf("wrong IP checksum")
	case ip[9] != 6:
		return nil, fmt.Errorf("IP protocol %d", ip[9])
	case ip[6]&0xbf != 0 || ip[7] != 0:
		return nil, fmt.Errorf("a fragment")
	}
	s := &segment{
		tos: ip[1], ttl: ip[8], identification: binary.BigEndian.Uint16(ip[4:]), dontFragment: ip[6]&0x40 != 0,
		source: [4]byte(ip[12:16]), dest: [4]byte(ip[16:20]), ethernetTo: [6]byte(frame), from: [6]byte(frame[6:]),
	}
	return s, s.decodeTCP(ip[headerLen:])
}

func (s *segment) decodeTCP(b []byte) error {
	offset := int(b[12]>>4) * 4
	switch {
	case checksum(pseudo(s.source, s.dest, 6, len(b)), b) != 0:
		return fmt.Errorf("wrong TCP checksum (RFC 9293 M2)")
	case offset < tcpLen || offset > len(b):
		return fmt.Errorf("TCP data offset %d", offset)
	case b[12]&15 != 0:
		return fmt.Errorf("reserved bits are not zero")
	}
	s.sport, s.dport = binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	s.seq, s.ack = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	s.flags = b[13]
	s.window, s.urgent = binary.BigEndian.Uint16(b[14:]), binary.BigEndian.Uint16(b[18:])
	s.payload = b[offset:]
	if s.flags&flagACK == 0 && s.ack != 0 {
		return fmt.Errorf("an acknowledgement number without the flag")
	}
	if s.flags&flagURG == 0 && s.urgent != 0 {
		return fmt.Errorf("an urgent pointer without the flag")
	}
	return s.decodeOptions(b[tcpLen:offset])
}

func (s *segment) decodeOptions(b []byte) error {
	for len(b) > 0 {
		switch {
		case b[0] == kindEOL:
			s.options = append(s.options, rawOption{kind: kindEOL})
			for _, padding := range b {
				if padding != 0 {
					return fmt.Errorf("header padding is not zero (RFC 9293 M69)")
				}
			}
			return nil
		case b[0] == kindNOP:
			s.options = append(s.options, rawOption{kind: kindNOP})
			b = b[1:]
			continue
		case len(b) < 2 || int(b[1]) < 2 || int(b[1]) > len(b):
			return fmt.Errorf("an option of illegal length")
		}
		s.options = append(s.options, rawOption{kind: b[0], body: b[2:b[1]]})
		b = b[b[1]:]
	}
	return nil
}

// encode makes the peer's frame; has are the marks of the line.
func (s *segment) encode(has map[string]int) []byte {
	var options []byte
	for _, o := range s.options {
		options = append(options, o.kind)
		if o.kind > kindNOP {
			options = append(options, byte(2+len(o.body)))
		}
		options = append(options, o.body...)
	}
	return s.encodeWith(options, has)
}

// encodeWith is encode with the options' bytes as they are.
func (s *segment) encodeWith(options []byte, has map[string]int) []byte {
	for len(options)%4 != 0 {
		options = append(options, 0)
	}
	b := make([]byte, tcpLen, tcpLen+len(options)+len(s.payload))
	binary.BigEndian.PutUint16(b, s.sport)
	binary.BigEndian.PutUint16(b[2:], s.dport)
	binary.BigEndian.PutUint32(b[4:], s.seq)
	binary.BigEndian.PutUint32(b[8:], s.ack)
	b[12] = byte((tcpLen+len(options))/4)<<4 | byte(has["reserved"]&15)
	if n, ok := has["offset"]; ok {
		b[12] = byte(n << 4)
	}
	b[13] = s.flags
	binary.BigEndian.PutUint16(b[14:], s.window)
	binary.BigEndian.PutUint16(b[18:], s.urgent)
	b = append(append(b, options...), s.payload...)
	binary.BigEndian.PutUint16(b[16:], checksum(pseudo(s.source, s.dest, 6, len(b)), b)^uint16(has["badsum"]))
	return s.datagram(6, b, has)
}

// datagram puts IPv4's and Ethernet's headers before a payload.
func (s *segment) datagram(protocol uint8, payload []byte, has map[string]int) []byte {
	header := make([]byte, ipLen)
	if has["ipoptions"] != 0 {
		header = append(header, 1, 1, 1, 0) // three no-operations, and the end
	}
	header[0] = 4<<4 | byte(len(header)/4)
	if n, ok := has["ihl"]; ok {
		header[0] = 4<<4 | byte(n)
	}
	header[1] = byte(has["tos"])
	total := len(header) + len(payload)
	if n, ok := has["totallength"]; ok {
		total = n
	}
	binary.BigEndian.PutUint16(header[2:], uint16(total))
	binary.BigEndian.PutUint16(header[4:], s.identification)
	header[8], header[9] = 64, protocol
	if n, ok := has["ttl"]; ok {
		header[8] = byte(n)
	}
	copy(header[12:], s.source[:])
	copy(header[16:], s.dest[:])
	binary.BigEndian.PutUint16(header[10:], checksum(header)^uint16(has["ipbadsum"]))
	frame := append(append([]byte{}, s.ethernetTo[:]...), s.from[:]...)
	frame = append(append(append(frame, 8, 0), header...), payload...)
	if n := has["cut"]; n > 0 {
		frame = frame[:len(frame)-n]
	}
	for range has["padding"] {
		frame = append(frame, 0xa5)
	}
	return frame
}

// fragments cuts a datagram without IP options in pieces of size bytes.
func fragments(frame []byte, size int) (pieces [][]byte) {
	size &^= 7
	payload := frame[ethernetLen+ipLen:]
	for at := 0; at < len(payload); at += size {
		end := min(at+size, len(payload))
		piece := append(append([]byte{}, frame[:ethernetLen+ipLen]...), payload[at:end]...)
		ip := piece[ethernetLen:]
		binary.BigEndian.PutUint16(ip[2:], uint16(len(ip)))
		field := uint16(at / 8)
		if end < len(payload) {
			field |= 0x2000
		}
		binary.BigEndian.PutUint16(ip[6:], field)
		binary.BigEndian.PutUint16(ip[10:], 0)
		binary.BigEndian.PutUint16(ip[10:], checksum(ip[:ipLen]))
		pieces = append(pieces, piece)
	}
	return pieces
}

// message makes an ICMP message about a segment of the client's that bore
// sequence number seq.
func (s *segment) message(m *icmp, seq uint32, has map[string]int) []byte {
	b := make([]byte, 8)
	b[0], b[1] = m.kind, m.code
	binary.BigEndian.PutUint16(b[6:], uint16(m.mtu))
	quoted := segment{source: s.dest, dest: s.source, sport: s.dport, dport: s.sport, seq: seq, flags: flagACK, window: 1000}
	if n, ok := has["sport"]; ok {
		quoted.sport = uint16(n)
	}
	if n, ok := has["dport"]; ok {
		quoted.dport = uint16(n)
	}
	b = append(b, quoted.encode(nil)[ethernetLen:ethernetLen+ipLen+8]...)
	binary.BigEndian.PutUint16(b[2:], checksum(b)^uint16(has["badsum"]))
	return s.datagram(1, b, map[string]int{"cut": has["cut"], "totallength": ipLen + len(b) - has["cut"]})
}
