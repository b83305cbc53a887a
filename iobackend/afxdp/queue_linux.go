package afxdp

import (
	"encoding/binary"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"myriad/internal/gso"
	"myriad/internal/park"
	"myriad/iobackend"
)

// queue is a queue of the device: a socket to send and receive, and perhaps
// more to receive from.
type queue struct {
	device  *device
	index   int
	sockets []*socket // the first sends
	turn    int       // the socket to receive from first
	umem    []byte    // the device's
	stamps  deviceClock
	blank   int // frames without a timestamp, while there was none with one
	idle    int // turns without a frame

	long      *gso.Socket // sends long segments; nil: there is none
	live      *live       // sends many frames at once; nil: there is none
	given     uint64      // frames put into the transmit ring
	completed uint64      // and those that came back
	aged      ages

	free     []uint64 // send frames: their addresses
	pending  bool     // the kernel has not taken all of the transmit ring
	handing  bool     // within a packet that is handed over in pieces
	passing  bool     // something was handed over that passOn has not passed on
	handed   []*spsc  // frames that queue i handed to us
	returned []*spsc  // frames of ours that queue i is done with

	sleep   atomic.Uint32 // awake, asleep or woken
	wakeFD  int
	polled  []unix.PollFd // the wake-up's first, then the sockets'
	timeout unix.Timespec
	parker  *park.Parker // nil: Wait blocks its thread

	counters counters
}

func newQueue(d *device, index int) (*queue, error) {
	p := &d.plan
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("afxdp: queue %d of %q: make an eventfd: %w", index, p.name, err)
	}
	q := &queue{
		device: d, index: index, umem: d.umem, wakeFD: fd,
		free:     make([]uint64, 0, p.send),
		handed:   make([]*spsc, p.queues),
		returned: make([]*spsc, p.queues),
		polled:   []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}},
	}
	first := p.sockets*p.receive + index*p.send
	for i := p.send - 1; i >= 0; i-- {
		q.free = append(q.free, uint64(first+i)<<p.frameShift)
	}
	return q, nil
}

func (q *queue) close() {
	if q.long != nil {
		_ = q.long.Close()
	}
	if q.parker != nil {
		q.parker.Close()
	}
	_ = unix.Close(q.wakeFD)
	q.wakeFD = -1
}

// Now reads the clock.
func (q *queue) Now() time.Duration { return time.Since(q.device.opened) }

// idleCheck is the number of turns without a frame after which a caller that
// never waits gets to know that the device is gone.
const idleCheck = 1 << 14

// Receive borrows received frames.
func (q *queue) Receive(frames []iobackend.Frame) (count int, at time.Duration, err error) {
	d := q.device
	if d.failed() {
		return 0, q.Now(), d.check()
	}
	if q.pending {
		if err := q.kick(); err != nil {
			return 0, q.Now(), err
		}
	}
	if q.passing {
		q.passOn()
	}
	q.takeReturned()
	count = q.receiveHanded(frames)
	var stamp uint64
	for range q.sockets {
		s := q.sockets[q.turn]
		if q.turn++; q.turn == len(q.sockets) {
			q.turn = 0
		}
		n := q.receiveFrom(s, frames[count:], count == 0)
		if n > 0 && d.stamped.Load() {
			stamp = max(stamp, q.stampOf(frames[count:count+n]))
		}
		count += n
	}
	at = q.Now()
	if at-q.aged.at >= q.device.completionAge {
		q.age(at)
	}
	if count == 0 {
		if q.idle++; q.idle >= idleCheck {
			q.idle = 0
			return 0, at, q.inspect()
		}
		return 0, at, nil
	}
	q.idle = 0
	if stamp != 0 {
		at = q.stamps.instant(stamp, at)
	}
	return count, at, nil
}

// receiveFrom takes frames from a socket's receive ring; only whole packets.
func (q *queue) receiveFrom(s *socket, frames []iobackend.Frame, whole bool) int {
	r := s.rx
	n := min(r.available(uint32(len(frames))), uint32(len(frames)))
	if n == 0 && whole && q.device.plan.busyPoll {
		_ = s.pull() // EAGAIN says nothing; what is wrong with the device, inspect finds
		n = min(r.available(uint32(len(frames))), uint32(len(frames)))
	}
	if n == 0 {
		q.feed(s)
		return 0
	}
	entries, mask := r.entries, uint32(len(r.entries)-1)
	bytes := uint64(0)
	for i := range frames[:n] {
		e := &entries[(r.cons+uint32(i))&mask]
		f := &frames[i]
		end := e.Addr + uint64(e.Len)
		f.Data = q.umem[e.Addr:end:end]
		f.Handle = e.Addr
		f.More = e.Options&unix.XDP_PKT_CONTD != 0
		f.ChecksumOK = false
		bytes += uint64(e.Len)
	}
	for n > 0 && frames[n-1].More {
		n--
		bytes -= uint64(len(frames[n].Data))
	}
	if n == 0 {
		if whole && r.available(uint32(len(frames))+1) > uint32(len(frames)) {
			q.skipPacket(s)
		}
		return 0
	}
	r.cons += n
	r.consumed()
	q.counters.framesReceived.Add(uint64(n))
	q.counters.bytesReceived.Add(bytes)
	return int(n)
}

// skipPacket drops the first packet in the ring, which has more pieces than
// the caller takes at once.
func (q *queue) skipPacket(s *socket) {
	r := s.rx
	mask := uint32(len(r.entries) - 1)
	for more := true; more && r.available(1) > 0; {
		e := r.entries[r.cons&mask]
		more = e.Options&unix.XDP_PKT_CONTD != 0
		s.fill.put(e.Addr &^ uint64(q.device.plan.frameBytes-1))
		r.cons++
	}
	r.consumed()
	s.fill.produced()
	q.counters.oversize.Add(1)
}

