package tcpclient

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// mailbox is a worker's bounded queue of calls from other goroutines.
type mailbox struct {
	waiting atomic.Int32 // so that an empty box costs no lock
	wish    atomic.Int32 // what Close asks for
	mutex   sync.Mutex
	calls   []call
	taken   []call // what the worker is working through
	limit   int
	closed  bool
}

// call is a function to run on the worker, or a connection to open there.
type call struct {
	f    func(w *Worker)
	open Open
}

var errCallsFull = fmt.Errorf("tcpclient: %w: Config.Calls calls wait for the worker", ErrFull)

// post leaves a call and wakes the worker.
func (w *Worker) post(c call) error {
	m := &w.mail
	m.mutex.Lock()
	defer m.mutex.Unlock()
	err := m.put(c)
	if err == nil && len(m.calls) == 1 {
		w.queue.Wake()
	}
	return err
}

// put leaves a call. The caller holds mutex.
func (m *mailbox) put(c call) error {
	switch {
	case m.closed:
		return errClosed
	case len(m.calls) >= m.limit:
		return errCallsFull
	}
	m.calls = append(m.calls, c)
	m.waiting.Store(int32(len(m.calls)))
	return nil
}

// readMail runs the calls that wait, and returns how many.
func (w *Worker) readMail() int {
	m := &w.mail
	if m.waiting.Load() == 0 {
		return 0
	}
	m.mutex.Lock()
	m.calls, m.taken = m.taken[:0], m.calls
	m.waiting.Store(0)
	m.mutex.Unlock()
	for k := range m.taken {
		c := &m.taken[k]
		if c.f != nil {
			c.f(w)
		} else if err := w.openOne(&c.open); err != nil {
			w.counters.opened++
			w.counters.failed++
			w.startFailed(c.open.User)
		}
		*c = call{}
	}
	return len(m.taken)
}

// startFailed tells the application that a connection or query asked for from
// elsewhere could not be started, since nobody waits for the result.
func (w *Worker) startFailed(user uint64) {
	w.counters.failedBy[NoMemory]++
	w.events = append(w.events, Event{Kind: Failed, User: user, Reason: NoMemory})
}

// shut refuses calls from now on; those that wait are run.
func (m *mailbox) shut() {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.closed = true
}

// ask tells the worker what Close wants.
func (m *mailbox) ask(wish int32) { m.wish.Store(wish) }
