package gnucrawl

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// crowd answers as servents that count who is with them at a time. A visitor
// has gone before the FIN that tells it so.
type crowd struct {
	nodes  []netip.AddrPort
	mutex  sync.Mutex
	now    map[netip.Prefix]int
	most   map[int]int // by length of prefix
	visits map[netip.AddrPort]int
}

func (c *crowd) enter(node netip.AddrPort, by int) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, bits := range []int{24, 32} {
		p, _ := node.Addr().Prefix(bits)
		c.now[p] += by
		c.most[bits] = max(c.most[bits], c.now[p])
	}
	if by > 0 {
		c.visits[node]++
	}
}

func (c *crowd) serve(conn net.Conn) {
	defer conn.Close()
	local := conn.LocalAddr().(*net.TCPAddr).AddrPort()
	node := netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	c.enter(node, 1)
	defer c.enter(node, -1)
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 4096)
	if _, err := conn.Read(buf); err != nil {
		return
	}
	time.Sleep(time.Millisecond) // so that others want to come meanwhile
	var peers []string
	for k, n := range c.nodes {
		if n == node {
			for i := range 120 {
				peers = append(peers, c.nodes[(k+1+i)%len(c.nodes)].String())
			}
		}
	}
	_, _ = io.WriteString(conn, "GNUTELLA/0.6 200 OK\r\nUser-Agent: x\r\nPeers: "+strings.Join(peers, ", ")+"\r\n\r\n")
	_, _ = conn.Read(buf) // the third leg
}

// TestLimits crawls two prefixes of 30 addresses of 4 nodes each: all are
// found, and the far end never sees more than it was promised.
func TestLimits(t *testing.T) {
	for _, limits := range [][2]int{{1, 5}, {2, 0}, {0, 3}, {3, 2}} {
		t.Run(fmt.Sprint(limits), func(t *testing.T) { crawlCrowd(t, limits[0], limits[1]) })
	}
}

func crawlCrowd(t *testing.T, perAddress, perPrefix int) {
	testbed.Require(t)
	c := &crowd{now: map[netip.Prefix]int{}, most: map[int]int{}, visits: map[netip.AddrPort]int{}}
	w := newWorldWith(t, func(far *testbed.Namespace) {
		var group sync.WaitGroup
		t.Cleanup(group.Wait)
		for k := range 4 {
			l, err := far.Listen("tcp4", fmt.Sprint(":", port+k))
			require.NoError(t, err)
			t.Cleanup(func() { l.Close() })
			group.Go(func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					group.Go(func() { c.serve(conn) })
				}
			})
		}
	})
	for i := range 60 {
		for k := range 4 {
			node := netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 66, byte(53 + i/30), byte(1 + i%30)}), uint16(port+k))
			c.nodes = append(c.nodes, node)
		}
	}
	crawl, _ := w.crawl(t, Options{Seeds: seed(c.nodes[0]), Attempts: 2, PerAddress: perAddress, PerPrefix: perPrefix}, tcpclient.Config{})
	address, prefix := crawl.Most()
	c.mutex.Lock()
	defer c.mutex.Unlock()
	require.Len(t, c.visits, len(c.nodes))
	for node, n := range c.visits {
		require.Equal(t, 1, n, node)
	}
	finished, known, answered, _ := crawl.Progress()
	require.Equal(t, []int{240, 240, 240}, []int{finished, known, answered})
	if perAddress > 0 {
		require.LessOrEqual(t, c.most[32], perAddress)
		require.LessOrEqual(t, address, perAddress)
		require.Positive(t, address)
	}
	if perPrefix > 0 {
		require.LessOrEqual(t, c.most[24], perPrefix)
		require.Equal(t, perPrefix, prefix, "it is made use of")
	}
	for _, h := range crawl.handlers {
		for _, hall := range []*hall{&h.limits.hosts, &h.limits.nets} {
			require.Empty(t, hall.by, "nobody is there or waits")
		}
	}
}
