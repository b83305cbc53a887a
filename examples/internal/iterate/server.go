package iterate

import (
	"net/netip"
	"time"
)

// Server is what is known of one address.
type Server struct {
	Addr    netip.Addr
	Queries int // requests sent, those over TCP included
	Replies int // over UDP, that counted
	// Min, Max and Sum are of the delays of the Replies, from the request's
	// leaving to the reply's reception.
	Min, Max, Sum time.Duration

	inFlight int
	waiting  []*task
	smoothed time.Duration // delay, raised by silence; 0 = unknown
	plain    bool          // does not understand EDNS
	stream   bool          // does not keep the letter case: asked over TCP
	told     []string      // the trouble with it that Config.Trouble knows of

	next     time.Duration // when the next request may leave
	paced    []*task       // ready, but for that
	resting  bool          // in Engine.resting, until wakes
	wakes    time.Duration
	second   time.Duration // when the second began in which
	inSecond int           // requests have left
}

// silence is what a request without reply counts as.
const silence = 400 * time.Millisecond

func (s *Server) replied(after time.Duration) {
	if s.Replies == 0 || after < s.Min {
		s.Min = after
	}
	s.Max = max(s.Max, after)
	s.Sum += after
	s.Replies++
	if s.smoothed == 0 {
		s.smoothed = after
	}
	s.smoothed += (after - s.smoothed) / 8
}

func (s *Server) silent() { s.smoothed = min(2*max(s.smoothed, silence/2), 10*silence) }

// zone is a cut: who serves the names below it.
type zone struct {
	name    string
	servers []*Server
	hosts   []host // without address
	expires time.Duration
	// While an address is looked up: the task that does, and who waits.
	child   *task
	waiting []*task
	lookups int
	failed  Failure // why the last look-up found nothing
	// An address of a server of it is left alone.
	excluded bool
}

// host is a name server that came without an address.
type host struct {
	name  string
	tried bool
}

// Bounds of a zone.
const (
	hostsMax   = 4  // look-ups of name servers' addresses
	serversMax = 32 // addresses
	zoneTTLMax = 24 * time.Hour
	zoneTTLMin = 5 * time.Second
	failedTTL  = 30 * time.Second // without a server
)

// zones is the delegation cache, bounded; the oldest make room.
type zones struct {
	byName map[string]*zone
	order  []string // ring of the names in byName
	next   int
}

func newZones(most int) zones {
	return zones{byName: make(map[string]*zone), order: make([]string, 0, most)}
}

// closest is the zone above name, or of that name, that is the deepest known.
func (z *zones) closest(name string, root *zone, now time.Duration) *zone {
	for at := name; at != "."; at = parent(at) {
		if found := z.byName[at]; found != nil && found.expires > now {
			return found
		}
	}
	return root
}

func (z *zones) add(n *zone) {
	if z.byName[n.name] == nil {
		if len(z.order) < cap(z.order) {
			z.order = append(z.order, n.name)
		} else {
			delete(z.byName, z.order[z.next])
			z.order[z.next] = n.name
			z.next = (z.next + 1) % len(z.order)
		}
	}
	z.byName[n.name] = n
}

// Merge adds what another engine knows of the same address.
func (s *Server) Merge(o *Server) {
	if s.Replies == 0 || o.Replies > 0 && o.Min < s.Min {
		s.Min = o.Min
	}
	s.Max = max(s.Max, o.Max)
	s.Sum += o.Sum
	s.Queries += o.Queries
	s.Replies += o.Replies
}
