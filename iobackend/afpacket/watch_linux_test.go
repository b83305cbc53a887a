package afpacket

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"myriad/iobackend"
)

// Carrier and MTU are followed.
func TestLinkStateIsFollowed(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 2})
	require.Equal(t, iobackend.LinkState{Up: true, MTU: 1500}, d.Link())
	require.NoError(t, w.far.SetDown("far0"))
	require.Eventually(t, func() bool { return !d.Link().Up }, patience, time.Millisecond)
	require.NoError(t, w.far.SetUp("far0"))
	require.Eventually(t, func() bool { return d.Link().Up }, patience, time.Millisecond)
	require.NoError(t, w.near.Do(func() error {
		l, err := netlink.LinkByName("near0")
		require.NoError(t, err)
		return netlink.LinkSetMTU(l, 1200)
	}))
	require.Eventually(t, func() bool { return d.Link().MTU == 1200 }, patience, time.Millisecond)
	require.NoError(t, d.Close())
}
