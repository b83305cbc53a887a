package sim

import (
	"math/rand/v2"
	"net/netip"
	"time"

	"myriad/internal/seq"
	"myriad/internal/wrap"
	"myriad/iobackend/simlink"
	"myriad/tcpclient"
)

// scenario is what a seed makes of a world before it begins.
type scenario struct {
	seed      uint64
	start     time.Duration
	queues    int
	steer     func(frame []byte, queues int) int
	up, down  simlink.Impairments
	cuts      []cut
	config    tcpclient.Config
	dials     []dialPlan
	servers   []any  // *serverPlan, *hostilePlan or *visitPlan, one for each dial
	open      Opener // of the visits' TCP
	harmless  bool   // nothing on the wire is lost, spoilt or cut
	endurance bool   // an honest connection is given so many tries that it never times out
}

// cut is a time without carrier, after the start.
type cut struct{ from, to time.Duration }

// maker draws a scenario.
type maker struct {
	*rand.Rand
	s *scenario
}

func (m *maker) one(in int) bool        { return m.IntN(in) == 0 }
func (m *maker) ms(n int) time.Duration { return time.Duration(m.IntN(n)) * time.Millisecond }
func pick[T any](m *maker, from ...T) T { return from[m.IntN(len(from))] }
func (m *maker) stream() stream         { return stream(m.IntN(streamPeriod)) }
func (m *maker) between(lo, hi int) int { return lo + m.IntN(hi-lo+1) }
func (m *maker) upTo(sizes ...int) int  { return m.IntN(pick(m, sizes...)) }
func (m *maker) number() (n seq.Number) {
	// Streams that cross 2³² and 2³¹ are as common as others.
	switch m.IntN(3) {
	case 0:
		return seq.Number(0).Add(-m.IntN(20_000))
	case 1:
		return seq.Number(1 << 31).Add(-m.IntN(20_000))
	}
	return seq.Number(m.Uint32())
}

// clocks are starts at which milliseconds, their sign or microseconds wrap.
var clocks = []time.Duration{
	time.Hour, time.Hour, 0, 1<<32*time.Millisecond - 3*time.Second, 1<<31*time.Millisecond - 3*time.Second,
	1<<32*time.Microsecond - time.Second,
}

// Kind says what sort of world a seed stands for.
type Kind uint8

const (
	// Mixed worlds have anything: wires from harmless to cut, up to 60
	// connections, from none to all of them to hostile peers.
	Mixed Kind = iota + 1
	// Storm worlds lose every fifth frame and reorder every fifth, both ways,
	// and each of their 50 connections has a deadline.
	Storm
	// Visits are worlds whose honest peers are above somebody else's TCP; see
	// RunForeign.
	Visits
)

func newMaker(seed uint64, s *scenario) *maker { return &maker{rand.New(rand.NewPCG(seed, 2)), s} }

func newScenario(kind Kind, seed uint64) *scenario {
	s := &scenario{seed: seed}
	m := newMaker(seed, s)
	s.start = wrap.Clock(pick(m, clocks...))
	s.queues = pick(m, 1, 1, 1, 2, 3)
	s.steer = simlink.SteerHash
	if m.one(2) {
		s.steer = func(frame []byte, queues int) int { return int(frame[len(frame)-1]) % queues }
	}
	switch kind {
	case Storm:
		m.storm()
		return s
	case Visits:
		m.visits()
		return s
	}
	m.wire()
	m.client()
	dials := pick(m, 1, 4, 16, 30, 60)
	hostile := pick(m, 0, 0, 10, 50, 100) // per cent
	for k := range dials {
		m.dial(k, m.IntN(100) < hostile)
	}
	return s
}

func (m *maker) wire() {
	s := m.s
	s.harmless = m.one(4)
	s.up, s.down = m.impairments(s.harmless), m.impairments(s.harmless)
	if !s.harmless && m.one(4) {
		for range m.between(1, 3) {
			from := m.ms(10_000)
			s.cuts = append(s.cuts, cut{from, from + m.ms(pick(m, 100, 2000, 10_000))})
		}
	}
}

