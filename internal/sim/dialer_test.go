package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/wrap"
	"myriad/iobackend/pcapfile"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// The Dialer's calls block, so its worlds live in a synctest bubble: workers,
// link and callers all sleep on the bubble's clock, which moves when every one
// of them waits. The seed makes the plan and the wire's choices; which of two
// goroutines runs first in one instant it does not.

// call is one user of the Dialer.
type call struct {
	plan    *dialPlan
	limit   time.Duration // from the dial on, for everything
	short   time.Duration // a deadline for each Read, 0 = none but limit
	opened  time.Time
	abort   bool
	heard   chan struct{} // closed when the server has everything; nil = Close does not wait for that
	sent    int           // by the writer
	got     int           // by the reader
	eof     chan struct{}
	fin     bool
	mutex   sync.Mutex
	aborted bool
	err     error // the first that was not asked for
	wrong   error // what must not be
}

// fail notes how a call ended.
func (c *call) fail(err error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.err == nil && !(c.aborted && errors.Is(err, net.ErrClosed)) {
		c.err = err
		if late := time.Since(c.opened.Add(c.limit)); errors.Is(err, os.ErrDeadlineExceeded) && (late < 0 || late > time.Millisecond) {
			c.wrong = fmt.Errorf("a deadline of %v passed %v late", c.limit, late)
		}
	}
}

func (c *call) run(d *tcpclient.Dialer) {
	time.Sleep(c.plan.at)
	c.opened = time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), c.limit)
	defer cancel()
	made, err := d.DialContext(ctx, "tcp", c.plan.remote.String())
	if err != nil {
		c.fail(err)
		return
	}
	conn := made.(*tcpclient.Conn)
	defer conn.Close()
	if err = errors.Join(conn.SetDeadline(c.opened.Add(c.limit)), conn.SetLinger(int(patience/time.Second))); err != nil {
		c.fail(err)
		return
	}
	var writer sync.WaitGroup
	writer.Go(func() { c.write(conn) })
	c.read(conn)
	close(c.eof)
	writer.Wait()
	switch {
	case c.err != nil || c.wrong != nil:
		// A FIN would tell the server that this was all.
		_ = conn.SetLinger(0)
	case c.heard != nil && c.fin && !c.aborted:
		select {
		case <-c.heard:
		case <-time.After(time.Until(c.opened.Add(c.limit))):
		}
	}
}

func (c *call) write(conn *tcpclient.Conn) {
	for c.sent < c.plan.send {
		n, err := conn.Write(c.plan.up.at(c.sent, min(c.plan.chunk, c.plan.send-c.sent)))
		c.sent += n
		if err != nil {
			c.fail(err)
			return
		}
		if c.abort && c.sent >= c.plan.resetAt {
			c.mutex.Lock()
			c.aborted = true
			c.mutex.Unlock()
			if err := errors.Join(conn.SetLinger(0), conn.Close()); err != nil {
				c.fail(err)
			}
			return
		}
	}
	if !c.plan.closeUp {
		<-c.eof
		if !c.fin {
			return
		}
	}
	if err := conn.CloseWrite(); err != nil {
		c.fail(err)
	}
}

// read checks every byte, and takes up again where a short deadline ended it.
func (c *call) read(conn *tcpclient.Conn) {
	random := rand.New(rand.NewPCG(uint64(c.plan.remote.Port()), 5))
	for b := make([]byte, 4096); ; {
		end := c.opened.Add(c.limit)
		if c.short > 0 {
			if short := time.Now().Add(c.short); short.Before(end) {
				end = short
			}
			if err := conn.SetReadDeadline(end); err != nil {
				c.fail(err)
				return
			}
		}
		n, err := conn.Read(b[:1+random.IntN(len(b))])
		if want := c.plan.down.at(c.got, n); !bytes.Equal(b[:n], want) && (c.plan.honest || !either(b[:n], want)) {
			c.wrong = fmt.Errorf("%w, at %d", errWrongData, c.got)
			return
		}
		c.got += n
		switch {
		case err == nil:
		case err == io.EOF:
			c.fin = true
			return
		case errors.Is(err, os.ErrDeadlineExceeded) && end.Before(c.opened.Add(c.limit)):
			if late := time.Since(end); late < 0 || late > time.Millisecond {
				c.wrong = fmt.Errorf("a Read's deadline passed %v late", late)
				return
			}
		default:
			c.fail(err)
			return
		}
	}
}

