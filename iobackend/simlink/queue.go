package simlink

import (
	"fmt"
	"sync"
	"time"

	"myriad/iobackend"
)

// Queue is one queue of an end.
type Queue struct {
	end   *End
	index int
	ready chan struct{} // a token: something to receive, or Wake
	timer *time.Timer   // Wait's, used by its goroutine only
	join  []byte        // Transmit's, to put the pieces of a packet together

	// The clock's lock guards what follows.
	receive, send pool
	inbox         inbox
	staged        [][]piece // packets being handed over, by the queue they come from
	handed        int       // pieces handed over, in staged and inbox
	counters      iobackend.Counters
}

var _ iobackend.Queue = (*Queue)(nil)

func newQueue(e *End, index int) *Queue {
	c := &e.link.config
	q := &Queue{end: e, index: index, ready: make(chan struct{}, 1)}
	q.receive = newPool(fmt.Sprintf("%s queue %d receive", e.config.Name, index), e.config.ReceiveFrames, c.FrameBytes, c.Debug)
	q.send = newPool(fmt.Sprintf("%s queue %d send", e.config.Name, index), e.config.SendFrames, c.FrameBytes, c.Debug)
	q.inbox.ring = make([]piece, e.config.ReceiveFrames+e.config.HandOverFrames)
	q.staged = make([][]piece, e.config.Queues)
	return q
}

func (q *Queue) lock() *sync.Mutex {
	mu := &q.end.link.clock.mu
	mu.Lock()
	return mu
}

func (q *Queue) failed(operation string) error {
	if q.end.failure == nil {
		return nil
	}
	return fmt.Errorf("simlink: %s: %s: %w", operation, q.end.config.Name, q.end.failure)
}

// Receive borrows frames; on a virtual clock it delivers first what is due.
func (q *Queue) Receive(frames []iobackend.Frame) (count int, at time.Duration, err error) {
	defer q.lock().Unlock()
	c := q.end.link.clock
	if !c.real {
		c.runUntil(c.Now())
	}
	at = c.Now()
	if err := q.failed("receive"); err != nil {
		return 0, at, err
	}
	frames = frames[:min(len(frames), q.end.link.config.BatchMax)]
	for count < len(frames) && q.inbox.count > 0 {
		pieces := q.inbox.packetPieces()
		if count+pieces > len(frames) {
			if count == 0 { // it would never fit
				q.discardPacket(pieces)
				continue
			}
			break
		}
		for range pieces {
			frames[count] = q.take()
			count++
		}
	}
	return count, at, nil
}

// take lends the first piece of the inbox.
func (q *Queue) take() iobackend.Frame {
	p := q.inbox.pop()
	if p.handed {
		q.handed--
	}
	q.home(p.handle).lend(p.handle)
	q.counters.BytesReceived += uint64(p.size)
	if !p.more {
		q.counters.FramesReceived++
	}
	return iobackend.Frame{
		Data:   q.home(p.handle).bytes(p.handle)[:p.size:p.size],
		Handle: p.handle, More: p.more, ChecksumOK: p.checksumOK,
	}
}

// discardPacket drops a packet of more pieces than the caller's batch.
func (q *Queue) discardPacket(pieces int) {
	for range pieces {
		f := q.take()
		q.counters.BytesReceived -= uint64(len(f.Data))
		q.home(f.Handle).giveBack(f.Handle)
	}
	q.counters.FramesReceived--
	q.counters.DropInvalid++
}

// home is the pool that a receive frame belongs to.
func (q *Queue) home(handle uint64) *pool { return &q.end.queues[handleQueue(handle)].receive }

// Release gives borrowed frames back.
func (q *Queue) Release(frames []iobackend.Frame) {
	defer q.lock().Unlock()
	for i := range frames {
		if frames[i].Data == nil {
			continue
		}
		h := frames[i].Handle
		if handleSend(h) || handleQueue(h) >= len(q.end.queues) || !q.home(h).giveBack(h) {
			q.misuse("Release", h)
		}
	}
}

// misuse reports a frame that is not the caller's to give.
func (q *Queue) misuse(operation string, handle uint64) {
	q.counters.DropInvalid++
	if q.end.link.config.Debug {
		panic(fmt.Sprintf("simlink: %s: %s queue %d: frame %#x is not out (given back twice, or of another pool)",
			operation, q.end.config.Name, q.index, handle))
	}
}

