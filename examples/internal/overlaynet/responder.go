package overlaynet

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"time"

	"myriad/examples/internal/gnutella"
	"myriad/examples/internal/overlay"
	"myriad/internal/seq"
	"myriad/iobackend"
	"myriad/linklayer"
)

const (
	// SegmentBytes is the most that a segment of a reply carries: less than
	// the usual MSS, so that nearly every reply is two segments or more.
	SegmentBytes = 1024
	// swapped is how rarely a reply's segments come in the wrong order.
	swapped = 64

	batch    = 256
	replyMax = 8 << 10
	spins    = 8
	nap      = 10 * time.Millisecond
)

// Counts are what a far end saw.
type Counts struct {
	SYNs      uint64 // answered
	Refused   uint64 // SYNs answered with RST
	Requests  uint64 // answered
	Swapped   uint64 // of them, in the wrong order
	Segments  uint64 // of replies
	Bytes     uint64 // of replies
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
	queue   iobackend.Queue
	overlay *overlay.Overlay
	request []byte // what is asked
	secret  uint64
	mac     [6]byte

	rx, tx   []iobackend.Frame
	reserved int
	used     int
	packet   linklayer.Packet
	path     linklayer.Path
	to       [6]byte // whom path leads to
	room     []gnutella.Address
	reply    []byte
	counts   Counts
}

func newResponder(q iobackend.Queue, o *overlay.Overlay, request []byte, secret uint64, mac [6]byte) *responder {
	return &responder{
		queue: q, overlay: o, request: request, secret: secret, mac: mac,
		rx: make([]iobackend.Frame, batch), tx: make([]iobackend.Frame, 2*batch),
		reply: make([]byte, 0, replyMax),
	}
}

// run answers until stop is closed or the device fails.
func (r *responder) run(stop <-chan struct{}) error {
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	idle := 0
	for {
		count, now, err := r.queue.Receive(r.rx)
		if err != nil {
			return err
		}
		for i := range r.rx[:count] {
			r.frame(&r.rx[i])
		}
		r.queue.Release(r.rx[:count])
		if err := r.flush(); err != nil {
			return err
		}
		if count > 0 {
			idle = 0
			continue
		}
		if idle++; idle <= spins {
			continue
		}
		select {
		case <-stop:
			return nil
		default:
		}
		if err := r.queue.Wait(now + nap); err != nil {
			return err
		}
		idle = 0
	}
}

func (r *responder) frame(f *iobackend.Frame) {
	p := &r.packet
	if drop := linklayer.Parse(f.Data, f.ChecksumOK, p); drop != linklayer.DropNone || p.Kind != linklayer.KindTCP {
		r.counts.Dropped++
		return
	}
	if r.to != p.EthSource {
		r.to = p.EthSource
		r.path = linklayer.NewPath(r.mac, r.to, 64, 0)
	}
	s := &p.Segment
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
	ip := binary.BigEndian.Uint32(r.packet.Destination[12:])
	return gnutella.Address(uint64(ip)<<16 | uint64(r.packet.DestinationPort))
}

// isn is the sequence number of the connection's SYN-ACK.
func (r *responder) isn() seq.Number {
	p := &r.packet
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
		r.send(&linklayer.Segment{Flags: linklayer.RST | linklayer.ACK, Ack: s.Seq + 1})
		return
	}
	r.counts.SYNs++
	r.send(&linklayer.Segment{
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
	case len(s.Payload) == 0:
		r.counts.FINs++
		r.send(&linklayer.Segment{Flags: linklayer.FIN | linklayer.ACK, Seq: s.Ack, Ack: ack, Window: 65535})
	case bytes.Equal(s.Payload, r.request):
		if s.Ack != r.isn()+1 {
			r.counts.Forged++
			return
		}
		r.answer(s, ack)
	case bytes.Equal(s.Payload, thirdLeg):
		r.counts.ThirdLegs++
		r.send(&linklayer.Segment{Flags: linklayer.FIN | linklayer.ACK, Seq: s.Ack, Ack: ack, Window: 65535})
	default:
		r.counts.Wrong++
	}
}

// answer sends a node's reply in pieces; a node that is busy ends there.
func (r *responder) answer(s *linklayer.Segment, ack seq.Number) {
	node, ok := r.overlay.Node(r.address())
	if !ok {
		r.counts.Wrong++
		return
	}
	r.counts.Requests++
	r.reply = r.overlay.AppendReply(r.reply[:0], node, &r.room)
	r.counts.Bytes += uint64(len(r.reply))
	if r.overlay.State(node) == overlay.Busy {
		r.piece(s, ack, 0, len(r.reply), linklayer.FIN)
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
		r.piece(s, ack, k*SegmentBytes, min((k+1)*SegmentBytes, len(r.reply)), 0)
	}
}

func (r *responder) piece(s *linklayer.Segment, ack seq.Number, from, to int, fin linklayer.Flags) {
	flags := linklayer.ACK | fin
	if to == len(r.reply) {
		flags |= linklayer.PSH
	}
	r.counts.Segments++
	r.send(&linklayer.Segment{Flags: flags, Seq: s.Ack + seq.Number(from), Ack: ack, Window: 65535, Payload: r.reply[from:to]})
}

// send answers the packet in hand.
func (r *responder) send(s *linklayer.Segment) {
	if r.used == r.reserved {
		if r.flush() != nil {
			return // and the next Receive says it again
		}
		r.reserved += r.queue.Reserve(r.tx[r.reserved:])
		if r.used == r.reserved {
			r.counts.NoFrames++
			return
		}
	}
	p, f := &r.packet, &r.tx[r.used]
	n := linklayer.EmitTCP(f.Data, &r.path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 0, s, 0)
	f.Data = f.Data[:n]
	r.used++
}

// flush sends what was filled, and keeps the rest of the reserved frames.
func (r *responder) flush() error {
	if r.used == 0 {
		return nil
	}
	err := r.queue.Transmit(r.tx[:r.used])
	r.reserved = copy(r.tx, r.tx[r.used:r.reserved])
	r.used = 0
	return err
}
