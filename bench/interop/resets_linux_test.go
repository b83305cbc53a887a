package interop

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// pair is one connection: our end, a step at a time, and the far kernel's.
type pair struct {
	w        *world
	client   *tcpclient.Client
	listener *net.TCPListener
	remote   netip.AddrPort
	conn     tcpclient.ID
	server   *net.TCPConn
	events   chan tcpclient.Event
}

// pairPort is our port, so that who makes up a segment need not look for it.
const pairPort = 40_000

// Events is tcpclient.Handler.
func (p *pair) Events(_ *tcpclient.Worker, events []tcpclient.Event) {
	for _, e := range events {
		e.Data = nil
		p.events <- e
	}
}

func newPair(t *testing.T, backend string) *pair {
	w := newLossyWorld(t, backend, nil, nil)
	p := &pair{w: w, remote: target(1, transferPort), events: make(chan tcpclient.Event, 100)}
	l, err := w.far.Listen("tcp4", p.remote.String())
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	p.listener = l.(*net.TCPListener)
	require.NoError(t, w.near.Do(func() (err error) {
		cfg := patient(tcpclient.Config{Interfaces: []tcpclient.Interface{w.interfaceConfig()}})
		p.client, err = tcpclient.New(cfg, func(*tcpclient.Worker) tcpclient.Handler { return p })
		return err
	}))
	require.NoError(t, p.client.Start())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, p.client.Close(ctx))
	})
	return p
}

// do runs f on the connection's worker.
func (p *pair) do(f func(w *tcpclient.Worker) error) {
	p.w.t.Helper()
	done := make(chan error, 1)
	require.NoError(p.w.t, p.client.Do(p.worker(), func(w *tcpclient.Worker) { done <- f(w) }))
	select {
	case err := <-done:
		require.NoError(p.w.t, err)
	case <-time.After(patience):
		p.w.t.Fatal("the worker never took the call")
	}
}

// worker is the one that our port belongs to.
func (p *pair) worker() int { return pairPort % p.client.Workers() }

func (p *pair) dial(port uint16) {
	p.w.t.Helper()
	p.do(func(w *tcpclient.Worker) error {
		var opened [1]tcpclient.Opened
		w.Open([]tcpclient.Open{{
			Remote: netip.AddrPortFrom(p.remote.Addr(), port), Local: netip.AddrPortFrom(sourcesPrefix.Addr().Next(), pairPort),
		}}, opened[:])
		p.conn = opened[0].Conn
		return opened[0].Err
	})
}

// establish has both ends in ESTABLISHED.
func (p *pair) establish() {
	p.w.t.Helper()
	p.dial(p.remote.Port())
	p.want(tcpclient.Connected)
	require.NoError(p.w.t, p.listener.SetDeadline(time.Now().Add(patience)))
	c, err := p.listener.Accept()
	require.NoError(p.w.t, err)
	p.server = c.(*net.TCPConn)
	p.w.t.Cleanup(func() { c.Close() })
}

// want takes the next event.
func (p *pair) want(kind tcpclient.EventKind) tcpclient.Event {
	p.w.t.Helper()
	select {
	case e := <-p.events:
		require.Equal(p.w.t, kind, e.Kind, "%+v, reason %v", e, e.Reason)
		return e
	case <-time.After(patience):
		p.w.t.Fatalf("no event %v came", kind)
	}
	return tcpclient.Event{}
}

// finish sends our FIN.
func (p *pair) finish() {
	p.w.t.Helper()
	p.do(func(w *tcpclient.Worker) error { return closeConn(w, p.conn, tcpclient.Fin) })
}

// discard sends it, and nobody reads any more.
func (p *pair) discard() {
	p.w.t.Helper()
	p.do(func(w *tcpclient.Worker) error { return closeConn(w, p.conn, tcpclient.FinDiscard) })
}

// finishUnheard sends our FIN and has it lost, again and again.
func (p *pair) finishUnheard() {
	p.w.t.Helper()
	p.lose("tcp flags & fin == fin drop")
	p.finish()
	require.Eventually(p.w.t, func() bool { return p.client.Stats().Retransmitted > 0 }, patience, time.Millisecond)
}

