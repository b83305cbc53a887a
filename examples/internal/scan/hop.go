package scan

import (
	"slices"
	"time"

	"myriad/linklayer"
)

// hop is the next hop that was used last.
type hop struct {
	address  [16]byte
	version  uint32
	known    bool
	ethernet [12]byte
}

// hopState says how far the resolution of a next hop has come.
type hopState uint8

const (
	hopKnown  hopState = iota
	hopWanted          // it is being asked for
	hopFailed          // nobody answers for the target itself, which would be on the link
	hopGone            // the gateway does not answer
	hopNone            // there is no route
)

// nextHop returns the Ethernet addresses for a target.
func (w *Worker) nextHop(target uint32) (*[12]byte, hopState) {
	s := w.scanner
	if s.routes == nil {
		return &s.gateway, hopKnown
	}
	next, routed := s.routes.NextHop(linklayer.Mapped(target))
	if !routed {
		return nil, hopNone
	}
	version := s.neighbors.Version()
	if w.hop.known && w.hop.address == next && w.hop.version == version {
		return &w.hop.ethernet, hopKnown
	}
	if mac, ok := s.neighbors.Lookup(next); ok {
		w.hop = hop{next, version, true, s.ethernet(mac)}
		return &w.hop.ethernet, hopKnown
	}
	if s.neighbors.Failed(next) {
		if next == linklayer.Mapped(target) {
			return nil, hopFailed
		}
		return nil, hopGone
	}
	if s.neighbors.Request(next, w.now) {
		w.askFor(linklayer.Probe{IP: next})
	}
	w.gatewayWanted = w.gatewayWanted || next != linklayer.Mapped(target)
	return nil, hopWanted
}

// askFor sends an ARP request, if there is a frame: it is repeated otherwise.
func (w *Worker) askFor(p linklayer.Probe) {
	if !w.frameReady() {
		return
	}
	f := &w.tx[w.filled]
	f.Data = f.Data[:linklayer.EmitARPRequest(f.Data, w.scanner.mac, linklayer.Mapped(w.scanner.sources[0]), p.IP, p.Known)]
	w.filled++
	w.free++
}

// hold parks an index until its next hop is known, or settles it when there is
// none.
func (w *Worker) hold(i uint64, address uint32, port uint16, state hopState) {
	if state == hopWanted {
		if !slices.Contains(w.parked, i) {
			w.parked = append(w.parked, i)
		}
		return
	}
	if first, _ := w.window.mark(i); !first {
		return
	}
	r := w.report(Result{Address: address, Port: port, Outcome: Unsent, Reason: NoRoute})
	switch state {
	case hopFailed:
		r.Outcome, r.Reason = Filtered, NoNeighbor
	case hopGone:
		r.Reason = NoGateway
	}
	w.finish(r)
}

// parkedEvery is how often those that wait for a next hop are looked at.
const parkedEvery = 50 * time.Millisecond

// retryParked looks at those that wait for a next hop, and repeats ARP requests.
func (w *Worker) retryParked(budget *int) {
	s := w.scanner
	if s.routes == nil {
		return
	}
	if w.index == 0 || len(w.parked) > 0 {
		w.wait(w.probed + parkedEvery)
	}
	version, due := s.neighbors.Version(), w.now-w.probed >= parkedEvery
	if due {
		w.probed = w.now
		w.probeNeighbors()
	}
	if len(w.parked) > 0 && !due && version == w.parkedVersion && !w.unlooked {
		return
	}
	// What is parked still for a gateway says so again.
	w.parkedVersion, w.unlooked, w.gatewayWanted = version, false, false
	waiting := w.parked
	w.parked = w.parked[:0]
	for k, i := range waiting {
		if *budget <= 0 || !w.frameReady() {
			w.parked, w.unlooked = append(w.parked, waiting[k:]...), true
			return
		}
		if w.window.open(i/wordBits)>>(i%wordBits)&1 == 0 {
			continue
		}
		switch sent, until := w.probe(i); {
		case until > 0:
			w.parked = append(w.parked, i)
		case sent:
			w.window.sentAt[i/wordBits&w.window.mask] = w.now
			w.counts.Probes++
			*budget--
		}
	}
}

// probeNeighbors repeats and renews ARP requests; the first worker does it for
// all.
func (w *Worker) probeNeighbors() {
	if w.index != 0 {
		return
	}
	var probes [16]linklayer.Probe
	for _, p := range probes[:w.scanner.neighbors.Due(w.now, probes[:])] {
		w.askFor(p)
	}
}

// parkedWord is the first word with an index that is parked.
func (w *Worker) parkedWord() uint64 {
	if len(w.parked) == 0 {
		return ^uint64(0)
	}
	return slices.Min(w.parked) / wordBits
}
