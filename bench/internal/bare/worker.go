package bare

import (
	"encoding/binary"
	"runtime"
	"time"

	"myriad/bench/internal/cpu"
	"myriad/iobackend"
)

// worker drives one queue.
type worker struct {
	queue    iobackend.Queue
	config   *Config
	finished bool // opens no more

	syn, ack, request, rst shape
	source, sources        uint32 // the first address, and the mask of what varies
	target, targets        uint32

	rx, tx   []iobackend.Frame
	reserved int // frames at the start of tx that were reserved
	used     int // of those, filled

	first     int    // number of the first connection: the queue's index
	next      uint32 // number of the next connection
	step      uint32
	inFlight  int
	opened    uint64
	completed uint64
	other     uint64 // frames that were no answer
	err       error
}

// run opens connections until the instant, then waits a moment for those in
// flight.
func (w *worker) run(cancelled <-chan struct{}, duration time.Duration) {
	runtime.LockOSThread() // for good: a pinned thread ends with its goroutine
	cpu.Pin(int(w.step), w.first)
	end := w.queue.Now() + duration
	idle := 0
	for turn := 0; ; turn++ {
		if turn%1024 == 0 && isClosed(cancelled) {
			end = min(end, w.queue.Now())
		}
		count, now, err := w.queue.Receive(w.rx)
		if err != nil {
			w.err = err
			return
		}
		if now >= end {
			w.finished = true
			if w.inFlight <= 0 || now >= end+drain {
				return
			}
		}
		for i := range w.rx[:count] {
			w.answer(w.rx[i].Data)
		}
		w.queue.Release(w.rx[:count])
		if !w.finished {
			w.open()
		}
		sent := w.used
		if w.flush(); w.err != nil {
			return
		}
		if count+sent > 0 {
			idle = 0
		} else if idle++; idle > 2 {
			if w.err = w.queue.Wait(now + time.Millisecond); w.err != nil {
				return
			}
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// drain bounds the wait at the end.
const drain = 200 * time.Millisecond

// answer does what the frame asks for.
func (w *worker) answer(f []byte) {
	if len(f) < dataAt || f[ipAt+9] != 6 {
		w.other++
		return
	}
	source, target := binary.BigEndian.Uint32(f[ipAt+16:]), binary.BigEndian.Uint32(f[ipAt+12:])
	sport, dport := binary.BigEndian.Uint16(f[tcpAt+2:]), binary.BigEndian.Uint16(f[tcpAt:])
	seq, ack := binary.BigEndian.Uint32(f[tcpAt+8:]), binary.BigEndian.Uint32(f[tcpAt+4:])
	length := uint32(binary.BigEndian.Uint16(f[ipAt+2:])) - 20 - uint32(f[tcpAt+12]>>4)*4
	switch {
	case f[tcpAt+13]&flagSYN != 0 && w.config.Request == nil:
		w.send(&w.ack, source, target, sport, dport, seq, ack+1)
		w.send(&w.rst, source, target, sport, dport, seq, ack+1)
		w.done()
	case f[tcpAt+13]&flagSYN != 0:
		w.send(&w.request, source, target, sport, dport, seq, ack+1)
	case length > 0:
		w.send(&w.rst, source, target, sport, dport, seq, ack+length)
		w.done()
	default:
		w.other++
	}
}

func (w *worker) done() {
	w.completed++
	w.inFlight--
}

// open fills the window.
func (w *worker) open() {
	n := min(w.config.Window/int(w.step)-w.inFlight, w.config.Batch)
	for range n {
		target := w.target + w.next&w.targets
		source := w.source + w.next>>8&w.sources
		port := 1024 + uint16(w.next%60000)
		if !w.send(&w.syn, source, target, port, w.config.Port, w.next*2654435761, 0) {
			return
		}
		w.next += w.step
		w.opened++
		w.inFlight++
	}
}

// send fills the next frame; false when there is none.
func (w *worker) send(s *shape, source, target uint32, sport, dport uint16, seq, ack uint32) bool {
	if w.used == w.reserved {
		w.flush()
		w.reserved = w.queue.Reserve(w.tx)
		if w.reserved == 0 {
			return false
		}
	}
	f := &w.tx[w.used]
	f.Data = f.Data[:s.write(f.Data, source, target, sport, dport, seq, ack)]
	w.used++
	return true
}

// flush sends what was filled, and keeps the rest of the reserved frames.
func (w *worker) flush() {
	if w.used == 0 {
		return
	}
	if err := w.queue.Transmit(w.tx[:w.used]); err != nil {
		w.err = err
	}
	copy(w.tx, w.tx[w.used:w.reserved])
	w.reserved -= w.used
	w.used = 0
}
