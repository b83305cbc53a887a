package gnucrawl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/gnutella"
	"myriad/examples/internal/servent"
	"myriad/internal/testbed"
	"myriad/tcpclient"
)

// place where servents live.
type world struct {
	near    *testbed.Namespace
	server  *servent.Server
	sources netip.Prefix
}

const port = 6346

func host(n int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 66, byte(53 + n>>8), byte(n)}), port)
}

// newWorld has servents answer in a far namespace. pause slows its accept down.
func newWorld(t *testing.T, servents map[netip.Addr]*servent.Servent, pause time.Duration) *world {
	server := servent.New(servents)
	w := newWorldWith(t, func(far *testbed.Namespace) {
		l, err := far.Listen("tcp4", fmt.Sprint(":", port))
		require.NoError(t, err)
		require.NoError(t, servent.SetBacklog(l))
		go server.Serve(l, pause)
		t.Cleanup(func() { l.Close(); server.Close() })
	})
	w.server = server
	return w
}

// newWorldWith has serve listen in a far namespace.
func newWorldWith(t *testing.T, serve func(far *testbed.Namespace)) *world {
	testbed.Require(t)
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	far, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	w := &world{near: near, sources: netip.MustParsePrefix("10.77.1.0/28")}
	_, err = testbed.Veth(near, far, testbed.VethConfig{
		NearName: "near0", FarName: "far0", Queues: 2, DisableOffloads: true,
		NearAddr: netip.MustParsePrefix("10.77.0.1/24"), FarAddr: netip.MustParsePrefix("10.77.0.2/24"),
		Sources: []netip.Prefix{w.sources},
		Targets: []netip.Prefix{netip.MustParsePrefix("100.66.0.0/16")},
	})
	require.NoError(t, err)
	serve(far)
	return w
}

// output is what a crawl wrote.
type output struct {
	bytes.Buffer
	lines map[string]map[string]any
}

func (o *output) write(b []byte) error { _, err := o.Write(b); return err }

// read takes the lines apart.
func (o *output) read(t *testing.T) {
	t.Helper()
	o.lines = make(map[string]map[string]any)
	for line := range bytes.Lines(o.Bytes()) {
		one := make(map[string]any)
		require.NoError(t, json.Unmarshal(line, &one), string(line))
		address := one["address"].(string)
		require.NotContains(t, o.lines, address, "each once")
		o.lines[address] = one
	}
}

// crawl crawls from seeds, and returns when the client is closed.
func (w *world) crawl(t *testing.T, o Options, c tcpclient.Config) (*Crawl, *output) {
	t.Helper()
	out := new(output)
	o.UserAgent, o.Write = "MyriadCrawler/0.1", out.write
	o.Sources = []netip.Prefix{w.sources}
	o.Parallel, o.NodesMax = max(o.Parallel, 512), max(o.NodesMax, 1<<16)
	c.Interfaces = []tcpclient.Interface{{Name: "near0", Sources: o.Sources}}
	crawl, err := New(o)
	require.NoError(t, err)
	err = w.near.Do(func() error {
		client, err := tcpclient.New(c, crawl.Handler)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = crawl.Run(ctx, client)
		closed, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if closeErr := client.Close(closed); !errors.Is(closeErr, context.DeadlineExceeded) {
			err = errors.Join(err, closeErr)
		}
		return err
	})
	require.NoError(t, err)
	out.read(t)
	return crawl, out
}

func seed(a netip.AddrPort) []gnutella.Address { return []gnutella.Address{gnutella.NewAddress(a)} }

// ring is n ultrapeers of which each names the next ones, and leaves.
func ring(n, peers, leaves int) map[netip.Addr]*servent.Servent {
	servents := make(map[netip.Addr]*servent.Servent)
	for i := range n {
		s := &servent.Servent{LiveSince: time.Date(2024, 6, 1, 0, 0, i, 0, time.UTC)}
		for k := range peers {
			s.Peers = append(s.Peers, host((i+1+k)%n))
		}
		for k := range leaves {
			s.Leaves = append(s.Leaves, netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 16, byte(i), byte(k)}), uint16(1024+i)))
		}
		servents[host(i).Addr()] = s
	}
	return servents
}

