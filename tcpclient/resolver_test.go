package tcpclient

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/http/httptrace"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// nameServer answers DNS over TCP from a table of IPv4 addresses.
type nameServer map[string][]netip.Addr

func (s nameServer) serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for s.answer(c) == nil {
			}
		}()
	}
}

// answer answers one query (RFC 1035 §4; framed as §4.2.2 says).
func (s nameServer) answer(c net.Conn) error {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	query := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, query); err != nil {
		return err
	}
	end := 12
	var labels []string
	for query[end] != 0 {
		labels = append(labels, string(query[end+1:end+1+int(query[end])]))
		end += 1 + int(query[end])
	}
	end += 5
	addrs, known := s[strings.Join(labels, ".")]
	reply := append([]byte{0, 0}, query[:end]...)
	header := reply[2:]
	binary.BigEndian.PutUint16(header[2:], 0x8180)
	if !known {
		binary.BigEndian.PutUint16(header[2:], 0x8183) // no such name
	}
	clear(header[6:12])
	if binary.BigEndian.Uint16(query[end-4:]) == 1 { // asked for A
		binary.BigEndian.PutUint16(header[6:], uint16(len(addrs)))
		for _, a := range addrs {
			reply = append(reply, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4)
			reply = append(reply, a.AsSlice()...)
		}
	}
	binary.BigEndian.PutUint16(reply, uint16(len(reply)-2))
	_, err := c.Write(reply)
	return err
}

// Without a Resolver a name is an error, and no packet leaves.
func TestNameWithoutResolver(t *testing.T) {
	_, err := (&Dialer{}).Dial("tcp", "localhost:80")
	dialError(t, err, "")
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
	require.Equal(t, "localhost", dns.Name)
	require.ErrorContains(t, err, "Dialer.Resolver")
}

func TestNamesOverMyriad(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		names := w.listen()
		go nameServer{"one.test": {w.peer}, "two.test": {w.other, w.peer}, "none.test": {}}.serve(names)
		w.dialer.Resolver = w.dialer.NewResolver(names.Addr().(*net.TCPAddr).AddrPort())
		l := w.listen()
		go echo(l)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		for _, name := range []string{"one.test", "two.test"} { // w.other refuses
			c, err := w.dialer.Dial("tcp", name+":"+port)
			require.NoError(t, err)
			require.Equal(t, l.Addr().String(), c.RemoteAddr().String())
			require.NoError(t, c.Close())
		}
		for _, name := range []string{"unknown.test", "none.test"} {
			_, err := w.dialer.Dial("tcp", name+":"+port)
			dialError(t, err, "")
			var dns *net.DNSError
			require.ErrorAs(t, err, &dns)
			require.True(t, dns.IsNotFound)
		}
	})
}

// The trace of a dial is told of its look-up and its attempts, and not of the
// resolver's own connections.
func TestTraceOfDial(t *testing.T) {
	inEachWorld(t, nil, func(w *dialWorld) {
		t := w.t
		names := w.listen()
		go nameServer{"two.test": {w.other, w.peer}}.serve(names)
		w.dialer.Resolver = w.dialer.NewResolver(names.Addr().(*net.TCPAddr).AddrPort())
		l := w.listen()
		go echo(l)
		_, port, _ := net.SplitHostPort(l.Addr().String())

		var mu sync.Mutex
		var seen []string
		note := func(parts ...string) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, strings.Join(parts, " "))
		}
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
			DNSStart:     func(i httptrace.DNSStartInfo) { note("dns", i.Host) },
			DNSDone:      func(i httptrace.DNSDoneInfo) { note("found", i.Addrs[0].String(), i.Addrs[1].String()) },
			ConnectStart: func(network, addr string) { note("connect", network, addr) },
			ConnectDone: func(network, addr string, err error) {
				outcome := "done"
				if err != nil {
					outcome = "failed"
				}
				note(outcome, network, addr)
			},
		})
		c, err := w.dialer.DialContext(ctx, "tcp", "two.test:"+port)
		require.NoError(t, err)
		require.NoError(t, c.Close())
		mu.Lock()
		defer mu.Unlock()
		first, second := net.JoinHostPort(w.other.String(), port), net.JoinHostPort(w.peer.String(), port)
		require.Equal(t, []string{
			"dns two.test", "found " + w.other.String() + " " + w.peer.String(),
			"connect tcp " + first, "failed tcp " + first,
			"connect tcp " + second, "done tcp " + second,
		}, seen)
	})
}

// Names in the time that is left: each address gets its share.
func TestShareDeadline(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	end, _ := ctx.Deadline()
	quarter := func() time.Time { return time.Now().Add(time.Until(end) / 4) }
	least := quarter()
	share, cancelShare := shareDeadline(ctx, 4)
	defer cancelShare()
	most := quarter()
	at, ok := share.Deadline()
	require.True(t, ok)
	require.WithinRange(t, at, least.Add(-time.Millisecond), most.Add(time.Millisecond))
	last, _ := shareDeadline(ctx, 1)
	require.Equal(t, ctx, last)
	free, _ := shareDeadline(context.Background(), 4)
	_, ok = free.Deadline()
	require.False(t, ok)
}