// judge says whether what a call was told is true. All has ended.
func (c *call) judge() error {
	did := c.plan.peer.truth()
	switch err := c.err; {
	case c.wrong != nil:
		return c.wrong
	case c.fin && !did.fins[c.got]:
		return fmt.Errorf("EOF after %d bytes, where the peer sent no FIN", c.got)
	case err == nil && c.aborted:
		return nil
	case err == nil:
		return c.judgeWhole()
	case errors.Is(err, os.ErrDeadlineExceeded):
		if c.plan.honest && c.limit == patience {
			return fmt.Errorf("not ready after %v: %d of %d bytes sent, %d of %d received", patience, c.sent, c.plan.send, c.got, c.plan.expect)
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		if !did.refused && !did.resets[0] {
			return fmt.Errorf("%w, and the peer did not refuse", err)
		}
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		if len(did.resets) == 0 {
			return fmt.Errorf("%w, and the peer sent no RST", err)
		}
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		if !did.icmp {
			return fmt.Errorf("%w, and nobody said so", err)
		}
	case errors.Is(err, syscall.ETIMEDOUT):
		if c.plan.honest {
			return fmt.Errorf("%w, and the peer was there", err)
		}
	default:
		return fmt.Errorf("nothing led to %w", err)
	}
	return nil
}

// judgeWhole: without an error, everything went both ways.
func (c *call) judgeWhole() error {
	if !c.fin || c.sent != c.plan.send {
		return fmt.Errorf("no error, and yet %d of %d bytes were sent, EOF %v", c.sent, c.plan.send, c.fin)
	}
	if c.heard == nil {
		return nil // what was under way at Close has a minute, and may not need it
	}
	if r := c.plan.peer.(*watched); c.limit == patience && (c.got != c.plan.expect || r.got != r.plan.expect || !r.gotFIN) {
		return fmt.Errorf("no error, and yet %d of %d bytes came, the server has %d of %d, FIN %v",
			c.got, c.plan.expect, r.got, r.plan.expect, r.gotFIN)
	}
	return nil
}

// watched is a reference that says when it has everything.
type watched struct {
	*reference
	heard chan struct{}
	told  bool
}

func (w *watched) hear(p *linklayer.Packet, now time.Duration) {
	w.reference.hear(p, now)
	if !w.told && w.got == w.reference.plan.expect && w.gotFIN {
		w.told = true
		close(w.heard)
	}
}

// dialWorld is a Dialer, its users, and their peers.
type dialWorld struct {
	link   *simlink.Link
	net    *network
	dialer *tcpclient.Dialer
	calls  []*call
}

func newDialWorld(seed uint64, capture io.Writer) (*dialWorld, error) {
	s := &scenario{seed: seed, queues: 1}
	m := &maker{rand.New(rand.NewPCG(seed, 6)), s}
	m.wire()
	w := &dialWorld{}
	var err error
	w.link, err = simlink.New(simlink.Config{
		Seed: seed, Start: wrap.Clock(pick(m, clocks...)), RealTime: true, Debug: true,
		Ends: []simlink.EndConfig{
			{Queues: pick(m, 1, 2), Steer: simlink.SteerHash, ReceiveFrames: 512, SendFrames: 512, Impairments: s.up},
			{ReceiveFrames: 1, SendFrames: 1, Impairments: s.down},
		},
	})
	if err != nil {
		return nil, err
	}
	w.net = newNetwork(w.link.End(1), w.link.Clock())
	w.net.strict = s.up.Corrupt == 0
	device, err := pcapfile.Wrap(w.link.End(0), capture, pcapfile.Options{Epoch: time.Unix(0, 0)})
	if err != nil {
		return nil, err
	}
	w.dialer = &tcpclient.Dialer{ReadBuffer: pick(m, 0, 3000), Config: tcpclient.Config{
		Seed: seed | 1, ConnectionsMax: 64, BufferMemory: 8 << 20, Unpinned: true, KeepGOMAXPROCS: true,
		Timestamps: m.one(3), TimeWait: time.Second, SendBuffer: pick(m, 3000, 64<<10), SYNRetries: 30, DataRetries: 60,
		Interfaces: []tcpclient.Interface{{
			Device: device, Sources: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/30")}, GatewayMAC: farMAC[:],
		}},
	}}
	for k := range m.between(1, 20) {
		m.dial(k, m.one(4))
		w.calls = append(w.calls, m.call(w, k))
	}
	for _, c := range s.cuts {
		w.link.Clock().After(c.from, func() { w.link.SetUp(false) })
		w.link.Clock().After(c.to, func() { w.link.SetUp(true) })
	}
	return w, nil
}

func (m *maker) call(w *dialWorld, k int) *call {
	d := m.s.dials[k]
	c := &call{plan: &d, limit: d.timeout, abort: d.resetAt >= 0, eof: make(chan struct{})}
	switch p := m.s.servers[k].(type) {
	case *serverPlan:
		server := &watched{reference: newReference(w.net, p), heard: make(chan struct{})}
		d.peer = server
		if !m.one(3) {
			c.heard = server.heard
		}
	case *hostilePlan:
		d.peer = newHostile(w.net, p, m.s.seed+uint64(k))
	}
	w.net.peers = append(w.net.peers, d.peer)
	if c.limit == 0 {
		c.limit = patience
	}
	if m.one(3) {
		c.short = 5*time.Millisecond + m.ms(300)
	}
	return c
}

// run has all users call, closes, and judges.
func (w *dialWorld) run() error {
	var users sync.WaitGroup
	for _, c := range w.calls {
		users.Go(func() { c.run(w.dialer) })
	}
	users.Wait()
	err := w.dialer.Shutdown(context.Background())
	err = errors.Join(err, w.link.Close())
	synctest.Wait() // the link's goroutine has ended: all is ours
	if n := w.link.Leaked(); n != 0 {
		err = errors.Join(err, fmt.Errorf("%d received frames were never given back", n))
	}
	for k, c := range w.calls {
		if e := c.judge(); e != nil {
			err = errors.Join(err, fmt.Errorf("call %d: %w", k, e))
		}
	}
	if open := w.dialer.Stats().ConnectionsOpen; open != 0 {
		err = errors.Join(err, fmt.Errorf("%d connections are open", open))
	}
	return errors.Join(err, w.net.wrong)
}

// Every call of the Dialer returns by its deadline, with what is true.
func TestDialerWorlds(t *testing.T) {
	first, count := worlds(160)
	calls, whole := 0, 0
	for seed := first; seed < first+count && !t.Failed(); seed++ {
		synctest.Test(t, func(t *testing.T) {
			var capture bytes.Buffer
			w, err := newDialWorld(seed, &capture)
			require.NoError(t, err)
			if err := w.run(); err != nil {
				name := filepath.Join(os.TempDir(), fmt.Sprintf("myriad-dialer-%d.pcap", seed))
				writeErr := os.WriteFile(name, capture.Bytes(), 0o644)
				t.Errorf("seed %d: %v\nagain: %s ./internal/sim -run '^%s$' -seed %d\ncapture: %s",
					seed, errors.Join(err, writeErr), wrap.GoTest(), t.Name(), seed, name)
			}
			for _, c := range w.calls {
				calls++
				if c.err == nil && !c.aborted {
					whole++
				}
			}
		})
	}
	t.Logf("%d calls, %d went through whole", calls, whole)
	require.Greater(t, whole, calls/3)
}