// requireGraph compares what was found with the servents.
func requireGraph(t *testing.T, crawl *Crawl, servents map[netip.Addr]*servent.Servent) {
	t.Helper()
	count := 0
	for n := range crawl.Nodes() {
		count++
		s := servents[n.Address.AddrPort().Addr()]
		require.NotNil(t, s, n.Address)
		if n.Reason != OK {
			continue
		}
		var peers, leaves []netip.AddrPort
		for a := range n.Peers() {
			peers = append(peers, a.AddrPort())
		}
		for a := range n.Leaves() {
			leaves = append(leaves, a.AddrPort())
		}
		require.Equal(t, s.Peers, peers, n.Address)
		require.Equal(t, s.Leaves, leaves, n.Address)
		require.Equal(t, !s.Leaf, n.Ultrapeer)
		require.Equal(t, s.LiveSince.Unix(), n.LiveSince)
	}
	require.Equal(t, len(servents), count)
}

func TestServentsOfManyManners(t *testing.T) {
	servents := ring(60, 7, 9)
	at := func(n int) *servent.Servent { return servents[host(n).Addr()] }
	for n := range 20 {
		at(n).Manner = servent.Continued
		at(20 + n).Manner = servent.Pieces
	}
	for k := range 280 { // more than 7 KiB, in several segments
		at(3).Leaves = append(at(3).Leaves, netip.AddrPortFrom(netip.AddrFrom4([4]byte{172, 17, byte(k), byte(k >> 1)}), 50000))
	}
	at(4).Peers = append(at(4).Peers, host(4)) // itself
	at(5).Leaves = nil
	at(7).Manner = servent.Nonsense
	at(6).Leaf, at(6).Leaves = true, nil
	for n, manner := range map[int]servent.Manner{50: servent.Full, 51: servent.Rubbish, 52: servent.Half, 53: servent.Endless, 54: servent.Mute} {
		at(n).Manner = manner
	}
	w := newWorld(t, servents, 0)
	crawl, out := w.crawl(t, Options{Seeds: seed(host(0)), Attempts: 2}, tcpclient.Config{Timeout: 3 * time.Second})
	requireGraph(t, crawl, servents)

	for n, reason := range map[int]string{50: "busy", 51: "not gnutella", 52: "too frequent", 53: "head too long", 54: "deadline exceeded"} {
		line := out.lines[host(n).String()]
		if n == 52 { // tried from a second address, which it answers in the same way
			reason = "cut short"
		}
		require.Equal(t, reason, line["error"], n)
	}
	require.Equal(t, "Too many Gnutella connections (30 max)", out.lines[host(50).String()]["detail"])
	require.EqualValues(t, 2, out.lines[host(52).String()]["attempts"])
	first := out.lines[host(0).String()]
	require.Equal(t, servent.UserAgent, first["user_agent"])
	require.Equal(t, "ultrapeer", first["kind"])
	require.EqualValues(t, 200, first["status"])
	require.Equal(t, "2024-06-01T00:00:00Z", first["live_since"])
	require.Positive(t, first["uptime_s"])
	require.EqualValues(t, 7, first["peers"])
	require.EqualValues(t, 9, first["leaves"])
	require.Equal(t, "leaf", out.lines[host(6).String()]["kind"])
	require.Equal(t, true, out.lines[host(4).String()]["names_itself"])
	require.EqualValues(t, 4, out.lines[host(7).String()]["bad_entries"])
	require.NotContains(t, first, "names_itself")
	require.NotContains(t, first, "bad_entries")
	require.Equal(t, map[string]any{"address": "172.16.0.3:1024", "kind": "leaf", "parents": 1.0}, out.lines["172.16.0.3:1024"])

	// The servents' own account: each once, but for second attempts, from many
	// addresses, with the third leg.
	require.Eventually(t, func() bool { return len(w.server.Visits()) == 60+2 }, 20*time.Second, 5*time.Millisecond)
	legs, from := 0, make(map[netip.Addr]bool)
	for _, v := range w.server.Visits() {
		require.NotEqual(t, 403, v.Status)
		require.Equal(t, v.Status == 200, v.ThirdLeg, v)
		require.Contains(t, v.Request, "\r\nCrawler: 0.1\r\n")
		from[v.From] = true
		if v.ThirdLeg {
			legs++
		}
	}
	require.Equal(t, 55, legs)
	require.Greater(t, len(from), 8)

	g := crawl.Graph()
	require.Equal(t, 60, g.Contacted)
	require.Equal(t, 55, g.Answered)
	require.Equal(t, 54, g.Ultrapeers)
	require.Equal(t, 53*9+280, g.Leaves, "of all but those that did not answer, and two")
	require.Equal(t, 1, g.Components)
	require.Equal(t, 60, g.Largest)
	require.Equal(t, 1, g.Agents)
	require.Equal(t, 4, g.BadEntries)
	require.Equal(t, 1, g.NamesItself)
	require.GreaterOrEqual(t, g.DiameterLeast, 8)
}

