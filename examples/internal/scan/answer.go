package scan

import (
	"myriad/iobackend"
	"myriad/linklayer"
)

// take looks at a received frame, and reports whether it was for the scanner
// alone.
func (w *Worker) take(f *iobackend.Frame) bool {
	w.counts.Received++
	s, p := w.scanner, &w.packet
	if f.More || f.Data == nil {
		return false
	}
	if why := linklayer.Parse(f.Data, f.ChecksumOK, p); why != linklayer.DropNone {
		switch why {
		case linklayer.DropICMPType, linklayer.DropICMPRedirect, linklayer.DropICMPSourceQuench: // whole, and not for us
			w.counts.Ignored++
		default:
			w.counts.Malformed++
		}
		return false // the client knows its name
	}
	switch p.Kind {
	case linklayer.KindARP:
		return w.arp()
	case linklayer.KindTCP:
		switch port := uint32(p.DestinationPort); {
		case port-s.ports.Probes < s.ports.ProbesCount:
			w.segment()
		case port-s.ports.Canary < s.ports.CanaryCount:
			w.canarySegment()
		default:
			return false
		}
		return true
	case linklayer.KindUDP:
		return w.datagram()
	case linklayer.KindICMPError:
		return w.icmpError()
	case linklayer.KindOther:
		return w.echoReply()
	}
	return false
}

// arp answers questions about our addresses, which must not wait for the rate,
// and learns from the answers to ours.
func (w *Worker) arp() bool {
	s, a := w.scanner, &w.packet.ARP
	if a.Op == linklayer.ARPReply {
		s.neighbors.Learn(a.SenderIP, a.Sender, w.now)
		return false // the client may have asked, too
	}
	if !s.isOurs(ip16(&a.TargetIP)) {
		return false
	}
	if w.arps.full() {
		w.counts.ARPFull++
	} else {
		w.arps.push(*a)
	}
	return true
}

// sendARPs answers.
func (w *Worker) sendARPs() {
	for w.arps.len() > 0 && w.frameReady() {
		f := &w.tx[w.filled]
		f.Data = f.Data[:linklayer.EmitARPReply(f.Data, w.scanner.mac, w.arps.front())]
		w.filled++
		w.free++
		w.counts.ARPReplies++
		w.arps.pop()
	}
}

// segment is TCP's answer to a probe.
func (w *Worker) segment() {
	s, p := w.scanner, &w.packet
	address := ip16(&p.Source)
	c := s.key.cookieFor(address, p.SourcePort, uint32(len(s.sources)), s.ports.ProbesCount)
	if s.cfg.Protocol != TCP || uint32(p.DestinationPort) != s.ports.Probes+uint32(c.port) || !s.sourceIs(c.source, &p.Destination) {
		w.counts.Forged++
		return
	}
	r := w.report(Result{Address: address, Port: p.SourcePort, TTL: p.TTL})
	switch flags, acked := p.Segment.Flags, uint32(p.Segment.Ack) == c.number+1; {
	case flags&(linklayer.SYN|linklayer.ACK|linklayer.RST) == linklayer.SYN|linklayer.ACK && acked:
		w.reset() // else the host would ask for the third leg for a minute
		r.Outcome, r.Reason = Open, SYNACK
	case flags&(linklayer.RST|linklayer.ACK) == linklayer.RST|linklayer.ACK && acked:
		r.Outcome, r.Reason = Closed, Refused
	case flags&(linklayer.SYN|linklayer.ACK|linklayer.RST) == linklayer.ACK && !acked:
		// It remembers a connection of these ends: RST ends that, and a retry
		// finds the port as it is.
		w.counts.Stale++
		w.reset()
		return
	default:
		w.counts.Forged++
		return
	}
	w.answered(r)
}

// datagram is UDP's answer to a probe.
func (w *Worker) datagram() bool {
	s, p := w.scanner, &w.packet
	if uint32(p.DestinationPort)-s.ports.Probes >= s.ports.ProbesCount || s.cfg.Protocol != UDP {
		return false
	}
	address := ip16(&p.Source)
	c := s.key.cookieFor(address, p.SourcePort, uint32(len(s.sources)), s.ports.ProbesCount)
	if uint32(p.DestinationPort) != s.ports.Probes+uint32(c.port) || !s.sourceIs(c.source, &p.Destination) {
		w.counts.Forged++
		return true
	}
	reply := p.UDPPayload[:min(len(p.UDPPayload), BannerMax)]
	w.answered(w.report(Result{Address: address, Port: p.SourcePort, Outcome: Open, Reason: Reply, TTL: p.TTL, Reply: reply}))
	return true
}

// echoReply is ICMP's answer to a probe.
func (w *Worker) echoReply() bool {
	s, p := w.scanner, &w.packet
	if s.cfg.Protocol != ICMP || p.ICMP.Type != linklayer.ICMPEchoReply {
		return false
	}
	address := ip16(&p.Source)
	c := s.key.cookieFor(address, 0, uint32(len(s.sources)), s.ports.ProbesCount)
	if p.ICMP.Echo != c.number || !s.sourceIs(c.source, &p.Destination) {
		w.counts.Forged++
		return true
	}
	w.answered(w.report(Result{Address: address, Outcome: Open, Reason: Reply, TTL: p.TTL}))
	return true
}

