package irlstack_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seq"
	"myriad/iobackend"
	"myriad/iobackend/irlstack"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// The whole stack over the backend, against a far end behind the stand-in.

var (
	local   = netip.MustParsePrefix("10.1.0.0/28")
	farMAC  = [6]byte{2, 0, 0, 0, 0, 2}
	farPort = uint16(7)
	webPort = uint16(80)
)

// far is a TCP that echoes, and at port 80 a web of ten pages. It remembers
// nothing: its sequence numbers are ours and a constant, so a segment tells what
// the answer is, and replies are as long as requests.
func far(frame []byte, reply func([]byte)) {
	const ahead = 0x1234_5678
	var p linklayer.Packet
	if linklayer.Parse(frame, false, &p) != linklayer.DropNone || p.Kind != linklayer.KindTCP {
		return
	}
	in := &p.Segment
	length := seq.Number(in.Len())
	if in.Flags&linklayer.RST != 0 || length == 0 {
		return
	}
	out := linklayer.Segment{
		Seq: in.Seq + ahead, Ack: in.Seq + length, Flags: linklayer.ACK | in.Flags&(linklayer.SYN|linklayer.FIN),
		Window: 65_535, Payload: in.Payload,
	}
	if p.DestinationPort == webPort && len(in.Payload) > 0 {
		out.Payload = page(in.Payload)
	} else if p.DestinationPort != farPort && p.DestinationPort != webPort {
		out = linklayer.Segment{Ack: in.Seq + length, Flags: linklayer.ACK | linklayer.RST}
	} else if in.Flags&linklayer.SYN != 0 {
		out.Options.Has, out.Options.MSS = linklayer.HasMSS, 1460
	}
	path := linklayer.NewPath(farMAC, irlstack.StandInMAC, 64, 0)
	b := make([]byte, 1600)
	n := linklayer.EmitTCP(b, &path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 0, &out, 0)
	reply(b[:n])
}

// page answers a request of one segment: /3 links to /4, and /9 to nowhere.
func page(request []byte) []byte {
	const head = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: "
	body := []byte("<p>")
	if rest, ok := bytes.CutPrefix(request, []byte("GET /")); ok && rest[0] >= '0' && rest[0] < '9' {
		body = fmt.Appendf(nil, "<a href=/%c>", rest[0]+1)
	}
	b := fmt.Appendf(nil, "%s%03d\r\n\r\n", head, len(request)-len(head)-len("100\r\n\r\n"))
	b = append(b, body...)
	return append(b, bytes.Repeat([]byte(" "), max(len(request)-len(b), 0))...)
}

// visitor opens connections and has what it sends echoed; each ends with FIN,
// or, every third, with RST.
type visitor struct {
	want    int // connections
	payload []byte
	opened  int
	left    map[tcpclient.ID]*visit
	end     chan struct{}
	failed  int
	echoed  int
	bytes   int
	killAt  int // connections echoed, upon which …
	kill    func()
}

// newVisitor has the same bytes of the given number echoed on each connection.
func newVisitor(connections, payload int) *visitor {
	v := &visitor{want: connections, payload: make([]byte, payload), left: map[tcpclient.ID]*visit{}, end: make(chan struct{})}
	r := rand.New(rand.NewPCG(1, 1))
	for k := range v.payload {
		v.payload[k] = byte(r.Uint32())
	}
	return v
}

// clientConfig is for a client over the interface.
func clientConfig(in tcpclient.Interface) tcpclient.Config {
	in.Sources, in.GatewayMAC = []netip.Prefix{local}, farMAC[:]
	return tcpclient.Config{Interfaces: []tcpclient.Interface{in}, ConnectionsMax: 8192, TimeWait: time.Second}
}

type visit struct {
	number   int
	sent     int
	received int
	wrong    bool
}

func (v *visitor) OpenMore(w *tcpclient.Worker, room int) {
	for ; v.opened < v.want && room > 0; room-- {
		var r [1]tcpclient.Opened
		remote := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, byte(v.opened >> 8), byte(v.opened)}), farPort)
		w.Open([]tcpclient.Open{{Remote: remote}}, r[:])
		if r[0].Err != nil {
			return
		}
		v.left[r[0].Conn] = &visit{number: v.opened}
		v.opened++
	}
}