// lose has the middle run a statement on what we send.
func (p *pair) lose(statement string) {
	p.w.t.Helper()
	require.NoError(p.w.t, testbed.SetImpairment(p.w.middle, nil, []string{statement}))
}

// serverFinishes sends the kernel's FIN.
func (p *pair) serverFinishes() {
	p.w.t.Helper()
	require.NoError(p.w.t, p.server.CloseWrite())
	p.want(tcpclient.EndOfStream)
}

// reset has the kernel send RST.
func (p *pair) reset() {
	p.w.t.Helper()
	before := p.w.counter("TcpOutRsts")
	require.NoError(p.w.t, p.server.SetLinger(0))
	require.NoError(p.w.t, p.server.Close())
	require.Eventually(p.w.t, func() bool { return p.w.counter("TcpOutRsts") > before }, patience, time.Millisecond)
}

// The kernel resets a connection in every state that ours can be in.
func TestResetInEveryState(t *testing.T) {
	for _, c := range []struct {
		state string
		reach func(p *pair)
		kind  tcpclient.EventKind
		why   tcpclient.Reason
	}{
		{"SYN-SENT", func(p *pair) { p.dial(p.remote.Port() + 1) }, tcpclient.Failed, tcpclient.Refused},
		{"SYN-RECEIVED", (*pair).crossSYNs, tcpclient.Failed, tcpclient.Refused},
		{"ESTABLISHED", func(p *pair) { p.establish(); p.reset() }, tcpclient.Failed, tcpclient.ResetByPeer},
		{"FIN-WAIT-1", func(p *pair) { p.establish(); p.finishUnheard(); p.reset() }, tcpclient.Failed, tcpclient.ResetByPeer},
		{"FIN-WAIT-2", func(p *pair) {
			p.establish()
			p.finish()
			n, _ := p.server.Read(make([]byte, 1)) // our FIN is there
			require.Zero(p.w.t, n)
			p.reset()
		}, tcpclient.Failed, tcpclient.ResetByPeer},
		{"FIN-WAIT-2, nobody reads", func(p *pair) {
			p.establish()
			p.discard()
			n, _ := p.server.Read(make([]byte, 1)) // our FIN is there
			require.Zero(p.w.t, n)
			p.reset()
		}, tcpclient.Failed, tcpclient.ResetByPeer},
		{"CLOSE-WAIT", func(p *pair) { p.establish(); p.serverFinishes(); p.reset() }, tcpclient.Failed, tcpclient.ResetByPeer},
		{"CLOSING", func(p *pair) { p.establish(); p.finishUnheard(); p.serverFinishes(); p.reset() }, tcpclient.Closed, 0},
		{"LAST-ACK", func(p *pair) { p.establish(); p.serverFinishes(); p.finishUnheard(); p.reset() }, tcpclient.Closed, 0},
	} {
		for _, backend := range []string{"afxdp", "afpacket"} {
			t.Run(c.state+"/"+backend, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, backend)
				c.reach(p)
				require.Equal(t, c.why, p.want(c.kind).Reason)
				require.NotZero(t, p.w.counter("TcpOutRsts"))
				p.requireAllIsGone()
			})
		}
	}
}

// requireAllIsGone: the connection has had its last event, and holds nothing.
func (p *pair) requireAllIsGone() {
	p.w.t.Helper()
	require.Eventually(p.w.t, func() bool { return p.client.Stats().ConnectionsOpen == 0 }, patience, time.Millisecond)
	s := p.client.Stats()
	require.Zero(p.w.t, s.Counters["side_records"], "%+v", s)
	require.Zero(p.w.t, s.Counters["buffer_bytes"], "%+v", s)
	require.Empty(p.w.t, p.events)
}

