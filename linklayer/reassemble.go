package linklayer

import (
	"bytes"
	"encoding/binary"
	"math"
	"slices"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip/header"
)

const (
	// ReassemblyMax is the number of datagrams that are put together at once.
	// When one more begins, the one that began first is given up.
	ReassemblyMax = 64
	// ReassemblyTimeout is how long after its first fragment a datagram is
	// given up. RFC 1122 §3.3.2 recommends 60 to 120 s; 30 s is what Linux
	// does, and TCP has retransmitted long before.
	ReassemblyTimeout = 30 * time.Second
	// ReassemblyFragmentsMax is the number of fragments of one datagram: 64 KiB
	// in pieces of the smallest MTU that IPv4 hosts use (576).
	ReassemblyFragmentsMax = 128
	// ReassemblyBytesMax bounds the payload memory of a Reassembler.
	ReassemblyBytesMax = ReassemblyMax * (headroom + ipv4Max)

	// headroom before a datagram's payload takes the headers, whatever the
	// length of the options.
	headroom = ethernetBytes + header.IPv4MaximumHeaderSize
)

// ReassemblyCounters are totals of datagrams, not of fragments.
type ReassemblyCounters struct {
	Begun     uint64
	Completed uint64
	Lost      uint64 // overlap, two ends, or too many fragments
	Expired   uint64 // incomplete after ReassemblyTimeout
	Evicted   uint64 // gave way to another
}

// Reassembler puts IPv4 datagrams together again (RFC 791 §3.2). The zero
// value is ready, and allocates nothing before the first fragment. Whoever
// overlaps fragments gets nothing through: the datagram is lost, and what
// still comes of it is dropped too (as RFC 5722 has it for IPv6), so that no
// filter sees other bytes than we do. It belongs to one goroutine.
type Reassembler struct {
	slots    []assembly
	begun    uint64 // gives each slot its age
	counters ReassemblyCounters
}

type assemblyKey struct {
	source, destination uint32
	id                  uint16
	protocol            uint8
}

// span is the half-open range of payload bytes that a fragment brought.
type span struct{ start, end uint16 }

// assembly is one datagram. Its memory is kept for the next one.
type assembly struct {
	key      assemblyKey
	busy     bool
	poisoned bool // lost: kept to recognise its other fragments
	order    uint64
	begun    time.Duration
	total    int    // payload bytes; -1 until the last fragment came
	have     int    // payload bytes that came
	spans    []span // sorted, disjoint
	header   int    // bytes of the first fragment's Ethernet and IPv4 headers; 0 until it came
	headers  [headroom]byte
	buffer   []byte // headroom, then the payload
}

// Add takes a frame that Parse called a DropFragment. When it completes a
// datagram, that is returned as a whole frame (Ethernet header, IPv4 header
// of the first fragment with total length, flags and checksum made anew), to
// be parsed with checksumOK false; it is borrowed until the next Add.
// Otherwise datagram is nil: with DropNone the fragment was kept, else Drop
// says why not. now never goes back.
func (r *Reassembler) Add(frame []byte, now time.Duration) (datagram []byte, drop Drop) {
	f, drop := parseFragment(frame)
	if drop != DropNone {
		return nil, drop
	}
	a := r.find(f.key, now)
	if a.poisoned {
		return nil, DropFragmentPoisoned
	}
	if drop := a.insert(&f); drop != DropNone {
		if drop != DropFragmentDuplicate {
			a.poisoned = true
			r.counters.Lost++
		}
		return nil, drop
	}
	if a.have != a.total { // disjoint and within total, so none is missing
		return nil, DropNone
	}
	a.busy = false
	if a.header-ethernetBytes+a.total > ipv4Max {
		r.counters.Lost++
		return nil, DropFragmentLength
	}
	r.counters.Completed++
	return a.finish(), DropNone
}

// Counters returns totals so far.
func (r *Reassembler) Counters() ReassemblyCounters { return r.counters }

// Pending returns the number of datagrams that wait for more.
func (r *Reassembler) Pending() int {
	n := 0
	for i := range r.slots {
		if r.slots[i].busy {
			n++
		}
	}
	return n
}

// fragment is what Add needs of a frame.
type fragment struct {
	key     assemblyKey
	start   int
	last    bool
	payload []byte
	headers []byte // of the whole frame, up to the payload
}

// parseFragment checks everything again, so that Add can be given anything.
func parseFragment(frame []byte) (f fragment, drop Drop) {
	if len(frame) < ethernetBytes {
		return f, DropFrameTruncated
	}
	b := frame[ethernetBytes:]
	if drop := checkIPv4(b); drop != DropNone {
		return f, drop
	}
	ip := header.IPv4(b)
	length := int(ip.HeaderLength())
	f = fragment{
		key: assemblyKey{
			source:      binary.BigEndian.Uint32(b[12:]),
			destination: binary.BigEndian.Uint32(b[16:]),
			id:          ip.ID(),
			protocol:    ip.Protocol(),
		},
		start:   int(ip.FragmentOffset()),
		last:    !ip.More(),
		payload: b[length:ip.TotalLength()],
		headers: frame[:ethernetBytes+length],
	}
	// The end is checked against the shortest header; Add checks the whole
	// against the first fragment's.
	end := f.start + len(f.payload)
	if len(f.payload) == 0 || !f.last && len(f.payload)%8 != 0 || end > ipv4Max-ipv4Bytes {
		return f, DropFragmentLength
	}
	return f, DropNone
}