func (v *visitor) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	for k := range events {
		e := &events[k]
		c := v.left[e.Conn]
		switch e.Kind {
		case tcpclient.Connected, tcpclient.Writable:
			v.send(w, e.Conn, c)
		case tcpclient.Data:
			v.receive(w, e, c)
		case tcpclient.Closed:
			v.done(e.Conn)
		case tcpclient.Failed:
			v.failed++
			v.done(e.Conn)
		}
	}
}

func (v *visitor) send(w *tcpclient.Worker, id tcpclient.ID, c *visit) {
	var r [1]tcpclient.Sent
	w.Send([]tcpclient.Send{{Conn: id, Data: v.payload[c.sent:]}}, r[:])
	c.sent += r[0].Count
}

func (v *visitor) receive(w *tcpclient.Worker, e *tcpclient.Event, c *visit) {
	c.wrong = c.wrong || !bytes.HasPrefix(v.payload[c.received:], e.Data)
	c.received += len(e.Data)
	if c.received < len(v.payload) {
		return
	}
	how := tcpclient.Fin
	if c.number%3 == 2 {
		how = tcpclient.Reset
	}
	var errs [1]error
	w.Close([]tcpclient.Close{{Conn: e.Conn, How: how}}, errs[:])
	if !c.wrong && errs[0] == nil {
		v.echoed++
		v.bytes += c.received
		if v.echoed == v.killAt {
			v.kill()
		}
	}
	if how == tcpclient.Reset {
		v.done(e.Conn)
	}
}

func (v *visitor) done(id tcpclient.ID) {
	delete(v.left, id)
	if len(v.left) == 0 && v.opened == v.want {
		close(v.end)
	}
}

// visitAll runs a client over the device until all is echoed, and returns the
// device's counters before it was closed.
func visitAll(t *testing.T, in tcpclient.Interface, connections, payload int) iobackend.Counters {
	t.Helper()
	v := newVisitor(connections, payload)
	client, err := tcpclient.New(clientConfig(in), func(*tcpclient.Worker) tcpclient.Handler { return v })
	require.NoError(t, err)
	require.NoError(t, client.Start())
	client.Wake(0)
	select {
	case <-v.end:
	case <-time.After(2 * time.Minute):
		t.Errorf("%d of %d opened, %d left: %+v", v.opened, v.want, len(v.left), client.Stats())
	}
	var c iobackend.Counters
	if in.Device != nil {
		c = in.Device.Queue(0).Counters()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(t, client.Close(ctx))
	require.Zero(t, v.failed)
	require.Equal(t, connections, v.echoed)
	require.Equal(t, connections*payload, v.bytes)
	return c
}

func openConfig() iobackend.Config {
	return iobackend.Config{Interface: "standin", Addresses: []netip.Prefix{local}}
}

func TestTransferInMemory(t *testing.T) {
	s := &irlstack.StandIn{Far: far, Flags: irlstack.FlagChecksumOK, Features: irlstack.ReceiveChecksum | irlstack.TransmitChecksum}
	device, err := irlstack.OpenMemory(&irlstack.Memory{StandIn: s}, openConfig(), irlstack.Options{})
	require.NoError(t, err)
	c := visitAll(t, tcpclient.Interface{Device: device}, 1, 3_000_000)
	require.Zero(t, c.DropInvalid+c.DropTransmit)
	require.GreaterOrEqual(t, uint64(s.Completed()), c.FramesSent, "a checksum was not left to the NIC")
	require.Zero(t, s.Bad().Total())
}

func TestThousandsOfConnectionsInMemory(t *testing.T) {
	s := &irlstack.StandIn{Far: far}
	device, err := irlstack.OpenMemory(&irlstack.Memory{StandIn: s}, openConfig(), irlstack.Options{})
	require.NoError(t, err)
	c := visitAll(t, tcpclient.Interface{Device: device}, 20_000, 300)
	require.Zero(t, c.DropInvalid+c.DropTransmit)
	require.GreaterOrEqual(t, c.FramesSent, uint64(3*20_000))
	require.Less(t, c.Kicks, c.FramesSent/4, "one request per batch, not per frame")
}
