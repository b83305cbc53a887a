package interop

import (
	"io"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// Every option that a server may do without, under loss both ways.
func TestServerVariantsUnderLoss(t *testing.T) {
	for _, c := range []struct {
		name    string
		sysctls map[string]string
		cfg     tcpclient.Config
		backend string
		park    bool     // Interface.Park
		middle  []string // statements for frames toward us
		window  int      // of the server's receive buffer
		control string   // congestion control of the server
		without uint8    // of SACK and window scaling, what is not agreed on
	}{
		{name: "no SACK", without: optionSACK, sysctls: map[string]string{"net/ipv4/tcp_sack": "0"}},
		{name: "no window scaling", without: optionScale, sysctls: map[string]string{"net/ipv4/tcp_window_scaling": "0"}},
		{name: "no timestamps", sysctls: map[string]string{"net/ipv4/tcp_timestamps": "0"}, cfg: tcpclient.Config{Timestamps: true}},
		{name: "timestamps", cfg: tcpclient.Config{Timestamps: true}},
		{name: "nothing", without: optionSACK | optionScale, sysctls: map[string]string{
			"net/ipv4/tcp_sack": "0", "net/ipv4/tcp_window_scaling": "0", "net/ipv4/tcp_timestamps": "0",
		}, cfg: tcpclient.Config{Timestamps: true}},
		{name: "cubic", control: "cubic"},
		{name: "reno", control: "reno"},
		{name: "segment size lowered between", middle: []string{"tcp option maxseg size set 536"}},
		{name: "SACK taken off the SYN-ACK", middle: []string{"reset tcp option sack-perm"}},
		{name: "small segments", cfg: tcpclient.Config{MSS: 100}},
		{name: "small window", window: 2048},
		{name: "our small window", cfg: tcpclient.Config{ReceiveBuffer: 1000, ReceiveBufferMax: 1000}},
		{name: "our window without scaling", cfg: tcpclient.Config{ReceiveBuffer: 20000, ReceiveBufferMax: 20000}},
		{name: "small send buffer", cfg: tcpclient.Config{SendBuffer: 100}},
		{name: "two holes", cfg: tcpclient.Config{HolesMax: 2}},
		{name: "workers that park", park: true},
		{name: "no SACK, afpacket", without: optionSACK, backend: "afpacket", sysctls: map[string]string{"net/ipv4/tcp_sack": "0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			size, loss := 100<<10, testbed.DropTCP(20)
			switch { // a round trip for each piece: fewer of them, and more are lost
			case c.cfg.ReceiveBuffer == 1000:
				size, loss = 10<<10, testbed.DropTCP(150)
			case c.cfg.SendBuffer == 100:
				size, loss = 20<<10, testbed.DropTCP(50)
			}
			w := newLossyWorld(t, c.backend, append(c.middle, loss), []string{loss})
			for key, value := range c.sysctls {
				w.sysctl(key, value)
			}
			transferServer(w, func(l *net.TCPListener) {
				if c.window > 0 {
					setReceiveBuffer(t, l, c.window)
				}
				if c.control != "" {
					setCongestionControl(t, l, c.control)
				}
			})
			near := w.interfaceConfig()
			near.Park = c.park
			c.cfg.Interfaces = []tcpclient.Interface{near}
			crew := newCrew(w, patient(c.cfg))
			tasks := append(transfers(download, 4, size), transfers(upload, 4, size/2)...)
			tasks = append(tasks, transfers(both, 4, size/2)...)
			tasks = append(tasks, transfers(echo, 4, size/4)...)
			crew.run(t, len(tasks), tasks...)
			require.NotZero(t, w.counter("TcpRetransSegs"))
			require.Zero(t, w.counter("TcpInErrs"))
			agreed := (optionSACK | optionScale) &^ c.without
			if c.name == "timestamps" {
				agreed |= optionStamps
			}
			require.EqualValues(t, 1<<agreed, w.negotiated.Load(), "the options of all connections, as the far kernel has them")
		})
	}
}

// Options of a connection as the kernel tells them (TCPI_OPT_*).
const optionStamps, optionSACK, optionScale = 1, 2, 4

// noteOptions remembers what the far kernel has agreed on for a connection.
func (w *world) noteOptions(c *net.TCPConn) {
	raw, err := c.SyscallConn()
	if err != nil {
		return // it has ended
	}
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			w.negotiated.Or(1 << (info.Options & (optionStamps | optionSACK | optionScale)))
		}
	})
}

// setReceiveBuffer bounds the window of what a listener accepts.
func setReceiveBuffer(t *testing.T, l *net.TCPListener, size int) {
	t.Helper()
	require.NoError(t, onDescriptor(t, l, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}))
}

