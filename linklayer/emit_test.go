package linklayer

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"gvisor.dev/gvisor/pkg/tcpip/checksum"

	"myriad/internal/seeded"
)

func TestSum(t *testing.T) {
	r := seeded.Rand(t)
	for range 2000 {
		b := randomBytes(r, r.IntN(300))
		want := checksum.Checksum(b, 0)
		require.Equal(t, want, fold(sumShort(b)), "plain loop")
		require.Equal(t, want, uint16(SumOf(b)))
		i := r.IntN(len(b) + 1)
		j := i + r.IntN(len(b)-i+1)
		require.Equal(t, SumOf(b), SumOf(b[:i]).Then(SumOf(b[i:j])).Then(SumOf(b[j:])), "%d, %d of %d", i, j, len(b))
	}
	require.NotZero(t, SumOf(nil), "the sum of nothing is known")
	require.Zero(t, SumOf(nil).Then(0))
	require.Zero(t, Sum(0).Then(SumOf(nil)))
}

func TestFoldTakesAnything(t *testing.T) {
	require.EqualValues(t, 0xffff, fold(1<<64-1))
	require.EqualValues(t, 0, fold(0))
	require.EqualValues(t, 2, fold(1<<48+1))
}

func TestEmitTCPRefusesWhatDoesNotFit(t *testing.T) {
	s := Segment{Payload: make([]byte, 100), Options: Options{Has: HasTimestamps}}
	dst := make([]byte, 166)
	require.Equal(t, 166, EmitTCP(dst, &path, ipA, ipB, 1, 2, 0, &s, 0))
	clear(dst)
	require.Zero(t, EmitTCP(dst[:165], &path, ipA, ipB, 1, 2, 0, &s, 0))
	require.Equal(t, make([]byte, 166), dst, "untouched")
	s.Payload = make([]byte, 65535-20-32)
	dst = make([]byte, 70000)
	require.Equal(t, 65535+14, EmitTCP(dst, &path, ipA, ipB, 1, 2, 0, &s, 0))
	requireGoodChecksums(t, dst[:65535+14])
	s.Payload = append(s.Payload, 0)
	require.Zero(t, EmitTCP(dst, &path, ipA, ipB, 1, 2, 0, &s, 0))
}

func TestEmitDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 2000)
	s := Segment{Flags: SYN, Payload: make([]byte, 300), Options: Options{Has: HasMSS | HasTimestamps}}
	echo := icmpFrame(8, 0, 1, nil)
	request := ARP{Op: ARPRequest, Sender: macB, SenderIP: ipB, TargetIP: ipA}
	ids := NewIDs([32]byte{1})
	require.Zero(t, testing.AllocsPerRun(100, func() {
		EmitTCP(dst, &path, ipA, ipB, 1, 2, ids.Next(), &s, 0)
		EmitUDP(dst, &path, ipA, ipB, 1, 2, ids.Next(), s.Payload, 0)
		EmitARPRequest(dst, macA, ipA, ipB, [6]byte{})
		EmitARPReply(dst, macA, &request)
		EmitICMPEchoReply(dst, echo)
	}))
}

func TestPathKeepsNextHop(t *testing.T) {
	require.Equal(t, macB, path.NextHop())
}

func TestIDsVary(t *testing.T) {
	a, b, c := NewIDs([32]byte{1}), NewIDs([32]byte{1}), NewIDs([32]byte{2})
	values := map[uint16]bool{}
	same, close, last := 0, 0, uint16(0)
	for range 1000 {
		id := a.Next()
		require.Equal(t, id, b.Next(), "a seed replays")
		if id == c.Next() {
			same++
		}
		if d := int16(id - last); d > -20 && d < 20 {
			close++ // as counters are; by chance 39 in 65,536
		}
		values[id], last = true, id
	}
	require.Greater(t, len(values), 950)
	require.Less(t, same, 5)
	require.Less(t, close, 10, "one tells of the next")
}

func TestSegmentLen(t *testing.T) {
	s := Segment{Flags: SYN | FIN | ACK, Payload: []byte("ab"), Payload2: []byte("c")}
	require.Equal(t, 5, s.Len())
}

