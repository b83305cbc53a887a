package tcpclient

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend/simlink"
	"myriad/linklayer"
)

var (
	ourMAC  = [6]byte{2, 0, 0, 0, 0, 1}
	gateway = netip.MustParseAddr("10.1.0.100")
)

func TestARPAndPingAreAnswered(t *testing.T) {
	s := newScript(t, Config{})
	var frame [128]byte
	n := linklayer.EmitARPRequest(frame[:], scriptMAC, gateway.As16(), netip.MustParseAddr("10.1.0.3").As16(), [6]byte{})
	s.link.End(1).Inject(frame[:n])
	s.settle()
	require.Equal(t, linklayer.KindARP, s.heard[0].Kind)
	require.Equal(t, ourMAC, s.heard[0].ARP.Sender)
	s.heard = nil
	n = linklayer.EmitARPRequest(frame[:], scriptMAC, gateway.As16(), netip.MustParseAddr("10.1.0.4").As16(), [6]byte{})
	s.link.End(1).Inject(frame[:n])
	s.settle()
	require.Empty(t, s.heard, "not ours")

	ping := make([]byte, 14+20+8)
	copy(ping, ourMAC[:])
	copy(ping[6:], scriptMAC[:])
	copy(ping[12:], []byte{8, 0, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 2, 0, 1, 10, 1, 0, 1, 8, 0, 0, 0, 0, 7, 0, 1})
	putSum(ping[14:34], 10)
	putSum(ping[34:], 2)
	s.link.End(1).Inject(ping)
	s.settle()
	require.Len(t, s.heard, 1)
	require.Equal(t, linklayer.KindOther, s.heard[0].Kind) // echo reply
}

// TestStaleAnswersLeaveARPAlone: who floods a connection that is being opened
// with ACKs of another number gets RSTs within a rate; the link still finds us.
func TestStaleAnswersLeaveARPAlone(t *testing.T) {
	s := newScript(t, Config{})
	s.open(Open{})
	s.want(linklayer.SYN, 0, 0, "")
	var ask [128]byte
	n := linklayer.EmitARPRequest(ask[:], scriptMAC, gateway.As16(), netip.MustParseAddr("10.1.0.3").As16(), [6]byte{})
	resets, found := 0, 0
	for k := range 10_000 { // 100,000 a second
		s.send(linklayer.ACK, 0, 1000+k, "")
		if k%500 == 499 {
			s.link.End(1).Inject(ask[:n])
		}
		s.pass(10 * time.Microsecond)
		for _, p := range s.heard {
			switch {
			case p.Kind == linklayer.KindARP:
				found++
			case p.Segment.Flags&linklayer.RST != 0:
				resets++
			}
		}
		s.heard = s.heard[:0]
	}
	require.Equal(t, 20, found, "ARP requests that were answered")
	require.LessOrEqual(t, resets, 2100, "RSTs in a tenth of a second")
	require.NotZero(t, s.client.Stats().Counters["reply_rate_limited"])
}

// putSum puts the Internet checksum of b at an offset within it.
func putSum(b []byte, at int) {
	sum := uint32(0)
	for k := 0; k < len(b); k += 2 {
		sum += uint32(b[k])<<8 | uint32(b[k+1])
	}
	for sum>>16 != 0 {
		sum = sum>>16 + sum&0xffff
	}
	b[at], b[at+1] = ^byte(sum>>8), ^byte(sum)
}

// withGateway is a script whose next hop has to be asked for.
func withGateway(t *testing.T, cfg Config) *script {
	s := newScript(t, cfg)
	l := s.client.links[0]
	l.onePath = false
	var err error
	l.routes, err = linklayer.NewRoutes([]linklayer.Route{{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Gateway: gateway}})
	require.NoError(t, err)
	return s
}

func TestNextHopIsAskedForBeforeTheSYN(t *testing.T) {
	s := withGateway(t, Config{})
	s.open(Open{})
	require.Len(t, s.heard, 1)
	ask := s.heard[0]
	s.heard = nil
	require.Equal(t, linklayer.KindARP, ask.Kind)
	require.Equal(t, gateway.As16(), ask.ARP.TargetIP)
	var frame [128]byte
	n := linklayer.EmitARPReply(frame[:], scriptMAC, &ask.ARP)
	s.link.End(1).Inject(frame[:n])
	p := s.want(fSYN, 0, 0, "")
	require.Equal(t, scriptMAC, p.EthDestination)
}

func TestSilentNextHopIsUnreachable(t *testing.T) {
	s := withGateway(t, Config{})
	s.open(Open{})
	s.pass(5 * time.Second)
	require.Equal(t, Unreachable, s.log.events[0].Reason)
	require.Len(t, s.heard, linklayer.NeighborTries)
}

// icmpAbout makes the router's answer to the client's segment p.
func (s *script) icmpAbout(p *linklayer.Packet, kind, code byte, mtu uint16) {
	s.t.Helper()
	s.icmpAboutProtocol(p, linklayer.ProtocolTCP, kind, code, mtu)
}

