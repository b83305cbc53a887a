package simlink

import (
	"fmt"
	"sync/atomic"
	"time"

	"myriad/iobackend"
)

// End is one end of a link: a device.
type End struct {
	link   *Link
	index  int
	config EndConfig
	queues []*Queue
	filter atomic.Pointer[func(time.Duration, []byte) bool]

	// The clock's lock guards what follows.
	wire    wire
	up      bool
	failure error // ErrClosed or ErrDeviceGone
	onFrame func(at time.Duration, frame []byte)
}

var _ iobackend.Device = (*End)(nil)

func newEnd(l *Link, index int) *End {
	e := &End{link: l, index: index, config: l.config.Ends[index], up: true}
	e.wire.impairments = e.config.Impairments
	for to := range l.config.Ends {
		e.wire.paths = append(e.wire.paths, path{rng: newRNG(l.config.Seed, index, to)})
	}
	for q := range e.config.Queues {
		e.queues = append(e.queues, newQueue(e, q))
	}
	return e
}

// Info describes the end.
func (e *End) Info() iobackend.Info {
	return iobackend.Info{
		Name: e.config.Name, Method: "simlink", HardwareAddr: e.config.HardwareAddr,
		MTU: e.link.config.MTU, Queues: len(e.queues),
		FrameBytes: e.link.config.FrameBytes, BatchMax: e.link.config.BatchMax,
		ReceiveHash: e.config.ReceiveHash,
	}
}

// Queue returns the queue with the given index.
func (e *End) Queue(index int) iobackend.Queue { return e.queues[index] }

// Close closes the end: its queues return iobackend.ErrClosed, and what arrives
// is lost. It may be called twice.
func (e *End) Close() error {
	c := e.link.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.failure == iobackend.ErrClosed {
		return nil
	}
	e.failure = iobackend.ErrClosed
	e.wakeAll()
	if e.link.open--; e.link.open == 0 {
		c.detach()
	}
	return nil
}

// Remove acts as if the interface had been deleted: the queues return
// iobackend.ErrDeviceGone.
func (e *End) Remove() {
	e.link.clock.mu.Lock()
	defer e.link.clock.mu.Unlock()
	if e.failure == nil {
		e.failure = iobackend.ErrDeviceGone
		e.wakeAll()
	}
}

// waiting: there is something to receive; the lock is held.
func (e *End) waiting() bool {
	for _, q := range e.queues {
		if q.inbox.count > 0 {
			return true
		}
	}
	return false
}

func (e *End) wakeAll() {
	for _, q := range e.queues {
		notify(q.ready)
	}
}

// SetUp takes the end's carrier away or gives it back; see Link.SetUp.
func (e *End) SetUp(up bool) {
	e.link.clock.mu.Lock()
	defer e.link.clock.mu.Unlock()
	e.up = up
}

// SetImpairments replaces what happens to frames that the end sends from now
// on. It panics on what New would refuse.
func (e *End) SetImpairments(m Impairments) {
	if err := m.validate(); err != nil {
		panic(fmt.Sprintf("simlink: SetImpairments: %v", err))
	}
	e.link.clock.mu.Lock()
	defer e.link.clock.mu.Unlock()
	e.wire.impairments = m
}

// SetFilter has keep decide on every frame that the end sends, before anything
// else happens to it: those it is false for are lost. It may change the bytes
// in place. Nil keeps everything.
func (e *End) SetFilter(keep func(at time.Duration, frame []byte) bool) {
	if keep == nil {
		e.filter.Store(nil)
		return
	}
	e.filter.Store(&keep)
}

// OnFrame has f get the frames that arrive at the end, instead of its queues,
// so that a test can play the peer; nil gives them to the queues again. The
// bytes are valid during the call only. f may call Inject.
func (e *End) OnFrame(f func(at time.Duration, frame []byte)) {
	e.link.clock.mu.Lock()
	defer e.link.clock.mu.Unlock()
	e.onFrame = f
}

// Inject sends a frame from this end, through its impairments like any other.
// The bytes are copied.
func (e *End) Inject(frame []byte) {
	if e.filter.Load() != nil {
		frame = append([]byte(nil), frame...) // which it may change
	}
	passed := e.examine(frame)
	e.link.clock.mu.Lock()
	defer e.link.clock.mu.Unlock()
	e.wire.fates.Sent++
	e.dispose(frame, passed)
}

// Fates returns what became of the frames that this end sent.
func (e *End) Fates() Fates {
	e.link.clock.mu.Lock()
	defer e.link.clock.mu.Unlock()
	return e.wire.fates
}

// verdict is what stands before the wire says of a frame.
type verdict uint8

const (
	pass verdict = iota + 1
	refuse
	filtered
)

// examine shows a frame to tap and filter; the lock is not held.
func (e *End) examine(frame []byte) verdict {
	if len(frame) < ethernetHeaderBytes || len(frame) > e.link.config.MTU+frameOverheadBytes {
		return refuse
	}
	if tap := e.link.tap.Load(); tap != nil {
		(*tap)(Sent{From: e, Data: frame})
	}
	if keep := e.filter.Load(); keep != nil && !(*keep)(e.link.clock.Now(), frame) {
		return filtered
	}
	return pass
}

// dispose counts a frame or sends it; the lock is held.
func (e *End) dispose(frame []byte, v verdict) {
	switch v {
	case refuse:
		e.wire.fates.Refused++
	case filtered:
		e.wire.fates.Filtered++
	default:
		e.send(frame)
	}
}

// arrive puts a frame into a queue, or returns the callback that wants it; the
// lock is held.
func (e *End) arrive(v event) (callback func(time.Duration, []byte)) {
	fates := &v.from.wire.fates
	switch {
	case e.failure != nil:
		fates.NoReceiver++
	case !e.up || !v.from.up:
		fates.Cut++
	case e.onFrame != nil:
		fates.Delivered++
		return e.onFrame
	default:
		index := e.config.Steer(v.data, len(e.queues))
		if index < 0 || index >= len(e.queues) {
			panic(fmt.Sprintf("simlink: %s: Steer chose queue %d of %d", e.config.Name, index, len(e.queues)))
		}
		if e.queues[index].accept(v.data, e.config.ChecksumOK && !v.spoilt) {
			fates.Delivered++
		} else {
			fates.NoBuffer++
		}
	}
	return nil
}
