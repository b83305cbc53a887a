package interop

import (
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend/pcapfile"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// requireNoBadChecksum has tcpdump read a capture of ours.
func requireNoBadChecksum(t *testing.T, path string) {
	t.Helper()
	tool, err := exec.LookPath("tcpdump")
	if err != nil {
		t.Skip("needs tcpdump to judge the capture: install Debian's package tcpdump")
	}
	out, err := exec.Command(tool, "-nn", "-vv", "-r", path).CombinedOutput()
	require.NoError(t, err, "%.500s", out)
	text := string(out)
	require.Contains(t, text, "(correct)")
	for line := range strings.Lines(text) {
		for _, bad := range []string{"incorrect", "bad cksum", "truncated", "[|", "bad hdr", "bad opt"} {
			require.NotContains(t, line, bad)
		}
	}
}

// sackSegments counts, in a capture, our segments that carry SACK blocks.
func sackSegments(t *testing.T, frames []pcapfile.Frame) (count int) {
	t.Helper()
	for k := range frames {
		var p linklayer.Packet
		if linklayer.Parse(frames[k].Data, false, &p) != linklayer.DropNone || p.Kind != linklayer.KindTCP {
			continue
		}
		if p.DestinationPort == transferPort && p.Segment.Options.Has&linklayer.HasSACK != 0 {
			require.NotZero(t, p.Segment.Options.SACKCount)
			count++
		}
	}
	return count
}

// lossCase is a number of transfers, and what of 1,000 segments is lost on the
// way of their data and on the way back.
type lossCase struct {
	name        string
	data, reply int
	n, count    int
	timestamps  bool
	backend     string
}

// patient are retries that only a dead peer uses up.
func patient(cfg tcpclient.Config) tcpclient.Config {
	cfg.SYNRetries, cfg.DataRetries = 10, 30
	return cfg
}

func TestDownloadsUnderLoss(t *testing.T) {
	for _, c := range []lossCase{
		{name: "0.1%", data: 1, reply: 1, n: 8, count: 8 << 20},
		{name: "1%", data: 10, reply: 10, n: 8, count: 2 << 20},
		{name: "1% timestamps", data: 10, reply: 10, n: 4, count: 1 << 20, timestamps: true},
		{name: "5%", data: 50, reply: 50, n: 8, count: 1 << 20},
		{name: "20%", data: 200, n: 8, count: 32 << 10},
		{name: "5% afpacket", data: 50, reply: 50, n: 4, count: 1 << 20, backend: "afpacket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newLossyWorld(t, c.backend, []string{testbed.DropTCP(c.data)}, []string{testbed.DropTCP(c.reply)})
			transferServer(w, nil)
			crew := newCrew(w, patient(tcpclient.Config{Timestamps: c.timestamps}))
			crew.run(t, c.n, transfers(download, c.n, c.count)...)
			requireLossRepaired(t, w, crew)
		})
	}
}

// requireLossRepaired checks that the far kernel sent again for our SACK
// blocks, and that we saw the holes.
func requireLossRepaired(t *testing.T, w *world, c *crew) {
	t.Helper()
	require.NotZero(t, w.counter("TcpRetransSegs"))
	require.NotZero(t, w.counter("TcpExtTCPSackRecovery"))
	require.Zero(t, w.counter("TcpExtTCPSACKReneging"))
	require.Zero(t, w.counter("TcpInErrs"))
	c.close(t)
	s := c.client.Stats()
	require.NotZero(t, s.Counters["out_of_order"], "%+v", s)
	require.Zero(t, s.Counters["buffer_bytes"], "%+v", s)
	require.Zero(t, s.Counters["side_records"], "%+v", s)
}

