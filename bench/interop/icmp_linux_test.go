package interop

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/captured"
	"myriad/tcpclient"
)

// reject has the middle answer what it would forward toward the far end with an
// ICMP error.
func reject(w *world, match, kind string) {
	w.t.Helper()
	_, err := w.middle.RunInput(`table ip refuse
delete table ip refuse
table ip refuse {
	chain c {
		type filter hook forward priority 0;
		iifname "tonear" ip protocol tcp `+match+` reject with `+kind+`
	}
}
`, "nft", "-f", "-")
	require.NoError(w.t, err)
}

// An ICMP error about the SYN ends the attempt, whatever it says (RFC 1122
// §4.2.3.9), with the error that the kernel's dialer gives for it.
func TestICMPErrorsEndADial(t *testing.T) {
	w := newLossyWorld(t, "", nil, nil)
	d := newDialer(w)
	for kind, want := range map[string]syscall.Errno{
		"icmp type net-unreachable":  syscall.EHOSTUNREACH,
		"icmp type host-unreachable": syscall.EHOSTUNREACH,
		"icmp type port-unreachable": syscall.EHOSTUNREACH,
		"icmp type prot-unreachable": syscall.EHOSTUNREACH,
		"icmp type admin-prohibited": syscall.EHOSTUNREACH,
		"tcp reset":                  syscall.ECONNREFUSED,
	} {
		reject(w, "", kind)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := d.DialContext(ctx, "tcp", target(1, transferPort).String())
		cancel()
		require.ErrorIs(t, err, want, kind)
	}
}

// ICMP errors about data do not end a connection that stands (RFC 1122
// §4.2.3.9, RFC 5927 §4.2): it sends again, and every byte arrives.
func TestICMPErrorsDoNotEndWhatStands(t *testing.T) {
	for _, backend := range []string{"afxdp", "afpacket"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newLossyWorld(t, backend, nil, nil)
			// As many as the rules say, not one a second to each address.
			require.NoError(t, w.middle.Sysctl("net/ipv4/icmp_ratelimit", "0"))
			transferServer(w, nil)
			const some = "tcp flags & syn == 0 numgen random mod 1000 < 30"
			for _, kind := range []string{"host-unreachable", "port-unreachable", "admin-prohibited"} {
				reject(w, some, "icmp type "+kind)
				crew := newCrew(w, patient(tcpclient.Config{}))
				tasks := append(transfers(upload, 4, 256<<10), transfers(both, 4, 256<<10)...)
				crew.run(t, len(tasks), tasks...)
				crew.close(t)
				s := crew.client.Stats()
				require.Zero(t, s.Failed, "%+v", s)
				require.NotZero(t, s.Retransmitted, "%+v", s)
			}
			all, err := w.middle.Counters()
			require.NoError(t, err)
			require.Greater(t, all["IcmpOutDestUnreachs"], uint64(10))
			require.Zero(t, w.counter("TcpInErrs"))
		})
	}
}

// The path becomes narrower under a connection that stands, twice, for both
// directions; each end learns it by ICMP, and every byte arrives.
func TestPathMTUDropsUnderAConnection(t *testing.T) {
	for _, backend := range []string{"afxdp", "afpacket"} {
		t.Run(backend, func(t *testing.T) {
			t.Parallel()
			w := newLossyWorld(t, backend, nil, nil)
			serve(w, transferPort, nil, func(c *net.TCPConn) { _, _ = io.Copy(c, c) })
			path := filepath.Join(t.TempDir(), "narrow.pcap")
			d := &tcpclient.Dialer{Config: tcpclient.Config{Interfaces: []tcpclient.Interface{w.captured(path)}}}
			defer d.Close()
			c, err := d.DialAddrPort(t.Context(), target(1, transferPort))
			require.NoError(t, err)
			defer c.Close()
			require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
			echoed(t, c, 1)
			for k, mtu := range []string{"1200", "800"} {
				narrow(w, mtu)
				echoed(t, c, uint64(2+k))
			}
			require.NoError(t, d.Close())
			all, err := w.middle.Counters()
			require.NoError(t, err)
			require.GreaterOrEqual(t, all["IpFragFails"], uint64(4), "both ends, twice")
			file, err := os.Open(path)
			require.NoError(t, err)
			defer file.Close()
			up, down, err := captured.Read(file, transferPort)
			require.NoError(t, err)
			for _, s := range []captured.Segments{up, down} {
				require.Equal(t, 1460, s.Longest())
				for _, full := range []int{1460, 1160, 760} {
					require.Greater(t, s.Within(full, full), 20, "segments of %d", full)
				}
			}
		})
	}
}

// narrow gives the middle's routes, both ways, a smaller MTU.
func narrow(w *world, mtu string) {
	w.t.Helper()
	for _, route := range [][]string{
		{targetsPrefix.String(), "via", farPrefix.Addr().String(), "dev", "tofar"},
		{sourcesPrefix.String(), "dev", "tonear"},
	} {
		_, err := w.middle.Run("ip", append(append([]string{"route", "change"}, route...), "mtu", "lock", mtu)...)
		require.NoError(w.t, err)
	}
}

// echoed sends content and compares what comes back.
func echoed(t *testing.T, c net.Conn, seed uint64) {
	t.Helper()
	const size = 150_000
	sent := make(chan error, 1)
	go func() { sent <- copyContent(c, seed, size) }()
	n, err := io.CopyN(newChecker(seed), c, size)
	require.NoError(t, err)
	require.EqualValues(t, size, n)
	require.NoError(t, <-sent)
}

// A path that drops what is too long and says nothing is not probed for (RFC
// 4821, see the README): its transfers end with a true reason.
func TestSilentlyNarrowPath(t *testing.T) {
	w := newLossyWorld(t, "", nil, []string{"ip length > 1000 drop"})
	l, err := w.far.Listen("tcp4", target(1, transferPort).String()) // the kernel answers; nobody need accept
	require.NoError(t, err)
	defer l.Close()
	cfg := tcpclient.Config{Interfaces: []tcpclient.Interface{w.interfaceConfig()}, DataRetries: 2}
	d := &tcpclient.Dialer{Config: cfg}
	require.NoError(t, w.near.Do(func() error { _, err := d.Client(); return err }))
	defer d.Close()
	c, err := d.DialAddrPort(t.Context(), target(1, transferPort))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Write(contentBytes(1, 100_000))
	require.NoError(t, err, "it is taken")
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ETIMEDOUT)
}