// find returns the slot of a datagram, a fresh one when none is at work on it.
func (r *Reassembler) find(key assemblyKey, now time.Duration) *assembly {
	var free *assembly
	for i := range r.slots {
		a := &r.slots[i]
		if a.busy && now-a.begun >= ReassemblyTimeout {
			a.busy = false
			if !a.poisoned {
				r.counters.Expired++
			}
		}
		switch {
		case a.busy && a.key == key:
			return a
		case !a.busy && free == nil:
			free = a
		}
	}
	if free == nil {
		free = r.takeSlot()
	}
	r.begun++
	r.counters.Begun++
	free.begin(key, r.begun, now)
	return free
}

// takeSlot adds a slot, or takes the oldest away from its datagram.
func (r *Reassembler) takeSlot() *assembly {
	if len(r.slots) < ReassemblyMax {
		r.slots = append(r.slots, assembly{})
		return &r.slots[len(r.slots)-1]
	}
	oldest := &r.slots[0]
	for i := range r.slots {
		if r.slots[i].order < oldest.order {
			oldest = &r.slots[i]
		}
	}
	if !oldest.poisoned {
		r.counters.Evicted++
	}
	return oldest
}

func (a *assembly) begin(key assemblyKey, order uint64, now time.Duration) {
	a.key, a.order, a.begun = key, order, now
	a.busy, a.poisoned = true, false
	a.total, a.have, a.header = -1, 0, 0
	a.spans = a.spans[:0]
}

// insert keeps a fragment, or says why the datagram is lost.
func (a *assembly) insert(f *fragment) Drop {
	end := f.start + len(f.payload)
	at, overlap := a.place(f.start, end)
	if overlap {
		if a.isDuplicate(f, end) {
			return DropFragmentDuplicate
		}
		return DropFragmentOverlap
	}
	if a.total >= 0 && end > a.total {
		return DropFragmentEnd
	}
	if f.last { // also a second end: the first is the end of the last span
		if n := len(a.spans); n > 0 && int(a.spans[n-1].end) > end {
			return DropFragmentEnd
		}
		a.total = end
	}
	if len(a.spans) == ReassemblyFragmentsMax {
		return DropFragmentCount
	}
	a.spans = slices.Insert(a.spans, at, span{uint16(f.start), uint16(end)})
	a.have += len(f.payload)
	a.grow(headroom + end)
	copy(a.buffer[headroom+f.start:], f.payload)
	if f.start == 0 {
		a.header = copy(a.headers[:], f.headers)
	}
	return DropNone
}

// place returns where in spans [start, end) belongs, and whether it overlaps.
func (a *assembly) place(start, end int) (at int, overlap bool) {
	at, _ = slices.BinarySearchFunc(a.spans, start, func(s span, v int) int { return int(s.start) - v })
	if at > 0 && int(a.spans[at-1].end) > start {
		return at, true
	}
	return at, at < len(a.spans) && int(a.spans[at].start) < end
}

// isDuplicate reports whether an overlapping fragment is one that we have, byte
// for byte: the network may duplicate, which is no attack.
func (a *assembly) isDuplicate(f *fragment, end int) bool {
	if !slices.Contains(a.spans, span{uint16(f.start), uint16(end)}) || f.last != (a.total == end) {
		return false
	}
	return bytes.Equal(a.buffer[headroom+f.start:headroom+end], f.payload)
}

// grow makes buffer at least length long, doubling so that a datagram in many
// pieces is not copied for each.
func (a *assembly) grow(length int) {
	if length <= len(a.buffer) {
		return
	}
	next := make([]byte, min(max(length, 2*len(a.buffer), 4096), headroom+ipv4Max))
	copy(next, a.buffer)
	a.buffer = next
}

// finish puts the headers before the payload.
func (a *assembly) finish() []byte {
	frame := a.buffer[headroom-a.header : headroom+a.total]
	copy(frame, a.headers[:a.header])
	length := a.header - ethernetBytes
	ip := header.IPv4(frame[ethernetBytes:])
	ip.SetTotalLength(uint16(length + a.total))
	ip.SetFlagsFragmentOffset(0, 0)
	ip.SetChecksum(0)
	ip.SetChecksum(^ip.CalculateChecksum())
	return frame
}

// A span's ends fit its fields.
const _ = uint(math.MaxUint16 - ipv4Max)
