package linklayer

import (
	"strings"

	"myriad/internal/seq"
)

// Flags are TCP's control bits as they stand in the header's 14th byte.
type Flags uint8

const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

var flagNames = [8]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}

// String names the bits that are set, as "SYN|ACK"; "none" when none is.
func (f Flags) String() string {
	if f == 0 {
		return "none"
	}
	var names []string
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Segment is a TCP segment, parsed, or about to be emitted. Payload and the
// like point into the frame and end with it.
type Segment struct {
	Seq, Ack seq.Number
	Flags    Flags
	Window   uint16
	Urgent   uint16
	Payload  []byte
	// Payload2 follows Payload, for data that wraps around the end of a ring
	// buffer. Parse leaves it nil.
	Payload2 []byte
	Options  Options
}

// Len is the segment's length in sequence space: payload, SYN and FIN.
func (s *Segment) Len() int {
	n := len(s.Payload) + len(s.Payload2)
	if s.Flags&SYN != 0 {
		n++
	}
	if s.Flags&FIN != 0 {
		n++
	}
	return n
}

// Options are the TCP options we understand; a bit in Has tells which stood in
// the header. Fields without their bit hold nothing of meaning.
type Options struct {
	Has         OptionSet
	MSS         uint16
	WindowScale uint8 // as it stood in the header, not yet limited to 14
	TSVal       uint32
	TSEcr       uint32
	SACK        [4]seq.Range
	SACKCount   int
}

// OptionSet is a set of TCP options.
type OptionSet uint8

const (
	HasMSS OptionSet = 1 << iota
	HasWindowScale
	HasSACKPermitted
	HasTimestamps
	HasSACK
)
