package gnucrawl

import (
	"errors"
	"sync"
	"time"

	"myriad/examples/internal/gnutella"
	"myriad/tcpclient"
)

// openMax is how many connections are opened at once, batchMax how many are
// sent to or closed.
const (
	openMax  = 256
	batchMax = 1024
)

// state of a connection.
type state uint8

const (
	free    state = iota
	asking        // the head has not come
	leaving       // the third leg is sent; the servent's FIN has not come
	ended         // closed in this batch of events
)

// conn is what a connection needs; its number is the User word.
type conn struct {
	node    place
	rtt     time.Duration
	count   int32 // bytes of the head so far
	attempt uint8
	state   state
}

// task is an attempt to be made.
type task struct {
	node    place
	attempt uint8 // those before
}

// handler is one worker's part of a crawl.
type handler struct {
	crawl *Crawl
	index int

	mutex sync.Mutex
	inbox []place // what other workers, or the start, want contacted

	queue   queue
	limits  *limits // nil without
	taken   []place // the inbox taken last
	found   [][]place
	conns   []conn
	heads   []byte // gnutella.HeadBytes for each connection
	unused  []uint32
	change  int64 // of Crawl.outstanding, in this batch
	reply   gnutella.Reply
	store   store
	agents  *agents
	lines   lines
	scratch []byte
	dummy   uint64

	opens   [openMax]tcpclient.Open
	results [openMax]tcpclient.Opened
	tasks   [openMax]task
	sends   [batchMax]tcpclient.Send
	sent    [batchMax]tcpclient.Sent
	sending int
	closes  [batchMax]tcpclient.Close
	errs    [batchMax]error
	closing int
}

// prepare takes the memory for so many connections.
func (h *handler) prepare(window int) {
	h.conns = make([]conn, window)
	h.heads = make([]byte, window*gnutella.HeadBytes)
	h.unused = make([]uint32, window)
	for i := range h.unused {
		h.unused[i] = uint32(window - 1 - i)
	}
	h.found = make([][]place, len(h.crawl.handlers))
	h.agents = newAgents()
	h.limits = h.crawl.newLimits()
	h.lines.sink = h.crawl.sink
	h.scratch = make([]byte, 0, lineMax)
}

// Events implements tcpclient.Handler.
func (h *handler) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	for i := range events {
		e := &events[i]
		c := &h.conns[e.User]
		if c.state == free || c.state == ended {
			continue
		}
		switch e.Kind {
		case tcpclient.Connected:
			c.rtt = e.Elapsed
			if h.crawl.o.Latency != nil {
				h.crawl.o.Latency(h.index, e.Elapsed)
			}
		case tcpclient.Data:
			if c.state == asking {
				h.data(w, c, e)
			}
		case tcpclient.EndOfStream:
			if c.state == asking {
				h.failed(c, CutShort)
			}
			h.end(w, c, e)
		case tcpclient.Closed, tcpclient.Failed:
			if c.state == asking {
				h.failed(c, lastReason(e))
			}
			c.state = free
			h.release(uint32(e.User))
		}
	}
	h.flush(w)
	h.share()
}

func lastReason(e *tcpclient.Event) Reason {
	if e.Kind == tcpclient.Closed || e.Reason == tcpclient.ReasonNone {
		return CutShort
	}
	return Reason(e.Reason)
}

// data takes the next bytes of a head. A head that came in one piece is parsed
// where it lies.
func (h *handler) data(w *tcpclient.Worker, c *conn, e *tcpclient.Event) {
	if h.crawl.stopping.Load() { // the last lines are on their way
		h.end(w, c, e)
		return
	}
	head := e.Data
	if c.count > 0 || gnutella.HeadEnd(head, 0) < 0 {
		room := h.heads[int(e.User)*gnutella.HeadBytes:][:gnutella.HeadBytes]
		n := copy(room[c.count:], e.Data)
		before := int(c.count)
		c.count += int32(n)
		head = room[:c.count]
		if gnutella.HeadEnd(head, before) < 0 {
			if int(c.count) == len(room) {
				h.failed(c, HeadTooLong)
				h.end(w, c, e)
			}
			return
		}
	}
	if h.reply.Parse(head) != nil {
		h.failed(c, NotGnutella)
		h.end(w, c, e)
		return
	}
	reason := statusReason(h.reply.Status)
	if reason == TooFrequent && h.retry(c, reason) {
		h.end(w, c, e)
		return
	}
	h.answered(c, reason)
	if reason != OK {
		h.end(w, c, e)
		return
	}
	c.state = leaving
	if h.sending == batchMax {
		h.flush(w)
	}
	h.sends[h.sending] = tcpclient.Send{Conn: e.Conn, Request: h.crawl.third}
	h.sending++
}

