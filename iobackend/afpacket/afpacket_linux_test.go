package afpacket

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
	"myriad/iobackend"
)

func TestInAnUnprivilegedUserNamespace(t *testing.T) {
	testbed.Require(t)
	if out, err := exec.Command("unshare", "-Urn", "true").CombinedOutput(); err != nil {
		t.Skipf("user namespaces are not allowed here: %v: %s", err, out)
	}
	asNobody(t, "TestFramesThereAndBack")
}

func TestFramesThereAndBack(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 1})
	info := d.Info()
	require.Equal(t, "near0", info.Name)
	require.Equal(t, "afpacket", info.Method)
	require.Equal(t, w.pair.NearMAC, info.HardwareAddr)
	require.Equal(t, 1500, info.MTU)
	require.Equal(t, 1024, info.BatchMax)
	q := d.Queue(0)
	far := w.farListen(t, "10.77.0.2:7000")
	buffer := make([]byte, 2000)
	for size := range 100 {
		payload := bytes.Repeat([]byte{byte(size)}, size*14)
		transmit(t, q, w.udp(1234, 7000, payload))
		n, from, err := far.ReadFrom(buffer)
		require.NoError(t, err)
		require.Equal(t, payload, buffer[:n])
		require.Equal(t, "10.78.0.5:1234", from.String())
		_, err = far.WriteTo(payload, from)
		require.NoError(t, err)
		got := receiveAll(t, q, count(1))
		require.Len(t, got, 1)
		require.Equal(t, payload, got[0].Data[42:])
		require.False(t, got[0].More)
		require.True(t, got[0].ChecksumOK, "the far kernel left the checksum to the device")
	}
	c := q.Counters()
	require.EqualValues(t, 100, c.FramesSent)
	require.EqualValues(t, 100, c.FramesReceived)
	require.Equal(t, c.BytesSent, c.BytesReceived)
	require.Zero(t, c.DropInvalid+c.DropRingFull+c.DropTransmit)
}

func TestChecksumIsNotVouchedForUnlessKnown(t *testing.T) {
	w := newWorld(t, func(c *testbed.VethConfig) { c.DisableOffloads = true })
	q := w.open(t, iobackend.Config{Queues: 1}).Queue(0)
	w.farSends(t, w.farListen(t, "10.77.0.2:0"), ourAddr, 9, []byte("x"))
	require.False(t, receiveAll(t, q, count(1))[0].ChecksumOK)
}

func TestOnlyOursIsReceived(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 1, Addresses: []netip.Prefix{
		netip.MustParsePrefix("10.78.0.5/32"), netip.MustParsePrefix("10.78.0.64/26"), netip.MustParsePrefix("10.79.1.0/31"),
	}})
	q := d.Queue(0)
	far := w.farListen(t, "10.77.0.2:0")
	_, err := w.far.Run("ip", "route", "add", "10.79.0.0/16", "dev", "far0")
	require.NoError(t, err)
	received := map[string]bool{ // whether it is ours
		"10.77.0.1": false, "10.78.0.4": false, "10.78.0.6": false, "10.78.0.63": false, "10.78.0.64": true,
		"10.78.0.127": true, "10.78.0.128": false, "10.79.0.255": false, "10.79.1.0": true, "10.79.1.1": true, "10.79.1.2": false,
	}
	for address, own := range received {
		_, err := w.far.Run("ip", "neigh", "replace", address, "lladdr", w.pair.NearMAC.String(), "dev", "far0")
		require.NoError(t, err)
		w.farSends(t, far, netip.MustParseAddr(address), 60000, []byte(address))
		if own {
			require.Equal(t, address, string(receiveAll(t, q, count(1))[0].Data[42:]))
		} else {
			w.nothingBefore(t, q, far)
		}
	}
	// Of the protocols, TCP, UDP and ICMP are ours, and nothing longer or
	// shorter matters.
	send := w.farSocket(t)
	for protocol, own := range map[byte]bool{1: true, 6: true, 17: true, 47: false, 132: false} {
		send(w.farIPv4(protocol, 1, make([]byte, 30)))
		if own {
			require.Equal(t, protocol, receiveAll(t, q, count(1))[0].Data[23])
		} else {
			w.nothingBefore(t, q, far)
		}
	}
	send(w.farIPv4(6, 1, nil)[:20])
	w.nothingBefore(t, q, far)
}

