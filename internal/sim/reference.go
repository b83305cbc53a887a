package sim

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"myriad/internal/seq"
	"myriad/linklayer"
)

// serverPlan is what a peer's application does.
type serverPlan struct {
	iss     seq.Number
	down    stream // what it sends …
	total   int    // … so many bytes of
	up      stream // what it expects …
	expect  int    // … so many bytes of
	sendAt  int    // begins to send once it has received this many bytes
	closeBy bool   // sends FIN after its last byte; otherwise once it has the client's too
	mss     int    // announced, 0 = not at all
	scale   int    // its window shift, negative = not offered
	stamps  bool   // takes timestamps if they are offered
	sack    bool   // keeps what comes beyond a hole, and tells of it
	window  int    // bytes, the receive window
	flight  int    // segments it has in flight at most
	stalls  int    // now and then its application reads nothing for so many ms
}

// reference is a server that a textbook would print: it sends go-back-N with a
// timer that doubles, and drops what does not come in order, or keeps it and
// answers with SACK. It serves one
// connection, and never forgets it: whatever comes later is acknowledged
// again, as in a TIME-WAIT without end.
type reference struct {
	net  *network
	plan *serverPlan
	did  truth
	ends ends
	irs  seq.Number
	open bool // SYN seen
	up   bool // our SYN acknowledged
	dead bool // RST seen
	// spoilt: it saw our side break a rule.
	spoilt bool

	una, nxt   int // offsets in our stream; FIN has the offset total
	most       int // nxt's largest value so far
	window     int // the client's
	shift      uint8
	mss        int
	rto        time.Duration
	alarm      int // counts settings of the timer; an older one is void
	armed      bool
	got        int // bytes in order
	gotFIN     bool
	edge       int // got + window, as last advertised
	stalled    bool
	stampsOn   bool
	stampEcr   uint32
	repeatFast int
	beyond     outOfOrder
}

const (
	referenceRTO    = 400 * time.Millisecond
	referenceRTOMax = 4 * time.Second
)

func newReference(n *network, plan *serverPlan) *reference {
	return &reference{net: n, plan: plan, rto: referenceRTO, did: truth{fins: map[int]bool{}}}
}

func (r *reference) truth() *truth { return &r.did }

// complete: everything went both ways.
func (r *reference) complete() bool {
	return r.got == r.plan.expect && r.gotFIN && r.una == r.plan.total+1
}

func (r *reference) finished() error {
	if r.got != r.plan.expect || !r.gotFIN {
		return fmt.Errorf("ended in order, but the server has %d bytes of %d, FIN %v", r.got, r.plan.expect, r.gotFIN)
	}
	return nil
}

func (r *reference) wrong(format string, args ...any) {
	r.spoilt = true
	if r.net.wrong == nil {
		r.net.wrong = fmt.Errorf("the server at port %d saw: "+format, append([]any{r.ends.minePort}, args...)...)
	}
}

func (r *reference) hear(p *linklayer.Packet, now time.Duration) {
	g := &p.Segment
	switch {
	case g.Flags&linklayer.RST != 0:
		r.dead = r.dead || r.open
		return
	case r.dead:
		return
	case g.Flags&linklayer.SYN != 0:
		r.hearSYN(p)
		return
	case !r.open || g.Flags&linklayer.ACK == 0:
		return
	}
	r.hearStamp(g)
	r.hearACK(g)
	if g.Len() > 0 {
		r.hearData(g)
		r.sendEmpty()
	}
	r.sendMore(now)
}

// hearSYN answers a SYN, and the same again.
func (r *reference) hearSYN(p *linklayer.Packet) {
	g := &p.Segment
	if r.open && (r.up || g.Seq != r.irs) {
		r.sendEmpty()
		return
	}
	if !r.open {
		r.open, r.irs, r.edge = true, g.Seq, min(r.plan.window, 0xffff)
		r.ends.of(p)
		r.mss = 536
		o := &g.Options
		if o.Has&linklayer.HasMSS != 0 {
			r.mss = int(o.MSS)
		}
		if o.Has&linklayer.HasWindowScale == 0 {
			r.plan.scale = -1
		} else if r.plan.scale >= 0 {
			r.shift = o.WindowScale
		}
		r.stampsOn = r.plan.stamps && o.Has&linklayer.HasTimestamps != 0
		r.stampEcr = o.TSVal
		r.agreeSACK(o)
		if r.stampsOn {
			r.mss -= 12
		}
	}
	r.window = int(g.Window)
	r.sendSYNACK()
}

