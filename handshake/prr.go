package handshake

// prr is proportional rate reduction (RFC 6937): in fast recovery as much is
// sent as arrives, in the proportion by which the window shrinks, so that it
// ends where congestion control wants it without a burst or a pause.
//
// A batch of ACKs is read before anything leaves. What those before the one
// that told of the loss had allowed to be sent counts as being in flight, where
// a sender that answers each ACK would have it; it leaves first. Without it a
// loss in the middle of a batch would leave nothing in flight behind the
// retransmission, whose own loss then costs a timeout.
type prr struct {
	delivered uint32 // bytes since the recovery began
	out       uint32 // bytes sent since, beyond what was due
	flight    uint32 // bytes in flight when it began, and due then
	due       uint32 // bytes that were to leave before it began, and have not yet
}

// sent takes note of bytes that leave in recovery.
func (p *prr) sent(bytes uint32) {
	before := min(p.due, bytes)
	p.due -= before
	p.out += bytes - before
}

// window is the congestion window after an ACK that says that bytes more have
// arrived. pipe is what is in flight now; safe says that the ACK brought
// SndUna on and no further loss, must that one segment is to leave in any case.
func (p *prr) window(pipe, bytes, ssthresh, size uint32, safe, must bool) uint32 {
	p.delivered += bytes
	pipe += p.due
	var send uint32
	if pipe > ssthresh {
		ideal := (uint64(p.delivered)*uint64(ssthresh) + uint64(p.flight) - 1) / uint64(max(p.flight, 1))
		send = sub(uint32(min(ideal, 1<<31)), p.out)
	} else {
		// The reduction bound: conservative while more is being lost, slow
		// start once it is not.
		limit := sub(p.delivered, p.out)
		if safe {
			limit = max(limit, bytes) + size
		}
		send = min(ssthresh-pipe, limit)
	}
	if must || p.out == 0 { // the first retransmission leaves at once
		send = max(send, size)
	}
	return max(pipe+send, size)
}

// sub is a - b, 0 where that would be less.
func sub(a, b uint32) uint32 {
	if a < b {
		return 0
	}
	return a - b
}
