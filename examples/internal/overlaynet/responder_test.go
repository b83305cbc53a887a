package overlaynet

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/answerer"
	"myriad/examples/internal/gnutella"
	"myriad/examples/internal/overlay"
	"myriad/internal/seq"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
)

// client plays a crawler's TCP at the other end of a link.
type client struct {
	t    *testing.T
	end  *simlink.End
	got  chan []byte
	path linklayer.Path
	to   gnutella.Address
}

func (c *client) send(s linklayer.Segment) {
	remote := c.to.AddrPort()
	b := make([]byte, 2048)
	n := linklayer.EmitTCP(b, &c.path, [16]byte{10: 0xff, 11: 0xff, 12: 198, 13: 18, 14: 64, 15: 1}, remote.Addr().As16(), 4000, remote.Port(), 0, &s, 0)
	c.end.Inject(b[:n])
}

// answer is the next segment.
func (c *client) answer() *linklayer.Segment {
	var p linklayer.Packet
	select {
	case frame := <-c.got:
		require.Equal(c.t, linklayer.DropNone, linklayer.Parse(frame, false, &p))
	case <-time.After(time.Minute):
		require.Fail(c.t, "no answer")
	}
	return &p.Segment
}

func newClient(t *testing.T, o *overlay.Overlay, request []byte) *client {
	link, err := simlink.New(simlink.Config{RealTime: true})
	require.NoError(t, err)
	near, far := link.End(0), link.End(1)
	c := &client{t: t, end: near, got: make(chan []byte, 64), to: o.Address(0)}
	c.path = linklayer.NewPath([6]byte(near.Info().HardwareAddr), [6]byte(far.Info().HardwareAddr), 64, 0)
	near.OnFrame(func(_ time.Duration, frame []byte) { c.got <- slices.Clone(frame) })
	texts := o.Texts()
	crew := answerer.Start(far, func(l *answerer.Loop) func([]byte) {
		return (&responder{Loop: l, overlay: o, texts: texts, request: request, secret: 7}).take
	})
	t.Cleanup(func() {
		require.NoError(t, crew.Stop())
		require.NoError(t, link.Close())
	})
	return c
}

// TestLostPartsComeAgain: nothing is remembered, so what was lost must follow
// from what the client acknowledges.
func TestLostPartsComeAgain(t *testing.T) {
	o, err := overlay.New(3, 1000)
	require.NoError(t, err)
	request := gnutella.Request("test")
	c := newClient(t, o, request)

	c.send(linklayer.Segment{Flags: linklayer.SYN, Seq: 99})
	s := c.answer()
	require.Equal(t, linklayer.SYN|linklayer.ACK, s.Flags)
	first := s.Seq + 1
	ask := linklayer.Segment{Flags: linklayer.ACK | linklayer.PSH, Seq: 100, Ack: first, Payload: request}
	c.send(ask)
	var reply []byte
	for len(reply) == 0 || s.Flags&linklayer.PSH == 0 {
		s = c.answer()
		require.Equal(t, first+seq.Number(len(reply)), s.Seq)
		reply = append(reply, s.Payload...)
	}
	require.Greater(t, len(reply), SegmentBytes)

	ack := linklayer.Segment{Flags: linklayer.ACK, Seq: 100 + seq.Number(len(request))}
	ack.Ack = first + 1000
	c.send(ack)
	s = c.answer()
	require.Equal(t, ack.Ack, s.Seq)
	require.Equal(t, string(reply[1000:min(1000+SegmentBytes, len(reply))]), string(s.Payload))

	ack.Ack = first // that of the handshake, which is no complaint
	c.send(ack)
	ack.Options = linklayer.Options{Has: linklayer.HasSACK, SACKCount: 1, SACK: [4]seq.Range{{Start: first + SegmentBytes, End: first + seq.Number(len(reply))}}}
	c.send(ack)
	s = c.answer()
	require.Equal(t, first, s.Seq)
	require.Equal(t, string(reply[:SegmentBytes]), string(s.Payload))

	ack.Options = linklayer.Options{}
	ack.Ack = first + seq.Number(len(reply)) // all is there
	c.send(ack)
	ack.Payload = []byte(gnutella.ThirdLeg)
	c.send(ack)
	require.Equal(t, linklayer.FIN|linklayer.ACK, c.answer().Flags)
	require.Empty(t, c.got)
}
