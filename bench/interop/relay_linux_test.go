package interop

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/relay"
	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// The ways of a relayed world.
const (
	towardFar  = 0
	towardNear = 1
)

// newRelayedWorld is near ─ middle ─ far, where a relay in the middle carries
// the frames: the ends share a link.
func newRelayedWorld(t *testing.T, backend string, i relay.Impairment) (*world, *relay.Relay) {
	t.Helper()
	testbed.Require(t)
	w := &world{t: t, near: newNamespace(t), middle: newNamespace(t), far: newNamespace(t), backend: backend}
	w.gateway = besidePrefix.Addr()
	for _, end := range []struct {
		ns              *testbed.Namespace
		name, middle    string
		addr            netip.Prefix
		passAtTheKernel bool
	}{{w.near, "near0", "tonear", nearPrefix, false}, {w.far, "far0", "tofar", besidePrefix, true}} {
		_, err := testbed.Veth(end.ns, w.middle, testbed.VethConfig{
			NearName: end.name, FarName: end.middle, NearAddr: end.addr, Queues: 2,
			XDPPassNear: end.passAtTheKernel, XDPPassFar: true, DisableOffloads: true,
		})
		require.NoError(t, err)
	}
	require.NoError(t, w.far.AddLinkRoute(sourcesPrefix, "far0"))
	require.NoError(t, w.far.AddLocalRoute(targetsPrefix))
	require.NoError(t, w.near.AddRoute(targetsPrefix, w.gateway, "near0"))
	var r *relay.Relay
	require.NoError(t, w.middle.Do(func() (err error) {
		r, err = relay.New("tonear", "tofar", 1)
		return err
	}))
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	r.Set(towardFar, i)
	r.Set(towardNear, i)
	return w, r
}

// Every byte arrives, both ways, though frames are late, come twice, overtake
// each other, and are lost. That they were, the relay and both ends say.
func TestThroughARelay(t *testing.T) {
	const late = 4 * time.Millisecond
	for _, c := range []struct {
		name, backend string
		impairment    relay.Impairment
		cfg           tcpclient.Config
	}{
		{name: "delay", impairment: relay.Impairment{Delay: 20 * time.Millisecond}},
		{name: "reordering", impairment: relay.Impairment{Delay: time.Millisecond, Reorder: 100, Late: late}},
		{name: "reordering, timestamps", impairment: relay.Impairment{Delay: time.Millisecond, Reorder: 100, Late: late}, cfg: tcpclient.Config{Timestamps: true}},
		{name: "duplicates", impairment: relay.Impairment{Duplicate: 100, Late: late}},
		{name: "all", impairment: relay.Impairment{Delay: 2 * time.Millisecond, Lose: 20, Duplicate: 50, Reorder: 50, Late: late}},
		{name: "all, afpacket", backend: "afpacket", impairment: relay.Impairment{Delay: 2 * time.Millisecond, Lose: 20, Duplicate: 50, Reorder: 50, Late: late}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w, r := newRelayedWorld(t, c.backend, c.impairment)
			transferServer(w, nil)
			crew := newCrew(w, patient(c.cfg))
			tasks := append(transfers(download, 4, 1<<20), transfers(upload, 4, 512<<10)...)
			tasks = append(tasks, transfers(both, 4, 256<<10)...)
			tasks = append(tasks, transfers(echo, 4, 100<<10)...)
			crew.run(t, len(tasks), tasks...)
			crew.close(t)
			requireFates(t, w, r, crew, &c.impairment)
		})
	}
}

// requireFates checks that the relay did what it was told to, and that the far
// kernel and we noticed.
func requireFates(t *testing.T, w *world, r *relay.Relay, c *crew, i *relay.Impairment) {
	t.Helper()
	for way := range 2 {
		f := r.Fates(way)
		require.NotZero(t, f.Passed)
		require.Equal(t, i.Lose > 0, f.Lost > 0, "%+v", f)
		require.Equal(t, i.Duplicate > 0, f.Duplicated > 0, "%+v", f)
		require.Equal(t, i.Reorder > 0, f.Reordered > 0, "%+v", f)
		require.Zero(t, f.Overflowed)
	}
	require.Zero(t, w.counter("TcpInCsumErrors"))
	require.LessOrEqual(t, w.counter("TcpInErrs"), w.counter("TcpExtTCPSYNChallenge"), "but for a SYN that came twice")
	s := c.client.Stats()
	require.Zero(t, s.Failed, "%+v", s)
	if i.Reorder > 0 {
		require.NotZero(t, s.Counters["out_of_order"], "%+v", s)
		require.NotZero(t, w.counter("TcpExtTCPOFOQueue"))
	}
	if i.Duplicate > 0 {
		require.NotZero(t, s.Drops["tcp_duplicate"], "%+v", s)
		require.NotZero(t, w.counter("TcpExtTCPDSACKRecv"), "our D-SACKs for what came twice")
		require.NotZero(t, w.counter("TcpExtTCPDSACKOldSent"))
	}
	if i.Lose > 0 {
		require.NotZero(t, s.Retransmitted, "%+v", s)
		require.NotZero(t, w.counter("TcpRetransSegs"))
	}
}

// A dial takes a round trip, and data another.
func TestRoundTripsThroughARelay(t *testing.T) {
	const delay = 30 * time.Millisecond
	w, _ := newRelayedWorld(t, "", relay.Impairment{Delay: delay})
	serve(w, transferPort, nil, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
	d := newDialer(w)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	c, err := d.DialContext(ctx, "tcp", target(1, transferPort).String())
	require.NoError(t, err)
	defer c.Close()
	require.GreaterOrEqual(t, time.Since(began), 2*delay)
	began = time.Now()
	_, err = c.Write([]byte("there and back"))
	require.NoError(t, err)
	var got [14]byte
	_, err = io.ReadFull(c, got[:])
	require.NoError(t, err)
	require.Equal(t, "there and back", string(got[:]))
	require.GreaterOrEqual(t, time.Since(began), 2*delay)
}
