package interop

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"myriad/tcpclient"
)

// visit is one connection to nginx: page after page, then an end.
type visit struct {
	remote   netip.AddrPort
	requests []tcpclient.RequestID
	pages    []int // -1 is the big file
	separate bool
	how      tcpclient.CloseHow // 0: nginx closes first, being asked to
	silent   bool               // nginx closes without a reply

	reply   reply
	visited int
	ended   bool
}

func (v *visit) open() tcpclient.Open {
	return tcpclient.Open{Remote: v.remote, Request: v.requests[0], Separate: v.separate}
}

func (v *visit) event(w *tcpclient.Worker, e *tcpclient.Event) (done bool, err error) {
	switch e.Kind {
	case tcpclient.Connected:
		v.expect()
		return false, nil
	case tcpclient.Data:
		return v.data(w, e)
	case tcpclient.EndOfStream:
		v.ended = true
		if v.visited != len(v.pages) {
			return false, fmt.Errorf("closed by nginx after %d of %d pages", v.visited, len(v.pages))
		}
		if v.how == tcpclient.Fin {
			return false, nil // ours went out before
		}
		return false, closeConn(w, e.Conn, tcpclient.Fin)
	case tcpclient.Closed:
		if v.ended == (v.how == tcpclient.FinDiscard) || v.visited != len(v.pages) {
			return true, fmt.Errorf("closed after %d of %d pages", v.visited, len(v.pages))
		}
		return true, nil
	}
	return true, fmt.Errorf("after %d pages: %w", v.visited, e.Reason.Err())
}

// expect prepares for the next page's reply.
func (v *visit) expect() {
	if v.silent {
		return
	}
	seed, size := uint64(bigSeed), bigBytes
	if p := v.pages[v.visited]; p >= 0 {
		seed, size = uint64(p), pageBytes(p)
	}
	v.reply = reply{address: v.remote.Addr().String(), left: size, body: newChecker(seed)}
}

func (v *visit) data(w *tcpclient.Worker, e *tcpclient.Event) (done bool, err error) {
	for data := e.Data; len(data) > 0; {
		if v.visited == len(v.pages) {
			return false, fmt.Errorf("%d bytes that nobody asked for", len(data))
		}
		if data, err = v.reply.read(data); err != nil {
			return false, fmt.Errorf("page %d: %w", v.pages[v.visited], err)
		}
		if !v.reply.complete() {
			return false, nil
		}
		if v.visited++; v.visited == len(v.pages) {
			return v.end(w, e.Conn)
		}
		v.expect()
		var sent [1]tcpclient.Sent
		w.Send([]tcpclient.Send{{Conn: e.Conn, Request: v.requests[v.visited]}}, sent[:])
		if sent[0].Err != nil {
			return false, sent[0].Err
		}
	}
	return false, nil
}

func (v *visit) end(w *tcpclient.Worker, conn tcpclient.ID) (done bool, err error) {
	if v.how == 0 {
		return false, nil // nginx closes
	}
	return v.how == tcpclient.Reset, closeConn(w, conn, v.how)
}

// reply reads one HTTP/1.1 reply with a Content-Length and judges it.
type reply struct {
	address string // expected in X-Addr
	left    int    // of the body, expected
	body    *checker
	head    []byte
	headed  bool
}

func (r *reply) complete() bool { return r.headed && r.left == 0 }

// read takes what belongs to the reply and returns the rest.
func (r *reply) read(p []byte) (rest []byte, err error) {
	if !r.headed {
		before := len(r.head)
		r.head = append(r.head, p...)
		end := bytes.Index(r.head, []byte("\r\n\r\n"))
		if end < 0 {
			return nil, nil
		}
		p = p[end+4-before:]
		r.head, r.headed = r.head[:end], true
		if err := r.judge(); err != nil {
			return nil, err
		}
	}
	n := min(len(p), r.left)
	r.left -= n
	_, err = r.body.Write(p[:n])
	return p[n:], err
}

func (r *reply) judge() error {
	lines := strings.Split(string(r.head), "\r\n")
	if lines[0] != "HTTP/1.1 200 OK" {
		return fmt.Errorf("status line %q", lines[0])
	}
	for _, want := range []string{"Content-Length: " + strconv.Itoa(r.left), "X-Addr: " + r.address} {
		found := false
		for _, l := range lines[1:] {
			found = found || l == want
		}
		if !found {
			return fmt.Errorf("no header %q in %q", want, r.head)
		}
	}
	return nil
}