func TestARPAboutUs(t *testing.T) {
	w := newWorld(t, nil)
	q := w.open(t, iobackend.Config{Queues: 1}).Queue(0)
	far := w.farListen(t, "10.77.0.2:0")
	w.farSends(t, far, netip.MustParseAddr("10.78.0.77"), 1, nil)
	got := receiveAll(t, q, count(1))[0].Data
	require.EqualValues(t, 0x0806, binary.BigEndian.Uint16(got[12:]))
	require.Equal(t, []byte{10, 78, 0, 77}, got[38:42])
	w.farSends(t, far, netip.MustParseAddr("10.77.0.99"), 1, nil) // asks for the kernel's subnet
	for {
		w.farSends(t, far, ourAddr, 60000, []byte("mark"))
		f := receiveAll(t, q, count(1))[0].Data
		if f[12] == 8 && f[13] == 0 {
			break
		}
		// It asks again for ours.
		require.Equal(t, []byte{10, 78, 0, 77}, f[38:42])
	}
}

func TestTheKernelStaysSilentAboutOurs(t *testing.T) {
	w := newWorld(t, nil)
	q := w.open(t, iobackend.Config{Queues: 1}).Queue(0)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dialed := make(chan error, 1)
	go func() {
		_, err := w.far.DialContext(ctx, "tcp4", "10.78.0.5:80")
		dialed <- err
	}()
	got := receiveAll(t, q, count(2))
	require.EqualValues(t, 2, got[0].Data[47], "SYN")
	require.EqualValues(t, 2, got[1].Data[47], "and again")
	cancel()
	err := <-dialed
	require.Error(t, err)
	require.NotErrorIs(t, err, syscall.ECONNREFUSED, "nobody sent a RST")
	counters, err := w.near.Counters()
	require.NoError(t, err)
	require.Zero(t, counters["TcpOutRsts"])
	require.Zero(t, counters["IcmpOutMsgs"])
}

func TestTheKernelsOwnTrafficIsUnaffected(t *testing.T) {
	w := newWorld(t, nil)
	q := w.open(t, iobackend.Config{}).Queue(0)
	listener, err := w.near.Listen("tcp4", "10.77.0.1:80")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		if c, err := listener.Accept(); err == nil {
			io.Copy(c, c)
			c.Close()
		}
	}()
	conn, err := w.far.DialContext(t.Context(), "tcp4", "10.77.0.1:80")
	require.NoError(t, err)
	defer conn.Close()
	sent := bytes.Repeat([]byte("kernel"), 200_000)
	go func() { conn.Write(sent); conn.(*net.TCPConn).CloseWrite() }()
	back, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, back))
	ping(t, w, "10.77.0.1")
	require.Zero(t, q.Counters().FramesReceived)
}

// ping sends an echo request from the far kernel and waits for the answer.
func ping(t *testing.T, w *world, address string) {
	t.Helper()
	c, err := w.far.ListenPacket("ip4:icmp", "10.77.0.2")
	require.NoError(t, err)
	defer c.Close()
	request := []byte{8, 0, 0, 0, 1, 2, 0, 1, 'h', 'i'}
	binary.BigEndian.PutUint16(request[2:], checksum(request))
	_, err = c.WriteTo(request, &net.IPAddr{IP: net.ParseIP(address)})
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Now().Add(patience)))
	answer := make([]byte, 100)
	n, _, err := c.ReadFrom(answer)
	require.NoError(t, err)
	require.EqualValues(t, 0, answer[0])
	require.Equal(t, request[4:], answer[4:n])
}

