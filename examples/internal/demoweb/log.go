package demoweb

import (
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Report is the server's own account, which owes nothing to the crawler's.
type Report struct {
	Connections    int `json:"connections"`
	Requests       int `json:"requests"`
	PeakPerAddress int `json:"peak_per_address"` // connections open at once to the same of our addresses
	PeakPerPrefix  int `json:"peak_per_prefix"`  // and to the same /24
	// LeastPauseUS is the least time between two requests, one after another,
	// to the same of our addresses, or to the same host; 0 if there were none.
	LeastPauseUS int64 `json:"least_pause_us"`
	Addresses    int   `json:"addresses"` // of ours that were connected to
	Clients      int   `json:"clients"`   // addresses that connected
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
	open    map[netip.Prefix]map[net.Conn]netip.Addr // the address that each is to
	count   map[netip.Addr]int                       // of those
	clients map[netip.Addr]struct{}
	last    map[string]time.Time // request, by address or host
}

// note is an http.Server.ConnState.
func (l *connectionLog) note(c net.Conn, state http.ConnState) {
	local, remote := addrOf(c.LocalAddr()), addrOf(c.RemoteAddr())
	l.mu.Lock()
	defer l.mu.Unlock()
	switch state {
	case http.StateNew:
		if l.open == nil {
			l.open, l.count = make(map[netip.Prefix]map[net.Conn]netip.Addr), make(map[netip.Addr]int)
			l.clients = make(map[netip.Addr]struct{})
		}
		l.r.Connections++
		l.clients[remote] = struct{}{}
		if l.open[prefixOf(local)] == nil {
			l.open[prefixOf(local)] = make(map[net.Conn]netip.Addr)
		}
		l.open[prefixOf(local)][c] = local
		l.count[local]++
		l.peaks(local)
	case http.StateClosed, http.StateHijacked:
		delete(l.open[prefixOf(local)], c)
		l.count[local]--
	}
}

// peaks takes note of how many connections stand beside a new one. Only where
// there would be a new peak is each of them looked at.
func (l *connectionLog) peaks(local netip.Addr) {
	beside := l.open[prefixOf(local)]
	if l.count[local] <= l.r.PeakPerAddress && len(beside) <= l.r.PeakPerPrefix {
		return
	}
	address, prefix := 0, 0
	for c, to := range beside {
		if !stands(c) {
			continue
		}
		prefix++
		if to == local {
			address++
		}
	}
	l.r.PeakPerAddress = max(l.r.PeakPerAddress, address)
	l.r.PeakPerPrefix = max(l.r.PeakPerPrefix, prefix)
}

func (l *connectionLog) request(req *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.r.Requests++
	l.r.agent(req.UserAgent())
	now := time.Now()
	if local, ok := req.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		l.pause("address "+addrOf(local).String(), now)
	}
	l.pause("host "+strings.ToLower(req.Host), now)
	if strings.HasPrefix(req.URL.Path, "/private/") {
		l.r.Forbidden++
	}
}

// pause notes the time since the last request to the same.
func (l *connectionLog) pause(to string, now time.Time) {
	if l.last == nil {
		l.last = make(map[string]time.Time)
	}
	if last, again := l.last[to]; again {
		if us := now.Sub(last).Microseconds(); l.r.LeastPauseUS <= 0 || us < l.r.LeastPauseUS {
			l.r.LeastPauseUS = max(us, 1)
		}
	}
	l.last[to] = now
}

func prefixOf(a netip.Addr) netip.Prefix {
	p, _ := a.Prefix(24)
	return p
}

func (l *connectionLog) report() Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.r
	r.UserAgents = maps.Clone(r.UserAgents)
	r.Addresses, r.Clients = len(l.count), len(l.clients)
	return r
}

func addrOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}
