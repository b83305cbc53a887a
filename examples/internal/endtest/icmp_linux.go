package endtest

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"myriad/internal/testbed"
)

// Datagram is the beginning of one, as an ICMP error quotes it: 28 bytes, of the
// transport its ports and the word behind them.
func Datagram(protocol byte, source, destination netip.Addr, ports, word uint32) []byte {
	b := make([]byte, 28)
	b[0], b[3], b[8], b[9] = 0x45, 52, 64, protocol
	copy(b[12:], source.AsSlice())
	copy(b[16:], destination.AsSlice())
	binary.BigEndian.PutUint32(b[20:], ports)
	binary.BigEndian.PutUint32(b[24:], word)
	return b
}

// ICMP is a message that quotes a datagram.
func ICMP(kind, code byte, quoted []byte) []byte {
	body := append(make([]byte, 4), quoted...)
	b, err := (&icmp.Message{Type: ipv4.ICMPType(kind), Code: int(code), Body: &icmp.RawBody{Data: body}}).Marshal(nil)
	if err != nil {
		panic(err) // a raw body has nothing that could be wrong
	}
	return b
}

// Storm sends ICMP messages in turn from one of far's addresses, as fast as it can,
// until it is ended.
func Storm(t testing.TB, far *testbed.Namespace, from, to netip.Addr, messages [][]byte) (end func() (sent int64)) {
	t.Helper()
	socket, err := far.ListenPacket("ip4:icmp", from.String())
	require.NoError(t, err)
	var sent atomic.Int64
	var running sync.WaitGroup
	var over atomic.Bool
	running.Go(func() {
		defer socket.Close()
		for k := 0; !over.Load(); k++ {
			if _, err := socket.WriteTo(messages[k%len(messages)], &net.IPAddr{IP: to.AsSlice()}); err == nil {
				sent.Add(1)
			}
		}
	})
	end = func() int64 {
		over.Store(true)
		running.Wait()
		return sent.Load()
	}
	t.Cleanup(func() { end() })
	return end
}