func TestFramesArriveOnTheQueueOfTheirPort(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 3})
	require.Equal(t, 3, d.Info().Queues)
	far := w.farListen(t, "10.77.0.2:0")
	for port := range uint16(60) {
		w.farSends(t, far, ourAddr, 5000+port, []byte{byte(port)})
	}
	for index := range 3 {
		got := receiveAll(t, d.Queue(index), count(20))
		require.Len(t, got, 20)
		for _, f := range got {
			require.Equal(t, index, int(binary.BigEndian.Uint16(f.Data[36:]))%3)
		}
	}
	// An ICMP error goes where its connection is.
	for port := range uint16(6) {
		transmit(t, d.Queue(0), w.udp(7000+port, 9999, nil)) // a closed port
		got := receiveAll(t, d.Queue(int(7000+port)%3), count(1))
		require.EqualValues(t, 3, got[0].Data[34], "destination unreachable")
	}
	for index := range 3 {
		n, _, err := d.Queue(index).Receive(make([]iobackend.Frame, 1))
		require.NoError(t, err)
		require.Zero(t, n, "each frame arrives once")
	}
}

func TestQueuesDefaultToTheDevices(t *testing.T) {
	w := newWorld(t, nil)
	require.Equal(t, 2, w.open(t, iobackend.Config{}).Info().Queues)
}

func TestSuperFramesAreReceivedWhole(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 1})
	q := d.Queue(0)
	// The ring is made for 1,500; frames of that and of more are mixed.
	for end, ns := range map[string]*testbed.Namespace{"near0": w.near, "far0": w.far} {
		_, err := ns.Run("ip", "link", "set", end, "mtu", "9000")
		require.NoError(t, err)
	}
	sizes := []int{100, 9000, 2500, 1500}
	send := w.farSocket(t)
	var got []iobackend.Frame
	for i := range 300 {
		send(w.farIPv4(17, uint16(i), bytes.Repeat([]byte{byte(i)}, sizes[i%4]-20)))
		if i%30 == 29 {
			got = append(got, receiveAll(t, q, count(30))...)
		}
	}
	last := -1
	for _, f := range got {
		i := int(binary.BigEndian.Uint16(f.Data[18:]))
		require.Greater(t, i, last, "in order")
		last = i
		size := sizes[i%4]
		require.Len(t, f.Data, 14+size)
		require.Equal(t, bytes.Repeat([]byte{byte(i)}, size-20), f.Data[34:])
	}
	require.Len(t, got, 300)
	require.Zero(t, d.queues[0].Drops())
	require.Zero(t, held(d))
}

func TestMoreSuperFramesThanBuffersWait(t *testing.T) {
	w := newWorld(t, func(c *testbed.VethConfig) { c.MTU = 1500 })
	d := w.open(t, iobackend.Config{Queues: 1})
	for end, ns := range map[string]*testbed.Namespace{"near0": w.near, "far0": w.far} {
		_, err := ns.Run("ip", "link", "set", end, "mtu", "9000")
		require.NoError(t, err)
	}
	send := w.farSocket(t)
	for i := range 3 * superCount {
		send(w.farIPv4(17, uint16(i), make([]byte, 5000)))
	}
	q := d.Queue(0)
	var frames [64]iobackend.Frame
	for round := range 3 {
		n, _, err := q.Receive(frames[:])
		require.NoError(t, err)
		require.Equal(t, superCount, n)
		require.EqualValues(t, round*superCount, binary.BigEndian.Uint16(frames[0].Data[18:]))
		q.Release(frames[:n])
	}
	require.Zero(t, held(d))
}

