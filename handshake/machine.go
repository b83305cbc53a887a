package handshake

import (
	"fmt"
	"time"

	"myriad/conntable"
	"myriad/internal/chunks"
	"myriad/internal/seq"
	"myriad/linklayer"
	"myriad/sack"
)

// Config bounds and tunes a Machine. All fields must be set.
type Config struct {
	MSS              int           // announced in our SYN, bytes
	ReceiveBuffer    int           // initial receive window, bytes
	ReceiveBufferMax int           // what it may grow to
	SendBuffer       int           // bytes of its own a connection may have queued
	BufferMemory     int           // bytes of buffers over all connections
	SYNRetries       int           // SYNs sent again before TimedOut
	DataRetries      int           // retransmissions in a row before TimedOut
	RTOMin           time.Duration // the least that the retransmission timeout is beyond SRTT
	TimeWait         time.Duration // 2MSL
	Sides            int           // side records
	HolesMax         int           // out-of-order ranges per connection
	Timestamps       bool          // offer RFC 7323 timestamps
	NewReno          bool          // congestion control by RFC 5681 in place of CUBIC
	Secret           [2]uint64     // keys the ISNs
}

// Constants of the protocol that nobody has asked to tune.
const (
	synRTO        = time.Second           // RFC 6298 §2.1
	synTimeoutRTO = 3 * time.Second       // RFC 6298 §5.7
	rtoMax        = 60 * time.Second      // RFC 6298 §2.5
	delayedACKMax = 40 * time.Millisecond // RFC 9293 allows up to 500 ms; Linux's floor
	finWait2      = 60 * time.Second      // as Linux: a peer that never closes
	orphanMost    = 60 * time.Second      // without progress, once nobody reads any more
	initialWindow = 10                    // segments, RFC 6928
	mssDefault    = 536                   // RFC 9293 §3.7.1
	mssFloor      = 48                    // a smaller one is a lie; as Linux
	flightMin     = 1024                  // segments that may be in flight, however small: each ACK can have all looked at
	rangesPerSide = 1                     // out-of-order ranges provided for, on average
	rangesExtra   = 4                     // connections that may have HolesMax of them beside that
	lightSegments = 22                    // full segments a plain connection takes before its window is tuned
)

// unmeasured is Entry.Micros when the SYN was sent again: which of them was
// answered is not known. Three times that is synTimeoutRTO.
const unmeasured = uint32(synTimeoutRTO / 3 / time.Microsecond)

// Machine is one worker's protocol engine.
type Machine struct {
	cfg        Config
	table      *conntable.Table
	requests   *Requests
	sip        sip // the state behind what all messages begin with
	sides      sidePool
	chunks     *chunks.Pool
	flights    flightPool
	holes      *sack.Pool
	scale      uint8 // our window shift
	challenged challenged
	spent      []borrowed // those with pieces that Held gave out
	frozen     bool       // there is no link
	stencils   stencils
	burst      int // the longest IP packet that may be left to the device to cut; 0: none
	Counters   Counters
	// Reply is the segment that a Result with Reply speaks of.
	Reply linklayer.Segment
}

// New returns a Machine over the entries of table.
func New(cfg Config, table *conntable.Table, requests *Requests) (*Machine, error) {
	holes, err := sack.NewPool(sack.PoolConfig{Ranges: cfg.Sides*rangesPerSide + rangesExtra*cfg.HolesMax, PerConnection: cfg.HolesMax})
	if err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	m := &Machine{cfg: cfg, table: table, requests: requests, holes: holes, challenged: make(challenged, table.Cap())}
	m.sip = newSip(cfg.Secret).add(mappedBegin)
	m.chunks = chunks.NewPool(cfg.BufferMemory, cfg.MSS)
	m.flights = newFlightPool(cfg.Sides, flightExtra(cfg.BufferMemory))
	m.sides.records = make([]Side, cfg.Sides)
	for m.scale = 0; cfg.ReceiveBufferMax>>m.scale > 0xffff; m.scale++ {
	}
	m.cutStencils()
	return m, nil
}

// Events is what a call made happen, for the application.
type Events uint16