// sendSYNACK sends it until it is acknowledged.
func (r *reference) sendSYNACK() {
	r.did.answered = true
	r.transmit(&segment{seq: r.plan.iss, flags: linklayer.SYN | linklayer.ACK, options: r.synOptions()})
	r.alarm++
	serial := r.alarm
	r.net.clock.After(2*time.Second, func() {
		if serial == r.alarm && !r.up && !r.dead {
			r.sendSYNACK()
		}
	})
}

func (r *reference) synOptions() (o []byte) {
	if r.plan.mss > 0 {
		o = append(o, 2, 4, byte(r.plan.mss>>8), byte(r.plan.mss))
	}
	if r.plan.scale >= 0 {
		o = append(o, 1, 3, 3, byte(r.plan.scale))
	}
	if r.beyond.on {
		o = append(o, 1, 1, 4, 2)
	}
	return o
}

func (r *reference) hearStamp(g *linklayer.Segment) {
	if r.stampsOn && g.Options.Has&linklayer.HasTimestamps != 0 && g.Seq.AtOrBefore(r.rcvNxt()) {
		if int32(g.Options.TSVal-r.stampEcr) > 0 {
			r.stampEcr = g.Options.TSVal
		}
	}
}

func (r *reference) hearACK(g *linklayer.Segment) {
	acked := g.Ack.Since(r.plan.iss + 1)
	if acked < 0 {
		return
	}
	if acked > r.most {
		r.wrong("an ACK of offset %d, %d were sent", acked, r.most)
		return
	}
	r.up = true
	r.window = int(g.Window) << r.shift
	switch {
	case acked > r.una:
		r.una, r.nxt = acked, max(r.nxt, acked)
		r.rto, r.repeatFast, r.armed = referenceRTO, 0, false
		r.alarm++
	case acked == r.una && r.nxt > r.una && g.Len() == 0:
		if r.repeatFast++; r.repeatFast == 3 {
			r.nxt = r.una // go back
		}
	}
}

// hearData takes what comes in order within the window, and what is beyond a
// hole if it speaks SACK, and checks all of it.
func (r *reference) hearData(g *linklayer.Segment) {
	at, size := g.Seq.Since(r.irs+1), len(g.Payload)
	end := at + size
	r.checkData(g, at, end)
	switch {
	case r.spoilt:
		return
	case at > r.got:
		if r.beyond.on {
			r.beyond.hold(span{at, min(end, r.edge)})
		}
		return
	case end > r.got:
		r.got = r.beyond.reach(min(end, max(r.edge, r.got)))
	case r.beyond.on && size > 0:
		r.beyond.twice = span{at, end}
	}
	if g.Flags&linklayer.FIN != 0 && end == r.got {
		r.gotFIN = true
	}
	r.maybeStall()
}

func (r *reference) checkData(g *linklayer.Segment, at, end int) {
	fin := g.Flags&linklayer.FIN != 0
	limit := r.plan.mss
	if limit == 0 {
		limit = 536
	}
	switch {
	case at < 0 || end > r.plan.expect:
		r.wrong("bytes %d to %d of %d", at, end, r.plan.expect)
	case !bytes.Equal(g.Payload, r.plan.up.at(at, end-at)):
		r.wrong("other bytes than were sent, at %d", at)
	case fin && end != r.plan.expect:
		r.wrong("FIN after %d bytes of %d", end, r.plan.expect)
	case end > r.edge+1:
		r.wrong("bytes up to %d, the window ends at %d", end, r.edge)
	case end-at > max(limit, 48):
		r.wrong("%d bytes in a segment, its MSS is %d", end-at, limit)
	}
}