func (s *script) icmpAboutProtocol(p *linklayer.Packet, protocol, kind, code byte, mtu uint16) {
	s.t.Helper()
	b := make([]byte, 14+20+8+28)
	copy(b, ourMAC[:])
	copy(b[6:], scriptMAC[:])
	copy(b[12:], []byte{8, 0, 0x45, 0, 0, 56, 0, 1, 0, 0, 64, 1, 0, 0, 10, 2, 0, 99})
	copy(b[30:], p.Source[12:])
	b[34], b[35], b[40], b[41] = kind, code, byte(mtu>>8), byte(mtu)
	q := b[42:]
	copy(q, []byte{0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, protocol, 0, 0})
	copy(q[12:], p.Source[12:])
	copy(q[16:], p.Destination[12:])
	q[20], q[21], q[22], q[23] = byte(p.SourcePort>>8), byte(p.SourcePort), byte(p.DestinationPort>>8), byte(p.DestinationPort)
	n := uint32(p.Segment.Seq)
	q[24], q[25], q[26], q[27] = byte(n>>24), byte(n>>16), byte(n>>8), byte(n)
	putSum(q[:20], 10)
	putSum(b[14:34], 10)
	putSum(b[34:], 2)
	s.link.End(1).Inject(b)
	s.settle()
}

func TestICMPCountsOnlyForWhatIsInFlight(t *testing.T) {
	s := newScript(t, Config{})
	s.open(Open{})
	p := s.want(fSYN, 0, 0, "")
	forged := *p
	forged.Segment.Seq += 1000
	s.icmpAbout(&forged, linklayer.ICMPUnreachable, 1, 0)
	require.Empty(t, s.log.events)
	s.icmpAbout(p, linklayer.ICMPUnreachable, 1, 0)
	require.Equal(t, Unreachable, s.log.events[0].Reason)
}

func TestICMPDoesNotEndWhatStands(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	s.write(id, "abc")
	p := s.want(fACK|fPSH, 1, 1, "abc")
	s.icmpAbout(p, linklayer.ICMPUnreachable, 3, 0)
	require.Empty(t, s.log.events)
	s.send(fACK, 1, 4, "")
	require.Equal(t, 1, s.write(id, "d").Count)
}

func TestFragmentationNeededLowersTheSegmentSize(t *testing.T) {
	s := newScript(t, Config{})
	id := s.establish(Open{})
	block := make([]byte, 1460)
	s.write(id, string(block))
	p := s.want(fACK|fPSH, 1, 1, string(block))
	s.icmpAbout(p, linklayer.ICMPUnreachable, linklayer.ICMPFragmentationNeeded, 1000)
	s.want(fACK|fPSH, 1, 1, string(block[:960]))
	s.want(fACK|fPSH, 961, 1, string(block[960:]))
	s.pass(time.Millisecond)
	s.icmpAbout(p, linklayer.ICMPUnreachable, linklayer.ICMPFragmentationNeeded, 68) // a lie
	s.want(fACK|fPSH, 1, 1, string(block[:512]))
}

func TestSimultaneousOpen(t *testing.T) {
	s := newScript(t, Config{})
	s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.send(fSYN, 0, 0, "")
	s.want(fSYN|fACK, 0, 1, "")
	s.send(fSYN|fACK, 0, 1, "")
	s.want(fACK, 1, 1, "")
	require.Equal(t, []EventKind{Connected}, s.log.kinds())
	s.send(fACK, 1, 1, "x")
	require.Equal(t, "x", string(s.log.data))
}

func TestTimestampsAndPAWS(t *testing.T) {
	s := newScript(t, Config{Timestamps: true})
	stamp := func(v uint32) func(*linklayer.Segment) {
		return func(g *linklayer.Segment) {
			g.Options.Has |= linklayer.HasTimestamps
			g.Options.TSVal = v
		}
	}
	id := s.open(Open{})
	s.want(fSYN, 0, 0, "")
	s.synACK(stamp(1000))
	p := s.want(fACK, 1, 1, "")
	require.NotZero(t, p.Segment.Options.Has&linklayer.HasTimestamps)
	require.EqualValues(t, 1000, p.Segment.Options.TSEcr)
	s.send(fACK, 1, 1, "old", stamp(999))
	s.want(fACK, 1, 1, "")
	require.Empty(t, s.log.data)
	s.send(fACK, 1, 1, "new", stamp(1001))
	require.Equal(t, "new", string(s.log.data))
	s.write(id, "abc")
	p = s.want(fACK|fPSH, 1, 4, "abc")
	require.EqualValues(t, 1001, p.Segment.Options.TSEcr)
	s.send(fRST, 4, 0, "") // needs none
	require.Equal(t, ResetByPeer, s.log.events[len(s.log.events)-1].Reason)
}

func TestJunkIsCountedByName(t *testing.T) {
	s := newScript(t, Config{}, func(c *simlink.Config) {})
	s.establish(Open{})
	for n := range 80 {
		s.link.End(1).Inject(append(append([]byte{}, ourMAC[:]...), make([]byte, 8+n)...))
	}
	s.settle()
	s.log.w.publish(true)
	total := uint64(0)
	for _, n := range s.client.Stats().Drops {
		total += n
	}
	require.EqualValues(t, 80, total)
}
