package tcpclient

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/conntable"
	"myriad/linklayer"
)

var queryRemote = netip.MustParseAddrPort("10.2.0.53:53")

func newQueryScript(t *testing.T, cfg Config) *script {
	if cfg.QueriesMax == 0 {
		cfg.QueriesMax = 64
	}
	return newScript(t, cfg)
}

func (s *script) query(q Query) Opened {
	s.t.Helper()
	if !q.Remote.IsValid() {
		q.Remote = queryRemote
	}
	var r [1]Opened
	s.log.w.Query([]Query{q}, r[:])
	s.settle()
	return r[0]
}

// wantDatagram takes the next frame, a UDP datagram.
func (s *script) wantDatagram(payload string) *linklayer.Packet {
	s.t.Helper()
	s.settle()
	require.NotEmpty(s.t, s.heard, "the client sent nothing")
	p := s.heard[0]
	s.heard = s.heard[1:]
	require.Equal(s.t, linklayer.KindUDP, p.Kind)
	require.Equal(s.t, payload, string(p.UDPPayload))
	return &p
}

// answer sends a datagram to where p came from.
func (s *script) answer(p *linklayer.Packet, from netip.AddrPort, payload string) {
	s.t.Helper()
	path := linklayer.NewPath(scriptMAC, ourMAC, 64, 0)
	var frame [2048]byte
	n := linklayer.EmitUDP(frame[:], &path, from.Addr().As16(), p.Source, from.Port(), p.SourcePort, 1, []byte(payload), 0)
	s.link.End(1).Inject(frame[:n])
	s.settle()
}

func TestQueryIsAnswered(t *testing.T) {
	s := newQueryScript(t, Config{})
	payload := []byte("question")
	r := s.query(Query{User: 9, Data: payload})
	require.NoError(t, r.Err)
	copy(payload, "XXXXXXXX") // it was copied
	p := s.wantDatagram("question")
	require.Equal(t, queryRemote, netip.AddrPortFrom(netip.AddrFrom16(p.Destination).Unmap(), p.DestinationPort))
	s.link.Clock().Advance(30 * time.Millisecond)
	s.answer(p, netip.MustParseAddrPort("10.2.0.54:53"), "forged")
	s.answer(p, netip.MustParseAddrPort("10.2.0.53:54"), "forged")
	require.Empty(t, s.log.events)
	s.answer(p, queryRemote, "answer")
	require.Len(t, s.log.events, 1)
	e := s.log.events[0]
	require.Equal(t, Reply, e.Kind)
	require.Equal(t, r.Conn, e.Conn)
	require.EqualValues(t, 9, e.User)
	require.Equal(t, "answer", string(e.Data))
	require.Equal(t, 30*time.Millisecond, e.Elapsed)
	s.answer(p, queryRemote, "again")
	require.Len(t, s.log.events, 1)
	s.log.w.publish(true)
	stats := s.client.Stats()
	require.EqualValues(t, 2, stats.Drops["no_query"])
	require.EqualValues(t, 1, stats.Drops["reply_late"], "the second of two")
	require.EqualValues(t, 1, stats.Queries)
	require.EqualValues(t, 1, stats.Replies)
	require.Zero(t, s.log.w.datagrams.table.Len())
}

func TestQueryIsSentAgainWithTwiceTheWait(t *testing.T) {
	s := newQueryScript(t, Config{})
	s.query(Query{Data: []byte("q"), Retries: 2, Timeout: 100 * time.Millisecond})
	first := s.wantDatagram("q")
	s.pass(99 * time.Millisecond)
	s.wantNothing()
	s.pass(2 * time.Millisecond)
	again := s.wantDatagram("q")
	require.Equal(t, first.SourcePort, again.SourcePort)
	s.pass(201 * time.Millisecond)
	s.wantDatagram("q")
	s.pass(390 * time.Millisecond)
	require.Empty(t, s.log.events)
	s.pass(12 * time.Millisecond)
	require.Equal(t, TimedOut, s.log.events[0].Reason)
	s.pass(time.Minute)
	s.wantNothing()
	require.Len(t, s.log.events, 1)
}

// What comes when a query's time was up is dropped under a name of its own, as
// often as it comes, and is no answer to the next query of the same server.
func TestLateReplyIsNamed(t *testing.T) {
	s := newQueryScript(t, Config{})
	s.query(Query{Data: []byte("first"), Timeout: 100 * time.Millisecond})
	first := s.wantDatagram("first")
	s.pass(101 * time.Millisecond)
	require.Equal(t, TimedOut, s.log.events[0].Reason)
	s.query(Query{User: 2, Data: []byte("second"), Timeout: 100 * time.Millisecond})
	second := s.wantDatagram("second")
	require.NotEqual(t, first.SourcePort, second.SourcePort)
	for range 1000 {
		s.answer(first, queryRemote, "to the first")
	}
	require.Len(t, s.log.events, 1)
	s.answer(second, queryRemote, "to the second")
	require.Len(t, s.log.events, 2)
	require.Equal(t, "to the second", string(s.log.events[1].Data))
	s.log.w.publish(true)
	require.EqualValues(t, 1000, s.client.Stats().Drops["reply_late"])
	require.Zero(t, s.client.Stats().Drops["no_query"])
	s.pass(conntable.RestMax) // long after, nothing is known of it
	s.answer(first, queryRemote, "to the first")
	s.log.w.publish(true)
	require.EqualValues(t, 1, s.client.Stats().Drops["no_query"])
}

