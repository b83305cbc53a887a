package scan

import (
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
	"myriad/linklayer"
)

// fake is a device in memory with one queue and a clock that the test moves.
type fake struct {
	now  time.Duration
	in   [][]byte
	sent [][]byte
}

func (f *fake) Info() iobackend.Info {
	return iobackend.Info{Name: "fake", HardwareAddr: net.HardwareAddr(ourMAC[:]), MTU: 1500, Queues: 1, FrameBytes: 2048, BatchMax: 4096}
}
func (f *fake) Queue(int) iobackend.Queue { return f }
func (f *fake) Close() error              { return nil }
func (f *fake) Receive(frames []iobackend.Frame) (int, time.Duration, error) {
	n := min(len(frames), len(f.in))
	for k := range n {
		frames[k] = iobackend.Frame{Data: f.in[k]}
	}
	f.in = f.in[n:]
	return n, f.now, nil
}
func (f *fake) Release([]iobackend.Frame)          {}
func (f *fake) HandOver(iobackend.Frame, int) bool { return false }
func (f *fake) Wait(until time.Duration) error     { f.now = max(f.now, until); return nil }
func (f *fake) Wake()                              {}
func (f *fake) Now() time.Duration                 { return f.now }
func (f *fake) Counters() (c iobackend.Counters)   { return c }
func (f *fake) Reserve(frames []iobackend.Frame) int {
	for k := range frames {
		frames[k].Data = make([]byte, 2048)
	}
	return len(frames)
}
func (f *fake) Transmit(frames []iobackend.Frame) error {
	for k := range frames {
		f.sent = append(f.sent, frames[k].Data)
	}
	return nil
}

var (
	ourMAC   = [6]byte{2, 0, 0, 0, 0, 1}
	theirMAC = [6]byte{2, 0, 0, 0, 0, 2}
)

// bench is a scanner over a fake device.
type bench struct {
	*fake
	t       testing.TB
	s       *Scanner
	queue   iobackend.Queue
	results map[target]Result
}

func newBench(t testing.TB, change func(c *Config)) *bench {
	b := &bench{fake: &fake{}, t: t, results: map[target]Result{}}
	space, err := NewSpace(prefixes("198.18.0.0/26"), []uint16{80, 443}, 3)
	require.NoError(t, err)
	c := Config{
		Device: b.fake, Sources: prefixes("192.0.2.0/28"), PortMin: 40000, PortMax: 50000, GatewayMAC: theirMAC[:],
		Space: space, Protocol: TCP, Key: [2]uint64{rand.Uint64(), rand.Uint64()}, Shards: 1, Batch: 256, Timeout: time.Second, Retries: 1, All: true,
		Result: func(_ int, r *Result) {
			key := target{r.Address, r.Port}
			_, twice := b.results[key]
			require.False(t, twice, "%v:%d has one outcome", Addr(r.Address), r.Port)
			b.results[key] = *r
		},
	}
	if change != nil {
		change(&c)
	}
	b.s, err = New(c)
	require.NoError(t, err)
	b.queue = b.s.Device().Queue(0)
	return b
}

// turn moves the clock and has the scanner take its turn, with frames.
func (b *bench) turn(after time.Duration, frames ...[]byte) (sent []linklayer.Packet) {
	b.now += after
	b.in, b.sent = append(b.in, frames...), nil
	var rx [64]iobackend.Frame
	for {
		_, _, err := b.queue.Receive(rx[:])
		require.NoError(b.t, err)
		if len(b.in) == 0 {
			break
		}
	}
	_, _, err := b.queue.Receive(rx[:]) // what waited for the frames before
	require.NoError(b.t, err)
	for _, f := range b.sent {
		var p linklayer.Packet
		require.Equal(b.t, linklayer.DropNone, linklayer.Parse(f, false, &p))
		sent = append(sent, p)
	}
	return sent
}

// reply makes the answer to a probe.
func reply(p *linklayer.Packet, s linklayer.Segment) []byte {
	path := linklayer.NewPath(theirMAC, ourMAC, 57, 0)
	f := make([]byte, 200)
	return f[:linklayer.EmitTCP(f, &path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 7, &s, 0)]
}

func synAck(p *linklayer.Packet) []byte {
	return reply(p, linklayer.Segment{Flags: linklayer.SYN | linklayer.ACK, Seq: 99, Ack: p.Segment.Seq + 1})
}

func refusal(p *linklayer.Packet) []byte {
	return reply(p, linklayer.Segment{Flags: linklayer.RST | linklayer.ACK, Ack: p.Segment.Seq + 1})
}

