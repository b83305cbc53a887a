package overlay

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/gnutella"
)

func newOverlay(t testing.TB, seed uint64, nodes int) *Overlay {
	o, err := New(seed, nodes)
	require.NoError(t, err)
	return o
}

func TestTheGraphIsWhatItIsSaidToBe(t *testing.T) {
	for _, nodes := range []int{NodesMin, 101, 5000} {
		o := newOverlay(t, uint64(nodes), nodes)
		peers := make([][]gnutella.Address, nodes)
		named := make(map[uint64]int)
		edges, hanging := 0, 0
		for node := range uint32(nodes) {
			peers[node] = o.AppendPeers(nil, node)
			edges += len(peers[node])
			leaves := o.AppendLeaves(nil, node)
			hanging += len(leaves)
			for _, a := range leaves {
				leaf, ok := leafAt(a)
				require.True(t, ok)
				if o.State(node) == Here {
					named[leaf]++
				}
			}
			slices.Sort(leaves)
			require.Len(t, slices.Compact(leaves), len(leaves), "each leaf once")
			back, ok := o.Node(o.Address(node))
			require.True(t, ok)
			require.Equal(t, node, back)
			require.True(t, Prefix.Contains(o.Address(node).AddrPort().Addr()))
		}
		for node, list := range peers {
			for _, a := range list {
				other, ok := o.Node(a)
				require.True(t, ok)
				require.Contains(t, peers[other], o.Address(uint32(node)), "both know each other")
			}
			slices.Sort(list)
			require.Len(t, slices.Compact(list), len(list), "each peer once")
		}
		for leaf := range o.leaves() {
			require.Equal(t, named[leaf], o.parents(leaf), leaf)
		}
		require.InDelta(t, 30, float64(edges)/float64(nodes), 1.5)
		require.InDelta(t, 30, float64(hanging)/float64(nodes), 1.5)
	}
}

func TestRepliesAreLongAndParse(t *testing.T) {
	o := newOverlay(t, 1, 1_200_000)
	var room []gnutella.Address
	var head []byte
	reply := new(gnutella.Reply)
	bytes, count, busy := 0, 0, 0
	for node := uint32(0); node < 1_200_000; node += 97 {
		head = o.AppendReply(head[:0], node, &room)
		require.Equal(t, len(head), gnutella.HeadEnd(head, 0))
		require.NoError(t, reply.Parse(head))
		if o.State(node) == Busy {
			require.Equal(t, 503, reply.Status)
			busy++
			continue
		}
		require.Equal(t, o.AppendPeers(nil, node), reply.Peers)
		require.Equal(t, o.AppendLeaves(nil, node), reply.Leaves)
		require.Equal(t, o.liveSince(node).Unix(), reply.LiveSince)
		bytes += len(head)
		count++
	}
	require.Greater(t, bytes/count, 1300)
	require.Positive(t, busy)
}

func TestBadSizes(t *testing.T) {
	for _, nodes := range []int{-1, 0, NodesMin - 1, NodesMax + 1} {
		_, err := New(1, nodes)
		require.ErrorContains(t, err, "from 100 to 3000000")
	}
}

func BenchmarkReply(b *testing.B) {
	o := newOverlay(b, 1, 1_200_000)
	var room []gnutella.Address
	var head []byte
	node := uint32(0)
	for b.Loop() {
		head = o.AppendReply(head[:0], node, &room)
		node = (node + 7919) % 1_200_000
	}
	b.SetBytes(int64(len(head)))
}

func TestTextsAreTheReplies(t *testing.T) {
	o, err := New(5, 2*textsPiece+7)
	require.NoError(t, err)
	texts := o.Texts()
	var room []gnutella.Address
	for node := range uint32(o.Nodes()) {
		require.Equal(t, string(o.AppendReply(nil, node, &room)), string(texts.Reply(node)), node)
	}
}
