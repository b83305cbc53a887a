package linklayer

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"myriad/internal/seeded"
)

// fragmentOf cuts payload bytes [start, end) out of an IPv4 frame.
func fragmentOf(frame []byte, start, end int, more bool) []byte {
	length := int(frame[14]&15) * 4
	f := append(clone(frame[:14+length]), frame[14+length+start:14+length+end]...)
	flags := uint8(0)
	if more {
		flags = header.IPv4FlagMoreFragments
	}
	ip := header.IPv4(f[14:])
	ip.SetTotalLength(uint16(len(f) - 14))
	ip.SetFlagsFragmentOffset(flags, uint16(start))
	return fixIP(f)
}

// bigFrame is a TCP frame to be cut up, its id telling it from others.
func bigFrame(r *rand.Rand, id uint16, payload int) []byte {
	dst := make([]byte, payload+54)
	s := Segment{Flags: ACK, Payload: randomBytes(r, payload)}
	return dst[:EmitTCP(dst, &path, ipA, ipB, 1, 2, id, &s, 0)]
}

// whole is what a whole frame looks like after reassembly: DF is not set.
func whole(frame []byte) []byte {
	f := clone(frame)
	header.IPv4(f[14:]).SetFlagsFragmentOffset(0, 0)
	return fixIP(f)
}

func TestRFC51_ReassemblesInAnyOrder(t *testing.T) {
	random := seeded.Rand(t)
	var r Reassembler
	for id := range 300 {
		frame := bigFrame(random, uint16(id), 1+random.IntN(20000))
		size := len(frame) - 34
		var pieces [][]byte
		for start := 0; start < size; {
			end := min(start+8*(20+random.IntN(400)), size)
			pieces = append(pieces, fragmentOf(frame, start, end, end < size))
			start = end
		}
		if len(pieces) == 1 {
			continue
		}
		random.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		for i, piece := range pieces {
			var p Packet
			require.Equal(t, DropFragment, Parse(piece, false, &p))
			got, drop := r.Add(append(piece, 0, 0, 0), time.Duration(id))
			require.Equal(t, DropNone, drop)
			if i < len(pieces)-1 {
				require.Nil(t, got)
				continue
			}
			require.Equal(t, whole(frame), got)
			require.Equal(t, DropNone, Parse(got, false, &p), "the TCP checksum holds")
		}
	}
	require.Zero(t, r.Pending())
}

func TestRFC51_OptionsOfTheFirstFragmentCount(t *testing.T) {
	frame := bigFrame(rand.New(rand.NewPCG(1, 1)), 1, 1000)
	first := fragmentOf(frame, 0, 512, true)
	first = append(append(clone(first[:34]), 1, 1, 1, 0), first[34:]...)
	first[14] = 0x46
	header.IPv4(first[14:]).SetTotalLength(uint16(len(first) - 14))
	var r Reassembler
	_, drop := r.Add(fragmentOf(frame, 512, 1020, false), 0)
	require.Equal(t, DropNone, drop)
	got, drop := r.Add(fixIP(first), 0)
	require.Equal(t, DropNone, drop)
	require.Len(t, got, len(frame)+4)
	var p Packet
	require.Equal(t, DropNone, Parse(got, false, &p))
	require.Len(t, p.Segment.Payload, 1000)
}

// step is a fragment and what becomes of it.
type step struct {
	start, end int
	more       bool
	want       Drop
	complete   bool
}