func TestQueryToAClosedPortIsRefused(t *testing.T) {
	s := newQueryScript(t, Config{})
	s.query(Query{Data: []byte("q")})
	p := s.wantDatagram("q")
	s.icmpAboutProtocol(p, linklayer.ProtocolUDP, linklayer.ICMPUnreachable, linklayer.ICMPPortUnreachable, 0)
	require.Equal(t, Refused, s.log.events[0].Reason)
	s.query(Query{Data: []byte("q")})
	p = s.wantDatagram("q")
	s.icmpAboutProtocol(p, linklayer.ProtocolUDP, linklayer.ICMPUnreachable, 1, 0)
	require.Equal(t, Unreachable, s.log.events[1].Reason)
}

func TestQueryIsRefusedByName(t *testing.T) {
	s := newQueryScript(t, Config{QueriesMax: 1, QueryBytes: 4})
	require.ErrorIs(t, s.query(Query{Data: []byte("12345")}).Err, ErrInvalid)
	require.ErrorIs(t, s.query(Query{Retries: 256}).Err, ErrInvalid)
	require.ErrorIs(t, s.query(Query{Remote: netip.MustParseAddrPort("224.0.0.1:53")}).Err, ErrInvalid)
	require.ErrorIs(t, s.query(Query{Local: netip.MustParseAddrPort("10.9.0.1:0")}).Err, ErrInvalid)
	require.NoError(t, s.query(Query{Data: []byte("1234")}).Err)
	require.ErrorIs(t, s.query(Query{}).Err, ErrFull)
	plain := newScript(t, Config{})
	require.ErrorIs(t, plain.query(Query{}).Err, ErrInvalid)
}

// A query and a connection of the same 4-tuple do not meet.
func TestQueriesAndConnectionsAreApart(t *testing.T) {
	s := newQueryScript(t, Config{})
	local := netip.MustParseAddrPort("10.1.0.1:5353")
	require.NoError(t, s.query(Query{Remote: scriptRemote, Local: local, Data: []byte("q")}).Err)
	p := s.wantDatagram("q")
	s.open(Open{Local: local})
	s.want(fSYN, 0, 0, "")
	s.answer(p, scriptRemote, "a")
	s.synACK()
	s.want(fACK, 1, 1, "")
	require.Equal(t, []EventKind{Reply, Connected}, s.log.kinds())
}

func TestQueriesKeepTheRate(t *testing.T) {
	s := newQueryScript(t, Config{Rate: 100})
	for range 20 {
		s.query(Query{Data: []byte("q")})
	}
	s.pass(100 * time.Millisecond)
	require.InDelta(t, 10, len(s.heard), 2)
	s.pass(100 * time.Millisecond)
	require.Len(t, s.heard, 20)
}

func TestQueryWaitsForItsNextHop(t *testing.T) {
	s := withGateway(t, Config{QueriesMax: 4})
	s.query(Query{Data: []byte("q")})
	require.Len(t, s.heard, 1)
	ask := s.heard[0]
	s.heard = nil
	var frame [128]byte
	n := linklayer.EmitARPReply(frame[:], scriptMAC, &ask.ARP)
	s.link.End(1).Inject(frame[:n])
	s.wantDatagram("q")

	s = withGateway(t, Config{QueriesMax: 4})
	s.query(Query{Data: []byte("q")})
	s.pass(5 * time.Second)
	require.Equal(t, Unreachable, s.log.events[0].Reason)
}

func TestQueryFromElsewhereAndAtTheEnd(t *testing.T) {
	s := newQueryScript(t, Config{QueriesMax: 1})
	errs := make([]error, 2)
	s.client.Query([]Query{{Remote: queryRemote, User: 1, Data: []byte("q")}, {Remote: queryRemote, User: 2}}, errs)
	require.NoError(t, errs[0])
	require.NoError(t, errs[1])
	s.wantDatagram("q")
	require.Equal(t, NoMemory, s.log.events[0].Reason, "the second had no room")
	require.EqualValues(t, 2, s.log.events[0].User)
	s.link.End(0).Remove()
	s.client.Step()
	require.Equal(t, DeviceGone, s.log.events[1].Reason)
	require.EqualValues(t, 1, s.log.events[1].User)
}
