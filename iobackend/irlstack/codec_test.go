package irlstack

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
	"myriad/iobackend"
)

// frameOf is a frame of n bytes that tells which one it is.
func frameOf(n int, mark byte) []byte { return bytes.Repeat([]byte{mark}, n) }

// buffer holds frames of the given lengths, as densely as the format allows.
func bufferOf(lengths ...int) []byte {
	b := make([]byte, 0, 1<<20)
	for k, n := range lengths {
		b, _ = Append(b, frameOf(n, byte(k+1)), 0)
	}
	return b
}

func carveAll(c *Carver, buffer []byte) (all []iobackend.Frame) {
	c.Reset(buffer)
	for !c.Done() {
		var some [7]iobackend.Frame
		n, _ := c.Carve(some[:], 0)
		all = append(all, some[:n]...)
	}
	return all
}

func TestWhatIsAppendedIsCarved(t *testing.T) {
	for _, count := range []int{0, 1, 2, 7, 100, 4096} {
		b := make([]byte, 0, 4096*Stride(200))
		for k := range count {
			var ok bool
			b, ok = Append(b, frameOf(14+k%180, byte(k)), uint8(k&1))
			require.True(t, ok)
		}
		c := Carver{FrameMax: 1514, Trust: FlagChecksumOK}
		frames := carveAll(&c, b)
		require.Len(t, frames, count)
		for k, f := range frames {
			require.Equal(t, frameOf(14+k%180, byte(k)), f.Data)
			require.Equal(t, k&1 != 0, f.ChecksumOK)
			require.Same(t, &b[f.Handle], &f.Data[0], "a copy was made")
			require.Equal(t, len(f.Data), cap(f.Data))
		}
		require.Zero(t, c.Faults.Total())
	}
}

func TestAppendRefusesWhatDoesNotFit(t *testing.T) {
	b := make([]byte, 0, Stride(60)+Stride(60)-1)
	b, ok := Append(b, frameOf(60, 1), 0)
	require.True(t, ok)
	same, ok := Append(b, frameOf(60, 2), 0)
	require.False(t, ok)
	require.Equal(t, b, same)
}

// The layout is the documented one, byte for byte.
func TestHeaderLayout(t *testing.T) {
	b := make([]byte, 0, 100)
	b, _ = Append(b, frameOf(14, 0xee), FlagChecksumOK)
	want := []byte{
		1, 1, 16, 0, 14, 0, 0, 0,
		32, 0, 0, 0, 0, 0, 0, 0,
		0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0xee,
		0xee, 0xee, 0xee, 0xee, 0xee, 0xee, 0, 0,
	}
	require.Equal(t, want, b)
}

func TestGapsBetweenFramesAreSkipped(t *testing.T) {
	b := make([]byte, 3*2048)
	for k := range 3 {
		PutHeader(b[k*2048:], 60, 2048, 0)
		copy(b[k*2048+HeaderBytes:], frameOf(60, byte(k)))
	}
	frames := carveAll(&Carver{FrameMax: 1514}, b)
	require.Len(t, frames, 3)
	require.Equal(t, frameOf(60, 2), frames[2].Data)
}

