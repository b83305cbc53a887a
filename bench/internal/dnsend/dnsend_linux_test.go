package dnsend

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"myriad/internal/testbed"
)

var (
	target = netip.MustParsePrefix("10.84.0.0/16")
	root   = netip.MustParseAddr("10.84.0.1")
)

// world is a near namespace with the kernel's UDP, and a far one with the program.
func world(t *testing.T) (near *testbed.Namespace, end *FarEnd) {
	testbed.Require(t)
	near, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { near.Close() })
	far, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	_, err = testbed.Veth(near, far, testbed.VethConfig{
		NearName: "near0", FarName: "far0", Queues: 2, XDPPassNear: true, DisableOffloads: true,
		NearAddr: netip.MustParsePrefix("10.83.0.1/24"),
	})
	require.NoError(t, err)
	require.NoError(t, near.AddLinkRoute(target, "near0"))
	require.NoError(t, far.Do(func() error {
		end, err = Attach(Config{Interface: "far0", Target: target, Root: root})
		return err
	}))
	t.Cleanup(func() { end.Close() })
	return near, end
}

func exchange(t *testing.T, near *testbed.Namespace, server netip.Addr, name string, edns bool) (m dnsmessage.Message) {
	c, err := near.DialContext(t.Context(), "udp4", netip.AddrPortFrom(server, 53).String())
	require.NoError(t, err)
	defer c.Close()
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 77})
	require.NoError(t, b.StartQuestions())
	require.NoError(t, b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}))
	if edns {
		require.NoError(t, b.StartAdditionals())
		var h dnsmessage.ResourceHeader
		require.NoError(t, h.SetEDNS0(1232, dnsmessage.RCodeSuccess, false))
		require.NoError(t, b.OPTResource(h, dnsmessage.OPTResource{}))
	}
	query, err := b.Finish()
	require.NoError(t, err)
	reply := make([]byte, 2000)
	for try := 0; ; try++ {
		require.Less(t, try, 10)
		_, err = c.Write(query)
		require.NoError(t, err)
		require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Second)))
		n, err := c.Read(reply)
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, m.Unpack(reply[:n]))
		require.EqualValues(t, 77, m.ID)
		require.True(t, m.Response)
		require.Equal(t, name, m.Questions[0].Name.String(), "as it was asked, case and all")
		return m
	}
}

// From the root to the answer, with an independent reader of messages.
func TestTree(t *testing.T) {
	near, end := world(t)
	for _, name := range []string{"a.b.", "wWw.ExamPLE.teST.", "x.", "n0000042.z17.", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbb.cc."} {
		edns := rand.IntN(2) == 0
		m := exchange(t, near, root, name, edns)
		require.False(t, m.Authoritative)
		require.Len(t, m.Authorities, 1)
		require.Len(t, m.Additionals, 1)
		ns := m.Authorities[0].Body.(*dnsmessage.NSResource)
		require.Equal(t, ns.NS.String(), m.Additionals[0].Header.Name.String())
		server := netip.AddrFrom4(m.Additionals[0].Body.(*dnsmessage.AResource).A)
		require.True(t, target.Contains(server) && server != root)
		m = exchange(t, near, server, name, edns)
		require.True(t, m.Authoritative)
		require.Len(t, m.Answers, 1)
		require.Equal(t, Answer(name), netip.AddrFrom4(m.Answers[0].Body.(*dnsmessage.AResource).A))
	}
	c, err := end.Counters()
	require.NoError(t, err)
	require.GreaterOrEqual(t, c.Answers, uint64(5))
	require.GreaterOrEqual(t, c.Referrals, uint64(5)) // more where a busy machine had us ask again
	require.Zero(t, c.Malformed+c.NoRoom)
}
