package metrics

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Address completes the value of -metrics: without a host it is loopback, so
// that nobody else on the network sees it unless that is asked for.
func Address(text string) (string, error) {
	if _, err := strconv.ParseUint(text, 10, 16); err == nil {
		text = ":" + text
	}
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("-metrics %q: give a port, or address:port, such as 9188 or 0.0.0.0:9188", text)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port), nil
}

// Listen opens what Serve takes; text is as for Address.
func Listen(text string) (net.Listener, error) {
	address, err := Address(text)
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("-metrics: %w", err)
	}
	return l, nil
}

// Server shows a collector over HTTP at /metrics.
type Server struct{ http http.Server }

// Serve shows c, and how the process does, until Close.
func Serve(l net.Listener, c *Collector) *Server {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{MaxRequestsInFlight: 1}))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<!DOCTYPE html><title>Myriad</title><a href="/metrics">metrics</a>`)
	})
	s := &Server{http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Minute}}
	go s.http.Serve(l)
	return s
}

// Close ends the server.
func (s *Server) Close() error { return s.http.Close() }
