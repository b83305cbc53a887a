package relay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	frameBytesMax = 9216
	burst         = 64                    // frames read before those that are due leave
	patience      = 20 * time.Millisecond // until Close is noticed
	pause         = 50 * time.Microsecond // until a full device is asked again
	bufferBytes   = 32 << 20              // of each socket
)

// Relay joins two interfaces. Make it with New, inside of their namespace.
type Relay struct {
	ways  [2]*Way
	stop  atomic.Bool
	group sync.WaitGroup
}

// Way is one direction.
type Way struct {
	from, to   int // sockets
	impairment atomic.Pointer[Impairment]
	mutex      sync.Mutex
	fates      Fates
	line       line
	err        error
}

// New begins to carry frames between two interfaces of the calling thread's
// namespace, which are up. Way 0 is from the first to the second.
func New(first, second string, seed uint64) (r *Relay, err error) {
	a, err := open(first)
	if err != nil {
		return nil, err
	}
	b, err := open(second)
	if err != nil {
		unix.Close(a)
		return nil, err
	}
	r = &Relay{}
	for k, ends := range [2][2]int{{a, b}, {b, a}} {
		w := &Way{from: ends[0], to: ends[1], line: line{random: rand.New(rand.NewPCG(seed, uint64(k)))}}
		w.impairment.Store(&Impairment{})
		r.ways[k] = w
		r.group.Go(func() { w.run(&r.stop) })
	}
	return r, nil
}

// open makes a socket for all frames of an interface but those that we send.
func open(name string) (fd int, err error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return -1, fmt.Errorf("relay: %s: %w", name, err)
	}
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("relay: open a packet socket: %w", err)
	}
	everything := uint16(unix.ETH_P_ALL>>8 | unix.ETH_P_ALL&0xff<<8)
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferBytes),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, bufferBytes),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: everything, Ifindex: i.Index}),
	)
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("relay: prepare the socket of %s: %w", name, err)
	}
	return fd, nil
}

// Set replaces what is done to the frames of a way that arrive from now on.
func (r *Relay) Set(way int, i Impairment) { r.ways[way].impairment.Store(&i) }

// Fates returns what became of the frames of a way so far.
func (r *Relay) Fates(way int) Fates {
	w := r.ways[way]
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.fates
}

// Close ends the relay; what still waits is lost. It returns what stopped a way
// before.
func (r *Relay) Close() error {
	if r.stop.Swap(true) {
		return nil
	}
	r.group.Wait()
	return errors.Join(r.ways[0].err, r.ways[1].err, unix.Close(r.ways[0].from), unix.Close(r.ways[1].from))
}

func (w *Way) run(stop *atomic.Bool) {
	standForWire()
	began := time.Now()
	buffer := make([]byte, frameBytesMax)
	for !stop.Load() && w.err == nil {
		w.err = w.turn(began, buffer)
	}
}

// standForWire gives the goroutine a thread of its own that comes before those
// of the ends: a wire does not wait because one of them has just been woken by
// the first of many frames. The thread ends with the goroutine. It is a matter of
// speed alone, so a refusal is not an error.
func standForWire() {
	runtime.LockOSThread()
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20)
}

// turn takes what has arrived, sends what is due, and waits for either.
func (w *Way) turn(began time.Time, buffer []byte) error {
	idle, err := w.receive(time.Since(began), buffer)
	if err != nil {
		return err
	}
	full, err := w.send(time.Since(began))
	if err != nil || !idle && !full {
		return err
	}
	wait := patience
	if full {
		wait = pause
	} else if due, ok := w.line.next(); ok {
		wait = min(wait, due-time.Since(began))
	}
	limit := unix.NsecToTimespec(int64(max(wait, 0)))
	ready := []unix.PollFd{{Fd: int32(w.from), Events: unix.POLLIN}}
	if _, err := unix.Ppoll(ready, &limit, nil); err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("relay: poll: %w", err)
	}
	return nil
}

// receive takes one burst, and tells whether there was less.
func (w *Way) receive(now time.Duration, buffer []byte) (idle bool, err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	i := w.impairment.Load()
	for range burst {
		n, _, err := unix.Recvfrom(w.from, buffer, 0)
		switch {
		case err == nil:
			w.line.take(buffer[:n], now, i, &w.fates)
		case errors.Is(err, unix.EAGAIN):
			return true, nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
		default:
			return false, fmt.Errorf("relay: receive: %w", err)
		}
	}
	return false, nil
}

// send sends what is due. A device whose queue is full is asked again a little
// later: only what Impairment says is lost here.
func (w *Way) send(now time.Duration) (full bool, err error) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for {
		frame := w.line.first(now)
		if frame == nil {
			return false, nil
		}
		switch _, err := unix.Write(w.to, frame); {
		case err == nil:
			w.fates.Passed++
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.ENOBUFS), errors.Is(err, unix.EINTR):
			return true, nil
		case errors.Is(err, unix.ENETDOWN):
			w.fates.Overflowed++
		default:
			return false, fmt.Errorf("relay: send: %w", err)
		}
		w.line.leave()
	}
}
