package tcpclient

import (
	"fmt"
	"net/netip"
	"time"

	"myriad/conntable"
	"myriad/handshake"
)

// starts are the connections whose first SYN has not left: it is paced.
type starts struct {
	waiting ring
	every   time.Duration // between two SYNs; 0 = without limit
	due     time.Duration // when the next may leave
}

// burst is how far the pace may fall behind and catch up.
const burst = 10 * time.Millisecond

// room is how many SYNs may leave now.
func (s *starts) room(now time.Duration, most int) int {
	if s.every == 0 {
		return most
	}
	s.due = max(s.due, now-burst)
	if now < s.due {
		return 0
	}
	return min(most, int((now-s.due)/s.every)+1)
}

func (s *starts) took(count int) { s.due += time.Duration(count) * s.every }

// next is when the pace allows a SYN again; otherwise where it does already.
func (s *starts) next(now, otherwise time.Duration) time.Duration {
	switch {
	case s.every == 0:
		return otherwise
	case s.due > now:
		return s.due
	case s.waiting.len() > 0:
		return now
	}
	return otherwise
}

// Open opens connections; results, of the same length, gets one element each.
// The SYNs leave at the end of the turn, within Config.Rate.
func (w *Worker) Open(opens []Open, results []Opened) {
	w.begin(opens, 0)
	for k := range opens {
		if k%together == 0 {
			w.begin(opens, k+together)
		}
		o := &w.opening[k%len(w.opening)]
		results[k] = Opened{Err: o.err}
		if o.err == nil {
			results[k].Conn, results[k].Err = w.open(&opens[k], &o.search)
		}
	}
}

// opening is a connection on its way into the table.
type opening struct {
	search conntable.Search
	err    error
}

// openOne opens a single connection.
func (w *Worker) openOne(o *Open) error {
	s := &w.opening[0].search
	err := w.search(o, s)
	if err == nil {
		_, err = w.open(o, s)
	}
	return err
}

// begin begins the next searches for a local end, and has what they will read
// fetched.
func (w *Worker) begin(opens []Open, from int) {
	n := 0
	for k := from; k < min(from+together, len(opens)); k++ {
		o := &w.opening[k%len(w.opening)]
		if o.err = w.search(&opens[k], &o.search); o.err == nil {
			w.toOpen[n] = o.search.Hash()
			n++
		}
	}
	w.table.Ahead(w.toOpen[:n])
	w.resting.Ahead(w.toOpen[:n])
}

// search checks what is asked for, and begins the search for a local end.
func (w *Worker) search(o *Open, s *conntable.Search) error {
	if w.closing.asked {
		return errOpenClosed
	}
	remote, isIPv4 := ipv4(o.Remote.Addr())
	if !isIPv4 || !w.link.peer(remote) || o.Remote.Port() == 0 {
		return errOpenInvalid
	}
	if !w.link.reaches(remote) {
		return errOpenNoRoute
	}
	if o.Request != 0 && !w.client.requests.Known(uint32(o.Request)) {
		return errOpenInvalid
	}
	choice, ok := w.choose(o.Local)
	if !ok {
		return errOpenInvalid
	}
	if w.ports.Begin(s, w.table, w.resting, remote, o.Remote.Port(), choice) != nil {
		return errOpenInvalid // the local end is not ours
	}
	return nil
}

// open takes the entry for what was begun, and queues the SYN.
func (w *Worker) open(o *Open, s *conntable.Search) (ID, error) {
	i, err := w.claim(o, s)
	if err != nil {
		return 0, err
	}
	w.table.At(i).User = o.User
	w.machine.Open(i, w.now, handshake.OpenOptions{
		Request:  uint32(o.Request),
		Separate: o.Separate,
		Timeout:  orDefault(o.Timeout, w.client.cfg.Timeout),
		Idle:     orDefault(o.Idle, w.client.cfg.Idle),
	})
	w.counters.opened++
	w.counters.open++
	id := w.table.ID(i)
	w.starts.waiting.push(uint64(id))
	if w.starts.every != 0 {
		w.rearm(i) // its limits count while the pace holds it back, too
	}
	return id, nil
}

// Errors of open, made once: a full table must not allocate.
var (
	errOpenClosed  = fmt.Errorf("tcpclient: open: %w", ErrClosed)
	errOpenInvalid = fmt.Errorf("tcpclient: open: %w", ErrInvalid)
	errOpenNoRoute = fmt.Errorf("tcpclient: open: %w", ErrNoRoute)
	errOpenInUse   = fmt.Errorf("tcpclient: open: %w", ErrInUse)
	errOpenFull    = fmt.Errorf("tcpclient: open: %w: all connections of Config.ConnectionsMax, or all local ends to this peer, are taken", ErrFull)
)