const (
	Connected Events = 1 << iota
	// Data: Result.Data continues the stream.
	Data
	// More: Held has bytes to deliver, after Data.
	More
	// EndOfStream: the peer's FIN was reached, after Data and More.
	EndOfStream
	// Writable: there is room again after a short Write.
	Writable
	// Closed: both directions are closed and acknowledged; the entry may stay
	// for TIME-WAIT.
	Closed
	// Failed: the connection ended for Result.Reason.
	Failed
	// Gone: the entry is to be removed once Output has nothing more to say.
	Gone
	// Reply: Machine.Reply is to be sent at once, apart from the connection's
	// own output: the RST for a segment that it refuses.
	Reply
)

// Result is what a Step or Timeout made happen. It is small enough to be
// returned in registers: in memory it would be written field by field and copied
// in larger pieces, which makes the processor wait.
type Result struct {
	Data    []byte // borrowed from the segment
	Elapsed Micros // with Connected: from the last SYN to its answer
	Events  Events
	Reason  Reason
}

// Micros is a span of time in µs.
type Micros uint32

// Duration is the same as Go has it.
func (m Micros) Duration() time.Duration { return time.Duration(m) * time.Microsecond }

// Out is a segment to be sent.
type Out struct {
	Segment linklayer.Segment
	Sum     linklayer.Sum // of the payload, where it is known
	Burst   Burst
}

// reset makes out empty. The pieces of a burst stay: to clear them would cost
// more than a frame.
func (out *Out) reset() {
	out.Segment, out.Sum, out.Burst.Size = linklayer.Segment{}, 0, 0
}

// Burst is a segment longer than a frame, for the device to cut into frames
// with Size bytes of payload each; it has no more than SetBurst allows. With
// Size 0 the Segment is an ordinary one. Otherwise the Segment's own payload is
// empty, and Pieces[:Count] are it.
type Burst struct {
	Size   int
	Bytes  int
	Count  int
	Pieces [BurstPieces][]byte
}

// BurstPieces is the most pieces of memory that one burst lies in.
const BurstPieces = 32

// conn is what the functions of this package pass to each other.
type conn struct {
	e   *conntable.Entry
	x   *conntable.Extra // to be written to after extend only
	s   *Side            // nil for a plain connection
	i   uint32
	now time.Duration
}

// load fills c in place: returned by value it would be copied in larger pieces
// than it was just written in, which stalls the processor.
func (m *Machine) load(c *conn, i uint32, now time.Duration) {
	c.e, c.x, c.s, c.i, c.now = m.table.At(i), m.table.Extra(i), nil, i, now
	if c.e.Side != 0 {
		c.s = &m.sides.records[c.e.Side-1]
	}
}

// extend is the entry's Extra, to be written to. What most connections touch
// asks for Extended before it reads there, and saves them the memory.
func (c *conn) extend() *conntable.Extra {
	c.e.Extended = true
	return c.x
}

// tick turns an instant into the milliseconds that entries hold, rounded up
// so that no timer is early; 0 is kept for "none".
func tick(at time.Duration) uint32 {
	t := uint32((at + time.Millisecond - 1) / time.Millisecond)
	if t == 0 {
		return 1
	}
	return t
}

// instant turns a tick back, given an instant within 24 days of it.
func instant(t uint32, now time.Duration) time.Duration {
	ms := now / time.Millisecond
	return (ms + time.Duration(int32(t-uint32(ms)))) * time.Millisecond
}

func due(t uint32, now time.Duration) bool {
	return t != 0 && int32(t-uint32(now/time.Millisecond)) <= 0
}

func micros(at time.Duration) uint32 { return uint32(at / time.Microsecond) }

// synchronized: both SYNs were seen.
func synchronized(s conntable.State) bool { return s >= conntable.Established }

// finSent: our FIN took a sequence number, so SndNxt is past it.
func finSent(s conntable.State) bool {
	switch s {
	case conntable.FinWait1, conntable.FinWait2, conntable.Closing, conntable.LastAck, conntable.TimeWait:
		return true
	}
	return false
}

// dataEnd is the sequence number after the last byte of data sent.
func (c *conn) dataEnd() seq.Number {
	switch c.e.State {
	case conntable.FinWait1, conntable.Closing, conntable.LastAck, conntable.FinWait2, conntable.TimeWait:
		return c.e.SndNxt - 1
	}
	return c.e.SndNxt
}
