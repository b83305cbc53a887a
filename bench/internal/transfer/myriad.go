package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"myriad/tcpclient"
)

// Buffers of Myriad's end, as large as the kernel lets its own grow to; but over a
// path without a delay what it sends lies in less, as it would in the kernel's,
// which follows the window: without loss 128 KiB, three long segments, have 1.25
// times the rate of 1 MiB, and that has 1.09 times the rate of 4.
const (
	receiveMax   = 6 << 20
	sendMax      = 4 << 20
	sendMaxShort = 128 << 10
)

func (c *Case) sendBuffer() int {
	if c.Delay == 0 {
		return sendMaxShort
	}
	return sendMax
}

// bulk is what the connections of all workers do: send, or receive, for as long
// as they stand.
type bulk struct {
	upload   bool
	single   bool         // one connection, which begins at once
	missing  atomic.Int64 // connections that do not stand yet
	received atomic.Int64
	began    chan struct{} // closed once all are connected
	ended    chan tcpclient.Reason
}

func newBulk(upload bool, connections int) *bulk {
	b := &bulk{upload: upload, single: connections == 1, began: make(chan struct{}), ended: make(chan tcpclient.Reason, 1)}
	b.missing.Store(int64(connections))
	return b
}

// share is a worker's part of it.
type share struct {
	*bulk
	conns []tcpclient.ID
}

func (b *share) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	count := 0
	for k := range events {
		e := &events[k]
		switch e.Kind {
		case tcpclient.Connected:
			b.conns = append(b.conns, e.Conn)
			if b.missing.Add(-1) == 0 {
				close(b.began)
			}
			if b.single {
				b.fill(w, e.Conn)
			}
		case tcpclient.Data:
			count += len(e.Data)
		case tcpclient.Writable:
			b.fill(w, e.Conn)
		case tcpclient.Failed, tcpclient.Closed:
			select {
			case b.ended <- e.Reason:
			default: // one is enough
			}
		}
	}
	if count > 0 {
		b.received.Add(int64(count))
	}
}

// fillAll begins, once all connections stand.
func (b *share) fillAll(w *tcpclient.Worker) {
	for _, conn := range b.conns {
		b.fill(w, conn)
	}
}

// fill queues as much as there is room for.
func (b *share) fill(w *tcpclient.Worker, conn tcpclient.ID) {
	if !b.upload {
		return
	}
	var r [1]tcpclient.Sent
	for {
		w.Send([]tcpclient.Send{{Conn: conn, Data: block}}, r[:])
		if r[0].Err != nil || r[0].Count < len(block) {
			return
		}
	}
}

// Memory of Myriad's end for many connections.
const (
	bufferMemory = 256 << 20 // half of it to send from, or for what comes out of order
	frames       = 65536     // received, of 2 KiB, in the ring of the queue
)

// config is for the case's connections.
func (c *Case) config() tcpclient.Config {
	cfg := tcpclient.Config{
		Interfaces: []tcpclient.Interface{{
			Name: nearName, Backend: "afxdp", Sources: []netip.Prefix{sources}, OnLink: []netip.Prefix{nearPrefix.Masked()},
		}},
		ConnectionsMax: 16, ReceiveBufferMax: receiveMax, SendBuffer: c.sendBuffer(),
	}
	if c.Connections > 1 {
		cfg.ConnectionsMax, cfg.BufferMemory = 2*c.Connections, bufferMemory
		cfg.ReceiveBufferMax = min(receiveMax, max(bufferMemory/2/c.Connections, 65535))
		cfg.SendBuffer = min(c.sendBuffer(), bufferMemory/2/c.Connections)
		cfg.Interfaces[0].ReceiveFrames = frames
	}
	if c.Direction == Upload {
		cfg.CongestionControl = c.Congestion
		// The server's goroutine, which acknowledges, has the thread next, as it
		// has after the kernel's client; a download, which waits for nobody, is
		// better off with one of its own.
		cfg.Interfaces[0].Park = true
	}
	return cfg
}

// runMyriad measures tcpclient over AF_XDP.
func (w *world) runMyriad(ctx context.Context, c Case, r *Result) (err error) {
	cfg := c.config()
	cfg.Interfaces[0].Gateway = w.gateway
	b := newBulk(c.Direction == Upload, c.Connections)
	var client *tcpclient.Client
	var shares []*share
	err = w.near.Do(func() (err error) {
		client, err = tcpclient.New(cfg, func(*tcpclient.Worker) tcpclient.Handler {
			s := &share{bulk: b}
			shares = append(shares, s)
			return s
		})
		return err
	})
	if err != nil {
		return err
	}
	if err := client.Start(); err != nil {
		return err
	}
	defer func() {
		cut, cancel := context.WithCancel(context.Background())
		cancel() // a measurement ends when its time is over
		if e := client.Close(cut); e != nil && !errors.Is(e, context.Canceled) {
			err = errors.Join(err, e)
		}
	}()
	port := uint16(downloadPort)
	if b.upload {
		port = uploadPort
	}
	opens, errs := make([]tcpclient.Open, c.Connections), make([]error, c.Connections)
	for k := range opens {
		opens[k] = tcpclient.Open{Remote: netip.AddrPortFrom(farPrefix.Addr(), port)}
	}
	client.Open(opens, errs)
	if err := errors.Join(errs...); err != nil {
		return err
	}
	select {
	case <-b.began:
	case reason := <-b.ended:
		return fmt.Errorf("no connection: %v", reason)
	case <-time.After(dialTimeout):
		return errors.New("no connection in time")
	}
	for k, s := range shares {
		if err := client.Do(k, s.fillAll); err != nil {
			return err
		}
	}
	count := &b.received
	if b.upload {
		count = &w.received
	}
	w.begin()
	if err := w.metered(r, count.Load, func() { wait(ctx, c.Seconds) }); err != nil {
		return err
	}
	select {
	case reason := <-b.ended:
		return fmt.Errorf("the connection ended: %v", reason)
	default:
	}
	s := client.Stats()
	if b.upload {
		r.Retransmitted, r.Recoveries = s.Retransmitted, s.Counters["fast_recoveries"]
		r.Timeouts, r.LossProbes = s.Counters["retransmission_timeouts"], s.Counters["loss_probes"]
	}
	return nil
}
