package tcpclient

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
	"myriad/linklayer"
)

// lane carries short frames from one goroutine to one other.
type lane struct {
	slots [4096]struct {
		n int
		b [96]byte
	}
	_    [64]byte
	tail atomic.Uint32
	next uint32
	_    [56]byte
	head atomic.Uint32
	seen uint32 // of those, borrowed
	_    [56]byte
}

func (l *lane) put(b []byte) bool {
	if l.next-l.head.Load() == uint32(len(l.slots)) {
		return false
	}
	s := &l.slots[l.next%uint32(len(l.slots))]
	s.n = copy(s.b[:], b)
	l.next++
	return true
}

func (l *lane) publish() {
	if l.tail.Load() != l.next {
		l.tail.Store(l.next)
	}
}

func (l *lane) take(frames []iobackend.Frame) (n int) {
	n = int(min(l.tail.Load()-l.seen, uint32(len(frames))))
	for k := range frames[:n] {
		s := &l.slots[l.seen%uint32(len(l.slots))]
		frames[k] = iobackend.Frame{Data: s.b[:s.n]}
		l.seen++
	}
	return n
}

func (l *lane) release() {
	if l.head.Load() != l.seen {
		l.head.Store(l.seen)
	}
}

// lopsided is a device of two queues with a server behind it that answers SYNs
// at once; all its answers, or those to queue k's, arrive on the first queue, or
// on the k-th.
type lopsided struct {
	queues  [2]lopsidedQueue
	even    bool
	dropped atomic.Uint64
}

type lopsidedQueue struct {
	iobackend.Queue
	device  *lopsided
	index   int
	memory  [][]byte
	free    []int
	path    linklayer.Path
	began   time.Time
	answers lane // of the server to what this queue sent
	handed  lane // to this queue
}

func newLopsided(even bool) *lopsided {
	d := &lopsided{even: even}
	for k := range d.queues {
		q := &d.queues[k]
		q.device, q.index, q.began = d, k, time.Now()
		q.path = linklayer.NewPath(scriptMAC, [6]byte{2, 0, 0, 0, 0, 1}, 64, 0)
		for i := range 1024 {
			q.memory = append(q.memory, make([]byte, 2048))
			q.free = append(q.free, i)
		}
	}
	return d
}

func (d *lopsided) Info() iobackend.Info {
	return iobackend.Info{HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 1}, MTU: 1500, Queues: 2, FrameBytes: 2048, BatchMax: 256}
}
func (d *lopsided) Queue(k int) iobackend.Queue { return &d.queues[k] }
func (d *lopsided) Close() error                { return nil }

func (q *lopsidedQueue) Receive(frames []iobackend.Frame) (n int, at time.Duration, err error) {
	n = q.handed.take(frames)
	if q.device.even {
		n += q.answers.take(frames[n:])
	} else if q.index == 0 {
		// By turns, so that neither starves.
		first := q.device.queues[0].answers.take(frames[n : n+(len(frames)-n)/2])
		n += first
		n += q.device.queues[1].answers.take(frames[n:])
	}
	return n, q.Now(), nil
}

func (q *lopsidedQueue) Release(frames []iobackend.Frame) {
	other := &q.device.queues[1-q.index]
	other.handed.publish()
	if len(frames) == 0 {
		return
	}
	q.handed.release()
	if q.device.even {
		q.answers.release()
	} else if q.index == 0 {
		q.answers.release()
		other.answers.release()
	}
}

func (q *lopsidedQueue) HandOver(f iobackend.Frame, to int) bool {
	return q.device.queues[to].handed.put(f.Data)
}

func (q *lopsidedQueue) Reserve(frames []iobackend.Frame) int {
	n := min(len(frames), len(q.free))
	for k := range frames[:n] {
		i := q.free[len(q.free)-1]
		q.free = q.free[:len(q.free)-1]
		frames[k] = iobackend.Frame{Data: q.memory[i], Handle: uint64(i)}
	}
	return n
}

