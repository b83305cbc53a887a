package servent

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	// UserAgent is gtk-gnutella's own.
	UserAgent = "gtk-gnutella/1.2.3-14-ga331a (2024-03-03; Topless; Linux x86_64)"
	// TooOften is the time within which an address may crawl once.
	TooOften = 300 * time.Second
	// ListBytesMax caps a list.
	ListBytesMax = 8 << 10
	// patience bounds the wait for a peer's words.
	patience = 30 * time.Second
	thirdLeg = "GNUTELLA/0.6 200 OK\r\n\r\n"
)

// Manner is how a servent behaves.
type Manner int

const (
	Plain     Manner = iota // as gtk-gnutella
	Continued               // its lists go on in further lines
	Pieces                  // its reply comes in pieces, with time between
	Full                    // 503
	Rubbish                 // it answers what is no Gnutella
	Half                    // it ends in the middle of the head
	Endless                 // its head has no end
	Mute                    // it accepts, and says nothing
	Nonsense                // with its peers it names what is no address of a host
)

// Servent is one servent.
type Servent struct {
	Leaf          bool
	Peers, Leaves []netip.AddrPort
	LiveSince     time.Time
	Manner        Manner
}

// Visit is what a servent saw of a crawler.
type Visit struct {
	Servent, From netip.Addr
	Request       string
	Status        int
	ThirdLeg      bool // came, byte for byte, and nothing after it
}

// Server is many servents.
type Server struct {
	servents map[netip.Addr]*Servent
	group    sync.WaitGroup

	mutex  sync.Mutex
	seen   map[[2]netip.Addr]time.Time
	visits []Visit
	conns  map[net.Conn]struct{}
	closed bool
}

// New makes a server for servents by their address.
func New(servents map[netip.Addr]*Servent) *Server {
	return &Server{servents: servents, seen: make(map[[2]netip.Addr]time.Time), conns: make(map[net.Conn]struct{})}
}

// Serve answers until l is closed. pause is the time between two accepts.
func (s *Server) Serve(l net.Listener, pause time.Duration) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		if s.enter(c) {
			s.group.Go(func() { s.serve(c) })
		}
		time.Sleep(pause)
	}
}

func (s *Server) enter(c net.Conn) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		c.Close()
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

// Close ends all connections and returns once they are done with.
func (s *Server) Close() {
	s.mutex.Lock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mutex.Unlock()
	s.group.Wait()
}

// Visits are those that have ended.
func (s *Server) Visits() []Visit {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]Visit(nil), s.visits...)
}

func address(a net.Addr) netip.Addr { return a.(*net.TCPAddr).AddrPort().Addr().Unmap() }

func (s *Server) serve(c net.Conn) {
	v := Visit{Servent: address(c.LocalAddr()), From: address(c.RemoteAddr())}
	defer func() {
		c.Close()
		s.mutex.Lock()
		s.visits = append(s.visits, v)
		delete(s.conns, c)
		s.mutex.Unlock()
	}()
	_ = c.SetDeadline(time.Now().Add(patience))
	servent := s.servents[v.Servent]
	v.Request = readHead(c)
	switch {
	case servent == nil:
	case strings.HasPrefix(v.Request, "GET / "):
		_, _ = io.WriteString(c, "HTTP/1.0 403 Forbidden\r\n\r\n")
	case strings.HasPrefix(v.Request, "GNUTELLA CONNECT/0.6\r\n") && strings.Contains(v.Request, "\r\nCrawler: 0.1\r\n"):
		s.crawled(c, servent, &v)
	} // GNUTELLA CONNECT/0.4 and the rest: a bare FIN
}

// readHead reads as far as the empty line.
func readHead(c net.Conn) string {
	var head []byte
	var one [1]byte
	for len(head) < 4096 && !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		if _, err := c.Read(one[:]); err != nil {
			break
		}
		head = append(head, one[0])
	}
	return string(head)
}

// tooFrequent reports whether the address was here a short while ago.
func (s *Server) tooFrequent(v *Visit) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	key := [2]netip.Addr{v.Servent, v.From}
	last, ok := s.seen[key]
	if ok && time.Since(last) < TooOften {
		return true
	}
	s.seen[key] = time.Now()
	return false
}

func (s *Server) crawled(c net.Conn, servent *Servent, v *Visit) {
	if s.tooFrequent(v) {
		v.Status = 403
		fmt.Fprintf(c, "GNUTELLA/0.6 403 Too frequent crawling\r\nUser-Agent: %s\r\nRemote-IP: %v\r\n\r\n", UserAgent, v.From)
		return
	}
	switch servent.Manner {
	case Full:
		v.Status = 503
		fmt.Fprintf(c, "GNUTELLA/0.6 503 Too many Gnutella connections (%d max)\r\nUser-Agent: %s\r\nRemote-IP: %v\r\n\r\n", 30, UserAgent, v.From)
		return
	case Rubbish:
		_, _ = io.WriteString(c, "220 mail.example.org ESMTP\r\n\r\n")
		return
	case Mute:
		_, _ = io.Copy(io.Discard, c)
		return
	case Endless:
		_, _ = io.WriteString(c, "GNUTELLA/0.6 200 OK\r\nPeers: ")
		for {
			if _, err := io.WriteString(c, "192.0.2.1:6346, "); err != nil {
				return
			}
		}
	}
	reply := servent.reply()
	if servent.Manner == Half {
		_, _ = io.WriteString(c, reply[:len(reply)/2])
		return
	}
	v.Status = 200
	if err := servent.send(c, reply); err != nil {
		return
	}
	v.ThirdLeg = readHead(c) == thirdLeg
}

// send writes a reply as the manner has it.
func (s *Servent) send(c net.Conn, reply string) error {
	if s.Manner == Pieces {
		for piece := len(reply)/5 + 1; len(reply) > piece; reply = reply[piece:] {
			if _, err := io.WriteString(c, reply[:piece]); err != nil {
				return err
			}
			time.Sleep(3 * time.Millisecond)
		}
	}
	_, err := io.WriteString(c, reply)
	return err
}

// reply is what gtk-gnutella says.
func (s *Servent) reply() string {
	var b strings.Builder
	fmt.Fprintf(&b, "GNUTELLA/0.6 200 OK\r\nUser-Agent: %s\r\n", UserAgent)
	peers := s.list(s.Peers)
	if s.Manner == Nonsense {
		peers = "0.0.0.0:6346, 224.0.0.1:6346, localhost:6346, 1.2.3.4:0, , " + peers
	}
	fmt.Fprintf(&b, "Peers: %s\r\n", peers)
	if !s.Leaf {
		fmt.Fprintf(&b, "Leaves: %s\r\n", s.list(s.Leaves))
	}
	fmt.Fprintf(&b, "X-Live-Since: %s\r\n\r\n", s.LiveSince.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700"))
	return b.String()
}

func (s *Servent) list(addresses []netip.AddrPort) string {
	separator := ", "
	if s.Manner == Continued {
		separator = ",\r\n    "
	}
	var b strings.Builder
	for i, a := range addresses {
		text := a.String()
		if i > 0 {
			text = separator + text
		}
		if b.Len()+len(text) > ListBytesMax {
			break
		}
		b.WriteString(text)
	}
	return b.String()
}