// Shards one after the other, one of them from its middle, on one device: together
// they are the whole.
func TestShardAfterShard(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Shards = 3; c.Retries = 0 })
	require.ErrorContains(t, b.s.Begin(1, Progress{}), "not done")
	for shard, from := range []uint64{0, 5, 0} {
		if shard > 0 {
			require.ErrorContains(t, b.s.Begin(shard, Progress{Next: 1000}), "beyond")
			require.NoError(t, b.s.Begin(shard, Progress{Next: from}))
			rest := b.s.Rest()
			require.Equal(t, from, rest.Low())
		}
		probes := b.turn(0)
		require.Len(t, probes, int(b.s.Targets()-from))
		b.turn(time.Millisecond, synAck(&probes[0]), refusal(&probes[1]))
		b.turn(time.Second)
		select {
		case <-b.s.Done():
		default:
			t.Fatal("the shard is not done")
		}
		require.Equal(t, Progress{Next: b.s.Targets()}, b.s.Rest())
		if shard == 0 {
			require.NoError(t, b.s.Begin(1, Progress{Next: 43}))
			b.turn(0, synAck(&probes[2]))
			require.EqualValues(t, 1, b.s.Counts().Late)
		}
	}
	require.Len(t, b.results, 128-5)
	require.ErrorContains(t, b.s.Begin(3, Progress{}), "not one of 3")
}

// No address and no /24 sees two probes, retries and canaries among them, sooner
// after each other than it may; and everything comes to its outcome.
func TestLimitsPerAddressAndPrefix(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Space, _ = NewSpace(prefixes("198.18.0.0/28", "198.18.1.0/26"), []uint16{80, 443, 8080}, 3)
		c.Limits, c.Canary = Limits{AddressRate: 2, PrefixRate: 20}, true
	})
	seen := map[uint32]time.Duration{}
	shortest := map[bool]time.Duration{true: time.Hour, false: time.Hour}
	frames := 0
	var answers [][]byte
	for range 20_000 {
		sent := b.turn(3*time.Millisecond, answers...)
		answers = nil
		for k := range sent {
			p := &sent[k]
			if p.Segment.Flags&linklayer.RST != 0 {
				continue
			}
			frames++
			to := ip16(&p.Destination)
			for key, prefix := range map[uint32]bool{to: false, to >> 8: true} {
				if before, ok := seen[key]; ok {
					shortest[prefix] = min(shortest[prefix], b.now-before)
				}
				seen[key] = b.now
			}
			switch to % 3 {
			case 0:
				answers = append(answers, synAck(p))
			case 1:
				answers = append(answers, refusal(p))
			}
		}
		if b.s.Counts().Targets == b.s.Targets() {
			break
		}
	}
	require.Len(t, b.results, 3*80)
	require.GreaterOrEqual(t, shortest[false], 500*time.Millisecond, "one address")
	require.GreaterOrEqual(t, shortest[true], 50*time.Millisecond, "one /24")
	require.Less(t, shortest[true], 60*time.Millisecond, "it is made use of")
	most := b.s.Seen()
	require.InDelta(t, float64(time.Second)/float64(shortest[true]), most.PrefixRate, 0.01)
	require.LessOrEqual(t, most.AddressRate, 2.0)
	open := 0
	for _, r := range b.results {
		if r.Outcome == Open {
			require.Equal(t, CanaryAnswersAll, r.Canary, "it was asked, however late")
			open++
		}
	}
	require.Equal(t, 3*27, open)
	t.Logf("%d probes in %v", frames, b.now)
}

func TestOutcomes(t *testing.T) {
	b := newBench(t, nil)
	probes := b.turn(0)
	require.Len(t, probes, 128)
	sent := b.turn(time.Millisecond, synAck(&probes[0]), refusal(&probes[1]), synAck(&probes[0]))
	require.Len(t, sent, 2, "each SYN-ACK is ended with RST")
	require.Equal(t, linklayer.RST, sent[0].Segment.Flags)
	require.Equal(t, probes[0].Segment.Seq+1, sent[0].Segment.Seq)
	stale := reply(&probes[2], linklayer.Segment{Flags: linklayer.ACK, Ack: 12345})
	sent = b.turn(time.Millisecond, stale)
	require.Len(t, sent, 1)
	require.EqualValues(t, 12345, sent[0].Segment.Seq, "RFC 9293 §3.10.7.3: it ends what the host remembers")
	again := b.turn(time.Second)
	require.Len(t, again, 126, "all but those two are probed again")
	b.turn(time.Millisecond, synAck(&probes[2]))
	b.turn(2 * time.Second)
	late := b.turn(time.Millisecond, synAck(&probes[3]))
	require.NotEmpty(t, late, "it is ended with RST all the same")
	require.Len(t, b.results, 128)
	c := b.s.Counts()
	require.Equal(t, [OutcomeCount]uint64{Open: 2, Closed: 1, Filtered: 125}, c.Outcomes)
	require.EqualValues(t, 128, c.Targets)
	require.EqualValues(t, 1, c.Duplicate)
	require.EqualValues(t, 1, c.Stale)
	require.EqualValues(t, 1, c.Late)
	third := b.results[target{ip16(&probes[2].Destination), probes[2].DestinationPort}]
	require.Equal(t, 2, third.Attempts)
	require.EqualValues(t, 57, third.TTL)
	<-b.s.Done()
	require.Equal(t, Progress{Next: b.s.Targets()}, b.s.Rest())
}

