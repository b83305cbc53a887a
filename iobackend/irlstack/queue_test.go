package irlstack

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
	"myriad/iobackend"
	"myriad/linklayer"
)

var testAddresses = []netip.Prefix{netip.MustParsePrefix("10.1.0.0/24"), netip.MustParsePrefix("2001:db8::1/128")}

func testConfig() iobackend.Config {
	return iobackend.Config{Interface: "memory", Addresses: testAddresses, ReceiveFrames: 64, SendFrames: 16}
}

func openMemory(t *testing.T, m *Memory) (*Device, iobackend.Queue) {
	t.Helper()
	d, err := OpenMemory(m, testConfig(), Options{RequestFrames: 8})
	require.NoError(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d, d.Queue(0)
}

// echo sends every frame back.
func echo(frame []byte, reply func([]byte)) { reply(frame) }

// sendFrames sends frames of the given length, each marked with its number.
func sendFrames(t *testing.T, q iobackend.Queue, count, size int) {
	t.Helper()
	frames := make([]iobackend.Frame, count)
	require.Equal(t, count, q.Reserve(frames))
	for k := range frames {
		frames[k].Data = frames[k].Data[:size]
		copy(frames[k].Data, frameOf(size, byte(k)))
	}
	require.NoError(t, q.Transmit(frames))
}

// receiveFrames waits for count frames.
func receiveFrames(t *testing.T, q iobackend.Queue, count int) (all []iobackend.Frame) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); len(all) < count; {
		require.True(t, time.Now().Before(end), "%d of %d frames came", len(all), count)
		some := make([]iobackend.Frame, count-len(all))
		n, at, err := q.Receive(some)
		require.NoError(t, err)
		if n == 0 {
			require.NoError(t, q.Wait(at+time.Second))
		}
		all = append(all, some[:n]...)
	}
	return all
}

func TestFramesGoDownAndUp(t *testing.T) {
	m := &Memory{StandIn: &StandIn{Far: echo, Flags: FlagChecksumOK, Features: featureReceiveChecksum}}
	d, q := openMemory(t, m)
	require.Equal(t, testAddresses, m.Registered())
	require.Equal(t, 1500, d.Info().MTU)
	require.Equal(t, 1514, d.Info().FrameBytes)
	require.Equal(t, StandInMAC[:], []byte(d.Info().HardwareAddr))
	for round := range 100 {
		size := 14 + round*15
		sendFrames(t, q, 10, size)
		frames := receiveFrames(t, q, 10)
		for k, f := range frames {
			require.Equal(t, frameOf(size, byte(k)), f.Data)
			require.True(t, f.ChecksumOK)
		}
		q.Release(frames)
	}
	c := q.Counters()
	require.Equal(t, uint64(1000), c.FramesSent)
	require.Equal(t, uint64(1000), c.FramesReceived)
	require.Equal(t, c.BytesSent, c.BytesReceived)
	require.Zero(t, c.DropInvalid+c.DropTransmit)
	require.Zero(t, m.Bad().Total())
}

// Checksums are left to the NIC where the driver says so, and only there.
func TestChecksumsAreTheNICs(t *testing.T) {
	m := &Memory{StandIn: &StandIn{Far: echo, Flags: FlagChecksumOK, Features: featureTransmitChecksum}}
	d, q := openMemory(t, m)
	require.True(t, d.Info().TransmitChecksum)
	whole := make([]byte, 100)
	path := linklayer.NewPath(StandInMAC, StandInMAC, 64, 0)
	n := linklayer.EmitUDP(whole, &path, [16]byte{15: 1}, [16]byte{15: 2}, 3, 4, 5, []byte("odd"), 0)
	var f [2]iobackend.Frame
	require.Equal(t, 2, q.Reserve(f[:]))
	for k := range f {
		f[k].Data = f[k].Data[:n]
		copy(f[k].Data, whole)
	}
	path = path.WithPartialChecksum()
	require.Equal(t, n, linklayer.EmitUDP(f[1].Data, &path, [16]byte{15: 1}, [16]byte{15: 2}, 3, 4, 5, []byte("odd"), 0))
	require.NotEqual(t, f[0].Data, f[1].Data)
	f[1].ChecksumPartial = true
	require.NoError(t, q.Transmit(f[:]))
	for _, up := range receiveFrames(t, q, 2) {
		require.Equal(t, whole[:n], up.Data)
		require.False(t, up.ChecksumOK, "the driver did not offer it")
	}
	require.Equal(t, 1, m.Completed())

	open := func(m *Memory, wish iobackend.Offload) (*Device, error) {
		c := testConfig()
		c.TransmitChecksum = wish
		return OpenMemory(m, c, Options{RequestFrames: 8})
	}
	d, err := open(&Memory{StandIn: &StandIn{Features: featureTransmitChecksum}}, iobackend.OffloadOff)
	require.NoError(t, err)
	require.False(t, d.Info().TransmitChecksum)
	require.NoError(t, d.Close())
	_, err = open(&Memory{}, iobackend.OffloadOn)
	require.ErrorIs(t, err, iobackend.ErrNotSupported)
	require.ErrorContains(t, err, "TransmitChecksum")

	d, q = openMemory(t, &Memory{})
	require.False(t, d.Info().TransmitChecksum)
	require.Equal(t, 2, q.Reserve(f[:]))
	f[0].Data, f[0].ChecksumPartial = f[0].Data[:60], true
	require.NoError(t, q.Transmit(f[:1]))
	require.EqualValues(t, 1, q.Counters().DropTransmit, "it would leave with a wrong checksum")
}

