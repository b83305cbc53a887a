package afxdp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSPSCKeepsOrderUnderConcurrency(t *testing.T) {
	const count = 200_000
	r := newSPSC(64)
	go func() {
		for i := uint64(0); i < count; {
			if r.room(1) {
				r.stage(i)
				i++
				if i%7 == 0 || i == count {
					r.publish()
				}
			} else {
				r.publish()
			}
		}
	}()
	for want := uint64(0); want < count; {
		for range r.waiting() {
			if got := r.take(); got != want {
				require.Equal(t, want, got)
			}
			want++
		}
		r.done()
	}
}

func TestSPSCHoldsBackWhatIsNotPublished(t *testing.T) {
	r := newSPSC(64)
	require.True(t, r.room(64))
	require.False(t, r.room(65))
	r.stage(1)
	require.Zero(t, r.waiting())
	require.False(t, r.room(64))
	r.publish()
	require.Equal(t, uint32(1), r.waiting())
	require.Equal(t, uint64(1), r.take())
	r.done()
	require.True(t, r.room(64))
}

func TestDeviceClockNeitherLeadsNorGoesBack(t *testing.T) {
	var c deviceClock
	const epoch = 1_000_000_000_000 // the device's clock is elsewhere
	last := time.Duration(0)
	for i := range 10_000 {
		true_ := time.Duration(i) * time.Millisecond
		device := uint64(epoch + int64(true_)*1_000_050/1_000_000) // 50 ppm fast
		now := true_ + time.Duration(i%97)*time.Microsecond        // the delay varies
		at := c.instant(device, now)
		require.LessOrEqual(t, at, now)
		require.GreaterOrEqual(t, at, last)
		require.InDelta(t, float64(true_), float64(at), float64(30*time.Microsecond))
		last = at
	}
}

func TestFrameSize(t *testing.T) {
	for mtu, want := range map[int]struct {
		size   int
		pieces bool
	}{
		1500: {2048, false}, 1774: {2048, false}, 1775: {4096, false},
		3822: {4096, false}, 3823: {4096, true}, 9000: {4096, true},
	} {
		size, pieces := frameSize(mtu)
		require.Equal(t, want.size, size, mtu)
		require.Equal(t, want.pieces, pieces, mtu)
	}
}
