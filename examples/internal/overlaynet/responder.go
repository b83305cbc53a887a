package overlaynet

import (
	"bytes"
	"encoding/binary"

	"myriad/examples/internal/answerer"
	"myriad/examples/internal/gnutella"
	"myriad/examples/internal/overlay"
	"myriad/internal/seq"
	"myriad/linklayer"
)

const (
	// SegmentBytes is the most that a segment of a reply carries: less than
	// the usual MSS, so that nearly every reply is two segments or more.
	SegmentBytes = 1024
	// swapped is how rarely a reply's segments come in the wrong order.
	swapped = 64
)

// Counts are what a far end saw.
type Counts struct {
	SYNs      uint64 // answered
	Refused   uint64 // SYNs answered with RST
	Requests  uint64 // answered
	Swapped   uint64 // of them, in the wrong order
	Segments  uint64 // of replies
	Bytes     uint64 // of replies
	Again     uint64 // segments sent because an ACK left them out
	ThirdLegs uint64 // whole ones; answered with FIN
	FINs      uint64
	RSTs      uint64
	ACKs      uint64 // bare ones
	Wrong     uint64 // bytes that are neither a request nor a third leg
	Forged    uint64 // acknowledges what was never sent
	Dropped   uint64 // frames that are no whole TCP segments
	NoFrames  uint64 // answers for which there was no send frame
}

// Add adds those of another queue.
func (c *Counts) Add(o *Counts) {
	c.SYNs += o.SYNs
	c.Refused += o.Refused
	c.Requests += o.Requests
	c.Swapped += o.Swapped
	c.Segments += o.Segments
	c.Bytes += o.Bytes
	c.Again += o.Again
	c.ThirdLegs += o.ThirdLegs
	c.FINs += o.FINs
	c.RSTs += o.RSTs
	c.ACKs += o.ACKs
	c.Wrong += o.Wrong
	c.Forged += o.Forged
	c.Dropped += o.Dropped
	c.NoFrames += o.NoFrames
}

// responder answers on one queue.
type responder struct {
	*answerer.Loop
	overlay *overlay.Overlay
	request []byte // what is asked
	secret  uint64
	texts   *overlay.Texts
	reply   []byte // in hand
	counts  Counts
}

// account is what the responder saw.
func (r *responder) account() *Counts {
	c := r.counts
	c.Dropped += r.Dropped
	c.NoFrames = r.NoFrames
	return &c
}

// take answers the packet in hand.
func (r *responder) take([]byte) {
	if r.Packet.Kind != linklayer.KindTCP {
		r.counts.Dropped++
		return
	}
	s := &r.Packet.Segment
	switch {
	case s.Flags&linklayer.RST != 0:
		r.counts.RSTs++
	case s.Flags&linklayer.SYN != 0:
		r.syn(s)
	default:
		r.segment(s)
	}
}

// address is whom the packet is for.
func (r *responder) address() gnutella.Address {
	ip := binary.BigEndian.Uint32(r.Packet.Destination[12:])
	return gnutella.Address(uint64(ip)<<16 | uint64(r.Packet.DestinationPort))
}

// isn is the sequence number of the connection's SYN-ACK.
func (r *responder) isn() seq.Number {
	p := &r.Packet
	x := uint64(r.address()) ^ r.secret
	x = (x ^ x>>29) * 0xbf58476d1ce4e5b9
	x += uint64(binary.BigEndian.Uint32(p.Source[12:]))<<16 | uint64(p.SourcePort)
	x = (x ^ x>>32) * 0x94d049bb133111eb
	return seq.Number(x >> 32)
}

func (r *responder) syn(s *linklayer.Segment) {
	node, ok := r.overlay.Node(r.address())
	if !ok || r.overlay.State(node) == overlay.Absent {
		r.counts.Refused++
		r.Send(&linklayer.Segment{Flags: linklayer.RST | linklayer.ACK, Ack: s.Seq + 1})
		return
	}
	r.counts.SYNs++
	r.Send(&linklayer.Segment{
		Flags: linklayer.SYN | linklayer.ACK, Seq: r.isn(), Ack: s.Seq + 1, Window: 65535,
		Options: linklayer.Options{Has: linklayer.HasMSS | linklayer.HasSACKPermitted, MSS: 1460},
	})
}

var thirdLeg = []byte(gnutella.ThirdLeg)

func (r *responder) segment(s *linklayer.Segment) {
	fin := s.Flags & linklayer.FIN
	ack := s.Seq + seq.Number(s.Len())
	switch {
	case len(s.Payload) == 0 && fin == 0:
		r.counts.ACKs++
		r.acknowledged(s)
	case len(s.Payload) == 0:
		r.counts.FINs++
		r.Send(&linklayer.Segment{Flags: linklayer.FIN | linklayer.ACK, Seq: s.Ack, Ack: ack, Window: 65535})
	case bytes.Equal(s.Payload, r.request):
		if s.Ack != r.isn()+1 {
			r.counts.Forged++
			return
		}
		r.answer(s, ack)
	case bytes.Equal(s.Payload, thirdLeg):
		r.counts.ThirdLegs++
		r.Send(&linklayer.Segment{Flags: linklayer.FIN | linklayer.ACK, Seq: s.Ack, Ack: ack, Window: 65535})
	default:
		r.counts.Wrong++
	}
}

// acknowledged takes a bare ACK. Where it leaves out a part of the reply, that
// was lost: it is sent again, from the first byte that is missing.
func (r *responder) acknowledged(s *linklayer.Segment) {
	node, ok := r.overlay.Node(r.address())
	if !ok || r.overlay.State(node) != overlay.Here {
		return
	}
	reply := r.texts.Reply(node)
	have := int(uint32(s.Ack - r.isn() - 1))
	if have >= len(reply) || have == 0 && s.Options.SACKCount == 0 {
		return // all of it, a FIN, or none yet
	}
	r.counts.Again++
	r.reply = reply
	r.piece(r.isn()+1, s.Seq, have, min(have+SegmentBytes, len(reply)), 0)
}

// answer sends a node's reply in pieces; a node that is busy ends there.
func (r *responder) answer(s *linklayer.Segment, ack seq.Number) {
	node, ok := r.overlay.Node(r.address())
	if !ok {
		r.counts.Wrong++
		return
	}
	r.counts.Requests++
	r.reply = r.texts.Reply(node)
	r.counts.Bytes += uint64(len(r.reply))
	if r.overlay.State(node) == overlay.Busy {
		r.piece(s.Ack, ack, 0, len(r.reply), linklayer.FIN)
		return
	}
	pieces := (len(r.reply) + SegmentBytes - 1) / SegmentBytes
	isSwapped := pieces > 1 && (uint64(s.Ack)^r.secret)%swapped == 0
	if isSwapped {
		r.counts.Swapped++
	}
	for k := range pieces {
		if isSwapped {
			k = pieces - 1 - k
		}
		r.piece(s.Ack, ack, k*SegmentBytes, min((k+1)*SegmentBytes, len(r.reply)), 0)
	}
}

// piece sends a part of the reply in hand, whose first byte is number first.
func (r *responder) piece(first, ack seq.Number, from, to int, fin linklayer.Flags) {
	flags := linklayer.ACK | fin
	if to == len(r.reply) {
		flags |= linklayer.PSH
	}
	r.counts.Segments++
	r.Send(&linklayer.Segment{Flags: flags, Seq: first + seq.Number(from), Ack: ack, Window: 65535, Payload: r.reply[from:to]})
}