func BenchmarkEmitTCP(b *testing.B) {
	dst := make([]byte, 2048)
	payload := make([]byte, 1460)
	sum := SumOf(payload[:200])
	run := func(name string, s Segment, known Sum) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				s.Seq++
				EmitTCP(dst, &path, ipA, ipB, 40000, 443, uint16(i), &s, known)
			}
		})
	}
	run("ACK", Segment{Flags: ACK, Window: 1000}, 0)
	run("SYN", Segment{Flags: SYN, Options: Options{Has: HasMSS | HasWindowScale | HasSACKPermitted}}, 0)
	run("ACK+SACK", Segment{Flags: ACK, Options: Options{Has: HasTimestamps | HasSACK, SACKCount: 3}}, 0)
	run("200", Segment{Flags: PSH | ACK, Payload: payload[:200]}, 0)
	run("200known", Segment{Flags: PSH | ACK, Payload: payload[:200]}, sum)
	run("1460", Segment{Flags: PSH | ACK, Payload: payload}, 0)
	run("1460known", Segment{Flags: PSH | ACK, Payload: payload}, SumOf(payload))
}

func BenchmarkParse(b *testing.B) {
	run := func(name string, s Segment) {
		dst := make([]byte, 2048)
		n := max(EmitTCP(dst, &path, ipA, ipB, 40000, 443, 1, &s, 0), 60)
		var p Packet
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if Parse(dst[:n], false, &p) != DropNone {
					b.Fatal("dropped")
				}
			}
		})
	}
	run("ACK", Segment{Flags: ACK})
	run("SYNACK", Segment{Flags: SYN | ACK, Options: Options{Has: HasMSS | HasWindowScale | HasSACKPermitted}})
	run("ACK+TS", Segment{Flags: ACK, Options: Options{Has: HasTimestamps}})
	run("ACK+TS+SACK", Segment{Flags: ACK, Options: Options{Has: HasTimestamps | HasSACK, SACKCount: 3}})
	run("1460", Segment{Flags: ACK, Payload: make([]byte, 1460)})
}

func BenchmarkIDs(b *testing.B) {
	ids := NewIDs([32]byte{1})
	for range b.N {
		ids.Next()
	}
}

func BenchmarkSum(b *testing.B) {
	buf := make([]byte, 1460)
	for _, n := range []int{20, 64, 128, 1460} {
		b.Run(map[int]string{20: "20", 64: "64", 128: "128", 1460: "1460"}[n]+"/short", func(b *testing.B) {
			for range b.N {
				sumShort(buf[:n])
			}
		})
		b.Run(map[int]string{20: "20", 64: "64", 128: "128", 1460: "1460"}[n]+"/gvisor", func(b *testing.B) {
			for range b.N {
				checksum.Checksum(buf[:n], 0)
			}
		})
	}
}

// What a NIC makes of a partial checksum, by adding up the segment with the
// field as it is, is the complete one.
func TestPartialChecksumsAreCompletedByAdding(t *testing.T) {
	r := seeded.Rand(t)
	left := path.WithPartialChecksum()
	whole, partial := make([]byte, 2048), make([]byte, 2048)
	for range 2000 {
		s := randomSegment(r)
		n := EmitTCP(whole, &path, ipA, ipB, 40000, 443, 7, &s, 0)
		require.Equal(t, n, EmitTCP(partial, &left, ipA, ipB, 40000, 443, 7, &s, 0))
		complete(partial[:n], 16)
		require.Equal(t, whole[:n], partial[:n])

		n = EmitUDP(whole, &path, ipA, ipB, 40000, 53, 7, s.Payload, 0)
		require.Equal(t, n, EmitUDP(partial, &left, ipA, ipB, 40000, 53, 7, s.Payload, 0))
		complete(partial[:n], 6)
		require.Equal(t, whole[:n], partial[:n])
	}
}

func complete(frame []byte, field int) {
	transport := frame[ethernetBytes+ipv4Bytes:]
	sum := ^checksum.Checksum(transport, 0)
	if sum == 0 && field == 6 {
		sum = 0xffff
	}
	binary.BigEndian.PutUint16(transport[field:], sum)
}
