package tcpclient

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/testbed"
)

// The kernel's UDP answers every query, and its ICMP tells of a closed port.
func TestQueriesToTheKernel(t *testing.T) {
	testbed.Require(t)
	near, far := sharedWorld(t)
	source := netip.MustParsePrefix("10.91.0.0/28")
	require.NoError(t, far.AddLinkRoute(source, "far0"))
	for _, backend := range []string{"afxdp", "afpacket"} {
		t.Run(backend, func(t *testing.T) {
			echo, err := far.ListenPacket("udp4", "10.90.0.2:5300")
			require.NoError(t, err)
			defer echo.Close()
			go echoDatagrams(echo)
			asker := &queryLog{done: make(chan struct{}), want: 1001}
			var c *Client
			require.NoError(t, near.Do(func() (err error) {
				c, err = New(Config{QueriesMax: 2048, Rate: 5000, Interfaces: []Interface{{
					Name: "near0", Backend: backend, Sources: []netip.Prefix{source},
				}}}, func(*Worker) Handler { return asker })
				return err
			}))
			defer c.Close(context.Background())
			require.NoError(t, c.Start())
			queries := make([]Query, 1001)
			for k := range queries {
				queries[k] = Query{
					Remote: netip.MustParseAddrPort("10.90.0.2:5300"), User: uint64(k),
					Data: []byte{byte(k), byte(k >> 8)}, Retries: 3,
				}
			}
			queries[1000].Remote = netip.MustParseAddrPort("10.90.0.2:5301")
			errs := make([]error, len(queries))
			c.Query(queries, errs)
			for _, err := range errs {
				require.NoError(t, err)
			}
			select {
			case <-asker.done:
			case <-time.After(patience):
				require.Fail(t, "not all answered", "%d", len(asker.got))
			}
			asker.mutex.Lock()
			defer asker.mutex.Unlock()
			for k := range uint64(1000) {
				require.Equal(t, string([]byte{byte(k), byte(k >> 8)}), asker.got[k])
			}
			require.Equal(t, Refused.String(), asker.got[1000])
		})
	}
}

// queryLog remembers what became of each query, by User.
type queryLog struct {
	mutex sync.Mutex
	got   map[uint64]string
	want  int
	done  chan struct{}
}

func (l *queryLog) Events(_ *Worker, events []Event) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.got == nil {
		l.got = map[uint64]string{}
	}
	for _, e := range events {
		if l.got[e.User] = string(e.Data); e.Kind == Failed {
			l.got[e.User] = e.Reason.String()
		}
		if len(l.got) == l.want {
			close(l.done)
		}
	}
}

func echoDatagrams(c net.PacketConn) {
	var b [1500]byte
	for {
		n, from, err := c.ReadFrom(b[:])
		if err != nil {
			return
		}
		_, _ = c.WriteTo(b[:n], from)
	}
}