// HandOver passes a frame, piece by piece, to another queue. The other queue
// sees the packet when its last piece was passed.
func (q *Queue) HandOver(frame iobackend.Frame, to int) bool {
	defer q.lock().Unlock()
	if to < 0 || to >= len(q.end.queues) {
		return false
	}
	if handleSend(frame.Handle) || handleQueue(frame.Handle) >= len(q.end.queues) || !q.home(frame.Handle).isOut(frame.Handle) {
		q.misuse("HandOver", frame.Handle)
		return false
	}
	target := q.end.queues[to]
	stage := &target.staged[q.index]
	// Room for a whole packet is asked for with its first piece, so that it is
	// never passed in part.
	if len(*stage) == 0 && target.handed+target.stagedRoom()+q.end.link.config.piecesMax() > q.end.config.HandOverFrames {
		q.counters.HandOverFull++
		return false
	}
	*stage = append(*stage, piece{
		handle: frame.Handle, size: len(frame.Data), more: frame.More,
		checksumOK: frame.ChecksumOK, handed: true,
	})
	q.home(frame.Handle).handOver(frame.Handle)
	target.handed++
	q.counters.HandedOver++
	if !frame.More {
		for _, p := range *stage {
			target.inbox.push(p)
		}
		*stage = (*stage)[:0]
		notify(target.ready)
	}
	return true
}

// stagedRoom is what packets passed in part may still need.
func (q *Queue) stagedRoom() int {
	room := 0
	for _, s := range q.staged {
		if len(s) > 0 {
			room += q.end.link.config.piecesMax() - len(s)
		}
	}
	return room
}

// Reserve takes empty send frames.
func (q *Queue) Reserve(frames []iobackend.Frame) (count int) {
	defer q.lock().Unlock()
	for count < len(frames) {
		index, ok := q.send.take()
		if !ok {
			break
		}
		h := makeHandle(true, q.index, index)
		q.send.lend(h)
		frames[count] = iobackend.Frame{Data: q.send.bytes(h), Handle: h}
		count++
	}
	return count
}

// Transmit sends reserved frames.
func (q *Queue) Transmit(frames []iobackend.Frame) error {
	var failure error
	q.join = q.join[:0]
	for i := range frames {
		f := &frames[i]
		data := f.Data
		if f.More || len(q.join) > 0 {
			q.join = append(q.join, data...)
			data = q.join
		}
		v := verdict(0)
		if !f.More {
			v = q.end.examine(data)
		}
		if err := q.transmitOne(f, data, v); err != nil {
			failure = err
		}
		if !f.More {
			q.join = q.join[:0]
		}
	}
	return failure
}

// transmitOne takes one piece, and sends data with the last of a packet.
func (q *Queue) transmitOne(f *iobackend.Frame, data []byte, v verdict) error {
	defer q.lock().Unlock()
	if !handleSend(f.Handle) || handleQueue(f.Handle) != q.index || !q.send.isOut(f.Handle) {
		q.misuse("Transmit", f.Handle)
		return nil
	}
	q.send.checkBounds(f)
	defer q.send.giveBack(f.Handle)
	if f.More {
		return q.failed("transmit")
	}
	return q.sendOut(data, v)
}

// sendOut sends a whole packet. The lock is held.
func (q *Queue) sendOut(data []byte, v verdict) error {
	if err := q.failed("transmit"); err != nil {
		q.counters.DropTransmit++
		return err
	}
	if v == refuse {
		q.counters.DropTransmit++
	} else {
		q.counters.FramesSent++
		q.counters.BytesSent += uint64(len(data))
	}
	q.end.wire.fates.Sent++
	q.end.dispose(data, v)
	return nil
}

// Wait returns at once on a virtual clock; see the package's documentation.
func (q *Queue) Wait(until time.Duration) error {
	mu := q.lock()
	c := q.end.link.clock
	q.counters.Waits++
	err := q.failed("wait")
	pending := q.inbox.count > 0
	sleep := until - c.Now()
	mu.Unlock()
	if err != nil || pending || !c.real || sleep <= 0 {
		return err
	}
	if q.timer == nil {
		q.timer = time.NewTimer(sleep)
	} else {
		q.timer.Reset(sleep)
	}
	select {
	case <-q.ready:
	case <-q.timer.C:
	}
	q.timer.Stop()
	defer q.lock().Unlock()
	return q.failed("wait")
}

// Wake ends the current or the next Wait.
func (q *Queue) Wake() { notify(q.ready) }

// Now reads the clock.
func (q *Queue) Now() time.Duration { return q.end.link.clock.Now() }

// Counters reads the totals.
func (q *Queue) Counters() iobackend.Counters {
	defer q.lock().Unlock()
	return q.counters
}

// accept copies a frame that arrived into receive frames; false when there are
// too few. The lock is held.
func (q *Queue) accept(data []byte, checksumOK bool) bool {
	size := q.end.link.config.FrameBytes
	pieces := (len(data) + size - 1) / size
	if len(q.receive.free) < pieces {
		q.counters.DropFillEmpty++
		return false
	}
	for len(data) > 0 {
		n := min(size, len(data))
		index, _ := q.receive.take()
		h := makeHandle(false, q.index, index)
		copy(q.receive.bytes(h), data[:n])
		data = data[n:]
		q.inbox.push(piece{handle: h, size: n, more: len(data) > 0, checksumOK: checksumOK})
	}
	notify(q.ready)
	return true
}
