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

	syn, ack, request, rst, fin shape
	source, sources             uint32 // the first address, and the mask of what varies
	target, targets             uint32

	rx, tx   []iobackend.Frame
	reserved int // frames at the start of tx that were reserved
	used     int // of those, filled

	limit     uint64 // connections to open; 0 is without
	first     int    // number of the first connection: the queue's index
	next      uint32 // number of the next connection
	step      uint32
	inFlight  int
	opened    uint64
	completed uint64
	other     uint64 // frames that were no answer
	wrong     uint64 // frames with a wrong checksum
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
		if now >= end || w.limit > 0 && w.opened == w.limit {
			if !w.finished {
				w.finished, end = true, min(end, now)
			}
			if w.inFlight <= 0 || count == 0 && now >= end+w.patience() {
				return
			}
		}
		for i := range w.rx[:count] {
			w.answer(&w.rx[i])
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

// The bounds of the wait at the end, when a run is to measure, and when it is to
// make so many connections.
const (
	drain      = 200 * time.Millisecond
	drainCount = 5 * time.Second
)

func (w *worker) patience() time.Duration {
	if w.limit > 0 {
		return drainCount
	}
	return drain
}

// answer does what the frame asks for.
func (w *worker) answer(frame *iobackend.Frame) {
	f := frame.Data
	if len(f) < dataAt || f[ipAt] != 0x45 || f[ipAt+9] != 6 {
		w.other++
		return
	}
	if !valid(f, frame.ChecksumOK) {
		w.wrong++
		return
	}
	t := reply{
		source: binary.BigEndian.Uint32(f[ipAt+16:]), target: binary.BigEndian.Uint32(f[ipAt+12:]),
		sport: binary.BigEndian.Uint16(f[tcpAt+2:]), dport: binary.BigEndian.Uint16(f[tcpAt:]),
		seq: binary.BigEndian.Uint32(f[tcpAt+8:]), ack: binary.BigEndian.Uint32(f[tcpAt+4:]),
	}
	length := uint32(binary.BigEndian.Uint16(f[ipAt+2:])) - 20 - uint32(f[tcpAt+12]>>4)*4
	flags := f[tcpAt+13]
	switch {
	case flags&flagSYN != 0:
		t.ack++
		w.connected(&t)
	case flags&flagFIN != 0:
		t.ack += length + 1
		w.reply(&w.ack, &t)
		w.done()
	case length > 0:
		t.ack += length
		w.end(&t)
	default:
		w.other++
	}
}

// reply is whom a segment goes to, and its numbers.
type reply struct {
	source, target uint32
	sport, dport   uint16
	seq, ack       uint32
}

func (w *worker) reply(s *shape, t *reply) {
	w.send(s, t.source, t.target, t.sport, t.dport, t.seq, t.ack)
}

// connected answers the SYN-ACK.
func (w *worker) connected(t *reply) {
	switch c := w.config; {
	case c.Request == nil && c.Fin:
		w.end(t) // the FIN is the handshake's ACK too
	case c.Request == nil:
		w.reply(&w.ack, t)
		w.end(t)
	case c.Separate:
		w.reply(&w.ack, t)
		w.reply(&w.request, t)
	default:
		w.reply(&w.request, t)
	}
}

// end ends a connection by RST, or begins to by FIN.
func (w *worker) end(t *reply) {
	if w.config.Fin {
		w.reply(&w.fin, t)
		return
	}
	w.reply(&w.rst, t)
	w.done()
}

func (w *worker) done() {
	w.completed++
	w.inFlight--
}

// open fills the window.
func (w *worker) open() {
	n := min(w.config.Window/int(w.step)-w.inFlight, w.config.Batch)
	if w.limit > 0 {
		n = min(n, int(w.limit-w.opened))
	}
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
