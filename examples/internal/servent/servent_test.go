package servent

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const request = "GNUTELLA CONNECT/0.6\r\nUser-Agent: test\r\nX-Ultrapeer: False\r\nCrawler: 0.1\r\n\r\n"

func start(t *testing.T, s *Servent) (*Server, string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	server := New(map[netip.Addr]*Servent{netip.MustParseAddr("127.0.0.1"): s})
	go server.Serve(l, 0)
	t.Cleanup(func() { l.Close(); server.Close() })
	return server, l.Addr().String()
}

func talk(t *testing.T, to, say string) string {
	c, err := net.Dial("tcp4", to)
	require.NoError(t, err)
	defer c.Close()
	_, err = io.WriteString(c, say)
	require.NoError(t, err)
	answer, err := io.ReadAll(c)
	require.NoError(t, err)
	return string(answer)
}

func TestWordForWord(t *testing.T) {
	server, to := start(t, &Servent{
		Peers:     []netip.AddrPort{netip.MustParseAddrPort("100.66.53.2:6402")},
		Leaves:    []netip.AddrPort{netip.MustParseAddrPort("100.66.53.4:6404"), netip.MustParseAddrPort("100.66.53.3:6403")},
		LiveSince: time.Date(2024, 6, 1, 0, 0, 4, 0, time.UTC),
	})
	require.Equal(t, "GNUTELLA/0.6 200 OK\r\n"+
		"User-Agent: gtk-gnutella/1.2.3-14-ga331a (2024-03-03; Topless; Linux x86_64)\r\n"+
		"Peers: 100.66.53.2:6402\r\n"+
		"Leaves: 100.66.53.4:6404, 100.66.53.3:6403\r\n"+
		"X-Live-Since: Sat, 01 Jun 2024 00:00:04 +0000\r\n\r\n", talk(t, to, request+thirdLeg))
	require.Equal(t, "GNUTELLA/0.6 403 Too frequent crawling\r\n"+
		"User-Agent: gtk-gnutella/1.2.3-14-ga331a (2024-03-03; Topless; Linux x86_64)\r\n"+
		"Remote-IP: 127.0.0.1\r\n\r\n", talk(t, to, request))
	require.Empty(t, talk(t, to, "GNUTELLA CONNECT/0.4\r\n\r\n"))
	require.Contains(t, talk(t, to, "GET / HTTP/1.0\r\n\r\n"), " 403 ")
	require.Eventually(t, func() bool { return len(server.Visits()) == 4 }, 10*time.Second, time.Millisecond)
	whole := map[int]bool{}             // by status
	for _, v := range server.Visits() { // in whatever order they ended
		whole[v.Status] = v.ThirdLeg
	}
	require.Equal(t, map[int]bool{200: true, 403: false, 0: false}, whole)
}

func TestLeafAndNone(t *testing.T) {
	_, to := start(t, &Servent{Leaf: true, LiveSince: time.Unix(0, 0)})
	answer := talk(t, to, request+thirdLeg)
	require.Contains(t, answer, "\r\nPeers: \r\n")
	require.NotContains(t, answer, "Leaves")
}
