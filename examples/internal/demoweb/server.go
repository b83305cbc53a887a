package demoweb

import (
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Server serves a Web.
type Server struct {
	web  *Web
	http *http.Server
	log  connectionLog
}

// NewServer prepares a server.
func NewServer(w *Web) *Server {
	s := &Server{web: w}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.serve),
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       time.Minute,
		ConnState:         s.log.note,
		ErrorLog:          log.New(io.Discard, "", 0), // clients may reset
	}
	return s
}

// Serve serves until Close. It may be called for several listeners.
func (s *Server) Serve(l net.Listener) error { return s.http.Serve(l) }

// Close ends all connections.
func (s *Server) Close() error { return s.http.Close() }

// Report says what has been served.
func (s *Server) Report() Report { return s.log.report() }

func (s *Server) serve(rw http.ResponseWriter, req *http.Request) {
	s.log.request(req)
	kind, text, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/"), "/")
	number, err := strconv.Atoi(text)
	switch {
	case kind == "robots.txt":
		s.robots(rw, req)
	case err != nil || number < 0:
		http.NotFound(rw, req)
	case kind == "p" && number < s.web.Pages && s.isAt(req, s.web.PageURL(number)):
		s.page(rw, s.web.PageAt(number))
	case kind == "r" && number < s.web.Redirects && s.isAt(req, s.web.RedirectURL(number)):
		codes := [...]int{http.StatusMovedPermanently, http.StatusFound, http.StatusTemporaryRedirect, http.StatusPermanentRedirect}
		rw.Header().Set("Location", s.web.redirectTarget(number))
		rw.WriteHeader(codes[number%len(codes)])
	default:
		http.NotFound(rw, req)
	}
}

// isAt reports whether a request is for this URL exactly, and came to the
// address that it belongs to.
func (s *Server) isAt(req *http.Request, url string) bool {
	local, ok := req.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || "http://"+req.Host+req.URL.RequestURI() != url {
		return false
	}
	host, _, err := net.SplitHostPort(req.Host)
	if err != nil {
		host = req.Host
	}
	if addr, named := s.web.NameAddr(host); named {
		return addr == local.AddrPort().Addr().Unmap()
	}
	return host == local.AddrPort().Addr().Unmap().String()
}

func (s *Server) robots(rw http.ResponseWriter, req *http.Request) {
	local, ok := req.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if !ok || !hasRobots(s.web.hostOf(local.AddrPort().Addr().Unmap())) {
		http.NotFound(rw, req)
		return
	}
	_, _ = io.WriteString(rw, "User-agent: *\nDisallow: /private/\n")
}

func (s *Server) page(rw http.ResponseWriter, page *Page) {
	h := rw.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	if page.Close {
		h.Set("Connection", "close")
	}
	if !page.Chunked {
		h.Set("Content-Length", strconv.Itoa(page.Bytes))
	}
	time.Sleep(page.Delay / 2)
	pieces := 0
	for piece := range page.Pieces {
		if pieces++; pieces == 2 && (page.Chunked || page.Delay > 0) {
			_ = http.NewResponseController(rw).Flush()
			time.Sleep(page.Delay / 2)
		}
		if _, err := rw.Write(piece); err != nil {
			return // the client has gone
		}
	}
}
