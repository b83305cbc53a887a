package afxdp

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/testbed"
	"myriad/iobackend"
	"myriad/linklayer"
)

// offload asks that checksums be left to the device.
var offload = iobackend.Config{TransmitChecksum: iobackend.OffloadOn}

// transport writes a TCP or a UDP frame with a random payload.
func transport(dst []byte, path *linklayer.Path, tcp bool, random *rand.Rand, bytes int) int {
	payload := make([]byte, bytes)
	for k := range payload {
		payload[k] = byte(random.Uint32())
	}
	from, to := nearDst.As16(), farDst.As16()
	if !tcp {
		return linklayer.EmitUDP(dst, path, from, to, 4000, 53, 7, payload, 0)
	}
	g := linklayer.Segment{Seq: 0xffff_ff00, Ack: 77, Flags: linklayer.ACK | linklayer.PSH, Window: 500, Payload: payload}
	g.Options.Has, g.Options.TSVal, g.Options.TSEcr = linklayer.HasTimestamps, 5, 6
	return linklayer.EmitTCP(dst, path, from, to, 4000, 80, 7, &g, 0)
}

// What reaches a raw receiver: a whole checksum wherever the kernel completes it,
// because it was asked to or because the device cannot; the pseudo-header's sum
// where the device said that it would, which a veth does not do.
func TestChecksumsLeftToTheDevice(t *testing.T) {
	for name, c := range map[string]struct {
		options  Options
		deviceOn bool
		whole    bool
	}{
		"a veth passes the sum on": {Options{}, true, false},
		"separate UMEMs":           {Options{SeparateUMEM: true}, true, false},
		"the device cannot":        {Options{}, false, true},
		"the kernel as it copies":  {Options{KernelChecksum: true}, true, true},
		"generic mode":             {Options{Generic: true}, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newOffloadingWorld(t, testbed.VethConfig{Queues: 1, MTU: 3000})
			if !c.deviceOn {
				require.NoError(t, w.near.DisableOffloads("near0"))
			}
			far := w.openFar(iobackend.Config{}, Options{}).Queue(0)
			d := w.openNear(offload, c.options)
			require.True(t, d.Info().TransmitChecksum)
			require.Equal(t, frameLarge-metadataBytes, d.Info().FrameBytes)
			arriveAsExpected(t, d.Queue(0), far, c.whole)
			require.Zero(t, d.Queue(0).Counters().DropTransmit)
		})
	}
}

// arriveAsExpected sends frames of many sizes, every third with a checksum of our
// own, and looks at each where it arrives.
func arriveAsExpected(t *testing.T, near, far iobackend.Queue, whole bool) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	ours := linklayer.NewPath([6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}, 64, 0)
	left := ours.WithPartialChecksum()
	for bytes := 0; bytes < 2900; bytes += 1 + bytes/3 {
		var frames [6]iobackend.Frame
		var sent [6][]byte
		require.Equal(t, len(frames), near.Reserve(frames[:]))
		for k := range frames {
			f, path := &frames[k], &left
			require.False(t, f.ChecksumPartial)
			if f.ChecksumPartial = k%3 != 2; !f.ChecksumPartial {
				path = &ours
			}
			f.Data = f.Data[:transport(f.Data, path, k%2 == 0, random, bytes)]
			sent[k] = append([]byte(nil), f.Data...)
		}
		require.NoError(t, near.Transmit(frames[:]))
		for k, got := range receiveAll(t, far, len(frames)) {
			var p linklayer.Packet
			require.Equal(t, linklayer.DropNone, linklayer.Parse(got, !whole && k%3 != 2, &p), "%d bytes, frame %d", bytes, k)
			if !whole {
				require.Equal(t, sent[k], got)
			}
		}
	}
}

// By default sums are ours: a veth does not say that it completes any.
func TestChecksumsAreOursWhereTheDeviceDoesNotSay(t *testing.T) {
	w := newOffloadingWorld(t, testbed.VethConfig{Queues: 1, XDPPassFar: true})
	for _, wish := range []iobackend.Offload{iobackend.OffloadAuto, iobackend.OffloadOff} {
		d := w.openNear(iobackend.Config{TransmitChecksum: wish}, Options{})
		require.False(t, d.Info().TransmitChecksum)
		require.Equal(t, frameSmall, d.Info().FrameBytes)
		require.NoError(t, d.Close())
	}
}

// All that a queue does works with the metadata before its send frames, whatever
// goes with it.
func TestQueuesWorkWithChecksumOffload(t *testing.T) {
	for name, o := range variants {
		if o.Live {
			continue
		}
		t.Run(name, func(t *testing.T) { burstsArrive(t, offload, o) })
	}
	t.Run("handed over", func(t *testing.T) {
		w := newWorld(t, twoQ)
		near, far := w.openNear(offload, Options{}), w.openFar(offload, Options{})
		handOverMany(t, near, far, 20_000)
	})
}

