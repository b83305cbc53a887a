package answerer

import (
	"runtime"
	"time"

	"myriad/iobackend"
	"myriad/linklayer"
)

const (
	batch = 256
	spins = 8 // empty turns before a loop sleeps
	nap   = 10 * time.Millisecond
)

// Loop answers on one queue.
type Loop struct {
	// Packet is the one in hand, and Path leads to whom it came from.
	Packet linklayer.Packet
	Path   linklayer.Path
	// Dropped are frames that are no whole packets, NoFrames answers for which
	// there was no send frame.
	Dropped, NoFrames uint64

	queue    iobackend.Queue
	mac, to  [6]byte // ours, and whom Path leads to
	rx, tx   []iobackend.Frame
	reserved int
	used     int
}

func newLoop(q iobackend.Queue, mac [6]byte) *Loop {
	return &Loop{queue: q, mac: mac, rx: make([]iobackend.Frame, batch), tx: make([]iobackend.Frame, 2*batch)}
}

// run answers until stop is closed or the device fails.
func (l *Loop) run(stop <-chan struct{}, answer func(frame []byte)) error {
	runtime.LockOSThread() // for good: the thread ends with the goroutine
	idle := 0
	for {
		count, now, err := l.queue.Receive(l.rx)
		if err != nil {
			return err
		}
		for i := range l.rx[:count] {
			l.frame(&l.rx[i], answer)
		}
		l.queue.Release(l.rx[:count])
		if err := l.flush(); err != nil {
			return err
		}
		if count > 0 {
			idle = 0
			continue
		}
		if idle++; idle <= spins {
			continue
		}
		select {
		case <-stop:
			return nil
		default:
		}
		if err := l.queue.Wait(now + nap); err != nil {
			return err
		}
		idle = 0
	}
}

func (l *Loop) frame(f *iobackend.Frame, answer func(frame []byte)) {
	p := &l.Packet
	if linklayer.Parse(f.Data, f.ChecksumOK, p) != linklayer.DropNone {
		l.Dropped++
		return
	}
	if l.to != p.EthSource {
		l.to = p.EthSource
		l.Path = linklayer.NewPath(l.mac, l.to, 64, 0)
	}
	answer(f.Data)
}

// Send answers the packet in hand with a segment.
func (l *Loop) Send(s *linklayer.Segment) {
	if f := l.Room(); f != nil {
		p := &l.Packet
		l.Commit(f, linklayer.EmitTCP(f.Data, &l.Path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 0, s, 0))
	}
}

// Room is the next send frame, nil when there is none.
func (l *Loop) Room() *iobackend.Frame {
	if l.used == l.reserved {
		if l.flush() != nil {
			return nil // and the next Receive says it again
		}
		l.reserved += l.queue.Reserve(l.tx[l.reserved:])
		if l.used == l.reserved {
			l.NoFrames++
			return nil
		}
	}
	return &l.tx[l.used]
}

// Commit sends the first n bytes of the frame that Room gave.
func (l *Loop) Commit(f *iobackend.Frame, n int) {
	f.Data = f.Data[:n]
	l.used++
}

// flush sends what was filled, and keeps the rest of the reserved frames.
func (l *Loop) flush() error {
	if l.used == 0 {
		return nil
	}
	err := l.queue.Transmit(l.tx[:l.used])
	l.reserved = copy(l.tx, l.tx[l.used:l.reserved])
	l.used = 0
	return err
}
