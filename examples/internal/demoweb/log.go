package demoweb

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
)

// Report is the server's own account, which owes nothing to the crawler's.
type Report struct {
	Connections    int `json:"connections"`
	Requests       int `json:"requests"`
	PeakPerAddress int `json:"peak_per_address"` // connections open at once to the same of our addresses
	Addresses      int `json:"addresses"`        // of ours that were connected to
	Clients        int `json:"clients"`          // addresses that connected
	// UserAgents counts requests by their User-Agent, for the first few that
	// were seen.
	UserAgents map[string]int `json:"user_agents"`
	// Forbidden counts requests that robots.txt asks not to make.
	Forbidden int `json:"forbidden"`
}

// userAgentsMax bounds Report.UserAgents.
const userAgentsMax = 8

func (r *Report) agent(name string) {
	if r.UserAgents == nil {
		r.UserAgents = make(map[string]int)
	}
	if _, known := r.UserAgents[name]; known || len(r.UserAgents) < userAgentsMax {
		r.UserAgents[name]++
	}
}

// connectionLog watches connections.
type connectionLog struct {
	mu      sync.Mutex
	r       Report
	open    map[netip.Addr]int
	clients map[netip.Addr]struct{}
}

// note is an http.Server.ConnState.
func (l *connectionLog) note(c net.Conn, state http.ConnState) {
	local, remote := addrOf(c.LocalAddr()), addrOf(c.RemoteAddr())
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		if l.open == nil {
			l.open, l.clients = make(map[netip.Addr]int), make(map[netip.Addr]struct{})
		}
		l.r.Connections++
		l.open[local]++
		l.clients[remote] = struct{}{}
		l.r.PeakPerAddress = max(l.r.PeakPerAddress, l.open[local])
	case http.StateClosed, http.StateHijacked:
		l.open[local]--
	}
}

func (l *connectionLog) request(req *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.r.Requests++
	l.r.agent(req.UserAgent())
	if strings.HasPrefix(req.URL.Path, "/private/") {
		l.r.Forbidden++
	}
}

func (l *connectionLog) report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.r
	r.UserAgents = maps.Clone(r.UserAgents)
	r.Addresses, r.Clients = len(l.open), len(l.clients)
	return r
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
