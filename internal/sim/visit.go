package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"myriad/internal/seq"
	"myriad/linklayer"
)

// visitPlan is what an application above a foreign TCP does; of serverPlan, all
// but what is TCP's.
type visitPlan struct {
	serverPlan
	absent  bool // nobody listens
	abortAt int  // RST after so many bytes, both ways; negative = never
	meets   bool // both ends open at the same instant
}

// visit is one connection to a foreign TCP: the application above it, and what
// is to be seen of it on the wire.
type visit struct {
	net    *network
	plan   *visitPlan
	did    truth
	socket Socket

	iss     seq.Number // theirs, once they answered
	irs     seq.Number // ours
	asked   bool       // our SYN came
	stands  bool       // … and the ACK of theirs
	wasDead bool       // our RST came

	acked       int           // bytes of theirs that we have acknowledged, FIN included
	sawLast     time.Duration // when they last sent anything
	got, sent   int
	gotFIN, fin bool
	aborted     bool
	over        bool // the socket was given back
	stalled     bool
	buffer      []byte
}

func newVisit(n *network, plan *visitPlan, port uint16) (*visit, error) {
	v := &visit{net: n, plan: plan, did: truth{fins: map[int]bool{}, resets: map[int]bool{}}, buffer: make([]byte, 4096)}
	if plan.absent || plan.meets {
		return v, nil
	}
	return v, n.foreign.Listen(port, v.accepted)
}

func (v *visit) truth() *truth { return &v.did }

// complete: everything went both ways; or it gave up, which may be after its
// TCP has acknowledged our FIN.
func (v *visit) complete() bool { return v.aborted || v.got == v.plan.expect && v.gotFIN && v.fin }

// heardOut: it is complete, or was reset by us. That may come after a connection
// has ended in order, when the ACK of their FIN is lost and their FIN comes
// again after our TIME-WAIT; what their application has not read by then, it
// never will.
func (v *visit) heardOut() bool { return v.complete() || v.over && v.wasDead }

// finished says nothing: what its TCP has acknowledged, the application may
// read later, and the world waits for that.
func (v *visit) finished() error { return nil }

// accepted takes the first connection; a SYN that the wire repeated may bring
// another one, that nobody is at the other end of.
func (v *visit) accepted(s Socket) (changed func()) {
	if v.socket != nil {
		s.Abort()
		return func() {}
	}
	v.socket = s
	return v.pump
}

// meet opens from their side, too.
func (v *visit) meet(d *dialPlan) (err error) {
	v.socket, err = v.net.foreign.Connect(d.remote, d.local, v.pump)
	v.net.foreign.Settle()
	return err
}

// hear notes what arrives; the foreign TCP gets it by itself.
func (v *visit) hear(p *linklayer.Packet, _ time.Duration) {
	g := &p.Segment
	v.wasDead = v.wasDead || g.Flags&linklayer.RST != 0
	if g.Flags&linklayer.SYN != 0 {
		v.asked, v.irs = true, g.Seq
	}
	if g.Flags&linklayer.ACK != 0 && v.did.answered {
		v.acked = max(v.acked, g.Ack.Since(v.iss+1))
	}
	v.stands = v.stands || v.did.answered && g.Flags&(linklayer.ACK|linklayer.RST) == linklayer.ACK && g.Ack.Since(v.iss) > 0
}

// saw notes what the foreign TCP sends.
func (v *visit) saw(p *linklayer.Packet) {
	g := &p.Segment
	v.sawLast = v.net.clock.Now()
	switch {
	case g.Flags&linklayer.RST != 0:
		v.did.resets[g.Seq.Since(v.iss+1)] = true
		v.did.refused = v.did.refused || g.Flags&linklayer.ACK != 0 && v.asked && g.Ack == v.irs+1
	case g.Flags&linklayer.SYN != 0 && !v.did.answered:
		v.did.answered, v.iss = true, g.Seq
	}
	if g.Flags&linklayer.FIN != 0 {
		v.did.fins[g.Seq.Since(v.iss+1)+len(g.Payload)] = true
	}
}

// silence is how long a TCP may say nothing while it has bytes that we have not
// acknowledged: some times the longest retransmission timeout.
const silence = 10 * time.Minute

// silentAt is when the foreign TCP will have been silent for so long that it has
// failed: it is no fault of ours, and no use to wait. What nobody acknowledged may
// be its SYN, if each ACK of ours was lost. ok is false when it owes nothing.
func (v *visit) silentAt() (at time.Duration, ok bool) {
	owed := v.sent
	if v.fin {
		owed++
	}
	return v.sawLast + silence, v.did.answered && !v.aborted && !v.wasDead && (!v.stands || v.acked < owed)
}

// pump does what there is to do; the foreign TCP calls it when anything has
// changed.
func (v *visit) pump() {
	for !v.over && v.step() {
	}
}

// step does one thing, and says whether there was one.
func (v *visit) step() bool {
	switch {
	case v.plan.abortAt >= 0 && v.got+v.sent >= v.plan.abortAt:
		v.over, v.aborted = true, true
		v.socket.Abort()
		return false
	case v.gotFIN && v.fin:
		v.over = true
		v.socket.Close()
		return false
	}
	return v.read() || v.write()
}

func (v *visit) read() bool {
	if v.stalled || v.gotFIN || v.over {
		return false
	}
	n, err := v.socket.Read(v.buffer)
	v.check(v.buffer[:n])
	v.got += n
	if errors.Is(err, io.EOF) {
		v.gotFIN = true
		if v.got != v.plan.expect {
			v.wrong("FIN after %d bytes of %d", v.got, v.plan.expect)
		}
		return true
	}
	v.failed(err)
	if n > 0 {
		v.maybeStall()
	}
	return n > 0
}

func (v *visit) check(b []byte) {
	switch {
	case v.got+len(b) > v.plan.expect:
		v.wrong("bytes %d to %d of %d", v.got, v.got+len(b), v.plan.expect)
	case !bytes.Equal(b, v.plan.up.at(v.got, len(b))):
		v.wrong("other bytes than were sent, at %d", v.got)
	}
}

func (v *visit) write() bool {
	if v.over || v.fin || v.got < v.plan.sendAt {
		return false
	}
	if v.sent < v.plan.total {
		n, err := v.socket.Write(v.plan.down.at(v.sent, min(len(v.buffer), v.plan.total-v.sent)))
		v.sent += n
		v.failed(err)
		return n > 0
	}
	if !v.stands || !v.plan.closeBy && !v.gotFIN {
		return false
	}
	v.fin = true
	v.failed(v.socket.CloseWrite())
	return true
}

// failed ends a visit by what its socket says, which has to be true: our RST
// came, and nothing else is a reason.
func (v *visit) failed(err error) {
	if err == nil {
		return
	}
	v.over = true
	v.socket.Close()
	if !v.wasDead {
		v.wrong("%v, and no RST of ours", err)
	}
}

func (v *visit) wrong(format string, args ...any) {
	if v.net.wrong == nil {
		v.net.wrong = fmt.Errorf("the foreign server that expects %d bytes saw: "+format, append([]any{v.plan.expect}, args...)...)
	}
}

// maybeStall has the application read nothing for a while.
func (v *visit) maybeStall() {
	if v.plan.stalls == 0 || v.got*7%5 != 0 {
		return
	}
	v.stalled = true
	v.net.clock.After(time.Duration(v.plan.stalls)*time.Millisecond, func() {
		v.stalled = false
		v.pump()
		v.net.foreign.Settle()
	})
}
