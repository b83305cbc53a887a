package tcpclient

import (
	"myriad/conntable"
	"myriad/iobackend"
	"myriad/linklayer"
)

// control handles what is not TCP: ARP, ICMP.
func (w *Worker) control(f *iobackend.Frame, p *linklayer.Packet) {
	switch p.Kind {
	case linklayer.KindARP:
		w.arp(&p.ARP)
	case linklayer.KindICMPEcho:
		w.echo(f, p)
	case linklayer.KindICMPError:
		w.icmp(f, &p.ICMP)
	default:
		w.counters.local[dropUnhandled]++
	}
}

// arp answers questions about our addresses and learns from the answers to
// ours.
func (w *Worker) arp(a *linklayer.ARP) {
	if _, ours := w.link.sources.index(&a.TargetIP); !ours {
		w.counters.local[dropNotOurs]++
		return
	}
	if a.Op != linklayer.ARPRequest {
		w.link.neighbors.Learn(a.SenderIP, a.Sender, w.now)
		return
	}
	frame := w.transmit.frame(w)
	if frame == nil || !w.answers.take(w.now, w.ipIDs) {
		w.counters.local[heldRefusal]++
		return
	}
	w.transmit.commit(w, linklayer.EmitARPReply(frame.Data, w.link.mac, a), false)
}

// echo answers a ping.
func (w *Worker) echo(f *iobackend.Frame, p *linklayer.Packet) {
	if _, ours := w.link.sources.index(&p.Destination); !ours {
		w.counters.local[dropNotOurs]++
		return
	}
	frame := w.transmit.frame(w)
	if frame == nil || !w.refusals.take(w.now, w.ipIDs) {
		w.counters.local[heldRefusal]++
		return
	}
	w.transmit.commit(w, linklayer.EmitICMPEchoReply(frame.Data, f.Data), false)
}

// icmp handles an ICMP error: it counts only if what it quotes is in flight
// (RFC 5927).
func (w *Worker) icmp(f *iobackend.Frame, m *linklayer.ICMP) {
	q := &m.Quoted
	local, ours := w.link.sources.index(&q.Source)
	if ours && q.Protocol == linklayer.ProtocolUDP && w.datagrams != nil {
		w.icmpQuery(f, m, local)
		return
	}
	if !ours || q.Protocol != linklayer.ProtocolTCP {
		w.counters.local[dropICMPUnmatched]++
		return
	}
	if owner := conntable.Owner(q.SourcePort, w.link.workers); owner != w.shard {
		w.handOver(f, owner)
		return
	}
	key := conntable.Key{Remote: linklayer.Number(&q.Destination), RemotePort: q.DestinationPort, LocalPort: q.SourcePort, Local: local}
	i, known := w.table.Lookup(&key)
	if !known {
		w.counters.local[dropICMPUnmatched]++
		return
	}
	w.inHand = i
	if !w.icmpFor(i, m) {
		w.counters.local[dropICMPUnmatched]++
	}
	w.inHand = conntable.None // as for the frames that follow
}

// icmpFor applies the error to connection i, and reports whether it counted.
func (w *Worker) icmpFor(i uint32, m *linklayer.ICMP) bool {
	switch m.Type {
	case linklayer.ICMPSourceQuench, linklayer.ICMPRedirect:
		return true // ignored by design (RFC 6633, RFC 5927 §8)
	case linklayer.ICMPUnreachable:
		if m.Code == linklayer.ICMPFragmentationNeeded {
			counted := w.machine.LowerMSS(i, m.Quoted.Seq, int(m.MTU), w.now)
			w.queueOutput(i)
			return counted
		}
	}
	r, counted := w.machine.Unreachable(i, m.Quoted.Seq, w.now)
	w.result(i, &r)
	return counted
}