// maybeStall closes the window for a while, as an application that does not
// read; what was advertised stays.
func (r *reference) maybeStall() {
	if r.plan.stalls == 0 || r.stalled || r.got*7%5 != 0 {
		return
	}
	r.stalled = true
	r.net.clock.After(time.Duration(r.plan.stalls)*time.Millisecond, func() {
		r.stalled = false
		if !r.dead {
			r.sendEmpty()
		}
	})
}

func (r *reference) rcvNxt() seq.Number {
	n := r.irs.Add(1 + r.got)
	if r.gotFIN {
		n++
	}
	return n
}

// transmit fills in what all segments have, and sends.
func (r *reference) transmit(g *segment) {
	g.ack = r.rcvNxt()
	shift := max(r.plan.scale, 0)
	if g.flags&linklayer.SYN != 0 {
		shift = 0
	} else if !r.stalled {
		r.edge = max(r.edge, r.got+min(r.plan.window, 0xffff<<shift))
	}
	g.window = uint16(min(max(r.edge-r.got, 0)>>shift, 0xffff))
	if r.stampsOn {
		var o [12]byte
		o[0], o[1], o[2], o[3] = 1, 1, 8, 10
		binary.BigEndian.PutUint32(o[4:], uint32(r.net.clock.Now()/time.Millisecond))
		binary.BigEndian.PutUint32(o[8:], r.stampEcr)
		g.options = append(g.options, o[:]...)
	}
	if r.beyond.on && g.flags == linklayer.ACK && len(g.payload) == 0 {
		g.options = append(g.options, r.sackOption()...)
	}
	r.net.send(&r.ends, g)
}

func (r *reference) sendEmpty() {
	r.transmit(&segment{seq: r.plan.iss.Add(1 + r.most), flags: linklayer.ACK})
}

// mayFIN: our stream has been sent, and this is the time to say so.
func (r *reference) mayFIN() bool { return r.plan.closeBy || r.gotFIN }

// sendMore sends what the client's window and our own limit allow.
func (r *reference) sendMore(now time.Duration) {
	if !r.up || r.dead || r.got < r.plan.sendAt {
		return
	}
	limit := min(r.window, r.plan.flight*r.mss)
	for r.nxt < r.plan.total && r.nxt < r.una+limit {
		r.sendAt(r.nxt, min(r.mss, r.plan.total-r.nxt, r.una+limit-r.nxt))
	}
	if r.nxt == r.plan.total && r.mayFIN() && r.una <= r.plan.total {
		r.sendAt(r.nxt, 0)
	}
	waiting := r.nxt > r.una || r.nxt < r.plan.total || r.nxt == r.plan.total && r.mayFIN()
	if waiting && !r.armed {
		r.arm()
	}
}

// sendAt sends n bytes from an offset on; at the stream's end, with FIN.
func (r *reference) sendAt(at, n int) {
	g := segment{seq: r.plan.iss.Add(1 + at), flags: linklayer.ACK | linklayer.PSH}
	if n > 0 {
		g.payload = r.plan.down.at(at, n)
	}
	r.nxt = at + n
	if r.nxt == r.plan.total && r.mayFIN() {
		g.flags |= linklayer.FIN
		r.did.fins[r.plan.total] = true
		r.nxt++
	}
	r.most = max(r.most, r.nxt)
	r.transmit(&g)
}

// arm sets the retransmission timer, which probes a closed window too.
func (r *reference) arm() {
	r.armed = true
	r.alarm++
	serial := r.alarm
	r.net.clock.After(r.rto, func() {
		if serial != r.alarm || r.dead {
			return
		}
		r.armed = false
		r.rto = min(2*r.rto, referenceRTOMax)
		r.nxt = r.una
		if r.una < r.plan.total {
			r.sendAt(r.una, min(r.mss, r.plan.total-r.una, max(r.window, 1)))
		}
		r.sendMore(r.net.clock.Now())
	})
}