func TestRFC51_BadFragmentsByName(t *testing.T) {
	frame := bigFrame(rand.New(rand.NewPCG(1, 1)), 1, 2000-20)
	cases := []struct {
		name  string
		steps []step
		lost  uint64
	}{
		{"overlap from the left", []step{{800, 1600, true, DropNone, false}, {0, 808, true, DropFragmentOverlap, false},
			{0, 800, true, DropFragmentPoisoned, false}, {1600, 2000, false, DropFragmentPoisoned, false}}, 1},
		{"overlap from the right", []step{{0, 808, true, DropNone, false}, {800, 2000, false, DropFragmentOverlap, false}}, 1},
		{"inside another", []step{{0, 1600, true, DropNone, false}, {8, 16, true, DropFragmentOverlap, false}}, 1},
		{"around another", []step{{8, 16, true, DropNone, false}, {0, 2000, false, DropFragmentOverlap, false}}, 1},
		{"same range, other end flag", []step{{800, 1600, true, DropNone, false}, {800, 1600, false, DropFragmentOverlap, false}}, 1},
		{"duplicate is harmless", []step{{0, 800, true, DropNone, false}, {0, 800, true, DropFragmentDuplicate, false},
			{800, 2000, false, DropNone, true}}, 0},
		{"duplicate of the last", []step{{800, 2000, false, DropNone, false}, {800, 2000, false, DropFragmentDuplicate, false},
			{0, 800, true, DropNone, true}}, 0},
		{"two ends", []step{{800, 1600, false, DropNone, false}, {1600, 2000, false, DropFragmentEnd, false}}, 1},
		{"an earlier second end", []step{{800, 1600, false, DropNone, false}, {0, 16, false, DropFragmentEnd, false}}, 1},
		{"past the end", []step{{0, 800, false, DropNone, true}}, 0},
		{"more past the end", []step{{800, 1600, false, DropNone, false}, {1600, 1608, true, DropFragmentEnd, false}}, 1},
		{"end before what we have", []step{{1600, 1608, true, DropNone, false}, {800, 1600, false, DropFragmentEnd, false}}, 1},
		{"no multiple of 8", []step{{0, 801, true, DropFragmentLength, false}}, 0},
		{"empty", []step{{800, 800, true, DropFragmentLength, false}}, 0},
	}
	for _, c := range cases {
		var r Reassembler
		for i, s := range c.steps {
			got, drop := r.Add(fragmentOf(frame, s.start, s.end, s.more), 0)
			require.Equal(t, s.want.String(), drop.String(), "%s, fragment %d", c.name, i)
			require.Equal(t, s.complete, got != nil, "%s, fragment %d", c.name, i)
		}
		require.Equal(t, c.lost, r.Counters().Lost, c.name)
	}
}

func TestRFC51_DuplicateWithOtherBytesLosesAll(t *testing.T) {
	frame := bigFrame(rand.New(rand.NewPCG(1, 1)), 1, 1000)
	var r Reassembler
	r.Add(fragmentOf(frame, 0, 512, true), 0)
	other := fragmentOf(frame, 0, 512, true)
	other[100] ^= 1
	_, drop := r.Add(other, 0)
	require.Equal(t, DropFragmentOverlap, drop)
}

func TestRFC51_TooLongByName(t *testing.T) {
	var r Reassembler
	frame := bigFrame(rand.New(rand.NewPCG(1, 1)), 1, 1000)
	far := fragmentOf(frame, 0, 1000, true)
	header.IPv4(far[14:]).SetFlagsFragmentOffset(0, 65528)
	_, drop := r.Add(fixIP(far), 0)
	require.Equal(t, DropFragmentLength, drop, "past 65,535: the ping of death")

	// Within bounds only while the first fragment's options are not known.
	big := bigFrame(rand.New(rand.NewPCG(1, 1)), 2, 65535-40)
	first := fragmentOf(big, 0, 32000, true)
	first = append(append(clone(first[:34]), 1, 1, 1, 0), first[34:]...)
	first[14] = 0x46
	header.IPv4(first[14:]).SetTotalLength(uint16(len(first) - 14))
	_, drop = r.Add(fragmentOf(big, 32000, 65515, false), 0)
	require.Equal(t, DropNone, drop)
	_, drop = r.Add(fixIP(first), 0)
	require.Equal(t, DropFragmentLength, drop)
	require.Zero(t, r.Pending())
	require.EqualValues(t, 1, r.Counters().Lost)

	// The longest datagram there is.
	r.Add(fragmentOf(big, 32000, 65515, false), 0)
	got, drop := r.Add(fragmentOf(big, 0, 32000, true), 0)
	require.Equal(t, DropNone, drop)
	require.Equal(t, whole(big), got)
}

func TestRFC51_Junk(t *testing.T) {
	var r Reassembler
	_, drop := r.Add(nil, 0)
	require.Equal(t, DropFrameTruncated, drop)
	_, drop = r.Add(tcpFrame()[:40], 0)
	require.Equal(t, DropIPTotalLength, drop)
	require.Nil(t, r.slots, "nothing allocated")
	got, drop := r.Add(tcpFrame(), 0)
	require.Equal(t, DropNone, drop)
	require.Equal(t, whole(tcpFrame()), got, "a whole datagram is complete at once")
}

