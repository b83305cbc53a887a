package tcpclient

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seq"
	"myriad/internal/wrap"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
)

// script plays the peer of one or more connections over a link in memory with
// a virtual clock, frame by frame: bytes in, bytes out.
type script struct {
	t      *testing.T
	link   *simlink.Link
	client *Client
	log    *eventLog
	heard  []linklayer.Packet // from the client, not yet asked for
	iss    seq.Number         // the client's, of the connection in hand
	irs    seq.Number         // ours
	port   uint16             // the client's
	local  [16]byte
}

var (
	scriptLocal  = netip.MustParsePrefix("10.1.0.0/30")
	scriptRemote = netip.MustParseAddrPort("10.2.0.1:80")
	scriptMAC    = [6]byte{2, 0, 0, 0, 0, 2}
)

// eventLog is a Handler that remembers everything, and does what it is told.
type eventLog struct {
	w      *Worker
	events []Event
	data   []byte
	do     func(w *Worker, e *Event)
}

func (l *eventLog) Events(w *Worker, events []Event) {
	for k := range events {
		e := events[k]
		l.data = append(l.data, e.Data...)
		if e.Data != nil {
			e.Data = append([]byte(nil), e.Data...)
		}
		l.events = append(l.events, e)
		if l.do != nil {
			l.do(w, &e)
		}
	}
}

// kinds is what happened since the last call.
func (l *eventLog) kinds() (k []EventKind) {
	for _, e := range l.events {
		k = append(k, e.Kind)
	}
	l.events = nil
	return k
}

func newScript(t *testing.T, cfg Config, change ...func(*simlink.Config)) *script {
	t.Helper()
	sim := simlink.Config{Seed: 1, Debug: true, Start: wrap.Clock(time.Hour)}
	for _, f := range change {
		f(&sim)
	}
	link, err := simlink.New(sim)
	require.NoError(t, err)
	s := &script{t: t, link: link, log: &eventLog{}, irs: 0x7fffff00}
	cfg.Interfaces = []Interface{{
		Device: link.End(0), Sources: []netip.Prefix{scriptLocal}, GatewayMAC: scriptMAC[:],
	}}
	cfg.Manual, cfg.Seed = true, 1
	if cfg.ConnectionsMax == 0 {
		cfg.ConnectionsMax = 64
	}
	s.client, err = New(cfg, func(w *Worker) Handler { s.log.w = w; return s.log })
	require.NoError(t, err)
	link.End(1).OnFrame(func(at time.Duration, frame []byte) {
		var p linklayer.Packet
		require.Equal(t, linklayer.DropNone, linklayer.Parse(append([]byte(nil), frame...), false, &p))
		s.heard = append(s.heard, p)
	})
	require.NoError(t, s.client.Start())
	t.Cleanup(func() {
		done, cancel := context.WithCancel(context.Background())
		cancel()
		s.client.Close(done)
		require.Zero(t, link.Leaked(), "frames were lost")
	})
	return s
}

// settle lets everything happen that happens now.
func (s *script) settle() {
	for range 10 {
		s.client.Step()
		if at, ok := s.link.Clock().NextEvent(); ok && at <= s.link.Clock().Now() {
			s.link.Clock().AdvanceTo(at)
		}
	}
}

// pass lets time go by, every timer at its instant.
func (s *script) pass(d time.Duration) {
	end := s.link.Clock().Now() + d
	for {
		s.settle()
		next, _ := s.client.Step()
		if next > end {
			break
		}
		s.link.Clock().AdvanceTo(max(next, s.link.Clock().Now()+time.Microsecond))
	}
	s.link.Clock().AdvanceTo(end)
	s.settle()
}

// open opens a connection to the scripted peer.
func (s *script) open(o Open) ID {
	s.t.Helper()
	if !o.Remote.IsValid() {
		o.Remote = scriptRemote
	}
	var r [1]Opened
	s.log.w.Open([]Open{o}, r[:])
	require.NoError(s.t, r[0].Err)
	s.settle()
	return r[0].Conn
}

// want takes the next segment from the client and checks its flags and
// payload; sequence numbers are relative to the two ISNs.
func (s *script) want(flags linklayer.Flags, seqNo, ack int, payload string) *linklayer.Packet {
	s.t.Helper()
	s.settle()
	require.NotEmpty(s.t, s.heard, "the client sent nothing; wanted %v", flags)
	p := s.heard[0]
	s.heard = s.heard[1:]
	g := &p.Segment
	if flags == linklayer.SYN && seqNo == 0 {
		s.iss, s.port, s.local = g.Seq, p.SourcePort, p.Source
	}
	require.Equal(s.t, flags.String(), g.Flags.String())
	require.Equal(s.t, seqNo, g.Seq.Since(s.iss), "SEQ")
	if flags&linklayer.ACK != 0 {
		require.Equal(s.t, ack, g.Ack.Since(s.irs), "ACK")
	}
	require.Equal(s.t, payload, string(g.Payload))
	return &p
}

func (s *script) wantNothing() {
	s.t.Helper()
	s.settle()
	require.Empty(s.t, s.heard)
}

// send sends a segment of the peer's, numbers relative to the ISNs.
func (s *script) send(flags linklayer.Flags, seqNo, ack int, payload string, more ...func(*linklayer.Segment)) {
	s.t.Helper()
	s.queue(flags, seqNo, ack, payload, more...)
	s.settle()
}

// queue is send without a turn of the client.
func (s *script) queue(flags linklayer.Flags, seqNo, ack int, payload string, more ...func(*linklayer.Segment)) {
	s.t.Helper()
	g := linklayer.Segment{
		Seq: s.irs.Add(seqNo), Flags: flags, Window: 65535, Payload: []byte(payload),
	}
	if flags&linklayer.ACK != 0 {
		g.Ack = s.iss.Add(ack)
	}
	for _, f := range more {
		f(&g)
	}
	path := linklayer.NewPath(scriptMAC, [6]byte{2, 0, 0, 0, 0, 1}, 64, 0)
	var frame [2048]byte
	n := linklayer.EmitTCP(frame[:], &path, scriptRemote.Addr().As16(), s.local, scriptRemote.Port(), s.port, 1, &g, 0)
	require.NotZero(s.t, n)
	s.link.End(1).Inject(frame[:n])
}

// synACK answers the SYN with the options of a common server.
func (s *script) synACK(more ...func(*linklayer.Segment)) {
	s.t.Helper()
	more = append([]func(*linklayer.Segment){func(g *linklayer.Segment) {
		g.Options.Has = linklayer.HasMSS | linklayer.HasSACKPermitted | linklayer.HasWindowScale
		g.Options.MSS, g.Options.WindowScale = 1460, 7
	}}, more...)
	s.send(linklayer.SYN|linklayer.ACK, 0, 1, "", more...)
}

// establish opens a connection and completes its handshake.
func (s *script) establish(o Open) ID {
	s.t.Helper()
	id := s.open(o)
	s.want(linklayer.SYN, 0, 0, "")
	s.synACK()
	if o.Request == 0 {
		s.want(linklayer.ACK, 1, 1, "")
		require.Equal(s.t, []EventKind{Connected}, s.log.kinds())
	}
	return id
}

func (s *script) close(id ID, how CloseHow) error {
	var errs [1]error
	s.log.w.Close([]Close{{id, how}}, errs[:])
	s.settle()
	return errs[0]
}

func (s *script) write(id ID, data string) Sent {
	var r [1]Sent
	s.log.w.Send([]Send{{Conn: id, Data: []byte(data)}}, r[:])
	s.settle()
	return r[0]
}
