package sim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"myriad/iobackend/simlink"
	"myriad/tcpclient"
)

// Path is what a bulk transfer goes over: the same both ways.
type Path struct {
	Loss    float64       // probability per frame
	RTT     time.Duration // without what waits in the queue
	RateBPS uint64
	Queue   int // frames in front of the rate
	Seed    uint64
	Control string // tcpclient.Config.CongestionControl
	Duplex  bool   // both ends send; otherwise the first alone
}

// bulkEnd is one of two clients that are each other's peer: they open to each
// other at once (RFC 9293 §3.5), so that sender and receiver are both the code
// under test.
type bulkEnd struct {
	client    *tcpclient.Client
	w         *tcpclient.Worker
	id        tcpclient.ID
	sends     bool
	connected bool
	sent, got int
	wrong     error
}

// bulkOffer is how many bytes are offered at once.
const bulkOffer = 65_536

func (b *bulkEnd) Events(_ *tcpclient.Worker, events []tcpclient.Event) {
	for k := range events {
		switch e := &events[k]; e.Kind {
		case tcpclient.Connected:
			b.connected = true
		case tcpclient.Data:
			b.take(e.Data)
		case tcpclient.Failed, tcpclient.Closed, tcpclient.EndOfStream:
			b.wrong = fmt.Errorf("%v %v in the middle", e.Kind, e.Reason)
		}
	}
}

func (b *bulkEnd) take(data []byte) {
	for len(data) > 0 {
		n := min(len(data), bulkOffer)
		if !bytes.Equal(data[:n], stream(0).at(b.got, n)) {
			b.wrong = fmt.Errorf("%w, at %d", errWrongData, b.got)
			return
		}
		b.got += n
		data = data[n:]
	}
}

// pump keeps the send buffer full.
func (b *bulkEnd) pump() error {
	for b.sends {
		var r [1]tcpclient.Sent
		b.w.Send([]tcpclient.Send{{Conn: b.id, Data: stream(0).at(b.sent, bulkOffer)}}, r[:])
		b.sent += r[0].Count
		if r[0].Err != nil || r[0].Count < bulkOffer {
			return r[0].Err
		}
	}
	return nil
}

// Bulk transfers for span of virtual time over a connection that stands, and
// returns the bytes that arrived in order at both ends together.
func Bulk(p Path, span time.Duration) (delivered int, err error) {
	wire := simlink.Impairments{Delay: p.RTT / 2, RateBPS: p.RateBPS, QueueFrames: p.Queue}
	link, err := simlink.New(simlink.Config{Seed: p.Seed, Start: time.Hour, Ends: []simlink.EndConfig{
		{Impairments: wire, ReceiveFrames: 1024, SendFrames: 1024}, {Impairments: wire, ReceiveFrames: 1024, SendFrames: 1024},
	}})
	if err != nil {
		return 0, err
	}
	var both [2]*bulkEnd
	for k := range both {
		if both[k], err = newBulkEnd(link, k, &p); err != nil {
			return 0, err
		}
		defer both[k].abandon()
	}
	connected := func() bool { return both[0].connected && both[1].connected }
	if err = bulkRun(link.Clock(), &both, time.Minute, connected); err != nil || !connected() {
		return 0, errors.Join(err, errors.New("never connected"))
	}
	wire.Loss = p.Loss
	for k := range both {
		link.End(k).SetImpairments(wire)
		both[k].sends = k == 0 || p.Duplex
	}
	err = bulkRun(link.Clock(), &both, span, func() bool { return false })
	return both[0].got + both[1].got, err
}

func newBulkEnd(link *simlink.Link, k int, p *Path) (*bulkEnd, error) {
	b := &bulkEnd{}
	addresses := [2]netip.AddrPort{netip.MustParseAddrPort("10.1.0.1:1111"), netip.MustParseAddrPort("10.2.0.1:2222")}
	client, err := tcpclient.New(tcpclient.Config{
		Manual: true, Seed: p.Seed + uint64(k), ConnectionsMax: 4, CongestionControl: p.Control,
		ReceiveBufferMax: 8 << 20, SendBuffer: 8 << 20, BufferMemory: 64 << 20, HolesMax: 4096,
		Interfaces: []tcpclient.Interface{{
			Device: link.End(k), Sources: []netip.Prefix{netip.PrefixFrom(addresses[k].Addr(), 32)},
			GatewayMAC: link.End(1 - k).Info().HardwareAddr,
		}},
	}, func(w *tcpclient.Worker) tcpclient.Handler { b.w = w; return b })
	if err != nil {
		return nil, err
	}
	b.client = client
	if err = client.Start(); err != nil {
		return nil, err
	}
	var r [1]tcpclient.Opened
	b.w.Open([]tcpclient.Open{{Remote: addresses[1-k], Local: addresses[k]}}, r[:])
	b.id = r[0].Conn
	return b, r[0].Err
}

// abandon closes the client and what it still has open.
func (b *bulkEnd) abandon() {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = b.client.Close(done) // that there is a connection left is no news
}

// bulkRun steps both ends for span, or until done.
func bulkRun(clock *simlink.Clock, both *[2]*bulkEnd, span time.Duration, done func() bool) error {
	for limit := clock.Now() + span; clock.Now() < limit && !done(); {
		next, busy := limit, false
		for k, b := range both {
			at, did := b.client.Step()
			next, busy = min(next, at), busy || did
			if err := errors.Join(b.wrong, b.pump()); err != nil {
				return fmt.Errorf("end %d: %w", k, err)
			}
		}
		if busy {
			continue
		}
		if at, ok := clock.NextEvent(); ok {
			next = min(next, at)
		}
		clock.AdvanceTo(max(next, clock.Now()+time.Microsecond))
	}
	return nil
}
