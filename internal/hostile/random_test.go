package hostile

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/seeded"
	"myriad/internal/wrap"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
	"myriad/tcpclient"
)

// sigmas is how far from its expectation a figure may lie: a normal variable
// is beyond it once in 10¹⁰, so that even with a seed of its own in every run,
// and some two hundred figures, none fails by chance in a lifetime.
const sigmas = 6.5

// drawn is what one SYN shows to the world, less the clock where it is known.
type drawn struct {
	isn, stamp uint32
	id, port   uint16
}

// TestNumbersTellNothing has the client open a million connections, to hosts,
// ports and at instants that follow each other, and looks at the initial
// sequence numbers, timestamps, IP identifications and local ports: each is
// evenly spread, none follows from the ones before, and none from another.
func TestNumbersTellNothing(t *testing.T) {
	if wrap.Forced {
		t.Skip("a build tag makes the ISNs here")
	}
	count := 1 << 20
	if testing.Short() {
		count = 1 << 15
	}
	all := drawNumbers(t, seeded.Rand(t).Uint64()|1, count)
	columns := map[string]func(d *drawn) uint32{
		"ISN":       func(d *drawn) uint32 { return d.isn },
		"timestamp": func(d *drawn) uint32 { return d.stamp },
		"IP ID":     func(d *drawn) uint32 { return uint32(d.id) << 16 },
		"port":      func(d *drawn) uint32 { return portPlace(d.port) },
	}
	for name, of := range columns {
		values := make([]uint32, len(all))
		for k := range all {
			values[k] = of(&all[k])
		}
		t.Run(name, func(t *testing.T) {
			even(t, name, values)
			for lag := 1; lag <= 256; lag *= 2 { // 256 hosts, then the next port
				uncorrelated(t, fmt.Sprintf("%d later", lag), values[:len(values)-lag], values[lag:])
				differences := make([]uint32, len(values)-lag)
				for k := range differences {
					differences[k] = values[k+lag] - values[k]
				}
				if name != "port" { // the difference of two draws from 64,512 ports is not even
					even(t, fmt.Sprintf("difference to %d later", lag), differences)
				}
			}
			for other, of := range columns {
				if other != name {
					others := make([]uint32, len(all))
					for k := range all {
						others[k] = of(&all[k])
					}
					uncorrelated(t, "with "+other, values, others)
				}
			}
		})
	}
	t.Run("repeats", func(t *testing.T) {
		seen := map[uint32]bool{}
		for k := range all {
			seen[all[k].isn] = true
		}
		n := float64(len(all))
		expected := n * n / math.Exp2(33)
		require.InDelta(t, expected, n-float64(len(seen)), sigmas*math.Sqrt(expected)+sigmas*sigmas, "pairs of the same ISN")
	})
}

// portPlace spreads the ports that are used over 32 bits.
func portPlace(port uint16) uint32 {
	const ports = portMax - portMin + 1
	return uint32((uint64(port)-portMin)<<32/ports + 1<<31/ports)
}

const portMin, portMax = 1024, 65535

// even compares how often the first byte and, where there are 32 bits, the
// others take each value with what chance makes of it.
func even(t *testing.T, name string, values []uint32) {
	t.Helper()
	bytes := []int{24, 16, 8, 0}
	if values[0]&0xffff == 0 && values[1]&0xffff == 0 && values[2]&0xffff == 0 {
		bytes = bytes[:2]
	}
	if name == "port" {
		bytes = bytes[:1]
	}
	for _, shift := range bytes {
		var counts [256]float64
		for _, v := range values {
			counts[v>>shift&0xff]++
		}
		expected, square := float64(len(values))/256, 0.0
		for _, n := range counts {
			square += (n - expected) * (n - expected) / expected
		}
		// Wilson and Hilferty: the cube root of χ²/255 is normal.
		const freedom = 255
		z := (math.Cbrt(square/freedom) - (1 - 2.0/(9*freedom))) / math.Sqrt(2.0/(9*freedom))
		require.Less(t, math.Abs(z), sigmas, "%s, bits from %d: χ² is %.0f for 255 degrees of freedom", name, shift, square)
	}
}

