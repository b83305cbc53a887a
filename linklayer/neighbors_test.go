package linklayer

import (
	"encoding/binary"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
)

var (
	macOld  = [6]byte{2, 1, 1, 1, 1, 1}
	macEvil = [6]byte{2, 6, 6, 6, 6, 6}
)

const second = time.Second

func hostIP(i int) [16]byte { return Mapped(10<<24 | uint32(i)) }

func known(t *testing.T, n *Neighbors, ip [16]byte, now time.Duration) {
	t.Helper()
	require.True(t, n.Request(ip, now))
	require.True(t, n.Learn(ip, macOld, now))
}

func TestNeighbors_AsksThreeTimesThenFails(t *testing.T) {
	n := NewNeighbors()
	ip := hostIP(1)
	version := n.Version()
	for i := range 3 {
		at := time.Duration(i) * second
		require.True(t, n.Request(ip, at), "request at %v", at)
		require.False(t, n.Request(ip, at+second-1))
		require.False(t, n.Failed(ip))
	}
	require.False(t, n.Request(ip, 3*second))
	require.True(t, n.Failed(ip))
	require.NotEqual(t, version, n.Version(), "who waits must be told")
	require.False(t, n.Request(ip, 6*second-1))
	require.False(t, n.Learn(ip, macOld, 4*second), "too late: nothing is asked now")

	require.True(t, n.Request(ip, 6*second), "asked again after the pause")
	require.False(t, n.Failed(ip))
	require.True(t, n.Learn(ip, macOld, 6*second+1))
	mac, ok := n.Lookup(ip)
	require.True(t, ok)
	require.Equal(t, macOld, mac)
	require.False(t, n.Request(ip, 7*second))
	require.Equal(t, NeighborCounters{Requests: 4, Learned: 1, Failed: 1, Unsolicited: 1}, n.Counters())
}

func TestNeighbors_DueRepeatsAndGivesUp(t *testing.T) {
	n := NewNeighbors()
	require.True(t, n.Request(hostIP(1), 0))
	var probes [4]Probe
	require.Zero(t, n.Due(second/2, probes[:]))
	require.Equal(t, 1, n.Due(second, probes[:]))
	require.Equal(t, Probe{IP: hostIP(1)}, probes[0])
	require.Equal(t, 1, n.Due(2*second, probes[:]))
	require.Zero(t, n.Due(3*second, probes[:]))
	require.True(t, n.Failed(hostIP(1)))
	require.Zero(t, n.Due(30*second, probes[:]), "nobody wants it any more")
	require.Zero(t, n.Due(30*second, nil))
}

func TestNeighbors_IgnoresUnsolicited(t *testing.T) {
	n := NewNeighbors()
	require.False(t, n.Learn(hostIP(1), macEvil, 0))
	_, ok := n.Lookup(hostIP(1))
	require.False(t, ok)
	require.Zero(t, n.Len())
	require.True(t, n.Request(hostIP(2), 0))
	for _, bad := range [][6]byte{{}, broadcastMAC, {1}} {
		require.False(t, n.Learn(hostIP(2), bad, 0), "%x is no station", bad)
	}
}

func TestNeighbors_ConfirmsWhatIsInUse(t *testing.T) {
	n := NewNeighbors()
	known(t, n, hostIP(1), 0)
	known(t, n, hostIP(2), 0)
	n.Lookup(hostIP(1)) // host 2 stays unused
	var probes [4]Probe
	require.Zero(t, n.Due(59*second, probes[:]))
	require.Equal(t, 1, n.Due(60*second, probes[:]))
	require.Equal(t, Probe{IP: hostIP(1), Known: macOld}, probes[0], "to the known station alone")
	_, ok := n.Lookup(hostIP(1))
	require.True(t, ok, "used while it is confirmed")
	require.True(t, n.Learn(hostIP(1), macOld, 60*second+1))
	require.Zero(t, n.Due(62*second, probes[:]))

	// Gone: it stays in use for three tries, then fails.
	n.Lookup(hostIP(1))
	require.Equal(t, 1, n.Due(121*second, probes[:]))
	require.Equal(t, 1, n.Due(122*second, probes[:]))
	require.Equal(t, [6]byte{}, probes[0].Known, "then everybody is asked")
	require.Equal(t, 1, n.Due(123*second, probes[:]))
	require.Zero(t, n.Due(124*second, probes[:]))
	_, ok = n.Lookup(hostIP(1))
	require.False(t, ok)
	require.True(t, n.Failed(hostIP(1)))
}

func TestNeighbors_GatewayDoesNotMoveUnconfirmed(t *testing.T) {
	n := NewNeighbors()
	gateway := hostIP(1)
	known(t, n, gateway, 0)
	var probes [4]Probe

	// A claim changes nothing, but makes us ask the old station.
	require.False(t, n.Learn(gateway, macEvil, 10*second))
	require.Equal(t, 1, n.Due(10*second, probes[:]))
	require.Equal(t, macOld, probes[0].Known)
	require.False(t, n.Learn(gateway, macEvil, 10*second+1), "it was not asked")
	require.True(t, n.Learn(gateway, macOld, 10*second+2))
	mac, _ := n.Lookup(gateway)
	require.Equal(t, macOld, mac)

	// A flood of claims asks once a second at most.
	asked := 0
	for at := 10*second + 3; at < 20*second; at += 10 * time.Millisecond {
		require.False(t, n.Learn(gateway, macEvil, at))
		if n.Due(at, probes[:]) == 1 {
			asked++
			require.True(t, n.Learn(gateway, macOld, at))
		}
	}
	require.LessOrEqual(t, asked, 10)
	mac, _ = n.Lookup(gateway)
	require.Equal(t, macOld, mac)

	// The old station is silent: a reply to our broadcast moves the address.
	require.False(t, n.Learn(gateway, macB, 30*second))
	require.Equal(t, 1, n.Due(30*second, probes[:]))
	require.Equal(t, 1, n.Due(31*second, probes[:]))
	require.Equal(t, [6]byte{}, probes[0].Known)
	require.True(t, n.Learn(gateway, macB, 31*second+1))
	mac, _ = n.Lookup(gateway)
	require.Equal(t, macB, mac)
}

