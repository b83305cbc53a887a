package latency

import "github.com/HdrHistogram/hdrhistogram-go"

// messageBytes is the length of each request and reply: what makes a minimum
// frame of it.
const messageBytes = 6

// window is the number of requests of one connection whose instants are
// remembered; a power of two.
const window = 4096

// peer is the far end's side of one connection: requests and replies, counted
// by their place in the streams.
type peer struct {
	key       uint64 // the client's address and port
	iss, irs  uint32
	stands    bool
	asked     uint32 // requests sent
	answered  uint32 // replies seen, or known to be lost
	again     uint32 // the request sent again last, and when
	againAt   int64
	requested [window]stamp
}

// stamp is when a request was due, and left.
type stamp struct{ due, left int64 }

// tally is what a phase counted.
type tally struct {
	requests, answered, lost, again uint64
	frame, due                      *hdrhistogram.Histogram
}

// full reports whether no further request can be remembered.
func (p *peer) full() bool { return p.asked-p.answered == window }

// seq and ack are those of request n.
func (p *peer) seq(n uint32) uint32 { return p.iss + 1 + n*messageBytes }
func (p *peer) ack() uint32         { return p.irs + 1 + p.answered*messageBytes }

// ask counts a request that is about to leave.
func (p *peer) ask(due int64) (n uint32) {
	n = p.asked
	p.requested[n%window] = stamp{due: due, left: due}
	p.asked++
	return n
}

// reply counts the replies in a segment that came at an instant. Those before
// it that are missing are lost: nobody asks for them again.
func (p *peer) reply(seq uint32, length int, at int64, t *tally) {
	from := (seq - p.irs - 1) / messageBytes
	count := uint32(length / messageBytes)
	if from-p.answered > p.asked-p.answered { // an old one, again, or nonsense
		return
	}
	t.lost += uint64(from - p.answered)
	p.answered = from
	for ; count > 0 && p.answered != p.asked; count-- {
		s := &p.requested[p.answered%window]
		record(t.frame, at-s.left, 1)
		record(t.due, at-s.due, 1)
		t.answered++
		p.answered++
	}
}

// againEvery is how long a request that was sent again is given.
const againEvery = 20e6 // ns

// missing is the request that an ACK says was lost; ok is false when that one
// was sent again a moment ago, or none is missing.
func (p *peer) missing(ack uint32, at int64) (n uint32, ok bool) {
	n = (ack - p.iss - 1) / messageBytes
	if n-p.answered >= p.asked-p.answered || n == p.again && at-p.againAt < againEvery {
		return 0, false
	}
	p.again, p.againAt = n, at
	return n, true
}
