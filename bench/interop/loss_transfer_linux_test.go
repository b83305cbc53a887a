package interop

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"myriad/tcpclient"
)

// The transfer server's requests: a letter, a seed and a count of bytes, 17
// bytes in all.
const (
	transferPort = 7000
	download     = 'D' // it sends count bytes of the seed's content, and closes
	upload       = 'U' // it reads as many, and answers "right" if they are
	both         = 'B' // it does both at once
	echo         = 'E' // it sends back what it gets, until the end of it
	requestBytes = 17
)

// transfer is one request to the transfer server.
type transfer struct {
	what  byte
	seed  uint64
	count int
	id    int // chooses the server's address
	gate  *gate

	conn     tcpclient.ID
	sent     int
	pending  []byte // generated, not yet taken
	source   io.Reader
	got      *checker
	verdict  []byte
	finished bool
}

func (x *transfer) open() tcpclient.Open { return tcpclient.Open{Remote: target(x.id, transferPort)} }

func (x *transfer) event(w *tcpclient.Worker, e *tcpclient.Event) (done bool, err error) {
	switch e.Kind {
	case tcpclient.Connected:
		if x.gate != nil {
			x.gate.arrive(w, x)
		}
		x.conn = e.Conn
		x.got = newChecker(x.seed)
		x.source = io.LimitReader(content(x.seed), int64(x.uploads()))
		x.pending = make([]byte, requestBytes, 16<<10)
		x.pending[0] = x.what
		binary.BigEndian.PutUint64(x.pending[1:], x.seed)
		binary.BigEndian.PutUint64(x.pending[9:], uint64(x.count))
		if x.gate != nil {
			return false, nil
		}
		return false, x.send(w)
	case tcpclient.Writable:
		return false, x.send(w)
	case tcpclient.Data:
		return false, x.data(e.Data)
	case tcpclient.EndOfStream:
		if x.downloads() && x.got.at != x.count {
			return false, fmt.Errorf("the stream ended after %d of %d bytes", x.got.at, x.count)
		}
		x.finished = true
		if !x.uploading() {
			// An upload closed its side when all was sent.
			return false, closeConn(w, e.Conn, tcpclient.Fin)
		}
		return false, nil
	case tcpclient.Closed:
		if !x.finished || x.uploading() && string(x.verdict) != "right" {
			return true, fmt.Errorf("closed with the verdict %q", x.verdict)
		}
		return true, nil
	}
	return true, fmt.Errorf("failed after %d bytes sent, %d received: %w", x.sent, x.got.at, e.Reason.Err())
}

// gate holds transfers back until a number of them have connected.
type gate struct {
	crew  *crew
	need  int
	mutex sync.Mutex
	held  [][]*transfer // by worker
	count int
}

func newGate(c *crew, need int) *gate {
	return &gate{crew: c, need: need, held: make([][]*transfer, c.client.Workers())}
}

// arrive runs on the worker's goroutine; the last to come opens the gate on
// all workers.
func (g *gate) arrive(w *tcpclient.Worker, x *transfer) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.held[w.Index()] = append(g.held[w.Index()], x)
	if g.count++; g.count < g.need {
		return
	}
	for k, held := range g.held {
		err := g.crew.client.Do(k, func(w *tcpclient.Worker) {
			for _, x := range held {
				if err := x.send(w); err != nil {
					g.crew.fail(err)
				}
			}
		})
		if err != nil {
			g.crew.fail(err)
		}
	}
}

func (x *transfer) uploading() bool { return x.what != download }
func (x *transfer) downloads() bool { return x.what != upload }

func (x *transfer) uploads() int {
	if x.what == download {
		return 0
	}
	return x.count
}

func (x *transfer) data(p []byte) error {
	if !x.downloads() || x.got.at == x.count {
		x.verdict = append(x.verdict, p...)
		return nil
	}
	n := min(len(p), x.count-x.got.at)
	if _, err := x.got.Write(p[:n]); err != nil {
		return err
	}
	x.verdict = append(x.verdict, p[n:]...)
	return nil
}

// send gives as much as is taken; Writable calls for the rest. Then it closes
// its side.
func (x *transfer) send(w *tcpclient.Worker) error {
	var result [1]tcpclient.Sent
	for {
		if len(x.pending) == 0 {
			x.pending = x.pending[:cap(x.pending)]
			n, err := io.ReadFull(x.source, x.pending)
			x.pending = x.pending[:n]
			if n == 0 {
				if !x.uploading() {
					return nil
				}
				return closeConn(w, x.conn, tcpclient.Fin)
			}
			if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				return err
			}
		}
		w.Send([]tcpclient.Send{{Conn: x.conn, Data: x.pending}}, result[:])
		if result[0].Err != nil {
			return result[0].Err
		}
		n := result[0].Count
		x.sent += n
		if n < len(x.pending) {
			x.pending = x.pending[n:]
			return nil
		}
		x.pending = x.pending[:0:cap(x.pending)]
		if cap(x.pending) < 4096 {
			x.pending = make([]byte, 0, 16<<10)
		}
	}
}

// transferServer is the kernel's end.
func transferServer(w *world, configure func(*net.TCPListener)) {
	w.t.Helper()
	serve(w, transferPort, configure, func(c *net.TCPConn) {
		w.noteOptions(c)
		var request [requestBytes]byte
		if _, err := io.ReadFull(c, request[:]); err != nil {
			return
		}
		seed, count := binary.BigEndian.Uint64(request[1:]), int64(binary.BigEndian.Uint64(request[9:]))
		switch request[0] {
		case download:
			_ = copyContent(c, seed, count)
		case upload:
			_, _ = io.WriteString(c, verdict(c, seed, count))
		case both:
			answer := make(chan string)
			go func() { answer <- verdict(c, seed, count) }()
			_ = copyContent(c, seed, count)
			_, _ = io.WriteString(c, <-answer)
		case echo:
			n, _ := io.Copy(c, c)
			if n == count {
				_, _ = io.WriteString(c, "right")
			}
		}
	})
}

// verdict reads an upload and what follows it, which is to be its end.
func verdict(c io.Reader, seed uint64, count int64) string {
	n, err := io.Copy(newChecker(seed), c)
	if err != nil {
		return err.Error()
	}
	if n != count {
		return fmt.Sprintf("%d bytes of %d", n, count)
	}
	return "right"
}

// transfers makes n equal ones of different content.
func transfers(what byte, n, count int) (all []task) {
	for k := range n {
		all = append(all, &transfer{what: what, seed: uint64(count + k), count: count, id: k})
	}
	return all
}
