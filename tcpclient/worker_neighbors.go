package tcpclient

import (
	"net/netip"
	"time"

	"myriad/conntable"
	"myriad/handshake"
	"myriad/linklayer"
)

// parked are connections whose next hop is being asked for.
type parked struct {
	list    []uint32
	version uint32        // of the neighbour table when they were last looked at
	at      time.Duration // when that was
}

// hop is the next hop that the worker used last, ready for use again.
type hop struct {
	address [16]byte
	version uint32
	known   bool
	path    linklayer.Path
}

// pathTo returns the headers' template for the connection's next hop; nil when
// the connection has to wait for it, or has failed for want of it.
func (w *Worker) pathTo(i uint32, e *conntable.Entry) *linklayer.Path {
	path, state := w.nextHop(e.Remote)
	switch state {
	case hopWanted:
		w.parked.list = append(w.parked.list, i) // Queued stays set
		w.rearm(i)
	case hopNone:
		w.unreachable(i)
	}
	return path
}

// hopState says how far the resolution of a next hop has come.
type hopState uint8

const (
	hopKnown  hopState = iota
	hopWanted          // it is being asked for
	hopNone            // there is no route, or nobody answers
)

// nextHop returns the headers' template for a destination, and has its next
// hop asked for if need be.
func (w *Worker) nextHop(remote uint32) (*linklayer.Path, hopState) {
	if w.link.onePath {
		return &w.link.path, hopKnown
	}
	next, routed := w.link.routes.NextHop(linklayer.Mapped(remote))
	if !routed {
		return nil, hopNone
	}
	version := w.link.neighbors.Version()
	if w.hop.known && w.hop.address == next && w.hop.version == version {
		return &w.hop.path, hopKnown
	}
	mac, ok := w.link.neighbors.Lookup(next)
	if ok {
		w.hop = hop{next, version, true, w.link.pathTo(mac)}
		return &w.hop.path, hopKnown
	}
	if w.link.neighbors.Failed(next) {
		return nil, hopNone
	}
	if w.link.neighbors.Request(next, w.now) {
		w.askFor(linklayer.Probe{IP: next})
	}
	return nil, hopWanted
}

// askFor broadcasts an ARP request, or confirms a known neighbour.
func (w *Worker) askFor(p linklayer.Probe) {
	if w.link.kernel != nil {
		w.link.kernel.ask(w, netip.AddrFrom16(p.IP).Unmap())
		return
	}
	frame := w.transmit.frame(w)
	if frame == nil {
		return // asked again before long
	}
	w.counters.local[arpRequests]++
	w.transmit.commit(w, linklayer.EmitARPRequest(frame.Data, w.link.mac, w.link.sources.at(0), p.IP, p.Known), false)
}

// unreachable: nobody on the link answers for the connection's next hop. One
// that stands goes on trying, as after any lost segment.
func (w *Worker) unreachable(i uint32) {
	e := w.table.At(i)
	e.Flags &^= handshake.Queued
	w.counters.local[noNeighbor]++
	switch {
	case handshake.Resetting(e.Flags):
		w.remove(i)
	case e.State == conntable.SynSent:
		w.result(i, &handshake.Result{Events: handshake.Failed | handshake.Gone, Reason: Unreachable})
	default:
		w.machine.Unsent(i, w.now)
		w.rearm(i)
	}
}

// retryParked looks again at the connections that wait for a next hop, when
// the neighbour table has changed or some time has passed.
func (w *Worker) retryParked() {
	w.probeNeighbors()
	version := w.link.version()
	p := &w.parked
	if len(p.list) == 0 || version == p.version && w.now-p.at < neighborPoll {
		return
	}
	p.version, p.at = version, w.now
	w.output = append(w.output, p.list...)
	p.list = p.list[:0]
}

// probeNeighbors repeats and renews ARP requests; the interface's first worker
// does it for all.
func (w *Worker) probeNeighbors() {
	const every = 500 * time.Millisecond
	if w.shard != 0 || w.link.onePath || w.now-w.probedAt < every {
		return
	}
	w.probedAt = w.now
	var probes [16]linklayer.Probe
	for _, p := range probes[:w.link.neighbors.Due(w.now, probes[:])] {
		w.askFor(p)
	}
}