// uncorrelated takes the correlation of two series, which is normal about 0 with
// a variance of 1/n if there is none; and bit by bit, how often they agree.
func uncorrelated(t *testing.T, name string, a, b []uint32) {
	t.Helper()
	n := float64(len(a))
	var sumA, sumB, sumAA, sumBB, sumAB float64
	var agree [32]int
	for k := range a {
		x, y := float64(a[k]), float64(b[k])
		sumA, sumB = sumA+x, sumB+y
		sumAA, sumBB, sumAB = sumAA+x*x, sumBB+y*y, sumAB+x*y
		for same, bit := ^(a[k] ^ b[k]), 24; bit < 32; bit++ {
			agree[bit] += int(same >> bit & 1)
		}
	}
	r := (n*sumAB - sumA*sumB) / math.Sqrt((n*sumAA-sumA*sumA)*(n*sumBB-sumB*sumB))
	require.Less(t, math.Abs(r), sigmas/math.Sqrt(n), "%s: correlation", name)
	for bit := 24; bit < 32; bit++ {
		require.InDelta(t, n/2, agree[bit], sigmas*math.Sqrt(n)/2, "%s: bit %d agrees", name, bit)
	}
}

// drawNumbers opens connections and resets them as soon as their SYN was seen.
func drawNumbers(t *testing.T, seed uint64, count int) []drawn {
	const batch = 256
	link, err := simlink.New(simlink.Config{Start: time.Hour, Ends: []simlink.EndConfig{{}, {}}})
	require.NoError(t, err)
	var worker *tcpclient.Worker
	client, err := tcpclient.New(tcpclient.Config{
		Manual: true, Seed: seed, ConnectionsMax: 1 << 12, SideRecords: 16, BufferMemory: 1 << 20, Timestamps: true, PortMin: portMin, PortMax: portMax,
		Interfaces: []tcpclient.Interface{{Device: link.End(0), Sources: []netip.Prefix{ourNet}, GatewayMAC: net.HardwareAddr(theirMAC[:])}},
	}, func(w *tcpclient.Worker) tcpclient.Handler { worker = w; return deaf{} })
	require.NoError(t, err)
	all := make([]drawn, 0, count)
	var p linklayer.Packet
	link.End(1).OnFrame(func(at time.Duration, frame []byte) {
		require.Equal(t, linklayer.DropNone, linklayer.Parse(frame, false, &p))
		g := &p.Segment
		if g.Flags != linklayer.SYN {
			return
		}
		all = append(all, drawn{
			isn:   uint32(g.Seq) - uint32(at/(4*time.Microsecond)),
			stamp: g.Options.TSVal - uint32(at/time.Millisecond),
			id:    binary.BigEndian.Uint16(frame[18:]), port: p.SourcePort,
		})
	})
	require.NoError(t, client.Start())
	var opens [batch]tcpclient.Open
	var opened [batch]tcpclient.Opened
	var closes [batch]tcpclient.Close
	var errs [batch]error
	for len(all) < count {
		for k := range opens { // host after host, then the next port of all
			n := len(all) + k
			host := netip.AddrFrom4([4]byte{10, 3, byte(n >> 20), byte(n)})
			opens[k] = tcpclient.Open{Remote: netip.AddrPortFrom(host, uint16(1+n>>8))}
		}
		worker.Open(opens[:], opened[:])
		before := len(all)
		for len(all) < before+batch {
			client.Step()
			at, ok := link.Clock().NextEvent()
			require.True(t, ok || len(all) == before+batch)
			if ok {
				link.Clock().AdvanceTo(at)
			}
		}
		for k := range closes {
			require.NoError(t, opened[k].Err)
			closes[k] = tcpclient.Close{Conn: opened[k].Conn, How: tcpclient.Reset}
		}
		worker.Close(closes[:], errs[:])
		client.Step()
		link.Clock().AdvanceTo(link.Clock().Now() + 100*time.Microsecond)
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = client.Close(done)
	return all[:count]
}

// deaf is an application that hears nothing.
type deaf struct{}

func (deaf) Events(*tcpclient.Worker, []tcpclient.Event) {}
