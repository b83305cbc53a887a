package scan

import "time"

// Outcome is what a target came to.
type Outcome uint8

// The outcomes.
const (
	_        Outcome = iota
	Open             // it answered as a service does
	Closed           // it answered that nobody is there
	Filtered         // something on the way answered, or nobody did
	Unsent           // no probe left: we could not look
	OutcomeCount
)

var outcomeNames = [OutcomeCount]string{"none", "open", "closed", "filtered", "unsent"}

// String is the outcome's word in the output.
func (o Outcome) String() string { return outcomeNames[o] }

// Reason is why a target came to its outcome.
type Reason uint8

// The reasons.
const (
	_                  Reason = iota
	SYNACK                    // open: SYN-ACK
	Reply                     // open: a datagram or an echo reply
	Refused                   // closed: RST
	PortUnreachable           // closed (UDP) or filtered: ICMP
	HostUnreachable           // filtered: ICMP
	NetworkUnreachable        // filtered: ICMP
	Prohibited                // filtered: ICMP, administratively
	OtherUnreachable          // filtered: another of ICMP's codes
	TimeExceeded              // filtered: ICMP; a loop of routes
	NoAnswer                  // filtered
	NoNeighbor                // filtered: nobody on the link has the address
	NoGateway                 // unsent: nobody on the link has the gateway's address
	NoRoute                   // unsent
	ReasonCount
)

var reasonNames = [ReasonCount]string{
	"none", "syn-ack", "reply", "refused", "port unreachable", "host unreachable", "network unreachable",
	"prohibited", "unreachable", "time exceeded", "timed out", "no neighbour", "no gateway", "no route",
}

// String is the reason's words in the output.
func (r Reason) String() string { return reasonNames[r] }

// Canary is what an open TCP port's host made of a probe to a port on which
// nobody is expected.
type Canary uint8

// The canary's outcomes.
const (
	CanaryNone       Canary = iota // it was not tried
	CanaryQuiet                    // refused, or no answer: the host tells ports apart
	CanaryAnswersAll               // it answered there too: the open port says nothing
)

var canaryNames = [...]string{"", "quiet", "answers all"}

// String is the outcome's words in the output.
func (c Canary) String() string { return canaryNames[c] }

// Result is one target's outcome.
type Result struct {
	Address  uint32
	Port     uint16
	Outcome  Outcome
	Reason   Reason
	Canary   Canary
	TTL      uint8         // of the answer
	Attempts int           // probes sent to it by then
	index    uint64        // of the shard, for as long as it waits here
	At       time.Duration // by the device's clock
	// Banner is what a connection brought; nil where none was tried.
	Banner *Banner
	// Reply is a UDP answer's payload, cut to BannerMax bytes.
	Reply []byte
}

// Banner is what a connection to an open port brought.
type Banner struct {
	Data  []byte // at most as many bytes as were asked for
	Error string // why there is no more, empty when the limit or the end came
	Cut   bool   // there was more than the limit
}

// Counts are what a worker has done so far.
type Counts struct {
	Probes, Retries, Canaries, Resets uint64 // frames sent
	Skipped                           uint64 // RSTs not sent for want of room
	Targets                           uint64 // settled, answered or not
	Outcomes                          [OutcomeCount]uint64
	Reasons                           [ReasonCount]uint64
	AnswersAll                        uint64 // open ports of hosts that answer everything
	CanaryFull                        uint64 // open ports whose host could not be tried
	Banners                           uint64
	Received                          uint64 // frames that were looked at
	Duplicate, Late                   uint64 // answers
	Forged                            uint64 // answers without the cookie
	Foreign                           uint64 // answers from what is no target
	Stale                             uint64 // ACKs of connections that a host remembers (RFC 9293 §3.10.7.3)
	Malformed                         uint64 // frames that are no whole packets
	Ignored                           uint64 // ICMP that says nothing of targets: redirects, source quenches
	ARPReplies, ARPFull               uint64 // ARP requests answered, and not for want of room
}

// Add adds another worker's.
func (c *Counts) Add(o *Counts) {
	c.Probes += o.Probes
	c.Retries += o.Retries
	c.Canaries += o.Canaries
	c.Resets += o.Resets
	c.Skipped += o.Skipped
	c.Targets += o.Targets
	for k := range c.Outcomes {
		c.Outcomes[k] += o.Outcomes[k]
	}
	for k := range c.Reasons {
		c.Reasons[k] += o.Reasons[k]
	}
	c.AnswersAll += o.AnswersAll
	c.CanaryFull += o.CanaryFull
	c.Banners += o.Banners
	c.Received += o.Received
	c.Duplicate += o.Duplicate
	c.Late += o.Late
	c.Forged += o.Forged
	c.Foreign += o.Foreign
	c.Stale += o.Stale
	c.Malformed += o.Malformed
	c.Ignored += o.Ignored
	c.ARPReplies += o.ARPReplies
	c.ARPFull += o.ARPFull
}