// A batch is one request, cut only where a request would be too long and where
// the send memory ends.
func TestABatchIsOneRequest(t *testing.T) {
	m := &Memory{StandIn: &StandIn{}}
	_, q := openMemory(t, m)
	sendFrames(t, q, 6, 60)
	require.Equal(t, []int{6}, m.Buffers())
	sendFrames(t, q, 15, 60) // slots 6 to 15, 0 to 4
	require.Equal(t, []int{6, 8, 2, 5}, m.Buffers())
	require.EqualValues(t, 4, q.Counters().Kicks)
}

// Frames sent in another order than they were reserved in leave in the order
// in which they were sent.
func TestFramesLeaveInOrder(t *testing.T) {
	m := &Memory{StandIn: &StandIn{Far: echo}}
	_, q := openMemory(t, m)
	var f [8]iobackend.Frame
	require.Equal(t, 8, q.Reserve(f[:]))
	order := []int{3, 1, 2, 7, 0}
	var out []iobackend.Frame
	for _, k := range order {
		f[k].Data = f[k].Data[:20]
		f[k].Data[0] = byte(k)
		out = append(out, f[k])
	}
	require.NoError(t, q.Transmit(out))
	for k, got := range receiveFrames(t, q, 5) {
		require.EqualValues(t, order[k], got.Data[0])
	}
	require.Equal(t, []int{1, 2, 1, 1}, m.Buffers())
}

func TestReserveEndsWithTheSendMemory(t *testing.T) {
	m := &Memory{StandIn: &StandIn{}, Hold: true}
	_, q := openMemory(t, m)
	sendFrames(t, q, 10, 60)
	f := make([]iobackend.Frame, 16)
	require.Equal(t, 6, q.Reserve(f))
	require.Equal(t, 0, q.Reserve(f[6:]))
	m.mutex.Lock()
	m.endAll(nil)
	m.mutex.Unlock()
	require.Equal(t, 10, q.Reserve(f[6:]))
}

func TestABufferGoesBackWithItsLastFrame(t *testing.T) {
	m := &Memory{StandIn: &StandIn{}}
	d, q := openMemory(t, m)
	require.Equal(t, 8, d.queue.reading)
	m.Up(bufferOf(60, 60, 60))
	var f [2]iobackend.Frame
	n, _, err := q.Receive(f[:])
	require.NoError(t, err)
	require.Equal(t, 2, n)
	q.Release(f[:2])
	require.Equal(t, 7, d.queue.reading, "the third was not carved yet")
	n, _, err = q.Receive(f[:])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, 7, d.queue.reading)
	q.Release(f[:1])
	require.Equal(t, 8, d.queue.reading)
	q.Release(f[:1]) // once too often
	_, _, _ = q.Receive(nil)
	require.EqualValues(t, 1, q.Counters().DropInvalid)
}

func TestShortReadsAndTornBuffers(t *testing.T) {
	m := &Memory{StandIn: &StandIn{}}
	d, q := openMemory(t, m)
	whole := bufferOf(60, 60, 60)
	m.Up(nil) // a read that ends with nothing
	m.Up(whole[:Stride(60)])
	m.Up(whole[:len(whole)-70])
	m.Up(make([]byte, 1<<17)) // longer than a read, and zeroes
	m.Up(whole)
	require.Len(t, receiveFrames(t, q, 1+2+3), 6)
	require.Equal(t, Faults{Torn: 1, Version: 1}, d.Faults())
	require.EqualValues(t, 2, q.Counters().DropInvalid)
}

