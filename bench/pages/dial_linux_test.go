package pages

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"myriad/tcpclient"
)

var errShort = fmt.Errorf("no whole page")

// several lets w.parallel goroutines fetch until it is time.
func several(w *world, until time.Time, fetch func() error) (pages uint64, err error) {
	var running sync.WaitGroup
	var count atomic.Uint64
	var failure atomic.Pointer[error]
	for range w.parallel {
		running.Go(func() {
			for time.Now().Before(until) && failure.Load() == nil {
				if err := fetch(); err != nil {
					failure.Store(&err)
					return
				}
				count.Add(1)
			}
		})
	}
	running.Wait()
	if f := failure.Load(); f != nil {
		return 0, *f
	}
	return count.Load(), nil
}

// openDial is the request over the kernel's connections, and their replies read
// to the end.
func openDial(w *world) (fetcher, func(), error) {
	buffers := sync.Pool{New: func() any { return new([16 << 10]byte) }}
	fetch := func() error {
		b := buffers.Get().(*[16 << 10]byte)
		defer buffers.Put(b)
		return dialPage(w, b[:])
	}
	return func(until time.Time) (uint64, error) { return several(w, until, fetch) }, func() {}, nil
}

func dialPage(w *world, b []byte) error {
	c, err := net.Dial("tcp4", w.server())
	if err != nil {
		return err
	}
	defer c.Close()
	if w.reset {
		_ = c.(*net.TCPConn).SetLinger(0)
	}
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	total := 0
	for {
		n, err := c.Read(b)
		total += n
		if err == io.EOF && total > pageBytes {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%d bytes: %w: %w", total, errShort, err)
		}
	}
}

// httpPages fetches with net/http over connections of dial's, which can be told
// to end with RST as *net.TCPConn can.
func httpPages(w *world, dial func(context.Context, string, string) (net.Conn, error)) fetcher {
	if with := dial; w.reset {
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := with(ctx, network, address)
			if err == nil {
				err = c.(interface{ SetLinger(int) error }).SetLinger(0)
			}
			return c, err
		}
	}
	web := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true, DisableCompression: true}}
	fetch := func() error {
		reply, err := web.Get("http://" + w.server() + "/page")
		if err != nil {
			return err
		}
		defer reply.Body.Close()
		n, err := io.Copy(io.Discard, reply.Body)
		if err == nil && n != pageBytes {
			err = errShort
		}
		return err
	}
	return func(until time.Time) (uint64, error) { return several(w, until, fetch) }
}

func openHTTP(w *world) (fetcher, func(), error) {
	return httpPages(w, new(net.Dialer).DialContext), func() {}, nil
}

func openDialer(w *world) (fetcher, func(), error) {
	d := &tcpclient.Dialer{Config: config(w)}
	c, err := d.Client()
	if err != nil {
		return nil, nil, err
	}
	return httpPages(w, d.DialContext), func() {
		d.Close()
		w.stats = c.Stats()
	}, nil
}
