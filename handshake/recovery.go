package handshake

import "myriad/internal/seq"

// recovery is congestion control and loss recovery of one sender: slow start
// and congestion avoidance (RFC 5681, counted in bytes, RFC 3465), NewReno
// (RFC 6582), and the peer's SACK blocks (RFC 6675).
type recovery struct {
	cwnd, ssthresh uint32 // bytes
	counted        uint32 // bytes acknowledged towards the next increase
	dupACKs        uint8
	active         bool       // from a loss until high is acknowledged
	timeout        bool       // the loss was told by the timer
	high           seq.Number // SndNxt when the loss was found
	rtx            seq.Number // what was lost is sent again up to here
	lost           seq.Number // everything before that is not SACKed is lost
	count          int        // of sacked
	sacked         [32]seq.Range
}

const (
	duplicateThreshold = 3          // RFC 5681 §3.2
	ssthreshStart      = 0x7fffffff // arbitrarily high, RFC 5681 §3.1
)

func (r *recovery) start(una seq.Number, size int) {
	*r = recovery{
		cwnd:     uint32(initialWindow * size),
		ssthresh: ssthreshStart,
		high:     una, rtx: una, lost: una,
	}
}

// sack remembers blocks that the peer says it has; those outside what is in
// flight are lies or D-SACKs, and count for nothing.
func (r *recovery) sack(blocks []seq.Range, una, nxt seq.Number) {
	for _, b := range blocks {
		if b.Len() <= 0 || b.Start.Before(una) || b.End.After(nxt) {
			continue
		}
		r.insert(b)
	}
}

// insert merges b into the sorted, disjoint ranges. When there is no room it is
// forgotten: the bytes may be sent again, which costs only time.
func (r *recovery) insert(b seq.Range) {
	first := 0
	for first < r.count && r.sacked[first].End.Before(b.Start) {
		first++
	}
	last := first
	for last < r.count && r.sacked[last].Start.AtOrBefore(b.End) {
		b.Start = b.Start.Min(r.sacked[last].Start)
		b.End = b.End.Max(r.sacked[last].End)
		last++
	}
	if first == last {
		if r.count == len(r.sacked) {
			return
		}
		copy(r.sacked[first+1:r.count+1], r.sacked[first:r.count])
		r.count++
	} else {
		copy(r.sacked[first+1:], r.sacked[last:r.count])
		r.count -= last - first - 1
	}
	r.sacked[first] = b
}

// advance forgets what lies before una.
func (r *recovery) advance(una seq.Number) {
	drop := 0
	for drop < r.count && r.sacked[drop].End.AtOrBefore(una) {
		drop++
	}
	copy(r.sacked[:], r.sacked[drop:r.count])
	r.count -= drop
	if r.count > 0 && r.sacked[0].Start.Before(una) {
		r.sacked[0].Start = una
	}
	r.rtx = r.rtx.Max(una)
	r.lost = r.lost.Max(una)
}

// lostEdge returns the number below which everything not SACKed is lost: three
// ranges, or more than two segments, are SACKed above it (RFC 6675 §4,
// IsLost).
func (r *recovery) lostEdge(una seq.Number, size int) seq.Number {
	bytes := 0
	for k := r.count - 1; k >= 0; k-- {
		bytes += r.sacked[k].Len()
		if bytes > (duplicateThreshold-1)*size || r.count-k >= duplicateThreshold {
			return r.sacked[k].Start
		}
	}
	return una
}

// sackedIn counts the SACKed bytes of [from, to).
func (r *recovery) sackedIn(from, to seq.Number) int {
	bytes := 0
	for _, b := range r.sacked[:r.count] {
		if n := b.End.Min(to).Since(b.Start.Max(from)); n > 0 {
			bytes += n
		}
	}
	return bytes
}

// pipe estimates the bytes in flight: sent, less what the peer has, less what
// is lost and was not sent again (RFC 6675 §4).
func (r *recovery) pipe(una, nxt seq.Number, size int) int {
	n := nxt.Since(una) - r.sackedIn(una, nxt)
	if r.lost.After(r.rtx) {
		n -= r.lost.Since(r.rtx) - r.sackedIn(r.rtx, r.lost)
	}
	if r.count == 0 {
		n -= int(r.dupACKs) * size // each tells of a segment that has left
	}
	return max(n, 0)
}

// next returns the next lost bytes to be sent again: [at, at+n).
func (r *recovery) next(una, nxt seq.Number, size int) (at seq.Number, n int) {
	if !r.active {
		return una, 0
	}
	end := r.lost.Min(nxt)
	limit := end
	for _, b := range r.sacked[:r.count] {
		if r.rtx.AtOrAfter(b.Start) && r.rtx.Before(b.End) {
			r.rtx = b.End
		} else if b.Start.After(r.rtx) {
			limit = limit.Min(b.Start)
			break
		}
	}
	n = min(size, limit.Since(r.rtx))
	if n <= 0 {
		return una, 0
	}
	first := r.rtx == una
	if !first && r.pipe(una, nxt, size)+n > int(r.cwnd) {
		return una, 0
	}
	return r.rtx, n
}

// enter starts a recovery for a loss in what lies in [una, nxt).
func (r *recovery) enter(una, nxt seq.Number, size int, timeout bool) {
	if !r.active || timeout && !r.timeout {
		r.ssthresh = uint32(max(nxt.Since(una)/2, 2*size))
	}
	r.cwnd = r.ssthresh
	if timeout {
		// RFC 5681 §3.1; the SACKs are forgotten, since the peer may have
		// forgotten what it SACKed (RFC 6675 §5.1).
		r.cwnd = uint32(size)
		r.count = 0
		r.dupACKs = 0
		r.lost = nxt
	}
	r.active, r.timeout = true, timeout
	r.high, r.rtx, r.counted = nxt, una, 0
}

// progress handles an ACK of new bytes; una is already the new one.
func (r *recovery) progress(una seq.Number, acked, size int, limited bool) {
	r.advance(una)
	partial := r.active && una.Before(r.high)
	if r.active && !partial {
		if !r.timeout {
			r.cwnd = r.ssthresh
		}
		r.active, r.timeout = false, false
	}
	r.dupACKs = 0
	if partial && !r.timeout {
		if r.count == 0 {
			// NewReno: the next hole begins where the ACK ends.
			r.lost, r.rtx = una.Add(size), una
		}
		return
	}
	if limited {
		r.grow(acked, size)
	}
}

func (r *recovery) grow(acked, size int) {
	if r.cwnd < r.ssthresh {
		r.cwnd += uint32(min(acked, 2*size))
		return
	}
	r.counted += uint32(acked)
	if r.counted >= r.cwnd {
		r.counted -= r.cwnd
		r.cwnd += uint32(size)
	}
}