func TestFramesThatCannotBeSentAreCounted(t *testing.T) {
	m := &Memory{StandIn: &StandIn{Far: echo}}
	_, q := openMemory(t, m)
	var f [5]iobackend.Frame
	require.Equal(t, 5, q.Reserve(f[:]))
	f[0].Data = f[0].Data[:60]
	f[1].Data = f[1].Data[:13]
	f[2].Data, f[2].More = f[2].Data[:60], true
	f[3].Data = append(f[3].Data, 0)
	f[4].Data = f[4].Data[:60]
	require.NoError(t, q.Transmit(f[:]))
	require.Len(t, receiveFrames(t, q, 2), 2)
	require.NoError(t, q.Transmit(f[:1])) // given away before
	require.EqualValues(t, 3, q.Counters().DropTransmit)
	require.EqualValues(t, 1, q.Counters().DropInvalid)
	f = [5]iobackend.Frame{}
	m.SetBusy(errors.New("no memory"))
	sendFrames(t, q, 4, 60)
	require.EqualValues(t, 7, q.Counters().DropTransmit)
	m.SetBusy(nil)
	sendFrames(t, q, 16, 60) // no slot was lost
}

// A driver that is short of memory gets the reads later.
func TestRefusedReadsAreTriedAgain(t *testing.T) {
	m := &Memory{StandIn: &StandIn{}}
	d, q := openMemory(t, m)
	m.Up(bufferOf(60))
	f := receiveFrames(t, q, 1)
	m.SetBusy(errors.New("no memory"))
	q.Release(f)
	require.Equal(t, 7, d.queue.reading)
	_, _, err := q.Receive(f)
	require.NoError(t, err)
	m.SetBusy(nil)
	_, _, err = q.Receive(f)
	require.NoError(t, err)
	require.Equal(t, 8, d.queue.reading)
}

func TestADriverThatDisappears(t *testing.T) {
	m := &Memory{StandIn: &StandIn{}, Hold: true}
	d, q := openMemory(t, m)
	sendFrames(t, q, 3, 60)
	m.Up(bufferOf(60, 60))
	m.Vanish()
	f := make([]iobackend.Frame, 8)
	n, _, err := q.Receive(f)
	require.NoError(t, err, "what came before is still delivered")
	require.Equal(t, 2, n)
	_, _, err = q.Receive(f)
	require.ErrorIs(t, err, iobackend.ErrDeviceGone)
	require.ErrorIs(t, q.Wait(q.Now()+time.Hour), iobackend.ErrDeviceGone)
	require.EqualValues(t, 3, q.Counters().DropTransmit)
	n = q.Reserve(f)
	for k := range f[:n] {
		f[k].Data = f[k].Data[:60]
	}
	require.ErrorIs(t, q.Transmit(f[:n]), iobackend.ErrDeviceGone)
	require.NoError(t, d.Close())
}

func TestWakeEndsWait(t *testing.T) {
	_, q := openMemory(t, &Memory{})
	done := make(chan error)
	go func() { done <- q.Wait(q.Now() + time.Hour) }()
	q.Wake()
	require.NoError(t, <-done)
	require.NoError(t, q.Wait(q.Now()-time.Second))

	q.Wake() // and another call comes between
	_, _, err := q.Receive(nil)
	require.NoError(t, err)
	require.NoError(t, q.Wait(q.Now()+time.Hour))
}

func TestCloseWithRequestsOutstanding(t *testing.T) {
	m := &Memory{Hold: true}
	d, q := openMemory(t, m)
	sendFrames(t, q, 3, 60)
	require.NoError(t, d.Close())
	require.True(t, m.closed)
	require.Zero(t, d.queue.reading+d.queue.writes)
	require.NoError(t, d.Close())
	q.Wake()
	require.EqualValues(t, 3, q.Counters().DropTransmit)
	_, _, err := q.Receive(make([]iobackend.Frame, 1))
	require.ErrorIs(t, err, iobackend.ErrClosed)
}

