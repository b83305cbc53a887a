package iterate

import (
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"myriad/tcpclient"
)

// Failure says why a name has no answer; empty means that it has one.
type Failure string

// The failures.
const (
	TimedOut      Failure = "timed out"           // no server replied
	Refused       Failure = "refused"             // nobody at port 53
	Unreachable   Failure = "unreachable"         // no route, or ICMP said so
	ServerRefused Failure = "refused by server"   // REFUSED and the like
	ServerFailed  Failure = "server failure"      // SERVFAIL
	Lame          Failure = "lame delegation"     // the servers do not serve the zone
	BadReply      Failure = "bad reply"           // rubbish, or replies to something else
	CutShort      Failure = "cut short"           // over TCP
	NoServer      Failure = "no server address"   // of a delegation
	Loop          Failure = "delegation loop"     // each waits for the other
	CNAMELoop     Failure = "cname loop"          // or a chain without end
	TooMany       Failure = "too many requests"   // of Config.QueriesPerName
	Deadline      Failure = "deadline exceeded"   // Config.Deadline
	NotSupported  Failure = "name not supported"  // a target with odd characters
	TooDeep       Failure = "delegation too deep" // depthMax
	Excluded      Failure = "excluded"            // all its servers are left alone
)

// Failures are all of them.
func Failures() (words []string) {
	for _, f := range []Failure{
		TimedOut, Refused, Unreachable, ServerRefused, ServerFailed, Lame, BadReply, CutShort, NoServer, Loop,
		CNAMELoop, TooMany, Deadline, NotSupported, TooDeep, Excluded,
	} {
		words = append(words, string(f))
	}
	return words
}

// Limits of one task.
const (
	chainMax   = 12
	depthMax   = 8
	sendersMax = 16 // servers told of in a Result
)

// task is one question on its way. It is at exactly one place: in flight, in
// the engine's ready list, in a server's or a zone's waiting list, or following
// another task.
type task struct {
	index   uint32
	attempt uint32 // names a request in flight; never repeated in an index
	live    bool

	question Question
	number   uint64 // of the list
	current  string // the name now asked for, further on in a CNAME chain
	zone     *zone
	tried    [serversMax]uint8 // times each of the zone's servers was asked
	total    int               // of them
	server   *Server           // asked, or to be asked
	id       uint16
	sent     dnsmessage.Name
	edns     bool    // the request announces EDNS
	why      Failure // of the last attempt

	stream   bool // the request is over TCP
	conn     tcpclient.ID
	received []byte

	leads     string  // the cut that others wait for us to learn
	followers []*task // those
	alone     bool    // has followed already

	forZone *zone // a child: whose server's address is wanted
	on      *zone // waits for this zone's child
	root    *task // the name of the list; itself if it is one
	depth   int
	retried bool // once, after a loop: it may have been of two look-ups that met

	chain    int
	elements []byte   // answers as JSON
	ends     []uint32 // of each element
	addrs    []netip.Addr
	senders  []netip.Addr
	requests int
	usedTCP  bool
	started  time.Duration
}

// reset makes a task new; it keeps its memory and its attempt.
func (t *task) reset(q Question, now time.Duration) {
	*t = task{
		index: t.index, attempt: t.attempt, live: true,
		received: t.received[:0], followers: t.followers[:0], elements: t.elements[:0], ends: t.ends[:0],
		addrs: t.addrs[:0], senders: t.senders[:0],
		question: q, current: q.Name, started: now,
	}
	t.root = t
}

// enter has the task ask the zone's servers from now on.
func (t *task) enter(z *zone) {
	t.zone, t.tried, t.total, t.server, t.alone = z, [serversMax]uint8{}, 0, nil, false
}

// user is the word by which an event finds the attempt.
func (t *task) user() uint64 { return uint64(t.index)<<32 | uint64(t.attempt) }
