package scannet

import (
	"encoding/binary"

	"myriad/examples/internal/answerer"
	"myriad/internal/seq"
	"myriad/linklayer"
)

// icmpQuote is what a router quotes of a packet: its header and 8 bytes.
const icmpQuote = 28

// Counts are what a far end saw.
type Counts struct {
	SYNs     uint64 // whatever they came to
	Accepted uint64 // SYNs answered with SYN-ACK
	Refused  uint64 // SYNs answered with RST
	Greeted  uint64 // connections that stood
	Requests uint64 // segments with data, answered
	RSTs     uint64
	FINs     uint64
	ACKs     uint64 // that ask for no answer
	UDP      uint64
	Echoes   uint64
	ICMP     uint64 // errors sent
	Dropped  uint64 // frames that are no whole packets
	NoFrames uint64 // answers for which there was no send frame
	Lost     uint64 // frames that the device had no room for, either way
}

// Add adds those of another queue.
func (c *Counts) Add(o *Counts) {
	c.SYNs += o.SYNs
	c.Accepted += o.Accepted
	c.Refused += o.Refused
	c.Greeted += o.Greeted
	c.Requests += o.Requests
	c.RSTs += o.RSTs
	c.FINs += o.FINs
	c.ACKs += o.ACKs
	c.UDP += o.UDP
	c.Echoes += o.Echoes
	c.ICMP += o.ICMP
	c.Dropped += o.Dropped
	c.NoFrames += o.NoFrames
	c.Lost += o.Lost
}

// responder answers on one queue.
type responder struct {
	*answerer.Loop
	hosts  Hosts
	text   []byte
	counts Counts
}

// take answers the packet in hand, which is that of the frame.
func (r *responder) take(frame []byte) {
	p := &r.Packet
	host := binary.BigEndian.Uint32(p.Destination[12:])
	kind := r.hosts.Kind(host)
	switch p.Kind {
	case linklayer.KindTCP:
		r.tcp(frame, host, kind)
	case linklayer.KindUDP:
		r.counts.UDP++
		r.udp(frame, host, kind)
	case linklayer.KindICMPEcho:
		r.counts.Echoes++
		r.echo(frame, host, kind)
	}
}

// state is a port's, of whatever kind the host is.
func (r *responder) state(host uint32, kind Kind, port uint16) State {
	switch kind {
	case Everything:
		return Open
	case Plain:
		return r.hosts.State(host, port)
	}
	return Quiet
}

// isn is the sequence number of a connection's SYN-ACK.
func (r *responder) isn() seq.Number {
	p := &r.Packet
	return seq.Number(hash(uint64(binary.BigEndian.Uint32(p.Destination[12:]))<<16|uint64(p.DestinationPort), r.hosts.Seed+uint64(p.SourcePort)))
}

func (r *responder) tcp(frame []byte, host uint32, kind Kind) {
	p, s := &r.Packet, &r.Packet.Segment
	switch {
	case s.Flags&linklayer.RST != 0:
		r.counts.RSTs++
	case s.Flags&linklayer.SYN != 0:
		r.counts.SYNs++
		switch r.state(host, kind, p.DestinationPort) {
		case Open:
			r.counts.Accepted++
			r.Send(&linklayer.Segment{
				Flags: linklayer.SYN | linklayer.ACK, Seq: r.isn(), Ack: s.Seq + 1, Window: 65535,
				Options: linklayer.Options{Has: linklayer.HasMSS, MSS: 1460},
			})
		case Closed:
			r.counts.Refused++
			r.Send(&linklayer.Segment{Flags: linklayer.RST | linklayer.ACK, Ack: s.Seq + 1})
		default:
			if kind == Unreachable {
				r.unreachable(frame, 1)
			}
		}
	default:
		r.later(host)
	}
}

// later answers a segment of a connection that stands.
func (r *responder) later(host uint32) {
	p, s := &r.Packet, &r.Packet.Segment
	ack := s.Seq + seq.Number(s.Len())
	switch {
	case s.Flags&linklayer.FIN != 0:
		r.counts.FINs++
		r.Send(&linklayer.Segment{Flags: linklayer.FIN | linklayer.ACK, Seq: s.Ack, Ack: ack, Window: 65535})
	case s.Ack != r.isn()+1:
		r.counts.ACKs++
	default: // the handshake's third leg, alone or with a request
		r.counts.Greeted++
		if len(s.Payload) > 0 {
			r.counts.Requests++
		}
		r.text = Greeting(r.text[:0], host, p.DestinationPort)
		r.text = append(r.text, s.Payload...)
		r.Send(&linklayer.Segment{Flags: linklayer.ACK | linklayer.PSH | linklayer.FIN, Seq: s.Ack, Ack: ack, Window: 65535, Payload: r.text})
	}
}

func (r *responder) udp(frame []byte, host uint32, kind Kind) {
	p := &r.Packet
	switch r.state(host, kind, p.DestinationPort) {
	case Open:
		if f := r.Room(); f != nil {
			r.text = Greeting(r.text[:0], host, p.DestinationPort)
			r.text = append(r.text, p.UDPPayload...)
			r.Commit(f, linklayer.EmitUDP(f.Data, &r.Path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 0, r.text, 0))
		}
	case Closed:
		r.unreachable(frame, linklayer.ICMPPortUnreachable)
	default:
		if kind == Unreachable {
			r.unreachable(frame, 1)
		}
	}
}

func (r *responder) echo(frame []byte, host uint32, kind Kind) {
	if r.state(host, kind, 0) == Open {
		if f := r.Room(); f != nil {
			r.Commit(f, linklayer.EmitICMPEchoReply(f.Data, frame))
		}
	} else if kind == Unreachable {
		r.unreachable(frame, 1)
	}
}

// unreachable sends an ICMP error that quotes the frame: from the host itself
// where it is about the port, otherwise from the router.
func (r *responder) unreachable(frame []byte, code byte) {
	f := r.Room()
	if f == nil {
		return
	}
	r.counts.ICMP++
	quote := frame[14:min(len(frame), 14+icmpQuote)]
	source := r.Packet.Destination
	if code != linklayer.ICMPPortUnreachable {
		source = router.As16()
	}
	// An echo request has the form of the error: only type and code differ.
	n := linklayer.EmitICMPEcho(f.Data, &r.Path, source, r.Packet.Source, 0, 0, quote)
	icmp := f.Data[34:n]
	icmp[0], icmp[1], icmp[2], icmp[3] = linklayer.ICMPUnreachable, code, 0, 0
	binary.BigEndian.PutUint16(icmp[2:], ^sum(icmp))
	r.Commit(f, n)
}

func sum(b []byte) uint16 {
	total := uint32(0)
	for ; len(b) > 1; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	total = total>>16 + total&0xffff
	return uint16(total>>16 + total)
}
