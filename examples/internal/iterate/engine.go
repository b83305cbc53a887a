package iterate

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"myriad/examples/internal/latency"
	"myriad/tcpclient"
)

// Transport is what an Engine needs of a *tcpclient.Worker.
type Transport interface {
	Now() time.Duration
	Query(queries []tcpclient.Query, results []tcpclient.Opened)
	Open(opens []tcpclient.Open, results []tcpclient.Opened)
	Send(sends []tcpclient.Send, results []tcpclient.Sent)
	Close(closes []tcpclient.Close, errs []error)
}

// Config says how to resolve. All fields but Seed are needed.
type Config struct {
	Roots          []Host
	Parallel       int           // names in hand at a time
	PerServer      int           // requests to one address at a time
	Streams        int           // TCP connections at a time
	Zones          int           // delegations kept
	Timeout        time.Duration // for the first reply of a server; each further round twice as long
	Tries          int           // requests per zone and name, over all its servers
	QueriesPerName int
	Deadline       time.Duration // no request for a name leaves later than this after its first step; 0 is without limit
	Port           uint16
	// PerServerRate is requests per second to one address; 0 is without limit.
	// Whoever sets it calls Fill again in time (Client.Wake): requests that
	// wait for their server's next turn make no event.
	PerServerRate float64
	// Excluded reports whether an address is left alone; nil is none.
	Excluded func(netip.Addr) bool
	// Latency takes the replies' delays; nil is none.
	Latency *latency.Histogram
	// Trouble is told once of each kind of trouble with each server: a Failure, or
	// one of the ways to ask that it needs; nil is nobody.
	Trouble func(server netip.Addr, what string)
	// Next returns the next question, with a number that its Result repeats; ok
	// is false when there is none for now.
	Next func() (q Question, number uint64, ok bool)
	// Done takes a result, which is borrowed.
	Done func(*Result)
	// Turn is called at the end of each call of the engine.
	Turn func()
	// Seed makes a run repeatable; 0 is random.
	Seed uint64
}

// Counts are totals of an engine.
type Counts struct {
	Names     int // taken from Next
	Finished  int // given to Done
	Requests  int
	Streams   int // of them, over TCP
	Mismatch  int // replies to something else
	Silent    int // requests without reply
	Referrals int
	Waited    int // tasks that waited for what another was about to learn
	Glueless  int // look-ups of name servers' addresses
	Excluded  int // addresses of servers that were left alone
	// The most that one server had at a time, and in one second; when counts
	// are added, these may be of different servers.
	PeakInFlight, PeakRate int
}

// Add adds.
func (c *Counts) Add(o Counts) {
	c.Names += o.Names
	c.Finished += o.Finished
	c.Requests += o.Requests
	c.Streams += o.Streams
	c.Mismatch += o.Mismatch
	c.Silent += o.Silent
	c.Referrals += o.Referrals
	c.Waited += o.Waited
	c.Glueless += o.Glueless
	c.Excluded += o.Excluded
	c.PeakInFlight += o.PeakInFlight
	c.PeakRate += o.PeakRate
}

// Engine resolves names over one worker. It is a tcpclient.Opener by way of
// Handle and Fill.
type Engine struct {
	cfg     Config
	net     Transport
	random  *rand.ChaCha8
	root    *zone
	zones   zones
	servers map[netip.Addr]*Server
	leaders map[string]*task

	tasks  []*task
	free   []uint32
	ready  list // to be sent
	active int  // names in hand
	open   int  // TCP connections
	counts Counts
	ended  bool

	reply   reply
	buffer  []byte
	query   [1]tcpclient.Query
	opens   [1]tcpclient.Open
	opened  [1]tcpclient.Opened
	sends   [1]tcpclient.Send
	sent    [1]tcpclient.Sent
	closes  [1]tcpclient.Close
	closed  [1]error
	result  Result
	starved []*task       // wait for room for a TCP connection
	apart   time.Duration // the least time between two requests to one server; 0 is none
	resting resting       // servers with requests that wait for it
}

// New makes an engine.
func New(cfg Config, net Transport) *Engine {
	var seed [32]byte
	if cfg.Seed != 0 {
		binary.LittleEndian.PutUint64(seed[:], cfg.Seed)
	} else {
		crand.Read(seed[:])
	}
	e := &Engine{
		cfg: cfg, net: net, random: rand.NewChaCha8(seed), zones: newZones(cfg.Zones),
		servers: make(map[netip.Addr]*Server), leaders: make(map[string]*task),
		buffer: make([]byte, 0, 1024),
	}
	e.root = &zone{name: ".", expires: 1<<63 - 1}
	for _, h := range cfg.Roots {
		e.root.add(e.server(h.Addr))
	}
	e.apart = apart(cfg.PerServerRate, 1)
	return e
}