func TestNeighbors_Set(t *testing.T) {
	n := NewNeighbors()
	require.ErrorContains(t, n.Set(hostIP(1), broadcastMAC, 0, true), "ffffffffffff is not a station's")
	require.NoError(t, n.Set(hostIP(1), macOld, 0, true))
	require.NoError(t, n.Set(hostIP(2), macOld, 0, false))
	n.Lookup(hostIP(1))
	n.Lookup(hostIP(2))
	var probes [4]Probe
	require.Equal(t, 1, n.Due(3600*second, probes[:]))
	require.Equal(t, hostIP(2), probes[0].IP, "the permanent one is never asked about")
	require.False(t, n.Learn(hostIP(1), macEvil, 3600*second))
	require.False(t, n.Request(hostIP(1), 3600*second))
	mac, _ := n.Lookup(hostIP(1))
	require.Equal(t, macOld, mac)
	require.NoError(t, n.Set(hostIP(1), macB, 0, true), "only Set moves it")
	mac, _ = n.Lookup(hostIP(1))
	require.Equal(t, macB, mac)
}

func TestNeighbors_IsBounded(t *testing.T) {
	n := NewNeighbors()
	for i := range NeighborsMax {
		require.True(t, n.Request(hostIP(i), time.Duration(i)))
	}
	require.False(t, n.Request(hostIP(9999), second/2), "all are waiting for an answer")
	require.False(t, n.Request(hostIP(9999), second/2+1))
	require.ErrorIs(t, n.Set(hostIP(9999), macOld, second/2+2, true), ErrNeighborsFull)
	for i := range NeighborsMax {
		require.True(t, n.Learn(hostIP(i), macOld, time.Duration(i)))
		if i != 7 && i != 8 {
			n.Lookup(hostIP(i))
		}
	}
	require.True(t, n.Request(hostIP(9999), second), "the oldest unused one gives way")
	_, ok := n.Lookup(hostIP(7))
	require.False(t, ok)
	_, ok = n.Lookup(hostIP(8))
	require.True(t, ok)
	require.Equal(t, NeighborsMax, n.Len())
	require.Equal(t, uint64(1), n.Counters().Evicted)
	require.Equal(t, uint64(2), n.Counters().Full)

	// A failed one gives way before any other.
	for i := range 3 {
		n.Request(hostIP(9999), time.Duration(2+i)*second)
	}
	require.True(t, n.Failed(hostIP(9999)))
	require.True(t, n.Request(hostIP(10000), 5*second))
	require.False(t, n.Failed(hostIP(9999)))
	_, ok = n.Lookup(hostIP(8))
	require.True(t, ok)
}

func TestNeighbors_LookupAgreesWithMap(t *testing.T) {
	r := seeded.Rand(t)
	n := NewNeighbors()
	model := map[[16]byte][6]byte{}
	for range 500 {
		ip := Mapped(r.Uint32())
		if r.IntN(4) == 0 {
			binary.BigEndian.PutUint64(ip[:], r.Uint64()) // IPv6
		}
		mac := [6]byte{2, byte(r.Uint32()), byte(r.Uint32())}
		require.NoError(t, n.Set(ip, mac, 0, true))
		model[ip] = mac
	}
	for ip, want := range model {
		mac, ok := n.Lookup(ip)
		require.True(t, ok)
		require.Equal(t, want, mac)
		ip[15] ^= 0x55
		mac, ok = n.Lookup(ip)
		want, has := model[ip]
		require.Equal(t, has, ok)
		require.Equal(t, want, mac)
	}
}

func TestNeighbors_SharedByWorkers(t *testing.T) {
	n := NewNeighbors()
	known(t, n, hostIP(1), 0)
	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 300 {
				ip := hostIP(2 + (w*300+i)%200)
				n.Request(ip, time.Duration(i))
				n.Learn(ip, macB, time.Duration(i))
				mac, ok := n.Lookup(hostIP(1))
				if !ok || mac != macOld {
					t.Errorf("host 1 has %x, %v", mac, ok)
					return
				}
			}
		})
	}
	group.Wait()
	require.Equal(t, 201, n.Len())
}

func TestNeighbors_LookupDoesNotAllocate(t *testing.T) {
	n := NewNeighbors()
	known(t, n, hostIP(1), 0)
	require.Zero(t, testing.AllocsPerRun(100, func() { n.Lookup(hostIP(1)); n.Lookup(hostIP(2)) }))
}

func BenchmarkNeighborsLookup(b *testing.B) {
	for _, size := range []int{1, NeighborsMax} {
		n := NewNeighbors()
		for i := range size {
			require.NoError(b, n.Set(hostIP(i), macOld, 0, true))
		}
		b.Run(map[bool]string{true: "1", false: "1024"}[size == 1], func(b *testing.B) {
			for i := range b.N {
				if _, ok := n.Lookup(hostIP(i & (size - 1))); !ok {
					b.Fatal("not found")
				}
			}
		})
	}
}