// claim takes a local end and an entry; a connection in TIME-WAIT makes room
// when there is none.
func (w *Worker) claim(o *Open, s *conntable.Search) (uint32, error) {
	if w.table.Len() == w.table.Cap() {
		w.evictTimeWait()
	}
	i, err := s.Claim(w.now)
	switch {
	case err == nil:
		return i, nil
	case o.Local.Port() != 0 && asksFor(o.Local.Addr()) && w.table.Len() < w.table.Cap():
		return 0, errOpenInUse
	}
	return 0, errOpenFull
}

// noteTimeWait remembers a connection that entered TIME-WAIT, and forgets those
// at the head of the list that have left it: two for each, so that the list
// stays as long as there are such connections.
func (w *Worker) noteTimeWait(id ID) {
	for range 2 {
		if w.waits.len() == 0 {
			break
		}
		if i, live := w.table.Resolve(ID(w.waits.peek())); live && w.table.At(i).State == conntable.TimeWait {
			break
		}
		w.waits.pop()
	}
	w.waits.push(uint64(id))
}

// asksFor reports whether a local address says which.
func asksFor(local netip.Addr) bool { return local.IsValid() && !local.IsUnspecified() }

// choose is the local end that the application asks for; false when it is not
// ours.
func (w *Worker) choose(local netip.AddrPort) (c conntable.Choice, ok bool) {
	c.Port = local.Port()
	if a := local.Addr(); asksFor(a) {
		address := a.As16()
		if c.Local, c.HasLocal = w.link.sources.index(&address); !c.HasLocal {
			return c, false
		}
	}
	return c, true
}

// evictTimeWait ends the oldest connection that is in TIME-WAIT.
func (w *Worker) evictTimeWait() {
	for w.waits.len() > 0 {
		i, live := w.table.Resolve(conntable.ID(w.waits.pop()))
		if live && w.table.At(i).State == conntable.TimeWait {
			w.counters.local[timeWaitShortened]++
			w.remove(i)
			return
		}
	}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		d = otherwise
	}
	return max(d, 0)
}

// openMore asks the application for connections to open.
func (w *Worker) openMore() int {
	if w.opener == nil || w.closing.asked {
		return 0
	}
	room := w.table.Cap() - w.table.Len() + w.waits.len()
	waiting := w.starts.waiting.len()
	if d := w.datagrams; d != nil {
		room = max(room, d.table.Cap()-d.table.Len())
		waiting += d.waiting.len()
	}
	room = w.starts.room(w.now, min(room, len(w.rx))) - waiting
	if room <= 0 {
		return 0
	}
	before := w.counters.opened + w.counters.queries
	w.opener.OpenMore(w, room)
	return int(w.counters.opened + w.counters.queries - before)
}

// startNew sends the first SYN of as many connections as the rate allows.
func (w *Worker) startNew() {
	if !w.state.Up {
		return
	}
	room := w.starts.room(w.now, w.starts.waiting.len())
	for room > 0 && w.starts.waiting.len() > 0 {
		room = w.startSome(room)
	}
}

// startSome sends first SYNs as long as there is room, or until an assertion
// fails, and returns how much room is left: none without a frame.
func (w *Worker) startSome(most int) (room int) {
	room = most
	defer w.contain()
	for room > 0 && w.starts.waiting.len() > 0 {
		i, live := w.table.Resolve(conntable.ID(w.starts.waiting.peek()))
		if !live || !handshake.Fresh(w.table.At(i)) || handshake.Resetting(w.table.At(i).Flags) {
			w.starts.waiting.pop()
			continue
		}
		w.inHand = i
		if w.transmit.frame(w) == nil {
			return 0
		}
		w.starts.waiting.pop()
		room--
		w.starts.took(1)
		e := w.table.At(i)
		handshake.Start(e)
		e.Flags |= handshake.Queued // but in no list: there is a frame for it
		if !w.send(i) {
			w.output = append(w.output, i) // there is none for what follows the SYN
		}
	}
	return room
}

// Addrs returns the two ends of a connection.
func (w *Worker) Addrs(id ID) (local, remote netip.AddrPort, ok bool) {
	i, ok := w.resolveID(id)
	if !ok {
		return local, remote, false
	}
	e := w.table.At(i)
	address := netip.AddrFrom16(w.link.sources.at(e.Local)).Unmap()
	return netip.AddrPortFrom(address, e.LocalPort), e.RemoteAddrPort(), true
}
