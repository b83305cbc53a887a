package handshake

import "math"

// cubic is CUBIC (RFC 9438). Windows are in segments.
type cubic struct {
	most     float32 // W_max
	k        float32 // seconds until the window is W_max again
	origin   float32 // window at which the growth levels out
	reno     float32 // W_est: what Reno would have
	prior    float32 // cwnd_prior: at the last loss
	fraction float32 // of a byte that the window has grown
	epoch    uint32  // when this growth began, µs
	started  bool    // epoch counts
}

const (
	cubicC    = 0.4
	cubicBeta = 0.7
	// cubicAlpha is what makes Reno with beta 0.7 as fast as with 0.5 (§4.3).
	cubicAlpha = 3 * (1 - cubicBeta) / (1 + cubicBeta)
	// shortRound is the round trip in µs below which alpha is 1. Linux computes
	// anew once a tick of its clock, of 1 to 10 ms, and adds a segment a round trip
	// meanwhile: beside it a window by the letter has 0.7 of its share.
	shortRound = 1000
)

// lose takes a congestion event and returns the new threshold in bytes (RFC
// 9438 §4.6 and §4.7).
func (u *cubic) lose(cwnd uint32, size int) uint32 {
	window := float32(cwnd) / float32(size)
	u.prior = window
	if window < u.most {
		window *= (1 + cubicBeta) / 2 // somebody else is coming: make room
	}
	u.most = window
	u.started = false
	return uint32(float64(cwnd) * cubicBeta)
}

// begin starts an epoch of congestion avoidance (§4.2).
func (u *cubic) begin(window float64, now uint32) {
	u.started, u.epoch, u.reno, u.fraction = true, now, float32(window), 0
	if window >= float64(u.most) {
		u.origin, u.k = float32(window), 0
	} else {
		u.origin = u.most
		u.k = float32(math.Cbrt((float64(u.most) - window) / cubicC))
	}
}

// grow returns by how many bytes cwnd grows for acked bytes (§4.2 to §4.5). rtt
// is in µs, 0 when none was measured.
func (u *cubic) grow(cwnd uint32, acked, size int, rtt, now uint32) uint32 {
	window := float64(cwnd) / float64(size)
	if !u.started {
		u.begin(window, now)
	}
	segments := float64(acked) / float64(size)
	alpha := cubicAlpha
	if u.reno >= u.prior || 0 < rtt && rtt < shortRound {
		alpha = 1
	}
	u.reno += float32(alpha * segments / window)
	elapsed := float64(now-u.epoch) / 1e6
	more := 0.0
	if at := u.curve(elapsed); at < float64(u.reno) {
		more = max(float64(u.reno)-window, 0)
	} else {
		target := min(max(u.curve(elapsed+float64(rtt)/1e6), window), 1.5*window)
		more = (target - window) / window * segments
	}
	bytes := min(more*float64(size), float64(acked)) + float64(u.fraction)
	whole := math.Floor(bytes)
	u.fraction = float32(bytes - whole)
	return uint32(whole)
}

// curve is W_cubic(t).
func (u *cubic) curve(t float64) float64 {
	d := t - float64(u.k)
	return cubicC*d*d*d + float64(u.origin)
}