// icmpError is about a probe if it quotes one: all of the cookie that there is.
func (w *Worker) icmpError() bool {
	s, p := w.scanner, &w.packet
	q := &p.ICMP.Quoted
	if q.Protocol != uint8(s.cfg.Protocol) {
		return false
	}
	address, port := ip16(&q.Destination), q.DestinationPort
	if s.cfg.Protocol == ICMP {
		port = 0
	} else if from := uint32(q.SourcePort); from-s.ports.Probes >= s.ports.ProbesCount {
		return from-s.ports.Canary < s.ports.CanaryCount // a canary's host says no in another way
	}
	c := s.key.cookieFor(address, port, uint32(len(s.sources)), s.ports.ProbesCount)
	ok := s.sourceIs(c.source, &q.Source)
	if s.cfg.Protocol != ICMP {
		ok = ok && uint32(q.SourcePort) == s.ports.Probes+uint32(c.port)
	}
	if s.cfg.Protocol != UDP {
		ok = ok && uint32(q.Seq) == c.number
	}
	if !ok {
		w.counts.Forged++
		return true
	}
	r := w.report(Result{Address: address, Port: port, Outcome: Filtered, Reason: icmpReason(p.ICMP.Type, p.ICMP.Code), TTL: p.TTL})
	if r.Reason == PortUnreachable && s.cfg.Protocol == UDP && p.Source == q.Destination {
		r.Outcome = Closed
	}
	w.answered(r)
	return true
}

// report is the result in hand: one of the worker's, so that none is allocated.
func (w *Worker) report(r Result) *Result {
	r.At = w.now
	w.result = r
	return &w.result
}

// icmpReason names an error (RFC 792, RFC 1812 §5.2.7.1).
func icmpReason(kind, code uint8) Reason {
	if kind == linklayer.ICMPTimeExceeded {
		return TimeExceeded
	}
	if kind != linklayer.ICMPUnreachable {
		return OtherUnreachable
	}
	switch code {
	case 0, 6, 11:
		return NetworkUnreachable
	case 1, 7, 8, 12:
		return HostUnreachable
	case linklayer.ICMPPortUnreachable:
		return PortUnreachable
	case 9, 10, 13:
		return Prohibited
	}
	return OtherUnreachable
}

// answered settles a target that answered for the first time, and in time.
func (w *Worker) answered(r *Result) {
	s := w.scanner
	place, ok := s.cfg.Space.Place(r.Address, r.Port)
	if !ok {
		w.counts.Foreign++
		return
	}
	owner, i, ok := w.job.indexOf(place)
	if !ok {
		w.counts.Late++
		return
	}
	window := w.job.windows[owner]
	first, within := window.mark(i)
	switch {
	case !within:
		w.counts.Late++
	case !first:
		w.counts.Duplicate++
	default:
		r.Attempts, r.index = window.attempts(i), w.job.index(owner, i)
		if owner == w.index && r.Outcome != Filtered {
			w.observe(i)
		}
		if r.Outcome == Open && s.cfg.Canary {
			w.tryCanary(r)
		} else {
			w.lookCloser(r)
		}
	}
}

// observe takes note of the delay of index i's answer, which came now.
func (w *Worker) observe(i uint64) {
	if d, ok := w.window.delay(i, w.now); ok {
		w.delays.Observe(d)
	}
}

// finish counts a target's outcome and reports it.
func (w *Worker) finish(r *Result) {
	w.note(r.Outcome, r.Reason, 1)
	if r.Canary == CanaryAnswersAll {
		w.counts.AnswersAll++
	}
	w.scanner.cfg.Result(w.index, r)
}

// reset is a RST that waits to leave.
type reset struct {
	to                     [6]byte
	source, target         uint32
	sourcePort, targetPort uint16
	number                 uint32
}

// reset answers the segment in hand with RST, soon.
func (w *Worker) reset() {
	p := &w.packet
	if w.resets.full() {
		w.counts.Skipped++
		return
	}
	w.resets.push(reset{
		to: p.EthSource, source: ip16(&p.Destination), target: ip16(&p.Source),
		sourcePort: p.DestinationPort, targetPort: p.SourcePort, number: uint32(p.Segment.Ack),
	})
}

// sendResets sends what waits.
func (w *Worker) sendResets(budget *int) {
	for w.resets.len() > 0 && *budget > 0 && w.frameReady() {
		r := w.resets.front()
		f := &w.tx[w.filled]
		path := linklayer.NewPath(w.scanner.mac, r.to, ttl, 0)
		segment := linklayer.Segment{Flags: linklayer.RST, Seq: seqNumber(r.number)}
		f.Data = f.Data[:linklayer.EmitTCP(f.Data, &path, linklayer.Mapped(r.source), linklayer.Mapped(r.target),
			r.sourcePort, r.targetPort, uint16(r.number), &segment, 0)]
		w.filled++
		w.counts.Resets++
		w.resets.pop()
		*budget--
	}
	if w.resets.len() > 0 {
		w.wait(w.bucket.next(w.now))
	}
}