func TestKernelTCPSendsSuperFrames(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 1})
	q := d.Queue(0)
	listener, err := w.far.Listen("tcp4", "10.77.0.2:80")
	require.NoError(t, err)
	defer listener.Close()
	go func() {
		if c, err := listener.Accept(); err == nil {
			c.Write(bytes.Repeat([]byte{7}, 60_000))
		}
	}()
	syn := w.tcp(2000, 80, 1, 0, 2, 65535)
	transmit(t, q, syn)
	answer := receiveAll(t, q, count(1))[0].Data
	require.EqualValues(t, 0x12, answer[47])
	theirs := binary.BigEndian.Uint32(answer[38:])
	transmit(t, q, w.tcp(2000, 80, 2, theirs+1, 0x10, 65535))
	bytesGot, largest := 0, 0
	receiveAll(t, q, func(got []iobackend.Frame) bool {
		bytesGot, largest = 0, 0
		for _, f := range got {
			payload := int(binary.BigEndian.Uint16(f.Data[16:])) - 20 - int(f.Data[46]>>4)*4
			bytesGot += payload
			largest = max(largest, len(f.Data))
		}
		return bytesGot >= 5000 // the initial window, in one super-frame or a few
	})
	require.Greater(t, largest, 2048)
	require.Zero(t, d.queues[0].Drops())
}

// tcp is a segment from us without options and payload.
func (w *world) tcp(from, to uint16, seq, ack uint32, flags byte, window uint16) []byte {
	f := make([]byte, 54)
	copy(f, w.udp(from, to, make([]byte, 12)))
	ip := f[14:34]
	ip[9], ip[10], ip[11] = 6, 0, 0
	binary.BigEndian.PutUint16(ip[10:], checksum(ip))
	segment := f[34:]
	binary.BigEndian.PutUint32(segment[4:], seq)
	binary.BigEndian.PutUint32(segment[8:], ack)
	segment[12], segment[13] = 0x50, flags
	binary.BigEndian.PutUint16(segment[14:], window)
	pseudo := append(append([]byte(nil), ip[12:20]...), 0, 6, 0, 20)
	binary.BigEndian.PutUint16(segment[16:], checksum(append(pseudo, segment...)))
	return f
}

func TestVLANFramesAreDroppedByName(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 1})
	plain := w.farIPv4(17, 1, make([]byte, 30))
	tagged := append(append(append([]byte(nil), plain[:12]...), 0x81, 0, 0, 5), plain[12:]...)
	w.farSocket(t)(tagged)
	w.nothingBefore(t, d.Queue(0), w.farListen(t, "10.77.0.2:0"))
	require.EqualValues(t, 1, d.queues[0].Drops().VLAN)
	require.EqualValues(t, 1, d.Queue(0).Counters().DropInvalid)
}

func TestHandOverByReference(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 2, ReceiveFrames: 64})
	far := w.farListen(t, "10.77.0.2:0")
	const rounds = 10 // several times round the ring
	got := make(chan []byte)
	go func() {
		var all []byte
		q := d.Queue(1)
		var frames [16]iobackend.Frame
		for len(all) < rounds*40 {
			n, at, _ := q.Receive(frames[:])
			for _, f := range frames[:n] {
				all = append(all, f.Data[42])
			}
			q.Release(frames[:n])
			if n == 0 {
				q.Wait(at + patience)
			}
		}
		got <- all
	}()
	q := d.Queue(0)
	var frames [16]iobackend.Frame
	var want []byte
	for round := range rounds {
		for i := range 40 {
			want = append(want, byte(round*40+i))
			w.farSends(t, far, ourAddr, 60000, want[len(want)-1:])
		}
		for moved := 0; moved < 40; {
			n, at, err := q.Receive(frames[:])
			require.NoError(t, err)
			for i := range n {
				for !q.HandOver(frames[i], 1) {
					time.Sleep(time.Millisecond)
				}
				frames[i].Data = nil
			}
			q.Release(frames[:n])
			if moved += n; n == 0 {
				require.NoError(t, q.Wait(at+patience))
			}
		}
		// The ring has 64 slots and 40 are used each round: what was handed
		// over must have come home by the next.
		require.Eventually(t, func() bool { return held(d) == 0 }, patience, time.Millisecond)
	}
	require.Equal(t, want, <-got)
	require.False(t, q.HandOver(iobackend.Frame{}, 2))
	require.False(t, q.HandOver(iobackend.Frame{}, 0))
	require.EqualValues(t, rounds*40, q.Counters().HandedOver)
	require.EqualValues(t, rounds*40, d.Queue(1).Counters().FramesReceived)
}