func TestConfigurationIsRefusedByName(t *testing.T) {
	for want, change := range map[string]func(*iobackend.Config, *Options){
		"Addresses: none":               func(c *iobackend.Config, _ *Options) { c.Addresses = nil },
		"Queues 2 exceeds 1":            func(c *iobackend.Config, _ *Options) { c.Queues = 2 },
		"ReceiveFrames 63":              func(c *iobackend.Config, _ *Options) { c.ReceiveFrames = 63 },
		"SendFrames 131072":             func(c *iobackend.Config, _ *Options) { c.SendFrames = 1 << 17 },
		"RequestFrames 5000":            func(_ *iobackend.Config, o *Options) { o.RequestFrames = 5000 },
		"less than 2 requests":          func(c *iobackend.Config, _ *Options) { c.ReceiveFrames = 8 },
		"cannot be shared with Windows": func(c *iobackend.Config, _ *Options) { c.Shared = &iobackend.Shared{} },
	} {
		c, o := testConfig(), Options{RequestFrames: 8}
		change(&c, &o)
		_, err := OpenMemory(&Memory{}, c, o)
		require.ErrorContains(t, err, want)
	}
}

func TestTheDriversRefusals(t *testing.T) {
	for want, s := range map[string]*StandIn{
		"it speaks 3, this program 1: install the driver that belongs":                                     {Version: 3},
		"in use by another program: end that program":                                                      {Status: statusBusy},
		"not bound to interface \"memory\": enable it":                                                     {Status: statusNoInterface},
		"10.1.0.0/24: address refused by the driver: give an address":                                      {Refuse: netip.MustParseAddr("10.1.0.9")},
		"2001:db8::1/128: address refused":                                                                 {Refuse: netip.MustParseAddr("2001:db8::1")},
		"status 77, detail 0, which this program does not know: the driver is of another version: install": {Status: 77},
		"lower it to 2": {RequestBytes: 4000},
		"which cannot be: the driver is of another version: install the driver that belongs": {MTU: 100},
	} {
		m := &Memory{StandIn: s}
		_, err := OpenMemory(m, testConfig(), Options{RequestFrames: 8})
		require.ErrorContains(t, err, want)
		require.True(t, m.closed, "the handle leaked")
	}
}

func TestHotPathAllocatesNothing(t *testing.T) {
	m := &Memory{StandIn: &StandIn{}}
	d, q := openMemory(t, m)
	d.driver = &idle{d: d}
	frames := make([]iobackend.Frame, 8)
	buffer := bufferOf(60, 60, 60, 60, 60, 60, 60, 60)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		copy(d.queue.reads[0].memory, buffer)
		d.driver.(*idle).up = len(buffer)
		n, _, _ := q.Receive(frames)
		q.Release(frames[:n])
		n = q.Reserve(frames)
		for k := range frames[:n] {
			frames[k].Data = frames[k].Data[:60]
		}
		_ = q.Transmit(frames[:n])
	}))
	require.NotZero(t, q.Counters().FramesReceived)
}

// idle completes writes at once, and one read when told.
type idle struct {
	driver
	d    *Device
	up   int
	done []completion
}

func (i *idle) read(int, []byte) error { return nil }
func (i *idle) write(number int, b []byte) error {
	i.done = append(i.done, completion{number: number, bytes: len(b)})
	return nil
}
func (i *idle) completed(done []completion, _ time.Duration) (int, error) {
	n := copy(done, i.done)
	i.done = i.done[:0]
	if i.up > 0 && n < len(done) {
		done[n] = completion{number: 0, bytes: i.up}
		i.up, n = 0, n+1
	}
	return n, nil
}
func (i *idle) cancel()      { i.d.queue.reading, i.d.queue.writes = 0, 0 }
func (i *idle) close() error { return nil }
func (i *idle) wake()        {}

// Whatever the driver answers is refused or makes sense.
func FuzzAnswer(f *testing.F) {
	good, _ := (&StandIn{}).Control(appendHello(nil, 1))
	f.Add(good)
	f.Add(good[:answerBytes])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		bounded.Input(t, 64<<20, func() {
			s, detail, err := parseAnswer(b)
			if err != nil {
				require.ErrorIs(t, err, ErrVersion)
				return
			}
			require.Equal(t, s == statusOK, refusal(s, detail, "memory", testAddresses) == nil)
			if h, err := parseHello(b); err == nil {
				require.GreaterOrEqual(t, h.mtu, mtuMin)
				require.LessOrEqual(t, h.mtu, mtuMax)
				require.LessOrEqual(t, h.requestBytes, requestBytesMax)
			}
		})
	})
}