// feed has a zero-copy driver that ran out of frames look at the fill ring.
func (q *queue) feed(s *socket) {
	if s.zeroCopy && s.fill.needWakeup() {
		s.pull()
	}
}

// stampOf reads the timestamp that the program put before the newest packet.
func (q *queue) stampOf(frames []iobackend.Frame) uint64 {
	first := len(frames) - 1
	for first > 0 && frames[first-1].More {
		first--
	}
	stamp := binary.NativeEndian.Uint64(q.umem[frames[first].Handle-stampBytes:])
	switch {
	case stamp != 0:
		q.blank = math.MinInt
	case q.blank < stampTrial:
		if q.blank += len(frames); q.blank >= stampTrial {
			q.device.dropStamps()
		}
	}
	return stamp
}

// stampBytes is the size of the timestamp before a frame. The kernel's
// headroom of 256 bytes before each has room for it.
const stampBytes = 8

// receiveHanded takes what other queues handed over; only whole packets, since
// those alone are published.
func (q *queue) receiveHanded(frames []iobackend.Frame) (count int) {
	for _, r := range q.handed {
		if r == nil {
			continue
		}
		n := int(min(r.waiting(), uint32(len(frames)-count)))
		if n == 0 {
			continue
		}
		start, whole := r.taken, 0
		for i := range n {
			f := &frames[count+i]
			q.unpack(r.take(), f)
			if !f.More {
				whole = i + 1
			}
		}
		r.taken = start + uint32(whole)
		if whole == 0 && n == len(frames) {
			q.skipHanded(r)
		}
		r.done()
		count += whole
	}
	return count
}

// skipHanded drops the first packet of the ring, which has more pieces than
// the caller takes at once.
func (q *queue) skipHanded(r *spsc) {
	var piece [1]iobackend.Frame
	for more := true; more && r.waiting() > 0; {
		q.unpack(r.take(), &piece[0])
		more = piece[0].More
		q.Release(piece[:])
	}
	q.counters.oversize.Add(1)
}

func (q *queue) unpack(w uint64, f *iobackend.Frame) {
	addr := w >> handShift
	end := addr + w&handLengthMax
	f.Data = q.umem[addr:end:end]
	f.Handle = addr
	f.More = w&handMore != 0
	f.ChecksumOK = false
}

// takeReturned puts frames that came home into their fill rings.
func (q *queue) takeReturned() {
	for _, r := range q.returned {
		if r == nil {
			continue
		}
		n := r.waiting()
		if n == 0 {
			continue
		}
		for range n {
			addr := r.take()
			s := q.device.home(addr)
			s.fill.put(addr)
			s.filled = true
		}
		r.done()
		q.produceFills()
	}
}

// home returns the socket whose receive frame is at addr.
func (d *device) home(addr uint64) *socket {
	return d.sockets[addr>>d.plan.frameShift>>d.plan.receiveShift]
}

func (q *queue) produceFills() {
	for _, s := range q.sockets {
		if s.filled {
			s.filled = false
			s.fill.produced()
		}
	}
}

// Release gives borrowed frames back to the fill rings that they came from.
func (q *queue) Release(frames []iobackend.Frame) {
	d := q.device
	p := &d.plan
	received := uint64(p.sockets*p.receive) << p.frameShift
	inside := ^uint64(p.frameBytes - 1)
	strangers := false
	for i := range frames {
		f := &frames[i]
		if f.Data == nil {
			continue
		}
		addr := f.Handle & inside
		if addr >= received { // reserved, but not sent
			q.free = append(q.free, addr)
			continue
		}
		s := d.home(addr)
		if s.owner == q {
			s.fill.put(addr)
			s.filled = true
			continue
		}
		s.owner.returned[q.index].stage(addr)
		strangers = true
	}
	q.produceFills()
	if strangers {
		q.sendHome()
	}
	if q.passing {
		q.passOn()
	}
}

// sendHome publishes frames that go back to other queues. A queue that sleeps
// is woken when it may be short of frames.
func (q *queue) sendHome() {
	p := &q.device.plan
	for _, other := range q.device.queues {
		if other == q {
			continue
		}
		r := other.returned[q.index]
		r.publish()
		if other.sleep.Load() == asleep && !r.room(uint32(len(r.words)-p.receive/4)) {
			other.Wake()
		}
	}
}

// HandOver passes a borrowed frame to another queue by its descriptor, with those
// that follow in the same batch.
func (q *queue) HandOver(frame iobackend.Frame, to int) bool {
	if to == q.index || len(frame.Data) > handLengthMax {
		return false
	}
	other := q.device.queues[to]
	r := other.handed[q.index]
	// Once its first piece was taken, all of a packet must be.
	if !q.handing && !r.room(piecesMax) {
		q.counters.handOverFull.Add(1)
		return false
	}
	w := frame.Handle<<handShift | uint64(len(frame.Data))
	if frame.More {
		w |= handMore
	}
	r.stage(w)
	q.handing, q.passing = frame.More, true
	q.counters.handedOver.Add(1)
	return true
}

// passOn gives the other queues what was handed over, whole packets only, and
// wakes those that sleep.
func (q *queue) passOn() {
	if q.handing {
		return
	}
	q.passing = false
	for _, other := range q.device.queues {
		if other == q {
			continue
		}
		if other.handed[q.index].publish() && other.sleep.Load() == asleep {
			other.Wake()
		}
	}
}