// setCongestionControl chooses how what a listener accepts sends.
func setCongestionControl(t *testing.T, l *net.TCPListener, name string) {
	t.Helper()
	err := onDescriptor(t, l, func(fd int) error {
		return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	})
	if err != nil {
		t.Skipf("needs a kernel with the congestion control %q: %v", name, err)
	}
}

func onDescriptor(t *testing.T, l *net.TCPListener, f func(fd int) error) error {
	t.Helper()
	raw, err := l.SyscallConn()
	require.NoError(t, err)
	var failed error
	require.NoError(t, raw.Control(func(fd uintptr) { failed = f(int(fd)) }))
	return failed
}

// Thousands at once, each with bytes of its own there and back.
func TestManyConcurrentEchoes(t *testing.T) {
	for _, c := range []struct {
		backend string
		count   int
	}{{"afxdp", 2000}, {"afpacket", 500}} {
		t.Run(c.backend, func(t *testing.T) {
			w := newWorld(t, c.backend)
			w.sysctl("net/core/somaxconn", "4096")
			transferServer(w, nil)
			crew := newCrew(w, patient(tcpclient.Config{}))
			tasks := transfers(echo, c.count, 5000)
			together := newGate(crew, c.count)
			for _, x := range tasks {
				x.(*transfer).gate = together
			}
			crew.run(t, c.count, tasks...)
			crew.close(t)
			s := crew.client.Stats()
			require.EqualValues(t, c.count, s.Closed, "%+v", s)
			require.Zero(t, s.Failed, "%+v", s)
		})
	}
}

// A server that closes its half first still reads what we send afterwards.
func TestServerClosesItsHalfFirst(t *testing.T) {
	w := newWorld(t, "")
	verdicts := make(chan string, 100)
	serve(w, transferPort, nil, func(c *net.TCPConn) {
		var request [requestBytes]byte
		if _, err := io.ReadFull(c, request[:]); err != nil {
			verdicts <- err.Error()
			return
		}
		_ = copyContent(c, 77, 5000)
		_ = c.CloseWrite()
		verdicts <- verdict(c, 78, 100_000)
	})
	crew := newCrew(w, tcpclient.Config{})
	var tasks []task
	for k := range 100 {
		tasks = append(tasks, &lateWriter{id: k})
	}
	crew.run(t, 50, tasks...)
	for range tasks {
		require.Equal(t, "right", <-verdicts)
	}
}

// lateWriter writes only once the peer has closed its half.
type lateWriter struct {
	id   int
	got  *checker
	rest []byte
}

func (l *lateWriter) open() tcpclient.Open { return tcpclient.Open{Remote: target(l.id, transferPort)} }

func (l *lateWriter) event(w *tcpclient.Worker, e *tcpclient.Event) (done bool, err error) {
	switch e.Kind {
	case tcpclient.Connected:
		l.got, l.rest = newChecker(77), make([]byte, requestBytes)
		return false, l.write(w, e.Conn, false)
	case tcpclient.Data:
		_, err := l.got.Write(e.Data)
		return false, err
	case tcpclient.EndOfStream:
		if l.got.at != 5000 {
			return false, io.ErrUnexpectedEOF
		}
		l.rest = contentBytes(78, 100_000)
		return false, l.write(w, e.Conn, true)
	case tcpclient.Writable:
		return false, l.write(w, e.Conn, true)
	case tcpclient.Closed:
		return true, nil
	}
	return true, e.Reason.Err()
}

func (l *lateWriter) write(w *tcpclient.Worker, conn tcpclient.ID, last bool) error {
	var sent [1]tcpclient.Sent
	w.Send([]tcpclient.Send{{Conn: conn, Data: l.rest}}, sent[:])
	l.rest = l.rest[sent[0].Count:]
	if sent[0].Err != nil || len(l.rest) > 0 || !last {
		return sent[0].Err
	}
	return closeConn(w, conn, tcpclient.Fin)
}

// A path narrower than both ends think, which says so by ICMP.
func TestUploadThroughANarrowPath(t *testing.T) {
	w := newLossyWorld(t, "", nil, []string{testbed.DropTCP(5)})
	transferServer(w, nil)
	_, err := w.middle.Run("ip", "route", "change", targetsPrefix.String(), "via", farPrefix.Addr().String(), "dev", "tofar", "mtu", "lock", "900")
	require.NoError(t, err)
	crew := newCrew(w, tcpclient.Config{})
	tasks := append(transfers(upload, 10, 200_000), transfers(both, 10, 50_000)...)
	crew.run(t, len(tasks), tasks...)
	all, err := w.middle.Counters()
	require.NoError(t, err)
	require.NotZero(t, all["IpFragFails"], "the middle forwarded everything")
	require.NotZero(t, w.counter("TcpExtTCPOFOQueue"), "the far end missed nothing")
	require.Zero(t, w.counter("TcpInErrs"))
}