func TestBacklogOfFive(t *testing.T) {
	servents := ring(60, 40, 0)
	w := newWorld(t, servents, 5*time.Millisecond) // 40 SYNs at once, 200 accepts a second
	crawl, _ := w.crawl(t, Options{Seeds: seed(host(0)), Attempts: 1}, tcpclient.Config{})
	requireGraph(t, crawl, servents)
	require.Equal(t, 60, crawl.Graph().Answered)
	require.Positive(t, crawl.client.Stats().Retransmitted, "not all fitted into the backlog")
}

func TestAgainWithinFiveMinutes(t *testing.T) {
	servents := ring(30, 5, 5)
	w := newWorld(t, servents, 0)
	for range 3 { // by chance some nodes are visited from an address again, and then from another
		crawl, out := w.crawl(t, Options{Seeds: seed(host(0)), Attempts: 8}, tcpclient.Config{})
		requireGraph(t, crawl, servents)
		require.Equal(t, 30, crawl.Graph().Answered, out.String())
	}
	w.sources = netip.MustParsePrefix("10.77.1.3/32")
	_, _ = w.crawl(t, Options{Seeds: seed(host(0)), Attempts: 3}, tcpclient.Config{})
	_, out := w.crawl(t, Options{Seeds: seed(host(0)), Attempts: 3}, tcpclient.Config{})
	line := out.lines[host(0).String()]
	require.Equal(t, "too frequent", line["error"])
	require.Equal(t, "Too frequent crawling", line["detail"])
	require.EqualValues(t, 403, line["status"])
}

func TestBounds(t *testing.T) {
	servents := ring(40, 5, 5)
	w := newWorld(t, servents, 0)
	crawl, out := w.crawl(t, Options{Seeds: seed(host(0)), Attempts: 1, ContactMax: 10}, tcpclient.Config{})
	g := crawl.Graph()
	require.Equal(t, 10, g.Contacted)
	require.Positive(t, g.LeftOver)
	require.NotEmpty(t, out.lines)
}

func TestSeedsThatAreNotThere(t *testing.T) {
	w := newWorld(t, ring(3, 1, 1), 0)
	seeds := []gnutella.Address{
		gnutella.NewAddress(netip.MustParseAddrPort("100.66.53.1:1")),    // refuses
		gnutella.NewAddress(netip.MustParseAddrPort("203.0.113.1:6346")), // no route
	}
	crawl, out := w.crawl(t, Options{Seeds: seeds, Attempts: 2}, tcpclient.Config{})
	require.Equal(t, map[string]int{"refused": 1, "no route": 1}, crawl.Graph().Failures)
	require.Equal(t, "unknown", out.lines["100.66.53.1:1"]["kind"])
	require.Equal(t, 2, crawl.Graph().Components)
}

func TestADiskThatIsFull(t *testing.T) {
	w := newWorld(t, ring(3, 1, 1), 0)
	full := errors.New("no space left on device")
	crawl, err := New(Options{Seeds: seed(host(0)), Attempts: 1, Parallel: 8, NodesMax: 100, UserAgent: "x",
		Sources: []netip.Prefix{w.sources}, Write: func([]byte) error { return full }})
	require.NoError(t, err)
	err = w.near.Do(func() error {
		client, err := tcpclient.New(tcpclient.Config{Interfaces: []tcpclient.Interface{{Name: "near0", Sources: []netip.Prefix{w.sources}}}}, crawl.Handler)
		require.NoError(t, err)
		defer client.Close(context.Background())
		return crawl.Run(context.Background(), client)
	})
	require.ErrorIs(t, err, full)
}
