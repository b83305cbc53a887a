package hostile

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"myriad/linklayer"
	"myriad/tcpclient"
)

// Attack is one thing that a hostile peer, or a stranger, can do for ever.
type Attack struct {
	Name  string
	What  string // is sent
	Bound string
	Where string // the bound stands

	config    tcpclient.Config
	neighbors bool          // the next hop is asked for, not given
	gap       time.Duration // between two packets; a millisecond when 0
	stamp     uint32        // of the connection in hand, 0 = none
	setup     func(w *world)
	packet    func(w *world, k int) // sends the packet with number k
	gone      bool                  // it may end the connection, which Bound says
	sooner    int                   // frames of the connection's own, which it has leave before their timer; Bound says why
	check     func(w *world, n int) error
}

// Attacks are all of them, in the order of the table.
func Attacks() []Attack {
	var all []Attack
	for _, some := range [][]Attack{windowAttacks(), sackAttacks(), dataAttacks(), blindAttacks(), pathAttacks(), closingAttacks(), strangerAttacks()} {
		all = append(all, some...)
	}
	return all
}

// Result is what an attack of one size did.
type Result struct {
	Packets int
	Bytes   int // of the packets
	Sent    int // frames that the client sent meanwhile, but for the application's new data
	Out     int // bytes of those
	Held    int // bytes that connections hold at the end
	Heap    int // bytes of the heap beyond what it was before
	// SentBy is, for each packet, how many frames the client had sent by the
	// time that the next was due; as in Sent, but for new data.
	SentBy []int
}

// sizes of what is held beside buffers, in bytes: an entry with its index and
// timer, a range, a side record with its block of segments.
const (
	entryBytes = 128
	rangeBytes = 16
	sideBytes  = 1024
)

// Run plays an attack of n packets; mute lets the same time pass without them.
// clear is called when all is set up, and done when the last packet was dealt
// with; each may be nil.
func Run(a *Attack, n int, mute bool, clear, done func() error) (Result, error) {
	w, err := newWorld(a)
	if err != nil {
		return Result{}, err
	}
	if a.setup != nil {
		a.setup(w)
	}
	w.mute = mute
	sentBy := make([]int, n)
	before, frames := heap(), w.sentFrames()
	out := w.client.Stats().BytesSent
	if err := call(clear); err != nil {
		return Result{}, err
	}
	gap := a.gap
	if gap == 0 {
		gap = time.Millisecond
	}
	for k := range n {
		a.packet(w, k)
		w.pass(gap)
		sentBy[k] = w.sentFrames() - frames
	}
	if err := call(done); err != nil {
		return Result{}, err
	}
	w.pass(10 * time.Millisecond)
	w.settle() // counters are published
	held, err := w.client.Check()
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", a.Name, err)
	}
	r := Result{
		Packets: w.sent, Bytes: w.bytes,
		Sent: w.sentFrames() - frames,
		Out:  int(w.client.Stats().BytesSent - out),
		Held: held.BufferBytes + held.Holes*rangeBytes + held.SideRecords*sideBytes + held.Connections*entryBytes,
		Heap: heap() - before, SentBy: sentBy,
	}
	if !mute {
		err = w.survives(n)
	}
	return r, errors.Join(err, w.close())
}

// sentFrames are those that the client sent, but for new data.
func (w *world) sentFrames() int {
	n := int(w.link.End(0).Fates().Sent)
	for _, p := range w.peers {
		n -= p.fresh
	}
	return n
}

func call(f func() error) error {
	if f == nil {
		return nil
	}
	return f()
}

// heap is the memory in use.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// survives says whether the connection still does what it is there for.
func (w *world) survives(n int) error {
	if w.wrong != nil {
		return fmt.Errorf("%s: %w", w.attack.Name, w.wrong)
	}
	if f := w.attack.check; f != nil {
		if err := f(w, n); err != nil {
			return fmt.Errorf("%s: %w", w.attack.Name, err)
		}
	}
	p := w.first
	if w.attack.gone || p == nil {
		return nil
	}
	if why, over := w.ended[uint64(p.remote.Port())]; over {
		return fmt.Errorf("%s: the connection ended: %v", w.attack.Name, why)
	}
	before := p.delivered
	g := p.segment(linklayer.ACK)
	g.Payload = make([]byte, 100)
	if w.attack.stamp != 0 {
		stamp(p, g, w.attack.stamp+1)
	}
	w.deliver(p, g)
	w.pass(100 * time.Millisecond)
	if p.delivered == before {
		return fmt.Errorf("%s: the connection stands still: %v", w.attack.Name, w.client.Stats().Drops)
	}
	return nil
}

// counted says whether at least n were counted under one of the names.
func (w *world) counted(n int, names ...string) error {
	stats, sum := w.client.Stats(), uint64(0)
	for _, name := range names {
		sum += stats.Drops[name] + stats.Counters[name]
	}
	if sum < uint64(n) {
		return fmt.Errorf("%d of %d packets were counted under %v: %v %v", sum, n, names, stats.Drops, stats.Counters)
	}
	return nil
}

// counts is a check that every packet was counted.
func counts(names ...string) func(*world, int) error {
	return func(w *world, n int) error { return w.counted(n, names...) }
}