// end resets a connection, with others, at the end of the batch.
func (h *handler) end(w *tcpclient.Worker, c *conn, e *tcpclient.Event) {
	c.state = ended
	if h.closing == batchMax {
		h.flush(w)
	}
	h.closes[h.closing] = tcpclient.Close{Conn: e.Conn, How: tcpclient.Reset}
	h.closing++
	h.release(uint32(e.User))
}

// release takes back the number of a connection that has ended.
func (h *handler) release(number uint32) {
	if h.limits != nil {
		h.limits.leave(h.crawl.table.address(h.conns[number].node), &h.queue)
	}
	h.unused = append(h.unused, number)
}

// flush sends third legs, then closes. Connections that have ended meanwhile
// refuse both, which is as well.
func (h *handler) flush(w *tcpclient.Worker) {
	if h.sending > 0 {
		w.Send(h.sends[:h.sending], h.sent[:h.sending])
		h.sending = 0
	}
	if h.closing > 0 {
		w.Close(h.closes[:h.closing], h.errs[:h.closing])
		h.closing = 0
	}
}

// failed ends an attempt: the node is tried again, or recorded.
func (h *handler) failed(c *conn, why Reason) {
	if h.crawl.stopping.Load() || h.retry(c, why) {
		return
	}
	h.reply = gnutella.Reply{Peers: h.reply.Peers[:0], Leaves: h.reply.Leaves[:0]}
	h.answered(c, why)
}

// retry puts the node at the end of the queue if another attempt is allowed
// and of use.
func (h *handler) retry(c *conn, why Reason) bool {
	attempts := int(c.attempt) + 1
	if !why.again() || attempts >= h.crawl.o.Attempts || h.crawl.stopping.Load() {
		return false
	}
	if why == TooFrequent && h.crawl.sources.total > 0 && attempts >= int(min(h.crawl.sources.total, 255)) {
		return false // from which address?
	}
	h.queue.push(task{c.node, uint8(attempts)})
	return true
}

// answered records a node, with what h.reply says of it, and wants those that
// it names.
func (h *handler) answered(c *conn, why Reason) {
	r := record{node: c.node, reason: why, attempts: c.attempt + 1}
	if why == Excluded {
		r.attempts = 0
	}
	if h.reply.Status != 0 {
		r.status, r.liveSince = uint16(h.reply.Status), h.reply.LiveSince
		r.ultrapeer = why == OK && h.reply.HasLeaves
		r.bad = uint16(min(h.reply.Bad, 1<<16-1))
		r.agent = h.agents.number(h.reply.UserAgent)
	}
	if why == OK {
		h.edges(&r)
	}
	h.store.addRecord(r)
	agent := h.agents.quoted[r.agent]
	h.scratch = appendLine(h.scratch[:0], h.crawl.table.address(c.node), &r, agent, h.reply.Phrase, c.rtt, h.crawl.began.Unix())
	h.lines.add(h.scratch)
	if h.crawl.o.Journal != nil {
		h.keep(&r)
	}
	if missed := h.crawl.o.Missed; missed != nil && why != OK {
		missed(h.crawl.table.address(c.node), why, int(r.attempts))
	}
	h.crawl.byReason[min(why, reasonCount-1)].Add(1)
	h.change--
}

// keep gives the journal the entry of the node whose line was added last.
func (h *handler) keep(r *record) {
	e := entry{address: h.crawl.table.address(r.node), record: *r}
	if r.status != 0 {
		e.agent = h.reply.UserAgent
	}
	if r.reason == OK {
		e.peers, e.leaves = h.reply.Peers, h.reply.Leaves
	}
	h.lines.entries = appendEntry(h.lines.entries, &e)
}

