package handshake

// Drop is a reason for which a segment, or part of it, was not taken.
type Drop uint8

const (
	_ Drop = iota
	DropNoACK
	DropBadACKInSynSent
	DropNoSYNInSynSent
	DropRSTInSynSent
	DropDuplicate
	DropOutOfWindow
	DropRSTOutOfWindow
	DropRSTChallenged
	DropSYNChallenged
	DropACKOfUnsent
	DropACKTooOld
	DropPAWS
	DropHolesFull
	DropNoSide
	DropNoBuffer
	DropAfterFIN
	DropUnread
	DropResetting
	DropTimestampMissing
	DropCount
)

var dropNames = [DropCount]string{
	DropNoACK:            "tcp_no_ack",
	DropBadACKInSynSent:  "tcp_syn_sent_bad_ack",
	DropNoSYNInSynSent:   "tcp_syn_sent_no_syn",
	DropRSTInSynSent:     "tcp_syn_sent_stray_rst",
	DropDuplicate:        "tcp_duplicate",
	DropOutOfWindow:      "tcp_out_of_window",
	DropRSTOutOfWindow:   "tcp_rst_out_of_window",
	DropRSTChallenged:    "tcp_rst_challenged",
	DropSYNChallenged:    "tcp_syn_challenged",
	DropACKOfUnsent:      "tcp_ack_of_unsent",
	DropACKTooOld:        "tcp_ack_too_old",
	DropPAWS:             "tcp_paws",
	DropHolesFull:        "tcp_holes_full",
	DropNoSide:           "tcp_side_records_full",
	DropNoBuffer:         "tcp_buffer_memory_full",
	DropAfterFIN:         "tcp_data_after_fin",
	DropUnread:           "tcp_data_unread",
	DropResetting:        "tcp_resetting",
	DropTimestampMissing: "tcp_timestamp_missing",
}

// String is the counter's name.
func (d Drop) String() string {
	if d < DropCount && dropNames[d] != "" {
		return dropNames[d]
	}
	return "tcp_unknown"
}

// Counters are totals since New.
type Counters struct {
	Drops          [DropCount]uint64
	Retransmitted  uint64 // segments sent again, SYN and FIN included
	FastRecoveries uint64
	Timeouts       uint64 // retransmission timeouts
	LossProbes     uint64 // tail loss probes
	Undone         uint64 // recoveries that turned out to be for nothing
	FlightsFull    uint64 // segments sent without a record of their own, for want of memory
	Probes         uint64 // zero-window probes
	OutOfOrder     uint64 // segments stored beyond a hole
	DSACKs         uint64 // duplicates reported
	Challenges     uint64 // challenge ACKs sent
	ChallengesHeld uint64 // and those that the limit kept back
	SoftErrors     uint64 // ICMP errors about connections that stand, which survive them
	SidesMax       uint64 // most side records in use at one time
}

func (m *Machine) drop(d Drop) Result {
	m.Counters.Drops[d]++
	return Result{}
}
