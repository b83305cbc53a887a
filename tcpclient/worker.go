package tcpclient

import (
	"slices"
	"sync"
	"time"

	"myriad/conntable"
	"myriad/handshake"
	"myriad/iobackend"
	"myriad/linklayer"
	"myriad/timers"
)

// Worker owns one queue of one interface, and its share of the connections.
// Its methods may be called only on its own goroutine: from Handler, Opener,
// or a function given to Client.Do.
type Worker struct {
	client  *Client
	index   int
	shard   int // among the workers of its interface
	link    *link
	queue   iobackend.Queue
	sharer  iobackend.Sharer // queue, when others may take turns while the worker sleeps
	own     sync.Mutex       // of whoever takes turns
	sleeps  time.Duration    // when it wakes by itself
	handler Handler
	opener  Opener // handler, when it is one
	tap     frameTap

	table   *conntable.Table
	ports   *conntable.Allocator
	resting *conntable.Quarantine
	wheel   *timers.Wheel
	machine *handshake.Machine
	now     time.Duration

	rx      []iobackend.Frame
	packets []linklayer.Packet
	owners  []int32 // of packets: index into keys, or what else became of it
	keys    []conntable.Key
	hashes  []uint64         // of keys
	guessed []uint32         // the entries that keys most likely have
	opening []opening        // what Open is working on
	toOpen  [together]uint64 // hashes of the tuples that these will look at first
	ends    []uint32         // those that end, of the next that send
	passed  bool             // frames of the batch were handed over

	events, spare []Event
	output        []uint32 // connections that may have something to send
	parked        parked   // those whose next hop is not resolved
	hop           hop      // the next hop used last
	probedAt      time.Duration
	starts        starts // those whose first SYN has not left
	waits         ring   // those in TIME-WAIT, oldest first
	fired         []uint32
	next          int    // the first that is still to be done of what is done one by one
	inHand        uint32 // the connection that is being dealt with; conntable.None
	state         iobackend.LinkState
	awake         time.Duration // it does not sleep before
	roomy         bool          // others have a processor while all workers are awake, and the clock runs
	full          int           // batches in a row that were full
	datagrams     *datagrams    // nil without Config.QueriesMax
	transmit      transmitter
	burst         burster
	refusals      bucket // RSTs for segments of no connection, echo replies
	stale         bucket // RSTs to stale peers of connections of ours, which anybody can have sent who guesses one's ports
	answers       bucket // ARP replies, which all connections need
	mail          mailbox
	out           handshake.Out
	numbers       linklayer.Numbers // of what is sent by a stencil
	ipIDs         *linklayer.IDs
	fragments     *linklayer.Reassembler

	counters  counters
	published published
	closing   closing
	checked   []checked // by connection; empty unless Check is used
}

// Index is the worker's number, 0 ≤ Index < Client.Workers().
func (w *Worker) Index() int { return w.index }

// Now is the instant of the worker's present turn.
func (w *Worker) Now() time.Duration { return w.now }

// spins is how many empty turns a worker takes at least before it sleeps: a
// frame that is on its way is cheaper to meet awake.
const spins = 2

// run is the worker's goroutine.
func (w *Worker) run() {
	w.client.pin(w)
	defer w.client.stopped.Done()
	w.own.Lock()
	defer w.own.Unlock()
	idle, since := 0, time.Duration(0)
	for {
		busy, err := w.turn()
		if err != nil {
			w.fail(err)
			return
		}
		if w.closing.done && w.link.active.Load() == 0 {
			return
		}
		if busy {
			idle = 0
			continue
		}
		if idle++; idle == 1 {
			since = w.now
		}
		if idle <= spins || w.now-since < w.client.cfg.BusyPoll || w.now < w.awake {
			continue
		}
		w.publish(true)
		if err := w.sleep(); err != nil {
			w.fail(err)
			return
		}
		idle = 0
	}
}

// sleep waits until there is something to do.
func (w *Worker) sleep() error {
	w.sleeps = w.nextInstant()
	if w.sharer != nil {
		return w.sharer.WaitUnlocked(w.sleeps, &w.own)
	}
	return w.queue.Wait(w.sleeps)
}

// turn is one round: what arrived, what was asked for, what is due, what the
// application makes of it, and what leaves. Replies leave before new SYNs. It
// reports whether there was anything to do.
func (w *Worker) turn() (busy bool, err error) {
	count, at, err := w.queue.Receive(w.rx)
	if err != nil {
		return false, err
	}
	w.now = at
	w.watchLink()
	w.receive(w.rx[:count])
	calls := w.readMail()
	fired := 0
	if w.drained(count) {
		fired = w.fireTimers() + w.fireDatagrams()
	}
	w.deliver()
	opened := w.openMore()
	w.endBorrowing()
	w.queue.Release(w.rx[:count])
	w.retryParked()
	w.flush()
	w.startNew()
	w.sendDatagrams()
	sent := w.transmit.flush(w)
	w.checkClosing()
	w.publish(false)
	return count+calls+fired+opened+sent+len(w.events) > 0, nil
}

// endBorrowing takes back the data that was lent to the application.
func (w *Worker) endBorrowing() {
	for !w.endTurn() {
	}
}

// endTurn reports false when an assertion has failed: the rest is still to do.
func (w *Worker) endTurn() (done bool) {
	defer w.contain()
	w.machine.EndTurn(&w.inHand)
	return true
}