func (q *lopsidedQueue) Transmit(frames []iobackend.Frame) error {
	var answer [96]byte
	for k := range frames {
		b := frames[k].Data
		q.free = append(q.free, int(frames[k].Handle))
		if linklayer.Flags(b[47]) != linklayer.SYN {
			continue
		}
		var p linklayer.Packet
		linklayer.Parse(b, true, &p)
		g := linklayer.Segment{Seq: 1, Ack: p.Segment.Seq.Add(1), Flags: linklayer.SYN | linklayer.ACK, Window: 65535}
		n := linklayer.EmitTCP(answer[:], &q.path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 1, &g, 0)
		if !q.answers.put(answer[:n]) {
			q.device.dropped.Add(1)
		}
	}
	q.answers.publish()
	return nil
}

func (q *lopsidedQueue) Wait(until time.Duration) error {
	for end := min(until, q.Now()+20*time.Microsecond); q.Now() < end; {
	}
	return nil
}
func (q *lopsidedQueue) Wake()                               {}
func (q *lopsidedQueue) Now() time.Duration                  { return time.Since(q.began) }
func (q *lopsidedQueue) Counters() (none iobackend.Counters) { return none }

// opener opens connections, from a list that the workers share, and resets each
// that stands.
type opener struct {
	left    *atomic.Int64
	window  int
	current int
	done    atomic.Int64
	failed  int64
	opens   []Open
	results []Opened
	closes  []Close
	errs    []error
}

func (o *opener) OpenMore(w *Worker, room int) {
	n := min(room, o.window-o.current, len(o.opens))
	if n <= 0 {
		return
	}
	last := o.left.Add(-int64(n))
	if last < 0 {
		n = max(n+int(last), 0)
	}
	for k := range o.opens[:n] {
		i := uint32(last) + uint32(k)
		o.opens[k] = Open{Remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)}), 80)}
	}
	w.Open(o.opens[:n], o.results[:n])
	for k := range o.results[:n] {
		if o.results[k].Err == nil {
			o.current++
		} else {
			o.left.Add(1)
		}
	}
}

func (o *opener) Events(w *Worker, events []Event) {
	n := 0
	for k := range events {
		switch events[k].Kind {
		case Connected:
			o.closes[n] = Close{Conn: events[k].Conn, How: Reset}
			if n++; n == len(o.closes) {
				w.Close(o.closes[:n], o.errs[:n])
				o.current -= n
				o.done.Add(int64(n))
				n = 0
			}
		case Failed:
			o.current--
			o.failed++
			o.left.Add(1)
		}
	}
	w.Close(o.closes[:n], o.errs[:n])
	o.current -= n
	o.done.Add(int64(n))
}

// BenchmarkImbalance opens connections from two workers, whose peers' answers
// arrive on the queue that each sent on, or all on the first.
func BenchmarkImbalance(b *testing.B) {
	for name, even := range map[string]bool{"own queue": true, "first queue": false} {
		for _, window := range []int{256, 2048} {
			b.Run(fmt.Sprintf("%s/window %d", name, window), func(b *testing.B) { imbalance(b, even, window) })
		}
	}
}

func imbalance(b *testing.B, even bool, window int) {
	device := newLopsided(even)
	var left atomic.Int64
	var openers []*opener
	client, err := New(Config{Seed: 1, ConnectionsMax: 1 << 14, Interfaces: []Interface{{
		Device: device, Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/28")}, GatewayMAC: scriptMAC[:],
	}}}, func(*Worker) Handler {
		o := &opener{left: &left, window: window, opens: make([]Open, 256), results: make([]Opened, 256), closes: make([]Close, 256), errs: make([]error, 256)}
		openers = append(openers, o)
		return o
	})
	require.NoError(b, err)
	left.Store(int64(b.N))
	b.ResetTimer()
	require.NoError(b, client.Start())
	for openers[0].done.Load()+openers[1].done.Load() < int64(b.N) {
		time.Sleep(100 * time.Microsecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "connections/s")
	b.ReportMetric(float64(openers[0].done.Load())/float64(b.N), "first's")
	b.ReportMetric(float64(device.dropped.Load()), "dropped")
	require.NoError(b, client.Close(context.Background()))
}
