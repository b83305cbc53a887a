package transact

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"myriad/tcpclient"
)

// dialer is how the connections are made.
func (w *world) dialer(c *Case, r *Result) (dial func(context.Context) (net.Conn, error), end func() error, err error) {
	if c.Client == Kernel {
		return func(ctx context.Context) (net.Conn, error) {
			return w.near.DialContext(ctx, "tcp4", server.String())
		}, func() error { return nil }, nil
	}
	d := &tcpclient.Dialer{Config: config(w, c), Timeout: dialTimeout}
	var client *tcpclient.Client
	err = w.near.Do(func() (err error) { // where the device is
		client, err = d.Client()
		return err
	})
	return func(ctx context.Context) (net.Conn, error) {
			return d.DialContext(ctx, "tcp4", server.String())
		}, func() error {
			if client != nil {
				r.DroppedByDevice = droppedByDevice(client)
			}
			return cut(d.Shutdown)
		}, err
}

// runTLS measures net.Conns, a goroutine each.
func (w *world) runTLS(ctx context.Context, c *Case, r *Result) (err error) {
	raiseFiles(c.Connections + 256)
	roots, err := w.serveTLS(c)
	if err != nil {
		return err
	}
	dial, end, err := w.dialer(c, r)
	var conns []*tls.Conn
	defer func() {
		for _, conn := range conns {
			_ = conn.NetConn().Close() // the measurement is over
		}
		err = errors.Join(err, end())
	}()
	if err != nil {
		return err
	}
	if conns, err = dialAll(ctx, c, dial, &tls.Config{RootCAs: roots, ServerName: server.Addr().String()}); err != nil {
		return err
	}
	m, err := w.start(inProcess)
	if err != nil {
		return err
	}
	times := make([]sharedHistogram, shards)
	var failed atomic.Uint64
	var stop atomic.Bool
	var done sync.WaitGroup
	for k, conn := range conns {
		done.Go(func() {
			if err := exchanges(conn, c.ReplyBytes, &stop, &times[k%shards]); err != nil {
				failed.Add(1)
			}
		})
	}
	took := wait(ctx, c.Duration)
	err = m.stop(r, took)
	stop.Store(true)
	for _, conn := range conns {
		_ = conn.SetDeadline(time.Now().Add(lateMost))
	}
	done.Wait()
	var sum histogram
	for k := range times {
		sum.add(&times[k].histogram)
	}
	r.Failed = failed.Load()
	r.fill(&sum, took)
	return err
}

// lateMost is how long replies are waited for once the time is over.
const lateMost = 10 * time.Second

// shards are histograms, each of some of the connections.
const shards = 16

type sharedHistogram struct {
	mutex sync.Mutex
	histogram
}

// dialAll makes the connections, some at a time. Those made are returned with
// an error, too.
func dialAll(ctx context.Context, c *Case, dial func(context.Context) (net.Conn, error), config *tls.Config) ([]*tls.Conn, error) {
	const together = 64
	conns, errs := make([]*tls.Conn, c.Connections), make([]error, together)
	var next atomic.Int64
	var done sync.WaitGroup
	open := func() error {
		for k := int(next.Add(1)) - 1; k < c.Connections; k = int(next.Add(1)) - 1 {
			conn, err := dial(ctx)
			if err != nil {
				return err
			}
			conns[k] = tls.Client(conn, config)
			if err := conns[k].HandshakeContext(ctx); err != nil {
				return fmt.Errorf("TLS: %w", err)
			}
		}
		return nil
	}
	for k := range together {
		done.Go(func() { errs[k] = open() })
	}
	done.Wait()
	made := conns[:0:0]
	for _, conn := range conns {
		if conn != nil {
			made = append(made, conn)
		}
	}
	return made, errors.Join(errs...)
}

// exchanges has one after the other until stop.
func exchanges(conn net.Conn, replyBytes int, stop *atomic.Bool, times *sharedHistogram) error {
	request, reply := make([]byte, RequestBytes), make([]byte, replyBytes)
	for {
		began := time.Now()
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, reply); err != nil {
			return err
		}
		if stop.Load() {
			return nil
		}
		took := time.Since(began)
		times.mutex.Lock()
		times.record(took)
		times.mutex.Unlock()
	}
}