// Delays are those of answers to the first probe, of one target in eight: neither
// a retry's answer nor an ICMP error has one.
func TestLatency(t *testing.T) {
	b := newBench(t, nil)
	probes := b.turn(time.Millisecond)
	require.Len(t, probes, 128)
	b.turn(10*time.Millisecond, synAck(&probes[0]), refusal(&probes[1]))
	b.turn(20*time.Millisecond, refusal(&probes[64]), refusal(&probes[64]), refusal(&probes[65]))
	again := b.turn(time.Second)
	var retries [][]byte
	for k := range again {
		if again[k].Segment.Flags&linklayer.RST == 0 {
			retries = append(retries, synAck(&again[k]))
		}
	}
	require.Len(t, retries, 124)
	b.turn(time.Millisecond, retries...)
	require.EqualValues(t, 128, b.s.Counts().Targets)
	d := b.s.Latency()
	require.EqualValues(t, 2, d.Count)
	require.Equal(t, 40*time.Millisecond, d.Sum)
}

// What is forged changes nothing: wrong numbers, ports, addresses, hosts that are
// no targets, and errors that quote what never left.
func TestForgeries(t *testing.T) {
	b := newBench(t, nil)
	probes := b.turn(0)
	p := probes[0]
	var bad [][]byte
	for _, change := range []func(q *linklayer.Packet){
		func(q *linklayer.Packet) { q.Segment.Seq++ },
		func(q *linklayer.Packet) { q.SourcePort ^= 1 },
		func(q *linklayer.Packet) { q.Source[15] ^= 1 },
		func(q *linklayer.Packet) { q.DestinationPort++ },
		func(q *linklayer.Packet) { q.Destination[13]++ },
	} {
		q := p
		change(&q)
		bad = append(bad, synAck(&q), refusal(&q))
	}
	quoted := make([]byte, 200)
	path := linklayer.NewPath(theirMAC, ourMAC, 57, 0)
	probe := reply(&linklayer.Packet{Source: p.Destination, Destination: p.Source, SourcePort: p.DestinationPort, DestinationPort: p.SourcePort},
		linklayer.Segment{Flags: linklayer.SYN, Seq: p.Segment.Seq + 1})
	n := linklayer.EmitICMPEcho(quoted, &path, p.Destination, p.Source, 1, 0, probe[14:42])
	bad = append(bad, unreachable(quoted[:n], 1))
	require.Empty(t, b.turn(time.Millisecond, bad...))
	require.Empty(t, b.results)
	require.NotZero(t, b.s.Counts().Forged)
	right := reply(&linklayer.Packet{Source: p.Destination, Destination: p.Source, SourcePort: p.DestinationPort, DestinationPort: p.SourcePort},
		linklayer.Segment{Flags: linklayer.SYN, Seq: p.Segment.Seq})
	n = linklayer.EmitICMPEcho(quoted, &path, p.Destination, p.Source, 1, 0, right[14:42])
	b.turn(time.Millisecond, unreachable(quoted[:n], 13))
	require.Equal(t, Prohibited, b.results[target{ip16(&p.Destination), p.DestinationPort}].Reason)
}

// unreachable makes an ICMP error of an echo request, whose form it has.
func unreachable(frame []byte, code byte) []byte {
	icmp := frame[34:]
	icmp[0], icmp[1], icmp[2], icmp[3] = linklayer.ICMPUnreachable, code, 0, 0
	sum := uint64(0)
	for k := 0; k < len(icmp); k += 2 {
		sum += uint64(icmp[k])<<8 | uint64(icmp[k+1])
	}
	checksum := ^fold(sum)
	icmp[2], icmp[3] = byte(checksum>>8), byte(checksum)
	return frame
}