func (m *maker) impairments(harmless bool) (i simlink.Impairments) {
	i.Delay, i.Jitter = m.ms(pick(m, 1, 20, 150)), m.ms(pick(m, 1, 10))
	if !harmless {
		i.Loss = pick(m, 0, 0.01, 0.05, 0.2)
		i.Reorder, i.ReorderDelay = pick(m, 0, 0.05, 0.2), time.Millisecond+m.ms(40)
		i.Duplicate = pick(m, 0, 0.05, 0.2)
		i.Corrupt = pick(m, 0, 0, 0.05)
		if m.one(3) {
			i.RateBPS = uint64(m.between(1, 50)) * 1_000_000
			i.QueueFrames = pick(m, 0, 0, 20)
		}
	}
	return i
}

func (m *maker) client() {
	s := m.s
	s.endurance = m.one(2) || s.harmless
	s.config = tcpclient.Config{
		ConnectionsMax: pick(m, 40, 128) * s.queues, BufferMemory: 8 << 20,
		Timestamps: m.one(3), TimeWait: pick(m, time.Second, 30*time.Second), HolesMax: pick(m, 2, 64),
		ReceiveBuffer: pick(m, 2000, 16_000, 65_535), ReceiveBufferMax: pick(m, 65_535, 1<<20),
		SendBuffer: pick(m, 3000, 64<<10), Batch: pick(m, 1, 7, 256), MSS: pick(m, 0, 0, 536, 100),
		DataRetries: 10, SYNRetries: 3,
	}
	s.config.SideRecords = pick(m, 40, s.config.ConnectionsMax)
	if s.endurance {
		s.config.SYNRetries, s.config.DataRetries = 30, 60
	}
	if m.one(4) {
		s.config.Rate = 200
	}
}

func (m *maker) dial(k int, hostile bool) {
	d := dialPlan{
		at:     m.ms(pick(m, 1, 500, 5000)),
		remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, 0, byte(1 + k/8)}), uint16(firstPort+k)),
		up:     m.stream(), down: m.stream(), honest: !hostile, resetAt: -1,
		send: m.upTo(1, 400, 5000, 40_000), chunk: m.between(1, 8000),
	}
	if m.one(3) {
		d.request, d.apart, d.up = true, m.one(2), 0
		d.send += requestBytes
	}
	if m.one(4) {
		d.pauses = m.between(1, 10)
	}
	if m.one(6) {
		d.timeout = time.Millisecond + m.ms(60_000)
	}
	if m.one(10) {
		d.idle = 500*time.Millisecond + m.ms(20_000)
	}
	if m.one(20) {
		d.resetAt = m.IntN(20_000)
	}
	if hostile {
		if d.timeout == 0 {
			d.timeout = time.Second + m.ms(120_000)
		}
		d.closeUp, d.discard, d.unheard = m.one(2), m.one(4), k%2 == 0
		m.s.servers = append(m.s.servers, m.liar(&d))
	} else {
		m.s.servers = append(m.s.servers, m.server(&d))
	}
	m.s.dials = append(m.s.dials, d)
}

// server draws a well-behaved peer, and an order of closing in which nobody
// waits for himself.
func (m *maker) server(d *dialPlan) *serverPlan {
	p := &serverPlan{
		iss: m.number(), up: d.up, expect: d.send, down: d.down, total: m.upTo(1, 1000, 5000, 60_000),
		mss: pick(m, 1460, 1460, 536, 100, 0), scale: pick(m, -1, 0, 2, 7), stamps: m.one(2), sack: m.one(2),
		window: pick(m, 65_535, 65_535, 8000, 1000), flight: pick(m, 4, 16, 64),
	}
	if p.scale > 0 {
		p.window <<= m.IntN(p.scale + 1)
	}
	if m.one(5) {
		p.stalls = m.between(1, 5000)
	}
	d.expect = p.total
	d.closeUp = m.one(2)
	p.closeBy = !d.closeUp || m.one(2)
	p.sendAt = pick(m, 0, min(1, d.send), d.send)
	return p
}

func (m *maker) liar(d *dialPlan) *hostilePlan {
	p := &hostilePlan{
		iss: m.number(), down: d.down, total: m.upTo(1, 1000, 50_000), answer: m.greeting(),
		honest: pick(m, 0, 0.3, 0.8), every: time.Millisecond + m.ms(pick(m, 10, 500, 5000)),
		budget: pick(m, 50, 400),
	}
	for range m.IntN(6) {
		p.tricks = append(p.tricks, pick(m, tricks...))
	}
	return p
}

// greeting is a plain one in one of three.
func (m *maker) greeting() greeting {
	if m.one(3) {
		return answers[0]
	}
	return pick(m, answers...)
}