// crossSYNs loses our SYN, and sends one from where it was to go: that is a
// simultaneous open. The kernel, which has no such socket, resets our answer.
// That RST proves nothing, since the SYN may have been a stranger's: it is our
// next SYN that is refused.
func (p *pair) crossSYNs() {
	t := p.w.t
	t.Helper()
	p.lose("tcp flags & (syn | ack) == syn drop")
	port := p.remote.Port() + 1
	raw := p.raw()
	p.dial(port)
	raw.send(segment{from: port, flags: flagSYN, seq: 1000})
	require.Eventually(t, func() bool { return p.w.counter("TcpOutRsts") > 0 }, patience, time.Millisecond)
	require.NoError(t, testbed.SetImpairment(p.w.middle, nil, nil))
}

// A RST that comes late does not end TIME-WAIT (RFC 1337), and nobody hears of
// it.
func TestResetInTimeWait(t *testing.T) {
	p := newPair(t, "")
	raw := p.raw()
	p.establish()
	p.finish()
	require.NoError(t, p.server.Close())
	p.want(tcpclient.EndOfStream)
	p.want(tcpclient.Closed)
	last := raw.lastFrom(pairPort)
	raw.send(segment{from: p.remote.Port(), flags: flagRST, seq: last.ack})
	before := p.client.Stats().FramesReceived
	raw.send(segment{from: p.remote.Port(), flags: flagRST, seq: last.ack})
	require.Eventually(t, func() bool { return p.client.Stats().FramesReceived > before }, patience, time.Millisecond)
	require.Empty(t, p.events)
	p.do(func(w *tcpclient.Worker) error {
		var opened [1]tcpclient.Opened
		w.Open([]tcpclient.Open{{Remote: p.remote, Local: netip.AddrPortFrom(sourcesPrefix.Addr().Next(), pairPort)}}, opened[:])
		require.ErrorIs(t, opened[0].Err, tcpclient.ErrInUse)
		return nil
	})
}

// raw is a raw socket at the far end, which hears a copy of what is sent to the
// target's address, and sends from there.
type raw struct {
	p *pair
	c net.PacketConn
}

func (p *pair) raw() raw {
	p.w.t.Helper()
	c, err := p.w.far.ListenPacket("ip4:tcp", p.remote.Addr().String())
	require.NoError(p.w.t, err)
	p.w.t.Cleanup(func() { c.Close() })
	return raw{p, c}
}

const flagFIN, flagSYN, flagRST, flagACK = 1, 2, 4, 16

// segment is what matters here of a TCP header.
type segment struct {
	from     uint16 // source port
	flags    byte
	seq, ack uint32
}

// send sends a segment to our port.
func (r raw) send(g segment) {
	t := r.p.w.t
	t.Helper()
	from, to := r.p.remote.Addr().As4(), sourcesPrefix.Addr().Next().As4()
	b := make([]byte, 20)
	binary.BigEndian.PutUint16(b, g.from)
	binary.BigEndian.PutUint16(b[2:], pairPort)
	binary.BigEndian.PutUint32(b[4:], g.seq)
	binary.BigEndian.PutUint32(b[8:], g.ack)
	b[12], b[13], b[14] = 5<<4, g.flags, 0xff
	pseudo := append(append(append([]byte{}, from[:]...), to[:]...), 0, 6, 0, 20)
	binary.BigEndian.PutUint16(b[16:], internetSum(append(pseudo, b...)))
	_, err := r.c.WriteTo(b, &net.IPAddr{IP: to[:]})
	require.NoError(t, err)
}

// lastFrom reads up to our FIN's acknowledgement of the kernel's.
func (r raw) lastFrom(port uint16) (last segment) {
	t := r.p.w.t
	t.Helper()
	require.NoError(t, r.c.SetReadDeadline(time.Now().Add(patience)))
	b := make([]byte, 2048)
	for fin := false; ; {
		n, _, err := r.c.ReadFrom(b)
		require.NoError(t, err)
		if n < 20 || binary.BigEndian.Uint16(b) != port {
			continue
		}
		g := segment{from: port, flags: b[13], seq: binary.BigEndian.Uint32(b[4:]), ack: binary.BigEndian.Uint32(b[8:])}
		if fin && g.flags == flagACK && g.ack != last.ack {
			return g
		}
		fin, last = fin || g.flags&flagFIN != 0, g
	}
}