func TestChecksumOffloadIsRefusedByName(t *testing.T) {
	w := newOffloadingWorld(t, testbed.VethConfig{Queues: 1, XDPPassFar: true})
	refused := func(c iobackend.Config, o Options, unsupported bool, want ...string) {
		t.Helper()
		c.Interface, c.Addresses = "near0", []netip.Prefix{nearOurs}
		require.NoError(t, w.near.Do(func() error {
			_, err := OpenWith(c, o)
			require.Error(t, err)
			require.Equal(t, unsupported, errors.Is(err, iobackend.ErrNotSupported), "%v", err)
			for _, text := range want {
				require.ErrorContains(t, err, text)
			}
			return nil
		}))
	}
	refused(offload, Options{Live: true}, true, `"near0"`, "Live", "OffloadOff")
	refused(iobackend.Config{TransmitChecksum: 9}, Options{}, false, "TransmitChecksum is 9")
	refused(iobackend.Config{}, Options{KernelChecksum: true}, false, "KernelChecksum")

	zeroCopy := socket{zeroCopy: true}
	err := zeroCopy.completesChecksums(&plan{name: "eth7", metadata: metadataBytes})
	require.ErrorIs(t, err, iobackend.ErrNotSupported)
	require.ErrorContains(t, err, `"eth7"`)
	require.NoError(t, zeroCopy.completesChecksums(&plan{metadata: metadataBytes, announced: true}))
	require.NoError(t, zeroCopy.completesChecksums(&plan{}))
}

// A kernel that takes no metadata before frames says EINVAL, as this one does to
// some of a length that it does not know: what was not asked for is done without,
// what was is refused.
func TestKernelWithoutTransmitMetadata(t *testing.T) {
	w := newOffloadingWorld(t, testbed.VethConfig{Queues: 1, XDPPassFar: true})
	require.NoError(t, w.near.Do(func() error {
		c := iobackend.Config{Interface: "near0", Addresses: []netip.Prefix{nearOurs}}
		in, err := lookup("near0")
		require.NoError(t, err)
		attempt := func(wish iobackend.Offload) (*device, error) {
			c.TransmitChecksum = wish
			p, err := makePlan(c, Options{}, in)
			require.NoError(t, err)
			p.metadata = 12
			return openFalling(p, c, Options{}, in)
		}
		d, err := attempt(iobackend.OffloadAuto)
		require.NoError(t, err)
		require.False(t, d.Info().TransmitChecksum)
		require.Equal(t, frameSmall, d.Info().FrameBytes)
		require.NoError(t, d.Close())
		_, err = attempt(iobackend.OffloadOn)
		require.ErrorIs(t, err, iobackend.ErrNotSupported)
		require.ErrorContains(t, err, "6.11")
		return nil
	}))
}

// A request that makes no sense is dropped and counted; the frames around it
// leave. The kernel would refuse it again and again, and all behind it.
func TestSenselessChecksumRequestsAreDropped(t *testing.T) {
	w := newOffloadingWorld(t, testbed.VethConfig{Queues: 1})
	far := w.openFar(iobackend.Config{}, Options{}).Queue(0)
	d := w.openNear(offload, Options{})
	q := d.Queue(0)
	bad := []func(b []byte) []byte{
		func(b []byte) []byte { return b[:20] },                                        // too short
		func(b []byte) []byte { return b[:48] },                                        // cut in TCP's header
		func(b []byte) []byte { binary.BigEndian.PutUint16(b[12:], 0x0806); return b }, // ARP
		func(b []byte) []byte { b[14] = 0x43; return b },                               // no IPv4 header
		func(b []byte) []byte { b[14] = 0x4f; return b[:60] },                          // options beyond the end
		func(b []byte) []byte { b[23] = unix.IPPROTO_ICMP; return b },
	}
	frames := make([]iobackend.Frame, 2*len(bad))
	path := linklayer.NewPath([6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}, 64, 0)
	left := path.WithPartialChecksum()
	require.Equal(t, len(frames), q.Reserve(frames))
	for k := range frames {
		f := &frames[k]
		f.Data, f.ChecksumPartial = f.Data[:transport(f.Data, &left, true, rand.New(rand.NewPCG(1, 3)), 100)], true
		if k%2 == 1 {
			f.Data = bad[k/2](f.Data)
		}
	}
	require.NoError(t, q.Transmit(frames))
	receiveAll(t, far, len(bad))
	require.EqualValues(t, len(bad), q.Counters().DropTransmit)

	require.Equal(t, 1, far.Reserve(frames[:1]))
	frames[0].Data, frames[0].ChecksumPartial = frames[0].Data[:60], true
	require.NoError(t, far.Transmit(frames[:1]))
	require.EqualValues(t, 1, far.Counters().DropTransmit, "it would leave with a wrong checksum")
}
