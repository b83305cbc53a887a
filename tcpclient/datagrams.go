package tcpclient

import (
	"errors"
	mathrand "math/rand/v2"
	"time"

	"myriad/conntable"
	"myriad/handshake"
	"myriad/iobackend"
	"myriad/linklayer"
	"myriad/timers"
)

// datagrams are a worker's UDP queries. Each is an entry of a table of their
// own, whose fields mean: State SynSent; SndMSS the payload's length; Retries
// and Unacked the sendings done and the repeats allowed; Due the first wait in
// ms; Micros when it was last sent. The payload lies in the slot of the
// entry's index.
type datagrams struct {
	table   *conntable.Table
	ports   *conntable.Allocator
	resting *conntable.Quarantine
	wheel   *timers.Wheel
	payload []byte
	size    int      // of a slot
	waiting ring     // to be sent, the first time or again
	parked  []uint64 // whose next hop is being asked for
	version uint32   // of the neighbour table when they were last looked at
	at      time.Duration
	fired   []uint32
}

func newDatagrams(cfg *Config, w *Worker, capacity int, random *mathrand.ChaCha8) (d *datagrams, err error) {
	d = &datagrams{size: cfg.QueryBytes, fired: make([]uint32, cfg.Batch)}
	if d.table, err = conntable.New(capacity, uint8(w.index), pair(random)); err != nil {
		return nil, err
	}
	d.ports, err = conntable.NewAllocator(conntable.AllocatorConfig{
		Sources: w.link.sources.count, PortMin: cfg.PortMin, PortMax: cfg.PortMax,
		Shard: w.shard, Shards: w.link.workers, Seed: pair(random),
	})
	if err != nil {
		return nil, err
	}
	if d.resting, err = conntable.NewQuarantine(capacity, max(cfg.Rest, 0)); err != nil {
		return nil, err
	}
	if d.wheel, err = timers.NewWheel(capacity, w.now); err != nil {
		return nil, err
	}
	d.payload = make([]byte, capacity*cfg.QueryBytes)
	return d, nil
}

func (w *Worker) query(q *Query) (ID, error) {
	d := w.datagrams
	remote, isIPv4 := ipv4(q.Remote.Addr())
	switch {
	case d == nil:
		return 0, errQueryOff
	case w.closing.asked:
		return 0, errQueryClosed
	case !isIPv4 || !w.link.peer(remote) || q.Remote.Port() == 0:
		return 0, errQueryInvalid
	case len(q.Data) > d.size:
		return 0, errQueryTooLong
	case q.Retries < 0 || q.Retries > 255 || q.Timeout < 0 || q.Timeout > time.Hour:
		return 0, errQueryRetries
	case !w.link.reaches(remote):
		return 0, errQueryNoRoute
	}
	choice, ok := w.choose(q.Local)
	if !ok {
		return 0, errQueryInvalid
	}
	i, err := d.ports.Claim(d.table, d.resting, remote, q.Remote.Port(), choice, w.now)
	switch {
	case errors.Is(err, conntable.ErrNotOwned):
		return 0, errQueryInvalid
	case err != nil && choice.Port != 0 && choice.HasLocal && d.table.Len() < d.table.Cap():
		return 0, errQueryInUse
	case err != nil:
		return 0, errQueryFull
	}
	e := d.table.At(i)
	e.State, e.SndMSS = conntable.SynSent, uint16(len(q.Data))
	e.Unacked, e.Due = uint8(q.Retries), uint32(max(orDefault(q.Timeout, queryTimeout)/time.Millisecond, 1))
	copy(d.slot(i), q.Data)
	e.User = q.User
	id := d.table.ID(i)
	d.waiting.push(uint64(id))
	w.counters.queries++
	return id, nil
}

// slot is where the payload of query i lies.
func (d *datagrams) slot(i uint32) []byte {
	return d.payload[int(i)*d.size : (int(i)+1)*d.size]
}

// sendDatagrams sends what waits, within the pace.
func (w *Worker) sendDatagrams() {
	d := w.datagrams
	if d == nil {
		return
	}
	w.unparkDatagrams()
	n := w.starts.room(w.now, d.waiting.len())
	for taken := 0; taken < n && d.waiting.len() > 0; {
		id := conntable.ID(d.waiting.peek())
		i, live := d.table.Resolve(id)
		if !live {
			d.waiting.pop()
			continue
		}
		frame := w.transmit.frame(w)
		if frame == nil {
			return
		}
		d.waiting.pop()
		if w.sendDatagram(i, id, frame) {
			taken++
			w.starts.took(1)
		}
	}
}

// sendDatagram sends query i; false when its next hop must be asked for first,
// or does not answer.
func (w *Worker) sendDatagram(i uint32, id ID, frame *iobackend.Frame) bool {
	d := w.datagrams
	e := d.table.At(i)
	path, state := w.nextHop(e.Remote)
	switch state {
	case hopWanted:
		d.parked = append(d.parked, uint64(id))
		return false
	case hopNone:
		w.queryFailed(i, Unreachable)
		return false
	}
	source := w.link.sources.at(e.Local)
	n := linklayer.EmitUDP(frame.Data, path, source, linklayer.Mapped(e.Remote), e.LocalPort, e.RemotePort, w.ipIDs.Next(), d.slot(i)[:e.SndMSS], 0)
	w.transmit.commit(w, n, w.link.partial)
	e.Micros = uint32(w.now / time.Microsecond)
	d.wheel.Arm(i, w.now+time.Duration(e.Due)<<e.Retries*time.Millisecond)
	e.Retries++
	return true
}