// held counts the slots that are out.
func held(d *Device) (count int) {
	for _, q := range d.queues {
		for slot := range q.ring.slots {
			if q.ring.status(slot).Load()&statusHeld != 0 {
				count++
			}
		}
		for i := range q.super.used {
			if q.super.used[i].Load() {
				count++
			}
		}
	}
	return count
}

func TestEveryFrameIsReceivedOrCounted(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 1, ReceiveFrames: 64, SendFrames: 64})
	q := d.Queue(0)
	far := w.farListen(t, "10.77.0.2:0")
	for range 200 {
		w.farSends(t, far, ourAddr, 60000, []byte("x"))
	}
	got := receiveAll(t, q, count(64))
	require.Len(t, got, 64)
	require.EqualValues(t, 136, q.Counters().DropRingFull)
	require.EqualValues(t, 136, q.Counters().DropRingFull, "reading does not reset it")
	require.Zero(t, held(d))

	// A flood does not take send frames, and they come back.
	for range 10 {
		var frames [100]iobackend.Frame
		require.Equal(t, 64, q.Reserve(frames[:]))
		require.Zero(t, q.Reserve(frames[64:]))
		for i := range 64 {
			frames[i].Data = frames[i].Data[:60]
		}
		require.NoError(t, q.Transmit(frames[:64]))
	}
	require.EqualValues(t, 640, q.Counters().FramesSent)
	w.farSends(t, far, ourAddr, 60000, []byte("y"))
	require.Len(t, receiveAll(t, q, count(1)), 1)
}

func TestMisuseIsCounted(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 1})
	q := d.Queue(0)
	w.farSends(t, w.farListen(t, "10.77.0.2:0"), ourAddr, 60000, []byte("x"))
	var f [1]iobackend.Frame
	require.NoError(t, q.Wait(q.Now()+patience))
	n, _, err := q.Receive(f[:])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	q.Release(f[:])
	q.Release(f[:])
	q.Release([]iobackend.Frame{{Data: f[0].Data, Handle: ^uint64(0)}, {}})
	require.EqualValues(t, 2, d.queues[0].Drops().Misuse)
}

func TestMultiPiecePacketsAreSentWhole(t *testing.T) {
	w := newWorld(t, nil)
	q := w.open(t, iobackend.Config{Queues: 1}).Queue(0)
	far := w.farListen(t, "10.77.0.2:7000")
	payload := bytes.Repeat([]byte("0123456789"), 100)
	packet := w.udp(1, 7000, payload)
	var f [3]iobackend.Frame
	require.Equal(t, 3, q.Reserve(f[:]))
	for i, cut := range []int{0, 100, 700} {
		end := []int{100, 700, len(packet)}[i]
		f[i].Data = f[i].Data[:copy(f[i].Data, packet[cut:end])]
		f[i].More = i < 2
	}
	require.NoError(t, q.Transmit(f[:]))
	buffer := make([]byte, 2000)
	n, _, err := far.ReadFrom(buffer)
	require.NoError(t, err)
	require.Equal(t, payload, buffer[:n])
	require.EqualValues(t, 1, q.Counters().FramesSent)
}