// edges stores the edges of a reply and names all that are at their ends.
func (h *handler) edges(r *record) {
	t := h.crawl.table
	var sum uint64
	for _, a := range h.reply.Peers {
		sum += t.touch(a)
	}
	for _, a := range h.reply.Leaves {
		sum += t.touch(a)
	}
	h.dummy += sum // so that the reads take place
	piece, at := h.store.room(len(h.reply.Peers) + len(h.reply.Leaves))
	r.edges = at
	begin := len(*piece)
	for _, a := range h.reply.Peers {
		p, first := t.name(a, wantedBit)
		if p == noPlace {
			h.crawl.full.Add(1)
			continue
		}
		*piece = append(*piece, p)
		r.itself = r.itself || p == r.node
		if first && h.crawl.admit() {
			h.want(a, p)
		}
	}
	middle := len(*piece)
	for _, a := range h.reply.Leaves {
		p, _ := t.name(a, leafBit)
		if p == noPlace {
			h.crawl.full.Add(1)
			continue
		}
		*piece = append(*piece, p)
		r.itself = r.itself || p == r.node
	}
	r.peers, r.leaves = uint16(middle-begin), uint16(len(*piece)-middle)
}

// want has a node contacted by the worker that owns it.
func (h *handler) want(a gnutella.Address, p place) {
	h.change++
	owner := h.crawl.owner(a)
	if owner == h {
		h.queue.push(task{node: p})
		return
	}
	h.found[owner.index] = append(h.found[owner.index], p)
}

// share gives others what is theirs, and settles what this batch came to: the
// new nodes first counted, then given.
func (h *handler) share() {
	h.crawl.settle(h.change)
	h.change = 0
	for k, places := range h.found {
		if len(places) == 0 {
			continue
		}
		other := h.crawl.handlers[k]
		other.mutex.Lock()
		idle := len(other.inbox) == 0
		other.inbox = append(other.inbox, places...)
		other.mutex.Unlock()
		h.found[k] = places[:0]
		if idle {
			h.crawl.client.Wake(k)
		}
	}
}

// takeInbox moves what others have found into the queue.
func (h *handler) takeInbox() {
	h.mutex.Lock()
	h.inbox, h.taken = h.taken[:0], h.inbox
	h.mutex.Unlock()
	for _, p := range h.taken {
		h.queue.push(task{node: p})
	}
}

// OpenMore implements tcpclient.Opener.
func (h *handler) OpenMore(w *tcpclient.Worker, room int) {
	if h.crawl.stopping.Load() || h.crawl.sink.behind() {
		return
	}
	h.takeInbox()
	n := min(room, len(h.unused), h.queue.len(), openMax)
	if n <= 0 {
		return
	}
	n = h.prepareOpens(n)
	w.Open(h.opens[:n], h.results[:n])
	h.unused = h.unused[:len(h.unused)-n]
	for i := range n {
		if err := h.results[i].Err; err != nil {
			h.notOpened(uint32(h.opens[i].User), h.tasks[i], err)
		}
	}
	h.share()
}

// prepareOpens takes tasks for up to n connections, and returns how many those
// are: nodes that are left alone, or wait for their turn, are none.
func (h *handler) prepareOpens(n int) (count int) {
	for count < n && h.queue.len() > 0 {
		t := h.queue.pop()
		a := h.crawl.table.address(t.node)
		if h.crawl.o.Excluded != nil && h.crawl.o.Excluded(a.AddrPort().Addr()) {
			h.leaveAlone(t)
			continue
		}
		if h.limits != nil && !h.limits.enter(a, t, &h.queue) {
			continue
		}
		number := h.unused[len(h.unused)-1-count]
		h.conns[number] = conn{node: t.node, attempt: t.attempt, state: asking}
		h.tasks[count] = t
		h.opens[count] = tcpclient.Open{
			Remote: a.AddrPort(), Local: h.crawl.sources.choose(spread(a), int(t.attempt)),
			User: uint64(number), Request: h.crawl.request,
		}
		count++
	}
	return count
}

// leaveAlone records a node without an attempt at it.
func (h *handler) leaveAlone(t task) {
	h.reply = gnutella.Reply{Peers: h.reply.Peers[:0], Leaves: h.reply.Leaves[:0]}
	h.answered(&conn{node: t.node}, Excluded)
}

// notOpened puts a node back that found no room, and records one that cannot
// be reached.
func (h *handler) notOpened(number uint32, t task, err error) {
	c := &h.conns[number]
	if errors.Is(err, tcpclient.ErrFull) || errors.Is(err, tcpclient.ErrClosed) {
		h.queue.push(t)
	} else {
		h.failed(c, NoRoute)
	}
	c.state = free
	h.release(number)
}
