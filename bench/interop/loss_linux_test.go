package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend/pcapfile"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// The transfer server's requests: a letter, a seed and a count of bytes, 17
// bytes in all.
const (
	transferPort = 7000
	download     = 'D' // it sends count bytes of the seed's content, and closes
	upload       = 'U' // it reads as many, and answers "right" if they are
	both         = 'B' // it does both at once
	echo         = 'E' // it sends back what it gets, until the end of it
	requestBytes = 17
)

// transfer is one request to the transfer server.
type transfer struct {
	what  byte
	seed  uint64
	count int
	id    int // chooses the server's address
	gate  *gate

	conn     tcpclient.ID
	sent     int
	pending  []byte // generated, not yet taken
	source   io.Reader
	got      *checker
	verdict  []byte
	finished bool
}

func (x *transfer) open() tcpclient.Open { return tcpclient.Open{Remote: target(x.id, transferPort)} }

func (x *transfer) event(w *tcpclient.Worker, e *tcpclient.Event) (done bool, err error) {
	switch e.Kind {
	case tcpclient.Connected:
		if x.gate != nil {
			x.gate.arrive(w, x)
		}
		x.conn = e.Conn
		x.got = newChecker(x.seed)
		x.source = io.LimitReader(content(x.seed), int64(x.uploads()))
		x.pending = make([]byte, requestBytes, 16<<10)
		x.pending[0] = x.what
		binary.BigEndian.PutUint64(x.pending[1:], x.seed)
		binary.BigEndian.PutUint64(x.pending[9:], uint64(x.count))
		if x.gate != nil {
			return false, nil
		}
		return false, x.send(w)
	case tcpclient.Writable:
		return false, x.send(w)
	case tcpclient.Data:
		return false, x.data(e.Data)
	case tcpclient.EndOfStream:
		if x.downloads() && x.got.at != x.count {
			return false, fmt.Errorf("the stream ended after %d of %d bytes", x.got.at, x.count)
		}
		x.finished = true
		if !x.uploading() {
			// An upload closed its side when all was sent.
			return false, closeConn(w, e.Conn, tcpclient.Fin)
		}
		return false, nil
	case tcpclient.Closed:
		if !x.finished || x.uploading() && string(x.verdict) != "right" {
			return true, fmt.Errorf("closed with the verdict %q", x.verdict)
		}
		return true, nil
	}
	return true, fmt.Errorf("failed after %d bytes sent, %d received: %w", x.sent, x.got.at, e.Reason.Err())
}

// gate holds transfers back until a number of them have connected.
type gate struct {
	crew  *crew
	need  int
	mutex sync.Mutex
	held  [][]*transfer // by worker
	count int
}

func newGate(c *crew, need int) *gate {
	return &gate{crew: c, need: need, held: make([][]*transfer, c.client.Workers())}
}

// arrive runs on the worker's goroutine; the last to come opens the gate on
// all workers.
func (g *gate) arrive(w *tcpclient.Worker, x *transfer) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.held[w.Index()] = append(g.held[w.Index()], x)
	if g.count++; g.count < g.need {
		return
	}
	for k, held := range g.held {
		err := g.crew.client.Do(k, func(w *tcpclient.Worker) {
			for _, x := range held {
				if err := x.send(w); err != nil {
					g.crew.fail(err)
				}
			}
		})
		if err != nil {
			g.crew.fail(err)
		}
	}
}

func (x *transfer) uploading() bool { return x.what != download }
func (x *transfer) downloads() bool { return x.what != upload }

func (x *transfer) uploads() int {
	if x.what == download {
		return 0
	}
	return x.count
}

func (x *transfer) data(p []byte) error {
	if !x.downloads() || x.got.at == x.count {
		x.verdict = append(x.verdict, p...)
		return nil
	}
	n := min(len(p), x.count-x.got.at)
	if _, err := x.got.Write(p[:n]); err != nil {
		return err
	}
	x.verdict = append(x.verdict, p[n:]...)
	return nil
}

// send gives as much as is taken; Writable calls for the rest. Then it closes
// its side.
func (x *transfer) send(w *tcpclient.Worker) error {
	var result [1]tcpclient.Sent
	for {
		if len(x.pending) == 0 {
			x.pending = x.pending[:cap(x.pending)]
			n, err := io.ReadFull(x.source, x.pending)
			x.pending = x.pending[:n]
			if n == 0 {
				if !x.uploading() {
					return nil
				}
				return closeConn(w, x.conn, tcpclient.Fin)
			}
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
		}
		w.Send([]tcpclient.Send{{Conn: x.conn, Data: x.pending}}, result[:])
		if result[0].Err != nil {
			return result[0].Err
		}
		n := result[0].Count
		x.sent += n
		if n < len(x.pending) {
			x.pending = x.pending[n:]
			return nil
		}
		x.pending = x.pending[:0:cap(x.pending)]
		if cap(x.pending) < 4096 {
			x.pending = make([]byte, 0, 16<<10)
		}
	}
}

// transferServer is the kernel's end.
func transferServer(w *world, configure func(*net.TCPListener)) {
	w.t.Helper()
	serve(w, transferPort, configure, func(c *net.TCPConn) {
		var request [requestBytes]byte
		if _, err := io.ReadFull(c, request[:]); err != nil {
			return
		}
		seed, count := binary.BigEndian.Uint64(request[1:]), int64(binary.BigEndian.Uint64(request[9:]))
		switch request[0] {
		case download:
			_ = copyContent(c, seed, count)
		case upload:
			_, _ = io.WriteString(c, verdict(c, seed, count))
		case both:
			answer := make(chan string)
			go func() { answer <- verdict(c, seed, count) }()
			_ = copyContent(c, seed, count)
			_, _ = io.WriteString(c, <-answer)
		case echo:
			n, _ := io.Copy(c, c)
			if n == count {
				_, _ = io.WriteString(c, "right")
			}
		}
	})
}

// verdict reads an upload and what follows it, which is to be its end.
func verdict(c io.Reader, seed uint64, count int64) string {
	n, err := io.Copy(newChecker(seed), c)
	if err != nil {
		return err.Error()
	}
	if n != count {
		return fmt.Sprintf("%d bytes of %d", n, count)
	}
	return "right"
}

// transfers makes n equal ones of different content.
func transfers(what byte, n, count int) (all []task) {
	for k := range n {
		all = append(all, &transfer{what: what, seed: uint64(count + k), count: count, id: k})
	}
	return all
}

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