// Counts returns the totals so far.
func (e *Engine) Counts() Counts { return e.counts }

// Active is how many names are in hand.
func (e *Engine) Active() int { return e.active }

// Servers calls f with every address that was asked.
func (e *Engine) Servers(f func(*Server)) {
	for _, s := range e.servers {
		if s.Queries > 0 {
			f(s)
		}
	}
}

// End has the engine drop everything: no more results.
func (e *Engine) End() { e.ended = true }

// tell tells of trouble with a server.
func (e *Engine) tell(s *Server, what string) {
	if e.cfg.Trouble != nil && !slices.Contains(s.told, what) {
		s.told = append(s.told, what)
		e.cfg.Trouble(s.Addr, what)
	}
}

// What servers need that do not do all that a request asks of them.
const (
	needsPlain  = "does not understand EDNS: asked without"
	needsStream = "does not keep the letter case: asked over TCP"
)

func (e *Engine) server(a netip.Addr) *Server {
	s := e.servers[a]
	if s == nil {
		s = &Server{Addr: a}
		e.servers[a] = s
	}
	return s
}

// add adds an address, once.
func (z *zone) add(s *Server) {
	for _, known := range z.servers {
		if known == s {
			return
		}
	}
	if len(z.servers) < serversMax {
		z.servers = append(z.servers, s)
	}
}

// Fill sends what is ready and takes new names, up to room requests.
func (e *Engine) Fill(room int) {
	if e.ended {
		return
	}
	e.feed()
	e.rouse()
	for ; room > 0 && !e.ended; room-- {
		t := e.ready.pop()
		if t == nil {
			if !e.begin() {
				break
			}
			continue
		}
		if !e.inTurn(t) {
			continue
		}
		if !e.transmit(t) {
			e.ready.unpop(t)
			break
		}
	}
	e.cfg.Turn()
}

// feed gives those another chance that found no room for a connection.
func (e *Engine) feed() {
	for len(e.starved) > 0 && e.open < e.cfg.Streams {
		t := e.starved[len(e.starved)-1]
		e.starved = e.starved[:len(e.starved)-1]
		e.open++ // its place
		e.ready.push(t)
	}
}

// begin takes one more name; false if there is none, or no room.
func (e *Engine) begin() bool {
	if e.active >= e.cfg.Parallel {
		return false
	}
	q, number, ok := e.cfg.Next()
	if !ok {
		return false
	}
	e.counts.Names++
	e.active++
	t := e.newTask(q)
	t.number = number
	e.descend(t)
	return true
}

func (e *Engine) newTask(q Question) *task {
	var t *task
	if n := len(e.free); n > 0 {
		t = e.tasks[e.free[n-1]]
		e.free = e.free[:n-1]
	} else {
		t = &task{index: uint32(len(e.tasks))}
		e.tasks = append(e.tasks, t)
	}
	t.reset(q, e.net.Now())
	return t
}

// descend has the task go on from the closest zone that is known.
func (e *Engine) descend(t *task) {
	from := t.current
	if t.question.Type == typeDS && from != "." {
		from = parent(from) // a zone's DS records lie above the cut
	}
	t.enter(e.zones.closest(from, e.root, e.net.Now()))
	e.advance(t)
}

const typeDS dnsmessage.Type = 43

// list is a queue of tasks.
type list struct {
	tasks []*task
	head  int
}

func (l *list) push(t *task) { l.tasks = append(l.tasks, t) }

func (l *list) pop() *task {
	if l.head == len(l.tasks) {
		l.tasks, l.head = l.tasks[:0], 0
		return nil
	}
	t := l.tasks[l.head]
	l.tasks[l.head] = nil
	l.head++
	if l.head > 1024 && l.head*2 > len(l.tasks) {
		l.tasks = l.tasks[:copy(l.tasks, l.tasks[l.head:])]
		l.head = 0
	}
	return t
}

// unpop puts the task back that pop has just returned.
func (l *list) unpop(t *task) {
	if l.head == 0 {
		l.tasks = append([]*task{t}, l.tasks...)
		return
	}
	l.head--
	l.tasks[l.head] = t
}

// Share divides the bounds by the number of engines that work side by side.
func (e *Engine) Share(engines int) {
	e.cfg.PerServer = max(e.cfg.PerServer/engines, 1)
	e.cfg.Parallel = max(e.cfg.Parallel/engines, 1)
	e.apart = apart(e.cfg.PerServerRate, engines)
}