func TestUploadsUnderLoss(t *testing.T) {
	for _, c := range []lossCase{
		{name: "0.1%", data: 1, reply: 1, n: 8, count: 8 << 20},
		{name: "1%", data: 10, reply: 10, n: 8, count: 2 << 20},
		{name: "5%", data: 50, reply: 50, n: 8, count: 256 << 10},
		{name: "5% timestamps", data: 50, reply: 50, n: 4, count: 128 << 10, timestamps: true},
		{name: "20%", data: 200, n: 8, count: 16 << 10},
		{name: "5% afpacket", data: 50, reply: 50, n: 4, count: 128 << 10, backend: "afpacket"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newLossyWorld(t, c.backend, []string{testbed.DropTCP(c.reply)}, []string{testbed.DropTCP(c.data)})
			transferServer(w, nil)
			crew := newCrew(w, patient(tcpclient.Config{Timestamps: c.timestamps}))
			crew.run(t, c.n, transfers(upload, c.n, c.count)...)
			crew.close(t)
			s := crew.client.Stats()
			require.NotZero(t, s.Retransmitted, "%+v", s)
			require.NotZero(t, s.Counters["fast_recoveries"], "%+v", s)
			require.NotZero(t, w.counter("TcpExtTCPOFOQueue"))
			require.Zero(t, w.counter("TcpInErrs"))
		})
	}
}

func TestBothWaysUnderLoss(t *testing.T) {
	w := newLossyWorld(t, "", []string{testbed.DropTCP(20)}, []string{testbed.DropTCP(20)})
	transferServer(w, nil)
	crew := newCrew(w, patient(tcpclient.Config{}))
	tasks := append(transfers(both, 6, 300<<10), transfers(echo, 6, 200<<10)...)
	crew.run(t, len(tasks), tasks...)
	requireLossRepaired(t, w, crew)
}

// The capture of a lossy transfer is whole, its checksums are right, and our
// ACKs carry SACK blocks.
func TestCaptureUnderLoss(t *testing.T) {
	w := newLossyWorld(t, "", []string{testbed.DropTCP(30)}, nil)
	transferServer(w, nil)
	path := filepath.Join(t.TempDir(), "loss.pcap")
	crew := newCrew(w, tcpclient.Config{Interfaces: []tcpclient.Interface{w.captured(path)}})
	tasks := append(transfers(download, 2, 1<<20), transfers(upload, 2, 256<<10)...)
	crew.run(t, len(tasks), tasks...)
	requireLossRepaired(t, w, crew)
	require.NotZero(t, sackSegments(t, readCapture(t, path)))
	requireNoBadChecksum(t, path)
}

// pausing is a transfer whose application stops reading again and again.
type pausing struct {
	transfer
	client *tcpclient.Client
	since  int // bytes since the last pause
	pauses *atomic.Int64
}

func (p *pausing) event(w *tcpclient.Worker, e *tcpclient.Event) (done bool, err error) {
	if e.Kind != tcpclient.Data {
		return p.transfer.event(w, e)
	}
	if p.since += len(e.Data); p.since > p.count/20 {
		p.since = 0
		if err := w.Pause(e.Conn); err != nil && !errors.Is(err, net.ErrClosed) {
			return false, err // closed: its last event is in the same batch
		}
		p.pauses.Add(1)
		conn, worker := e.Conn, w.Index()
		time.AfterFunc(2*time.Millisecond, func() {
			// It may have ended meanwhile: what came before the pause is
			// delivered all the same.
			_ = p.client.Do(worker, func(w *tcpclient.Worker) { _ = w.Resume(conn) })
		})
	}
	return p.transfer.event(w, e)
}

// A slow application meets holes and a window that closes.
func TestPausesUnderLoss(t *testing.T) {
	w := newLossyWorld(t, "", []string{testbed.DropTCP(20)}, []string{testbed.DropTCP(20)})
	transferServer(w, nil)
	crew := newCrew(w, patient(tcpclient.Config{}))
	var pauses atomic.Int64
	var tasks []task
	for k, x := range append(transfers(download, 6, 1<<20), transfers(both, 6, 100<<10)...) {
		tasks = append(tasks, &pausing{transfer: *x.(*transfer), client: crew.client, pauses: &pauses})
		tasks[k].(*pausing).id = k
	}
	crew.run(t, len(tasks), tasks...)
	require.Greater(t, pauses.Load(), int64(50))
	requireLossRepaired(t, w, crew)
}