// A host that answers everything is told from one that does not, and one whose
// first canary is lost, too.
func TestCanary(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Canary = true })
	probes := b.turn(0)
	hosts := []*linklayer.Packet{&probes[0], &probes[1], &probes[2]}
	asked := b.turn(time.Millisecond, synAck(hosts[0]), synAck(hosts[1]), synAck(hosts[2]))
	var canaries []linklayer.Packet
	for _, p := range asked {
		if p.Segment.Flags == linklayer.SYN {
			canaries = append(canaries, p)
			require.NotContains(t, []uint16{80, 443}, p.DestinationPort)
		}
	}
	require.Len(t, canaries, 3)
	require.Empty(t, b.results, "held until the canary has had its time")
	b.turn(time.Millisecond, refusal(&canaries[0]), synAck(&canaries[1]))
	again := b.turn(time.Second)
	canaries = nil
	for _, p := range again {
		if p.Segment.Flags == linklayer.SYN && p.DestinationPort >= 20000 {
			canaries = append(canaries, p)
		}
	}
	require.Len(t, canaries, 1, "asked again where it said nothing")
	b.turn(time.Millisecond, synAck(&canaries[0]))
	b.turn(time.Second)
	for k, want := range []Canary{CanaryQuiet, CanaryAnswersAll, CanaryAnswersAll} {
		r := b.results[target{ip16(&hosts[k].Destination), hosts[k].DestinationPort}]
		require.Equal(t, Open, r.Outcome)
		require.Equal(t, want, r.Canary, k)
	}
}

// Asked for its addresses the scanner answers at once, whatever the rate.
func TestARPIsOutsideOfTheRate(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Rate = 1 })
	f := make([]byte, 60)
	source := linklayer.Mapped(0xc0000203)
	n := linklayer.EmitARPRequest(f, theirMAC, linklayer.Mapped(0xc0000263), source, [6]byte{})
	answers := 0
	for range 50 {
		for _, p := range b.turn(0, f[:n]) {
			if p.Kind == linklayer.KindARP && p.ARP.Op == linklayer.ARPReply && p.ARP.SenderIP == source {
				answers++
			}
		}
	}
	require.Equal(t, 50, answers)
}

// Floods and rubbish have bounds: nothing panics, each answer is counted under
// one name, and the scan comes to its end with an outcome for each target.
func TestRubbish(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for _, protocol := range []Protocol{TCP, UDP, ICMP} {
		b := newBench(t, func(c *Config) {
			c.Protocol = protocol
			c.Canary = protocol == TCP
			if protocol == ICMP {
				c.Space, _ = NewSpace(prefixes("198.18.0.0/26"), nil, 3)
			}
		})
		probes := b.turn(0)
		for range 200 {
			var frames [][]byte
			for range 50 {
				p := &probes[r.IntN(len(probes))]
				f := synAck(p)
				for range r.IntN(4) {
					f[r.IntN(len(f))] = byte(r.Uint32())
				}
				frames = append(frames, f[:r.IntN(len(f)+1)])
			}
			b.turn(time.Duration(r.IntN(1e7)), frames...)
		}
		for range 10 {
			b.turn(time.Second)
		}
		require.Len(t, b.results, int(b.s.Targets()))
	}
}

// A scan that is gone on with looks at the rest, and each shard at its own.
func TestShardsAndGoingOn(t *testing.T) {
	seen := map[target]int{}
	for shard := range 3 {
		for _, from := range []uint64{0, 20} {
			b := newBench(t, func(c *Config) { c.Shards, c.Shard, c.From, c.Retries = 3, shard, Progress{Next: from}, 0 })
			for _, p := range b.turn(0) {
				if key := (target{ip16(&p.Destination), p.DestinationPort}); from == 0 {
					seen[key]++
				} else {
					require.Equal(t, 1, seen[key], "of the same shard")
				}
			}
			b.turn(2 * time.Second)
			require.EqualValues(t, b.s.Targets()-from, b.s.Counts().Targets)
			require.Equal(t, Progress{Next: b.s.Targets()}, b.s.Rest())
		}
	}
	require.Len(t, seen, 128)
}

// At a rate no more leaves than it allows, and RSTs and retries are within it.
func TestRateWithAnswers(t *testing.T) {
	const rate = 1000
	b := newBench(t, func(c *Config) {
		c.Rate = rate
		c.Space, _ = NewSpace(prefixes("198.18.0.0/22"), []uint16{80}, 3)
	})
	sent := 0
	var answers [][]byte
	for range 2000 {
		packets := b.turn(time.Millisecond, answers...)
		answers = answers[:0]
		for k := range packets {
			if packets[k].Segment.Flags == linklayer.SYN {
				answers = append(answers, synAck(&packets[k]))
			}
		}
		sent += len(packets)
	}
	require.LessOrEqual(t, sent, 2*rate+BatchFor(rate, 256, 1))
	require.Greater(t, sent, 3*rate/2)
	require.InDelta(t, b.s.Counts().Resets, b.s.Counts().Probes, 20)
}