func TestRFC51_BoundedInTimeAndNumber(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var r Reassembler
	frames := make([][]byte, ReassemblyMax+1)
	for i := range frames {
		frames[i] = bigFrame(random, uint16(i), 1000)
		_, drop := r.Add(fragmentOf(frames[i], 0, 512, true), time.Duration(i))
		require.Equal(t, DropNone, drop)
	}
	require.Equal(t, ReassemblyMax, r.Pending())
	require.Equal(t, ReassemblyCounters{Begun: 65, Evicted: 1}, r.Counters())
	got, _ := r.Add(fragmentOf(frames[1], 512, 1020, false), 99)
	require.Equal(t, whole(frames[1]), got, "the second oldest is still there")
	got, drop := r.Add(fragmentOf(frames[0], 512, 1020, false), 100)
	require.Nil(t, got, "the oldest gave way")
	require.Equal(t, DropNone, drop)

	got, _ = r.Add(fragmentOf(frames[2], 512, 1020, false), ReassemblyTimeout+2)
	require.Nil(t, got, "its time is up")
	got, _ = r.Add(fragmentOf(frames[3], 512, 1020, false), ReassemblyTimeout+2)
	require.NotNil(t, got, "its is not")
	require.EqualValues(t, 1, r.Counters().Expired)
}

func TestRFC51_PoisonEndsWithTime(t *testing.T) {
	frame := bigFrame(rand.New(rand.NewPCG(1, 1)), 1, 1000)
	var r Reassembler
	r.Add(fragmentOf(frame, 0, 512, true), 0)
	r.Add(fragmentOf(frame, 8, 16, true), 0)
	_, drop := r.Add(fragmentOf(frame, 512, 1020, false), ReassemblyTimeout-1)
	require.Equal(t, DropFragmentPoisoned, drop)
	r.Add(fragmentOf(frame, 0, 512, true), ReassemblyTimeout)
	got, _ := r.Add(fragmentOf(frame, 512, 1020, false), ReassemblyTimeout)
	require.Equal(t, whole(frame), got)
	require.Zero(t, r.Counters().Expired, "a lost one is counted once")
}

func TestRFC51_TooManyFragments(t *testing.T) {
	frame := bigFrame(rand.New(rand.NewPCG(1, 1)), 1, 4000)
	var r Reassembler
	for i := range ReassemblyFragmentsMax {
		_, drop := r.Add(fragmentOf(frame, 16*i, 16*i+8, true), 0)
		require.Equal(t, DropNone, drop)
	}
	_, drop := r.Add(fragmentOf(frame, 8, 16, true), 0)
	require.Equal(t, DropFragmentCount, drop)
	require.EqualValues(t, 1, r.Counters().Lost)
}

func TestRFC51_PoisonedSlotsGiveWay(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var r Reassembler
	for i := range 2 * ReassemblyMax {
		frame := bigFrame(random, uint16(i), 1000)
		r.Add(fragmentOf(frame, 0, 512, true), 0)
		r.Add(fragmentOf(frame, 8, 16, true), 0)
	}
	require.Equal(t, ReassemblyCounters{Begun: 128, Lost: 128}, r.Counters())
	frame := bigFrame(random, 999, 1000)
	r.Add(fragmentOf(frame, 0, 512, true), 0)
	got, _ := r.Add(fragmentOf(frame, 512, 1020, false), 0)
	require.NotNil(t, got)
}

func TestRFC51_MemoryIsUsedAgain(t *testing.T) {
	frame := bigFrame(rand.New(rand.NewPCG(1, 1)), 1, 3000)
	a, b := fragmentOf(frame, 0, 1480, true), fragmentOf(frame, 1480, 3020, false)
	var r Reassembler
	require.Zero(t, testing.AllocsPerRun(50, func() { r.Add(a, 0); r.Add(b, 0) }))
}

func BenchmarkReassemble(b *testing.B) {
	frame := bigFrame(rand.New(rand.NewPCG(1, 1)), 1, 2900)
	first, second := fragmentOf(frame, 0, 1480, true), fragmentOf(frame, 1480, 2920, false)
	var r Reassembler
	for range b.N {
		r.Add(first, 0)
		if got, _ := r.Add(second, 0); got == nil {
			b.Fatal("not complete")
		}
	}
}