func TestRefusedFramesAreCountedAndTheRestSent(t *testing.T) {
	w := newWorld(t, nil)
	q := w.open(t, iobackend.Config{Queues: 1}).Queue(0)
	far := w.farListen(t, "10.77.0.2:7000")
	transmit(t, q, w.udp(1, 7000, []byte("a")), w.udp(1, 7000, make([]byte, 1900)), make([]byte, 3), w.udp(1, 7000, []byte("b")))
	buffer := make([]byte, 2000)
	for _, want := range []string{"a", "b"} {
		n, _, err := far.ReadFrom(buffer)
		require.NoError(t, err)
		require.Equal(t, want, string(buffer[:n]))
	}
	require.EqualValues(t, 2, q.Counters().FramesSent)
	require.EqualValues(t, 2, q.Counters().DropTransmit)
}

// ways to wait: with the thread, and parked.
var ways = map[string]bool{"blocks": false, "parks": true}

func TestWaitAndWake(t *testing.T) {
	for name, park := range ways {
		t.Run(name, func(t *testing.T) { waitAndWake(t, park) })
	}
}

func waitAndWake(t *testing.T, park bool) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 1, Park: park})
	q := d.Queue(0)
	before := q.Now()
	require.NoError(t, q.Wait(before+20*time.Millisecond))
	require.GreaterOrEqual(t, q.Now()-before, 20*time.Millisecond)

	q.Wake() // before: ends the next
	require.NoError(t, q.Wait(q.Now()+time.Hour))
	go func() {
		for !d.queues[0].wait.sleeping.Load() {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(10 * time.Millisecond)
		q.Wake()
	}()
	require.NoError(t, q.Wait(q.Now()+time.Hour))
	require.NoError(t, q.Wait(q.Now()-time.Second))
}

func TestLinkFlap(t *testing.T) {
	for name, park := range ways {
		t.Run(name, func(t *testing.T) { linkFlaps(t, park) })
	}
}

func linkFlaps(t *testing.T, park bool) {
	w := newWorld(t, nil)
	q := w.open(t, iobackend.Config{Queues: 2, Park: park}).Queue(0)
	far := w.farListen(t, "10.77.0.2:0")
	require.NoError(t, w.near.SetDown("near0"))
	require.NoError(t, q.Wait(q.Now()+50*time.Millisecond))
	transmit(t, q, w.udp(1, 7000, nil))
	require.EqualValues(t, 1, q.Counters().DropTransmit)
	waits := q.Counters().Waits
	for until := q.Now() + 300*time.Millisecond; q.Now() < until; {
		require.NoError(t, q.Wait(until))
	}
	require.Less(t, q.Counters().Waits-waits, uint64(20), "no spinning while it is down")
	require.NoError(t, w.near.SetUp("near0"))
	_, err := w.far.Run("ip", "neigh", "replace", ourAddr.String(), "lladdr", w.pair.NearMAC.String(), "dev", "far0")
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		w.farSends(t, far, ourAddr, 60000, []byte("again"))
		require.NoError(t, q.Wait(q.Now()+50*time.Millisecond))
		var f [1]iobackend.Frame
		n, _, err := q.Receive(f[:])
		require.NoError(t, err)
		q.Release(f[:n])
		return n == 1
	}, patience, time.Millisecond)
	transmit(t, q, w.udp(1, 7000, nil))
	require.EqualValues(t, 1, q.Counters().FramesSent)
}

func TestDeletion(t *testing.T) {
	for name, park := range ways {
		t.Run(name, func(t *testing.T) { deletionIsNoticed(t, park) })
	}
}

func deletionIsNoticed(t *testing.T, park bool) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 2, Park: park})
	failure := make(chan error, 2)
	for i := range 2 {
		go func() {
			q := d.Queue(i)
			var f [1]iobackend.Frame
			for {
				_, at, err := q.Receive(f[:])
				if err == nil {
					err = q.Wait(at + time.Hour)
				}
				if err != nil {
					failure <- err
					return
				}
			}
		}()
	}
	require.NoError(t, w.near.DeleteLink("near0"))
	for range 2 {
		select {
		case err := <-failure:
			require.ErrorIs(t, err, iobackend.ErrDeviceGone)
		case <-time.After(patience):
			t.Fatal("no error after the interface was deleted")
		}
	}
	var f [1]iobackend.Frame
	require.Equal(t, 1, d.Queue(0).Reserve(f[:]))
	f[0].Data = f[0].Data[:60]
	require.ErrorIs(t, d.Queue(0).Transmit(f[:]), iobackend.ErrDeviceGone)
}