// deliver hands the events to the application. What its calls make happen is
// delivered in the next turn.
func (w *Worker) deliver() {
	if len(w.events) == 0 {
		return
	}
	batch := w.events
	w.events, w.spare = w.spare[:0], batch
	if w.tap != nil {
		for i := range batch {
			w.tap.event(&batch[i], w.now)
		}
	}
	w.handler.Events(w, batch)
}

// fullBatches is how many full batches in a row go before the timers.
const fullBatches = 64

// drained reports whether timers may fire: not while answers that came in time
// may still lie in the receive ring, as after the worker was kept from its
// processor for a while.
func (w *Worker) drained(count int) bool {
	if count < len(w.rx) || w.full >= fullBatches {
		w.full = 0
		return true
	}
	w.full++
	return false
}

// fireTimers has the due connections look at their timers.
func (w *Worker) fireTimers() (total int) {
	for {
		n, more := w.wheel.Advance(w.now, w.fired)
		for w.next = 0; w.next < n; {
			w.fireFrom(w.fired[:n])
		}
		total += n
		if !more || n == 0 {
			return total
		}
	}
}

// fireFrom fires timers until the end, or until an assertion fails.
func (w *Worker) fireFrom(fired []uint32) {
	defer w.contain()
	for w.next < len(fired) {
		i := fired[w.next]
		w.next++
		w.inHand = i
		r := w.machine.Timeout(i, w.now)
		w.result(i, &r)
		w.queueOutput(i)
	}
}

// nextInstant is when the worker has something to do without a frame.
func (w *Worker) nextInstant() time.Duration {
	const longest = time.Second // an error of reckoning costs no more than that
	until := w.now + longest
	if at, ok := w.wheel.Next(); ok {
		until = min(until, at)
	}
	if len(w.parked.list) > 0 {
		until = min(until, w.now+neighborPoll)
	}
	if d := w.datagrams; d != nil {
		until = d.nextInstant(w, until)
	}
	if !w.state.Up {
		return min(until, w.now+linkPoll)
	}
	if len(w.output) > 0 {
		until = min(until, w.now+framePoll)
	}
	if w.opener != nil || w.starts.waiting.len() > 0 {
		until = min(until, w.starts.next(w.now, until))
	}
	return until
}

const (
	neighborPoll = 50 * time.Millisecond // how often an unresolved next hop is looked at
	framePoll    = 200 * time.Microsecond
	linkPoll     = 20 * time.Millisecond // without a link, how often it is looked at
)

// result turns what the state machine made happen into events, and removes
// the connection when that was its end.
func (w *Worker) result(i uint32, r *handshake.Result) {
	if r.Events == 0 {
		return
	}
	if r.Events&handshake.Connected != 0 {
		w.counters.connected++
		w.event(i, Connected).Elapsed = r.Elapsed.Duration()
	}
	if r.Events == handshake.Connected {
		return
	}
	if r.Events&handshake.Data != 0 {
		w.event(i, Data).Data = r.Data
	}
	if r.Events&handshake.Writable != 0 {
		w.event(i, Writable)
	}
	if r.Events&handshake.More != 0 {
		w.deliverHeld(i) // which may be the connection's end
	}
	if r.Events&handshake.EndOfStream != 0 {
		w.event(i, EndOfStream)
	}
	if r.Events&(handshake.Closed|handshake.Failed|handshake.Gone) != 0 {
		w.ended(i, r)
	}
}

// event adds an event of connection i to those that are to be delivered. It is
// made in its place: a copy of what was just written piece by piece makes the
// processor wait.
func (w *Worker) event(i uint32, kind EventKind) *Event {
	if len(w.events) == cap(w.events) {
		w.events = slices.Grow(w.events, 1)
	}
	w.events = w.events[:len(w.events)+1]
	ev := &w.events[len(w.events)-1]
	*ev = Event{}
	ev.Conn, ev.User, ev.Kind = w.table.ID(i), w.table.At(i).User, kind
	return ev
}

// deliverHeld makes events of what was held and is in order now.
func (w *Worker) deliverHeld(i uint32) {
	for {
		data := w.machine.Held(i, w.now)
		if data == nil {
			break
		}
		w.event(i, Data).Data = data
	}
	if r := (handshake.Result{Events: w.machine.HeldFIN(i)}); r.Events != 0 {
		w.event(i, EndOfStream)
		r.Events &^= handshake.EndOfStream
		w.result(i, &r)
	}
	w.queueOutput(i)
}

// ended tells the application of a connection's end, once, and removes what
// has nothing more to say.
func (w *Worker) ended(i uint32, r *handshake.Result) {
	e := w.table.At(i)
	switch {
	case r.Events&handshake.Failed != 0:
		w.counters.failed++
		w.counters.failedBy[r.Reason]++
		w.event(i, Failed).Reason = r.Reason
		w.counters.open--
	case r.Events&handshake.Closed != 0:
		w.counters.closed++
		w.event(i, Closed)
		w.counters.open--
		if e.State == conntable.TimeWait {
			w.noteTimeWait(w.table.ID(i))
			w.machine.Settle(i)
		}
	}
	if r.Events&handshake.Gone != 0 && !handshake.Resetting(e.Flags) {
		w.remove(i)
	}
}

// remove frees the entry; its 4-tuple rests. Its last event is behind it, and so
// an assertion that fails here is noted, and ends nothing.
func (w *Worker) remove(i uint32) {
	w.forget(i, true)
	w.wheel.Disarm(i)
	w.table.Retire(i, w.resting, w.now)
}
