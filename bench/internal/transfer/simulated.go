package transfer

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"myriad/iobackend/simlink"
	"myriad/tcpclient"
)

// The simulated link.
const (
	linkBPS   = 1_000_000_000
	linkRTT   = 50 * time.Millisecond
	linkQueue = 12_500_000 // bytes: two round trips' worth
	linkTime  = 5 * time.Second
)

// Simulated measures one direction between two Myriads in virtual time, from
// the handshake on: 1 Gbit/s, 50 ms, nothing lost but what the queue in front
// of the link cannot hold.
func Simulated(direction Direction, congestion string) (r Result, err error) {
	r = Result{Client: Myriad, Direction: direction, Congestion: congestion, Path: "simlink, 1 Gbit/s, 50 ms", Connections: 1, Queues: 1}
	r.Destinations = "one"
	end := simlink.EndConfig{Impairments: simlink.Impairments{RateBPS: linkBPS, Delay: linkRTT / 2, QueueBytes: linkQueue}}
	link, err := simlink.New(simlink.Config{Seed: 1, Start: time.Hour, Ends: []simlink.EndConfig{end, end}})
	if err != nil {
		return r, err
	}
	sender := 0
	if direction == Download {
		sender = 1
	}
	addresses := [2]netip.AddrPort{netip.MustParseAddrPort("10.88.0.1:1111"), netip.MustParseAddrPort("10.89.0.1:2222")}
	var clients [2]*tcpclient.Client
	var ends [2]*share
	for k := range clients {
		ends[k] = &share{bulk: newBulk(k == sender, 1)}
		clients[k], err = tcpclient.New(tcpclient.Config{
			Manual: true, Seed: uint64(1 + k), ConnectionsMax: 4, CongestionControl: congestion,
			ReceiveBufferMax: 16 << 20, SendBuffer: 16 << 20,
			Interfaces: []tcpclient.Interface{{
				Device: link.End(k), Sources: []netip.Prefix{netip.PrefixFrom(addresses[k].Addr(), 32)},
				GatewayMAC: link.End(1 - k).Info().HardwareAddr,
			}},
		}, func(*tcpclient.Worker) tcpclient.Handler { return ends[k] })
		if err != nil {
			return r, err
		}
		if err := clients[k].Start(); err != nil {
			return r, err
		}
		var errs [1]error
		// Both open at once: each is the other's peer (RFC 9293 §3.5).
		clients[k].Open([]tcpclient.Open{{Remote: addresses[1-k], Local: addresses[k]}}, errs[:])
		if errs[0] != nil {
			return r, errs[0]
		}
	}
	start := link.Clock().Now()
	play(link, clients, start+linkTime)
	r.Seconds, r.Bytes = (link.Clock().Now() - start).Seconds(), ends[1-sender].received.Load()
	r.MbitPerSecond = float64(r.Bytes) * 8 / 1e6 / r.Seconds
	r.LinkShare = r.MbitPerSecond * 1e6 / linkBPS
	s := clients[sender].Stats()
	r.Retransmitted, r.Recoveries = s.Retransmitted, s.Counters["fast_recoveries"]
	r.Timeouts, r.LossProbes = s.Counters["retransmission_timeouts"], s.Counters["loss_probes"]
	cut, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range clients {
		if e := c.Close(cut); e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}
	return r, err
}

// play steps both ends until an instant.
func play(link *simlink.Link, clients [2]*tcpclient.Client, until time.Duration) {
	clock := link.Clock()
	for clock.Now() < until {
		next, busy := until, false
		for _, c := range clients {
			at, b := c.Step()
			next, busy = min(next, at), busy || b
		}
		if busy {
			continue
		}
		if at, ok := clock.NextEvent(); ok {
			next = min(next, at)
		}
		clock.AdvanceTo(max(next, clock.Now()+time.Microsecond))
	}
}
