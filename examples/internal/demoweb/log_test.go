package demoweb

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// between is a connection that has nothing but its two addresses.
type between struct {
	net.Conn
	local, remote string
}

func (b *between) LocalAddr() net.Addr  { return address(b.local) }
func (b *between) RemoteAddr() net.Addr { return address(b.remote) }

func address(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 80} }

// Addresses in one /24 are several, and one that was left counts on.
func TestTheLogCountsAddresses(t *testing.T) {
	l := &connectionLog{}
	first := &between{local: "198.18.0.1", remote: "10.77.1.1"}
	l.note(first, http.StateNew)
	l.note(first, http.StateClosed)
	l.note(&between{local: "198.18.0.2", remote: "10.77.1.1"}, http.StateNew)
	l.note(&between{local: "198.18.0.2", remote: "10.77.1.2"}, http.StateNew)
	l.note(&between{local: "198.18.1.1", remote: "10.77.1.3"}, http.StateNew)
	r := l.report()
	require.Equal(t, 4, r.Connections)
	require.Equal(t, 3, r.Addresses)
	require.Equal(t, 3, r.Clients)
	require.Equal(t, 2, r.PeakPerAddress)
	require.Equal(t, 2, r.PeakPerPrefix)
}