func TestDeletionIsNoticedBySending(t *testing.T) {
	w := newWorld(t, nil)
	q := w.open(t, iobackend.Config{Queues: 1}).Queue(0)
	require.NoError(t, w.near.DeleteLink("near0"))
	require.Eventually(t, func() bool {
		var f [1]iobackend.Frame
		require.Equal(t, 1, q.Reserve(f[:]))
		f[0].Data = f[0].Data[:60]
		err := q.Transmit(f[:])
		if err != nil {
			require.ErrorIs(t, err, iobackend.ErrDeviceGone)
		}
		return err != nil
	}, patience, time.Millisecond)
}

func TestClose(t *testing.T) {
	w := newWorld(t, nil)
	d := w.open(t, iobackend.Config{Queues: 2})
	q := d.Queue(0)
	transmit(t, q, w.udp(1, 1, nil))
	require.NoError(t, d.Close())
	require.NoError(t, d.Close())
	var f [1]iobackend.Frame
	_, _, err := q.Receive(f[:])
	require.ErrorIs(t, err, iobackend.ErrClosed)
	require.ErrorIs(t, q.Wait(time.Hour), iobackend.ErrClosed)
	require.ErrorIs(t, q.Transmit(nil), iobackend.ErrClosed)
	require.Zero(t, q.Reserve(f[:]))
	q.Release([]iobackend.Frame{{Data: []byte{1}}})
	q.Wake()
	require.EqualValues(t, 1, q.Counters().FramesSent)
	w.open(t, iobackend.Config{Queues: 2}) // nothing is left in the way
}

func TestBadConfigIsRefusedByName(t *testing.T) {
	address := []netip.Prefix{ours}
	for want, c := range map[string]iobackend.Config{
		"Interface is empty":                                                       {Addresses: address},
		"ReceiveFrames 1000 is not a power of two":                                 {Interface: "x", Addresses: address, ReceiveFrames: 1000},
		"SendFrames 32 is not a power of two within 64":                            {Interface: "x", Addresses: address, SendFrames: 32},
		"ReceiveFrames -64 is not a power of two within":                           {Interface: "x", Addresses: address, ReceiveFrames: -64},
		"Queues -1 is not within 0 and 64":                                         {Interface: "x", Addresses: address, Queues: -1},
		"Addresses is empty":                                                       {Interface: "x"},
		"Addresses[1] 2001:db8::/32 is not an IPv4":                                {Interface: "x", Addresses: []netip.Prefix{ours, netip.MustParsePrefix("2001:db8::/32")}},
		"Addresses[0] 10.78.0.5/24 has bits beyond its length: write 10.78.0.0/24": {Interface: "x", Addresses: []netip.Prefix{netip.MustParsePrefix("10.78.0.5/24")}},
	} {
		_, err := Open(c)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "afpacket: open: ")
	}
}

func TestUnusableInterfacesAreRefusedByName(t *testing.T) {
	w := newWorld(t, nil)
	refused := func(want string, c iobackend.Config) {
		t.Helper()
		_, err := w.tryOpen(c)
		require.ErrorContains(t, err, want)
	}
	refused(`Interface "nosuch0": no such interface`, iobackend.Config{Interface: "nosuch0"})
	refused(`Interface "lo" is of type loopback`, iobackend.Config{Interface: "lo"})
	refused("Addresses[0] 10.77.0.0/28 overlaps 10.77.0.1/32, which is the kernel's own",
		iobackend.Config{Addresses: []netip.Prefix{netip.MustParsePrefix("10.77.0.0/28")}})
	require.NoError(t, w.near.Sysctl("net/ipv4/conf/near0/forwarding", "1"))
	refused(`sysctl -w net.ipv4.conf.near0.forwarding=0`, iobackend.Config{})
	require.NoError(t, w.near.Sysctl("net/ipv4/conf/near0/forwarding", "0"))
	require.NoError(t, w.near.SetDown("near0"))
	refused(`Interface "near0" is down: ip link set near0 up`, iobackend.Config{})
}

