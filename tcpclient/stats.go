package tcpclient

import (
	"sync"
	"time"

	"myriad/handshake"
	"myriad/linklayer"
)

// Stats are totals since the start, over all workers.
type Stats struct {
	Opened          uint64 // connections asked for
	Connected       uint64 // handshakes completed
	Closed          uint64 // ended in order
	Reset           uint64 // ended by the application with Reset
	Failed          uint64
	Queries         uint64 // UDP queries asked for
	Replies         uint64 // of them, answered
	QueriesFailed   uint64
	ConnectionsOpen uint64            // now, those in TIME-WAIT not included
	FailedBy        map[string]uint64 // by Reason
	FramesReceived  uint64
	FramesSent      uint64
	BytesReceived   uint64
	BytesSent       uint64
	Retransmitted   uint64            // segments sent again
	Drops           map[string]uint64 // every received frame or segment that was dropped, by name
	Counters        map[string]uint64 // everything else, by name
}

// local are the counters of the workers themselves; those before drops end
// are drops.
type localCounter int

const (
	dropJumbo localCounter = iota
	dropNotOurs
	dropHandOver
	dropNoConnection
	dropICMPUnmatched
	dropUnhandled
	dropNoQuery
	dropLate
	localDrops

	heldRefusal
	waitFrames
	dropTooLong
	transmitErrors
	arpRequests
	noNeighbor
	timeWaitShortened
	refusedNoMemory
	queriesRepeated
	assertions
	linkDown
	mtuChanges
	localCount
)

var localNames = [localCount]string{
	dropJumbo:         "frame_in_pieces",
	dropNotOurs:       "not_our_address",
	dropHandOver:      "hand_over_full",
	dropNoConnection:  "no_connection",
	dropICMPUnmatched: "icmp_unmatched",
	dropUnhandled:     "unhandled_protocol",
	dropNoQuery:       "no_query",
	dropLate:          "reply_late",
	queriesRepeated:   "queries_repeated",
	assertions:        "assertions_failed",
	linkDown:          "link_down",
	mtuChanges:        "mtu_changes",
	heldRefusal:       "reply_rate_limited",
	waitFrames:        "waited_for_send_frames",
	dropTooLong:       "segment_too_long",
	transmitErrors:    "transmit_errors",
	arpRequests:       "arp_requests",
	noNeighbor:        "next_hop_unreachable",
	timeWaitShortened: "time_wait_shortened",
	refusedNoMemory:   "send_refused_no_memory",
}

// counters are one worker's.
type counters struct {
	opened, connected, closed, reset, failed, open uint64
	framesReceived, framesSent                     uint64
	bytesReceived, bytesSent                       uint64
	queries, replies, queriesFailed                uint64
	failedBy                                       [handshake.ReasonCount]uint64
	drops                                          [linklayer.DropCount]uint64
	local                                          [localCount]uint64
}

// published is what other goroutines see of a worker's counters.
type published struct {
	mutex    sync.Mutex
	at       time.Duration
	counters counters
	protocol handshake.Counters
	sides    int
	buffers  int
	rest     uint64
}

const publishEvery = 5 * time.Millisecond

// publish makes the counters visible, every few milliseconds, or now.
func (w *Worker) publish(now bool) {
	p := &w.published
	if !now && w.now-p.at < publishEvery {
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.at = w.now
	p.counters, p.protocol = w.counters, w.machine.Counters
	p.sides, p.buffers = w.machine.SidesInUse(), w.machine.BufferBytes()
	p.rest = w.resting.Shortened()
}

// Stats sums up the workers' counters, at most a few milliseconds old.
func (c *Client) Stats() Stats {
	s := Stats{FailedBy: map[string]uint64{}, Drops: map[string]uint64{}, Counters: map[string]uint64{}}
	for _, w := range c.workers {
		w.published.mutex.Lock()
		s.add(&w.published)
		w.published.mutex.Unlock()
		s.addQueue(w)
	}
	for _, l := range c.links {
		if l.neighbors != nil {
			n := l.neighbors.Counters()
			s.Counters["arp_conflicts"] += n.Conflicts
			s.Counters["arp_unsolicited"] += n.Unsolicited
			s.Counters["neighbors_failed"] += n.Failed
			s.Counters["neighbors_full"] += n.Full
		}
	}
	return s
}

func (s *Stats) add(p *published) {
	c := &p.counters
	s.Opened += c.opened
	s.Connected += c.connected
	s.Closed += c.closed
	s.Reset += c.reset
	s.Failed += c.failed
	s.Queries += c.queries
	s.Replies += c.replies
	s.QueriesFailed += c.queriesFailed
	s.ConnectionsOpen += c.open
	s.FramesReceived += c.framesReceived
	s.FramesSent += c.framesSent
	s.BytesReceived += c.bytesReceived
	s.BytesSent += c.bytesSent
	s.Retransmitted += p.protocol.Retransmitted
	for k, n := range c.failedBy {
		addNonzero(s.FailedBy, handshake.Reason(k).String(), n)
	}
	for k, n := range c.drops {
		addNonzero(s.Drops, linklayer.Drop(k).String(), n)
	}
	for k, n := range p.protocol.Drops {
		addNonzero(s.Drops, handshake.Drop(k).String(), n)
	}
	for k, n := range c.local[:localDrops] {
		addNonzero(s.Drops, localNames[k], n)
	}
	for k, n := range c.local[localDrops:] {
		addNonzero(s.Counters, localNames[int(localDrops)+k], n)
	}
	s.addProtocol(p)
}

func (s *Stats) addProtocol(p *published) {
	m := &p.protocol
	for _, v := range []struct {
		name  string
		count uint64
	}{
		{"fast_recoveries", m.FastRecoveries},
		{"retransmission_timeouts", m.Timeouts},
		{"loss_probes", m.LossProbes},
		{"recoveries_undone", m.Undone},
		{"segment_records_full", m.FlightsFull},
		{"window_probes", m.Probes},
		{"out_of_order", m.OutOfOrder},
		{"dsacks", m.DSACKs},
		{"challenge_acks", m.Challenges},
		{"challenge_acks_held", m.ChallengesHeld},
		{"icmp_soft_errors", m.SoftErrors},
		{"side_records_most", m.SidesMax},
		{"side_records", uint64(p.sides)},
		{"buffer_bytes", uint64(p.buffers)},
		{"rest_shortened", p.rest},
	} {
		addNonzero(s.Counters, v.name, v.count)
	}
}

// addQueue adds what the device counted.
func (s *Stats) addQueue(w *Worker) {
	q := w.queue.Counters()
	addNonzero(s.Drops, "device_ring_full", q.DropRingFull)
	addNonzero(s.Drops, "device_fill_empty", q.DropFillEmpty)
	addNonzero(s.Drops, "device_invalid_descriptor", q.DropInvalid)
	addNonzero(s.Drops, "device_transmit", q.DropTransmit)
	addNonzero(s.Counters, "handed_over", q.HandedOver)
	addNonzero(s.Counters, "kicks", q.Kicks)
	addNonzero(s.Counters, "waits", q.Waits)
	addNonzero(s.Counters, "filter_attached_again", q.Reattached)
	addNonzero(s.Counters, "completions_late", q.CompletionsLate)
}

func addNonzero(m map[string]uint64, name string, count uint64) {
	if count != 0 {
		m[name] += count
	}
}
