package tcpclient

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
)

// steeredHash is a card's with two queues.
func steeredHash() *iobackend.ReceiveHash {
	h := &iobackend.ReceiveHash{Key: make([]byte, 40), Indirection: make([]uint32, 128)}
	for k := range h.Key {
		h.Key[k] = byte(k*37 + 11)
	}
	for k := range h.Indirection {
		h.Indirection[k] = uint32(k % 2)
	}
	return h
}

// handedOver opens connections from both of two workers to a server behind an end
// of a link, and returns how many frames one had to hand to the other.
func handedOver(t *testing.T, end simlink.EndConfig) uint64 {
	t.Helper()
	const each = 100
	end.Queues = 2
	link, err := simlink.New(simlink.Config{Debug: true, Ends: []simlink.EndConfig{end, {}}})
	require.NoError(t, err)
	logs := map[int]*eventLog{}
	client, err := New(Config{Manual: true, Seed: 1, ConnectionsMax: 4 * each, Interfaces: []Interface{{
		Device: link.End(0), Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/28")}, GatewayMAC: scriptMAC[:],
	}}}, func(w *Worker) Handler {
		logs[w.Index()] = &eventLog{w: w}
		return logs[w.Index()]
	})
	require.NoError(t, err)
	require.NoError(t, client.Start())
	path := linklayer.NewPath(scriptMAC, [6]byte{2, 0, 0, 0, 0, 1}, 64, 0)
	link.End(1).OnFrame(func(_ time.Duration, frame []byte) {
		var p linklayer.Packet
		require.Equal(t, linklayer.DropNone, linklayer.Parse(append([]byte(nil), frame...), false, &p))
		if p.Segment.Flags != linklayer.SYN {
			return
		}
		g := linklayer.Segment{Seq: 1, Ack: p.Segment.Seq.Add(1), Flags: linklayer.SYN | linklayer.ACK, Window: 65535}
		var answer [256]byte
		n := linklayer.EmitTCP(answer[:], &path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 1, &g, 0)
		link.End(1).Inject(answer[:n])
	})
	s := &script{t: t, link: link, client: client}
	for k := range 2 * each {
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(k >> 8), byte(k)}), 80)
		var r [1]Opened
		logs[k%2].w.Open([]Open{{Remote: remote}}, r[:])
		require.NoError(t, r[0].Err)
		s.settle()
	}
	require.Len(t, logs[0].events, each)
	require.Len(t, logs[1].events, each)
	count := client.Stats().Counters["handed_over"]
	done, cancel := context.WithCancel(context.Background())
	cancel()
	client.Close(done)
	require.Zero(t, link.Leaked())
	return count
}

// A device that says how it spreads what it receives is opened to by ports whose
// replies arrive on the queue of the worker that waits for them.
func TestPortsAreChosenByTheDevicesHash(t *testing.T) {
	require.Zero(t, handedOver(t, simlink.EndConfig{ReceiveHash: steeredHash()}))
}

// One that does not say, or does otherwise, costs hand-overs and nothing else.
func TestOtherQueuesAreHandedOver(t *testing.T) {
	require.Positive(t, handedOver(t, simlink.EndConfig{Steer: simlink.SteerHash}))
	require.Positive(t, handedOver(t, simlink.EndConfig{Steer: simlink.SteerFirst, ReceiveHash: steeredHash()}))
}
