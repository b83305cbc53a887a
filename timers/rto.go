package timers

import "time"

// Defaults and limits of RTO.
const (
	InitialRTO  = 1 * time.Second        // before the first sample (RFC 6298 §2.1)
	RTOAfterSYN = 3 * time.Second        // for data after a SYN had to be sent again (RFC 6298 §5.7)
	RTOFloor    = 200 * time.Millisecond // beyond SRTT, as in Linux; RFC 6298 §2.4 says 1 s in all
	RTOCeiling  = 60 * time.Second       // the least that RFC 6298 §2.5 allows
)

// rttMax is the longest round trip taken at its word; SRTT in eighths of a
// microsecond must fit into 32 bits.
const rttMax = 300 * time.Second

// RTO is one connection's retransmission timeout and the round-trip estimate
// behind it, by RFC 6298. The zero value is a connection without a sample. The
// caller sees to Karn's rule (§3): no sample from a segment sent twice, unless
// timestamps tell which one was acknowledged.
type RTO struct {
	srtt    uint32 // µs × 8
	rttvar  uint32 // µs × 4
	rto     uint32 // µs, 0 = InitialRTO
	ceiling uint32 // µs, 0 = RTOCeiling
	backoff uint8
	sampled bool
}

// Sample takes in a measured round trip (RFC 6298 §2.2 and §2.3), and ends a
// back-off. The timeout is at least floor beyond SRTT, and at most ceiling; 0
// means RTOFloor and RTOCeiling. A ceiling above 4,294 s counts as that.
func (r *RTO) Sample(rtt, floor, ceiling time.Duration) {
	if floor <= 0 {
		floor = RTOFloor
	}
	if ceiling <= 0 {
		ceiling = RTOCeiling
	}
	r.estimate(uint32(min(max(rtt, 0), rttMax) / time.Microsecond))
	// §2.3: RTO = SRTT + max(G, 4·RTTVAR), with the floor as G, as Linux has it:
	// a peer that keeps its ACK for less does not cost a timeout, however long
	// and steady the path.
	rto := uint64(r.srtt/8) + uint64(max(micros(floor), uint32(Tick/time.Microsecond), r.rttvar))
	r.ceiling = micros(ceiling)
	r.rto = uint32(min(rto, uint64(r.ceiling)))
	r.backoff = 0
}

// estimate updates SRTT and RTTVAR with alpha = 1/8 and beta = 1/4, in the
// order that §2.3 asks for.
func (r *RTO) estimate(rtt uint32) {
	if !r.sampled {
		r.sampled = true
		r.srtt, r.rttvar = rtt*8, rtt*2
		return
	}
	smoothed := r.srtt / 8
	deviation := max(smoothed, rtt) - min(smoothed, rtt)
	r.rttvar += deviation - r.rttvar/4
	r.srtt += rtt - smoothed
}

// micros returns whole microseconds that fit into 32 bits.
func micros(d time.Duration) uint32 {
	return uint32(min(d/time.Microsecond, 1<<32-1))
}

// Value returns the present timeout.
func (r *RTO) Value() time.Duration {
	if r.rto == 0 {
		return InitialRTO
	}
	return time.Duration(r.rto) * time.Microsecond
}

// Backoff doubles the timeout, up to the ceiling, after it has expired (RFC
// 6298 §5.5). The next Sample ends it.
func (r *RTO) Backoff() {
	ceiling := RTOCeiling
	if r.ceiling != 0 {
		ceiling = time.Duration(r.ceiling) * time.Microsecond
	}
	r.rto = micros(min(2*r.Value(), ceiling))
	if r.backoff < 1<<8-1 {
		r.backoff++
	}
}

// Backoffs returns the number of times that the timeout has expired in a row.
func (r *RTO) Backoffs() int { return int(r.backoff) }

// AfterSYN is called once the handshake is complete, if a SYN was sent again:
// the timeout for data starts at RTOAfterSYN (RFC 6298 §5.7), until a sample
// has been taken.
func (r *RTO) AfterSYN() {
	r.rto = micros(max(RTOAfterSYN, r.unbacked()))
	r.backoff = 0
}

// unbacked returns the timeout that the estimate alone asks for.
func (r *RTO) unbacked() time.Duration {
	if r.sampled && r.backoff == 0 {
		return r.Value()
	}
	return 0
}

// SRTT returns the smoothed round trip; 0 and false before the first sample.
func (r *RTO) SRTT() (time.Duration, bool) {
	return time.Duration(r.srtt/8) * time.Microsecond, r.sampled
}