func TestLyingBuffers(t *testing.T) {
	second := Stride(60) // offset of the second of three frames' header
	put32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b }
	}
	put8 := func(at int, v byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = v; return b }
	}
	cut := func(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:n] } }
	for name, c := range map[string]struct {
		spoil func([]byte) []byte
		left  int
		want  Faults
	}{
		"another version":              {put8(second, 2), 1, Faults{Version: 1}},
		"zeroes":                       {func(b []byte) []byte { clear(b[second:]); return b }, 1, Faults{Version: 1}},
		"short header":                 {put8(second+2, 12), 1, Faults{Header: 1}},
		"long header":                  {put8(second+3, 1), 1, Faults{Header: 1}},
		"frame past the end":           {put32(second+4, 100_000), 1, Faults{Torn: 1}},
		"frame of 4 GiB":               {put32(second+4, 0xffff_ffff), 1, Faults{Torn: 1}},
		"next header past the end":     {put32(second+8, 100_000), 1, Faults{PastEnd: 1}},
		"next header 4 GiB away":       {put32(second+8, 0xffff_fff8), 1, Faults{PastEnd: 1}},
		"next header is this one":      {put32(second+8, 0), 1, Faults{Stride: 1}},
		"next header inside the frame": {put32(second+8, 64), 1, Faults{Stride: 1}},
		"next header not aligned":      {put32(second+8, 81), 1, Faults{Stride: 1}},
		"frame of no bytes":            {put32(second+4, 0), 2, Faults{TooShort: 1}},
		"frame of 13 bytes":            {put32(second+4, 13), 2, Faults{TooShort: 1}},
		"torn in the second header":    {cut(second + 5), 1, Faults{Torn: 1}},
		"torn in the second frame":     {cut(second + 40), 1, Faults{Torn: 1}},
		"torn in the padding":          {cut(3*second - 1), 2, Faults{PastEnd: 1}},
		"one byte":                     {cut(1), 0, Faults{Torn: 1}},
		"nothing":                      {cut(0), 0, Faults{}},
		"as it should be":              {func(b []byte) []byte { return b }, 3, Faults{}},
	} {
		carver := Carver{FrameMax: 1514}
		frames := carveAll(&carver, c.spoil(bufferOf(60, 60, 59)))
		require.Len(t, frames, c.left, name)
		require.Equal(t, c.want, carver.Faults, name)
	}
	carver := Carver{FrameMax: 1514}
	require.Len(t, carveAll(&carver, bufferOf(1514, 1515, 60)), 2)
	require.Equal(t, Faults{TooLong: 1}, carver.Faults)
}

// Whatever the driver says, a frame lies inside the buffer, does not overlap
// the last one, and is of a length that is let through.
func FuzzCarve(f *testing.F) {
	f.Add(bufferOf(60, 1514, 14), uint16(0))
	f.Add(bufferOf(60, 13, 1600, 60), uint16(3))
	f.Add(bytes.Repeat([]byte{0xff}, 64), uint16(1))
	f.Fuzz(func(t *testing.T, b []byte, cut uint16) {
		bounded.Input(t, 64<<20, func() {
			b = b[:max(0, len(b)-int(cut))]
			c := Carver{FrameMax: 1514}
			end := 0
			for _, frame := range carveAll(&c, b[:len(b):len(b)]) {
				at := int(frame.Handle)
				require.GreaterOrEqual(t, at, end+HeaderBytes)
				require.GreaterOrEqual(t, len(frame.Data), FrameMin)
				require.LessOrEqual(t, len(frame.Data), 1514)
				require.LessOrEqual(t, at+len(frame.Data), len(b))
				require.Same(t, &b[at], &frame.Data[0])
				end = at + len(frame.Data)
			}
			if end == 0 && len(b) > 0 {
				require.NotZero(t, c.Faults.Total(), "bytes vanished without a count")
			}
		})
	})
}

func TestCodecAllocatesNothing(t *testing.T) {
	b := make([]byte, 0, 4096*Stride(60))
	frame := frameOf(60, 1)
	frames := make([]iobackend.Frame, 4096)
	c := Carver{FrameMax: 1514}
	for count := 1; count <= 4096; count *= 2 {
		carved := 0
		require.Zero(t, testing.AllocsPerRun(10, func() {
			b = b[:0]
			for range count {
				b, _ = Append(b, frame, 0)
			}
			c.Reset(b)
			carved, _ = c.Carve(frames, 0)
		}), count)
		require.Equal(t, count, carved)
	}
}

// Frames of 60 bytes, by frames in the buffer: ns/op is per frame.
func BenchmarkCarve(b *testing.B) {
	for _, count := range []int{1, 8, 64, 128, 512, 1024, 4096} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			buffer := make([]byte, 0, count*Stride(60))
			for range count {
				buffer, _ = Append(buffer, frameOf(60, 1), 0)
			}
			frames := make([]iobackend.Frame, 256)
			c := Carver{FrameMax: 1514}
			b.ReportAllocs()
			for done := 0; done < b.N; done += count {
				for c.Reset(buffer); !c.Done(); {
					c.Carve(frames, 0)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mframes/s")
		})
	}
}

// Headers before frames of 60 bytes in a send buffer.
func BenchmarkPutHeader(b *testing.B) {
	for _, count := range []int{1, 512, 4096} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			stride := Stride(60)
			buffer := make([]byte, count*stride)
			b.ReportAllocs()
			for done := 0; done < b.N; done += count {
				for at := 0; at < len(buffer); at += stride {
					PutHeader(buffer[at:], 60, stride, 0)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mframes/s")
		})
	}
}
