package latency

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"myriad/bench/internal/cpu"
)

// far is the far end: one goroutine, tied to a thread.
type far struct {
	*sockets
	emitter
	peers  []*peer
	byKey  map[uint64]*peer
	stands int
	turn   int // whose connection is asked next
}

// offer is what a phase has the far end do.
type offer struct {
	connections int
	rate        float64 // requests a second, by the clock; 0: window under way
	duration    time.Duration
}

// closedWindow is the number of requests under way while the capacity is
// measured.
const closedWindow = 1024

// drain bounds the wait for replies after the last request.
const drain = 500 * time.Millisecond

func now() int64 { return time.Now().UnixNano() }

// thread ties the goroutine to the far end's processor, for good: a thread that
// was pinned ends with its goroutine.
func thread() {
	runtime.LockOSThread()
	cpu.Pin(2, 1)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // sleeps end later without
}

// accept answers SYNs until so many connections stand.
func (f *far) accept(ctx context.Context, connections int) error {
	var t tally
	limit := time.Now().Add(dialTimeout)
	for f.stands < connections {
		if err := f.collect(&t); err != nil {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(limit):
			return fmt.Errorf("latency: %d of %d connections stood after %v", f.stands, connections, dialTimeout)
		}
		time.Sleep(100 * time.Microsecond)
	}
	return nil
}

// run has the requests of a phase sent, and waits for the replies.
func (f *far) run(ctx context.Context, o offer) (t tally, took time.Duration, err error) {
	t.frame, t.due = newHistogram(), newHistogram()
	began := now()
	ends := began + o.duration.Nanoseconds()
	for at := began; at < ends && ctx.Err() == nil; at = now() {
		asked, err := f.ask(&o, &t, began, at)
		if err == nil {
			err = f.collect(&t)
		}
		if err != nil {
			return t, 0, err
		}
		if asked == 0 {
			f.pause(&o, &t, began)
		}
	}
	took = time.Duration(now() - began)
	for until := now() + drain.Nanoseconds(); now() < until && t.answered+t.lost < t.requests; {
		if err := f.collect(&t); err != nil {
			return t, took, err
		}
		if err := f.urge(o.connections, &t); err != nil {
			return t, took, err
		}
		time.Sleep(100 * time.Microsecond)
	}
	return t, took, f.settle(o.connections)
}

// due is the number of requests that are to be sent now.
func (o *offer) due(t *tally, since int64) int {
	if o.rate > 0 {
		return int(int64(float64(since)*o.rate/1e9) - int64(t.requests))
	}
	return closedWindow - int(t.requests-t.answered-t.lost)
}

// ask sends what is due, a burst at most.
func (f *far) ask(o *offer, t *tally, began, at int64) (asked int, err error) {
	var stamps [burst]*stamp
	for count := min(o.due(t, at-began), burst); asked < count; asked++ {
		p := f.peers[f.turn]
		if f.turn++; f.turn >= o.connections {
			f.turn = 0
		}
		if p.full() {
			break // what is not answered in all that time is not asked after, either
		}
		t.requests++
		due := at
		if o.rate > 0 {
			due = began + int64(float64(t.requests)*1e9/o.rate)
		}
		n := p.ask(due)
		stamps[asked] = &p.requested[n%window]
		f.stage(f.emit(f.room(), p.key, p.seq(n), p.ack(), flagACK|flagPSH, messageBytes))
	}
	left := now()
	for _, s := range stamps[:asked] {
		s.left = left
	}
	return asked, f.flush()
}

// The far end sleeps only where the next request is far off, and wakes early.
const (
	sleepMin  = 200_000 // ns
	wakeEarly = 100_000
)

func (f *far) pause(o *offer, t *tally, began int64) {
	if o.rate == 0 {
		return
	}
	if early := began + int64(float64(t.requests+1)*1e9/o.rate) - now(); early > sleepMin {
		request := unix.NsecToTimespec(early - wakeEarly)
		_ = unix.Nanosleep(&request, nil) // ended early is as good
	}
}

// collect takes what has arrived.
func (f *far) collect(t *tally) error {
	for range slotCount {
		frame, at, ok := f.receive()
		if !ok {
			break
		}
		if s, ok := parse(frame); ok {
			f.take(&s, at, t)
		}
		f.release()
		if f.staged == burst {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return f.flush()
}

// take does what a segment asks for.
func (f *far) take(s *segment, at int64, t *tally) {
	p := f.byKey[s.key]
	switch {
	case s.flags&flagRST != 0:
	case s.flags&flagSYN != 0:
		if p == nil {
			p = &peer{key: s.key, iss: uint32(at)}
			f.byKey[s.key] = p
		}
		p.irs = s.seq
		f.stage(f.emit(f.room(), p.key, p.iss, s.seq+1, flagSYN|flagACK, 0))
	case p == nil:
	case !p.stands:
		p.stands = true
		f.peers = append(f.peers, p)
		f.stands++
	case s.payload > 0:
		p.reply(s.seq, s.payload, at, t)
	default:
		if n, ok := p.missing(s.ack, at); ok {
			f.again(p, n, t)
		}
	}
}

// again sends a request that was lost.
func (f *far) again(p *peer, n uint32, t *tally) {
	t.again++
	f.stage(f.emit(f.room(), p.key, p.seq(n), p.ack(), flagACK|flagPSH, messageBytes))
}

// urge sends the oldest request of each connection again that nothing came for.
func (f *far) urge(connections int, t *tally) error {
	for _, p := range f.peers[:connections] {
		if p.asked == p.answered {
			continue
		}
		at := now()
		if at-p.requested[p.answered%window].left < againEvery {
			continue
		}
		if n, ok := p.missing(p.seq(p.answered), at); ok {
			f.again(p, n, t)
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle acknowledges the last replies, which would be sent again otherwise.
func (f *far) settle(connections int) error {
	for _, p := range f.peers[:connections] {
		f.stage(f.emit(f.room(), p.key, p.seq(p.asked), p.ack(), flagACK, 0))
		if f.staged == burst {
			if err := f.flush(); err != nil {
				return err
			}
		}
	}
	return f.flush()
}
