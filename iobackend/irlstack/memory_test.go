package irlstack

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"myriad/iobackend"
)

// Memory is a driver in memory with a StandIn behind it, for every system.
type Memory struct {
	*StandIn
	mutex   sync.Mutex
	reads   []pendingRead
	waiting [][]byte // buffers on their way up, for which no read is there
	held    []int    // writes not completed, with Hold
	ended   []completion
	ready   chan struct{}
	gone    bool
	closed  bool
	Hold    bool  // writes are taken and not completed
	Keep    bool  // cancelled requests are never given back
	Busy    error // what read and write return
}

type pendingRead struct {
	number int
	buffer []byte
}

var errCancelled = errors.New("cancelled")

var errGone = fmt.Errorf("memory: %w", iobackend.ErrDeviceGone)

// OpenMemory opens a device over m.
func OpenMemory(m *Memory, c iobackend.Config, o Options) (*Device, error) {
	if err := withDefaults(&c, &o); err != nil {
		return nil, err
	}
	if m.StandIn == nil {
		m.StandIn = &StandIn{}
	}
	m.ready = make(chan struct{}, 1)
	return newDevice(m, c, o, 7)
}

func (m *Memory) control(message, answer []byte) (int, error) {
	b, _ := m.Control(message)
	return copy(answer, b), nil
}

func (m *Memory) read(number int, buffer []byte) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.gone {
		return errGone
	}
	if m.Busy != nil {
		return m.Busy
	}
	m.reads = append(m.reads, pendingRead{number, buffer})
	m.deliver()
	return nil
}

func (m *Memory) write(number int, buffer []byte) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.gone {
		return errGone
	}
	if m.Busy != nil {
		return m.Busy
	}
	if m.Hold {
		m.held = append(m.held, number)
		return nil
	}
	m.waiting = append(m.waiting, m.Down(buffer)...)
	m.end(completion{number: number, bytes: len(buffer)})
	m.deliver()
	return nil
}

// Up sends a buffer up as it is.
func (m *Memory) Up(buffer []byte) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.waiting = append(m.waiting, buffer)
	m.deliver()
}

// Vanish ends the driver with everything outstanding.
func (m *Memory) Vanish() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.gone = true
	m.endAll(errGone)
}

// SetBusy has read and write refused, or, with nil, taken again.
func (m *Memory) SetBusy(err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.Busy = err
}

func (m *Memory) deliver() {
	for len(m.reads) > 0 && len(m.waiting) > 0 {
		r, b := m.reads[0], m.waiting[0]
		m.reads, m.waiting = m.reads[1:], m.waiting[1:]
		c := completion{number: r.number, bytes: copy(r.buffer, b)}
		if c.bytes < len(b) {
			c.err = errTruncated
		}
		m.end(c)
		m.Recycle(b)
	}
}

func (m *Memory) end(c completion) {
	m.ended = append(m.ended, c)
	m.ring()
}

func (m *Memory) endAll(err error) {
	for _, r := range m.reads {
		m.end(completion{number: r.number, err: err})
	}
	for _, number := range m.held {
		m.end(completion{number: number, err: err})
	}
	m.reads, m.held = nil, nil
}

func (m *Memory) completed(done []completion, wait time.Duration) (int, error) {
	m.mutex.Lock()
	n := m.take(done)
	m.mutex.Unlock()
	if n > 0 || wait == 0 {
		return n, nil
	}
	select {
	case <-m.ready:
	case <-time.After(wait):
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.take(done), nil
}

func (m *Memory) take(done []completion) int {
	n := copy(done, m.ended)
	m.ended = append(m.ended[:0], m.ended[n:]...)
	return n
}

func (m *Memory) wake() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.end(completion{number: woken})
}

func (m *Memory) ring() {
	select {
	case m.ready <- struct{}{}:
	default:
	}
}

func (m *Memory) cancel() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if !m.Keep {
		m.endAll(errCancelled)
	}
}

func (m *Memory) close() error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.closed = true
	return nil
}