// unparkDatagrams tries those again that wait for a next hop, when the
// neighbours have changed or some time has passed.
func (w *Worker) unparkDatagrams() {
	d := w.datagrams
	version := w.link.version()
	if len(d.parked) == 0 || version == d.version && w.now-d.at < neighborPoll {
		return
	}
	d.version, d.at = version, w.now
	for _, id := range d.parked {
		d.waiting.push(id)
	}
	d.parked = d.parked[:0]
}

// fireDatagrams sends again what was not answered in time, or gives it up.
func (w *Worker) fireDatagrams() (total int) {
	d := w.datagrams
	if d == nil {
		return 0
	}
	for {
		n, more := d.wheel.Advance(w.now, d.fired)
		for _, i := range d.fired[:n] {
			e := d.table.At(i)
			if e.Retries > e.Unacked || e.Retries > 20 {
				w.queryFailed(i, TimedOut)
				continue
			}
			w.counters.local[queriesRepeated]++
			d.waiting.push(uint64(d.table.ID(i)))
		}
		total += n
		if !more || n == 0 {
			return total
		}
	}
}

// sortUDP hands a datagram to the query that it answers.
func (w *Worker) sortUDP(f *iobackend.Frame, p *linklayer.Packet) {
	local, ours := w.link.sources.index(&p.Destination)
	if !ours || w.datagrams == nil {
		w.counters.local[dropUnhandled]++
		return
	}
	if owner := conntable.Owner(p.DestinationPort, w.link.workers); owner != w.shard {
		w.handOver(f, owner)
		return
	}
	d := w.datagrams
	key := conntable.Key{Remote: linklayer.Number(&p.Source), RemotePort: p.SourcePort, LocalPort: p.DestinationPort, Local: local}
	i, known := d.table.Lookup(&key)
	if !known || d.table.At(i).Retries == 0 {
		w.dropDatagram(&key)
		return
	}
	e := d.table.At(i)
	w.counters.replies++
	w.events = append(w.events, Event{
		Kind: Reply, Conn: d.table.ID(i), User: e.User, Data: p.UDPPayload,
		Elapsed: time.Duration(uint32(w.now/time.Microsecond)-e.Micros) * time.Microsecond,
	})
	w.removeQuery(i)
}

// dropDatagram counts a datagram that answers no query: a reply that comes when
// its query has ended, as long as the 4-tuple rests, or one to nothing.
func (w *Worker) dropDatagram(key *conntable.Key) {
	if d := w.datagrams; d.resting.Resting(d.table.Hash(key), w.now) {
		w.counters.local[dropLate]++
		return
	}
	w.counters.local[dropNoQuery]++
}

// icmpQuery applies an ICMP error to the query that it quotes. UDP has no
// number to check; the ports, of which ours is unpredictable, must do.
func (w *Worker) icmpQuery(f *iobackend.Frame, m *linklayer.ICMP, local uint16) {
	q, d := &m.Quoted, w.datagrams
	if owner := conntable.Owner(q.SourcePort, w.link.workers); owner != w.shard {
		w.handOver(f, owner)
		return
	}
	key := conntable.Key{Remote: linklayer.Number(&q.Destination), RemotePort: q.DestinationPort, LocalPort: q.SourcePort, Local: local}
	i, known := d.table.Lookup(&key)
	if !known || m.Type != linklayer.ICMPUnreachable {
		w.counters.local[dropICMPUnmatched]++
		return
	}
	why := Unreachable
	if m.Code == linklayer.ICMPPortUnreachable {
		why = Refused
	}
	w.queryFailed(i, why)
}

func (w *Worker) queryFailed(i uint32, why handshake.Reason) {
	d := w.datagrams
	w.counters.queriesFailed++
	w.counters.failedBy[why]++
	w.events = append(w.events, Event{Kind: Failed, Reason: why, Conn: d.table.ID(i), User: d.table.At(i).User})
	w.removeQuery(i)
}

func (w *Worker) removeQuery(i uint32) {
	d := w.datagrams
	d.wheel.Disarm(i)
	d.table.Retire(i, d.resting, w.now)
}

// endQueries ends all of them, for why.
func (w *Worker) endQueries(why handshake.Reason) {
	d := w.datagrams
	if d == nil || d.table.Len() == 0 {
		return
	}
	for i := range uint32(d.table.Cap()) {
		if d.table.At(i).State != conntable.Free {
			w.queryFailed(i, why)
		}
	}
}

// nextInstant is when there is something to do for a query, at most until.
func (d *datagrams) nextInstant(w *Worker, until time.Duration) time.Duration {
	if at, ok := d.wheel.Next(); ok {
		until = min(until, at)
	}
	if len(d.parked) > 0 {
		until = min(until, w.now+neighborPoll)
	}
	if d.waiting.len() > 0 {
		until = min(until, max(w.starts.due, w.now+framePoll))
	}
	return until
}