func TestMissingRightsAreNamed(t *testing.T) {
	w := newWorld(t, nil)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("setpriv (util-linux) is not installed")
	}
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(setpriv, "--bounding-set=-net_raw", "--inh-caps=-net_raw", "--", self)
	cmd.Env = append(os.Environ(), roleVariable+"="+roleOpen)
	var out bytes.Buffer
	cmd.Stdout = &out
	require.NoError(t, w.near.Start(cmd))
	require.NoError(t, cmd.Wait())
	require.Contains(t, out.String(), "afpacket: open near0: packet sockets need CAP_NET_RAW")
}

func TestMergePrefixes(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.0/32 10.0.0.1/32":                             "10.0.0.0/31",
		"10.0.0.1/32 10.0.0.2/32":                             "10.0.0.1/32 10.0.0.2/32",
		"10.0.0.0/24 10.0.0.7/32 10.0.0.0/25":                 "10.0.0.0/24",
		"10.0.0.3/32 10.0.0.2/32 10.0.0.1/32 10.0.0.0/32":     "10.0.0.0/30",
		"0.0.0.0/1 128.0.0.0/1":                               "0.0.0.0/0",
		"10.0.0.0/25 10.0.0.128/26 10.0.0.192/26 10.0.1.0/24": "10.0.0.0/23",
	} {
		var prefixes, merged []netip.Prefix
		for _, p := range strings.Fields(in) {
			prefixes = append(prefixes, netip.MustParsePrefix(p))
		}
		for _, p := range strings.Fields(want) {
			merged = append(merged, netip.MustParsePrefix(p))
		}
		require.Equal(t, merged, mergePrefixes(prefixes), in)
	}
}

func TestManyPrefixes(t *testing.T) {
	var many []netip.Prefix
	for i := range prefixesMax + 1 {
		many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 200 + byte(i>>8), byte(i), 8}), 30))
	}
	_, err := ownFilter(many)
	require.ErrorContains(t, err, "Addresses has 501 prefixes")
	w := newWorld(t, nil)
	all := append(many[:prefixesMax-1], netip.PrefixFrom(ourAddr, 32))
	q := w.open(t, iobackend.Config{Queues: 1, Addresses: all}).Queue(0)
	w.farSends(t, w.farListen(t, "10.77.0.2:0"), ourAddr, 60000, []byte("x"))
	require.Len(t, receiveAll(t, q, count(1)), 1)
}

func TestATurnDoesNotAllocate(t *testing.T) {
	w := newWorld(t, nil)
	q := w.open(t, iobackend.Config{Queues: 1}).Queue(0)
	w.farListen(t, "10.77.0.2:7")
	packet := w.udp(1, 9999, []byte("x")) // a closed port: the far kernel answers with ICMP, now and then
	var frames [32]iobackend.Frame
	require.Zero(t, testing.AllocsPerRun(200, func() {
		n := q.Reserve(frames[:])
		for i := range n {
			frames[i].Data = frames[i].Data[:copy(frames[i].Data, packet)]
		}
		if err := q.Transmit(frames[:n]); err != nil {
			t.Fatal(err)
		}
		n, at, err := q.Receive(frames[:])
		if err != nil {
			t.Fatal(err)
		}
		q.Release(frames[:n])
		q.Wake()
		q.Wait(at + time.Second)
	}))
	require.NotZero(t, q.Counters().FramesReceived)
}
