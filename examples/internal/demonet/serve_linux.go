package demonet

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"

	"golang.org/x/sys/unix"

	"myriad/examples/internal/demoweb"
)

const (
	// serverMark is in the environment of the child.
	serverMark = "MYRIAD_DEMO_SERVER"
	// ready is what the child says when it answers.
	ready = "ready\n"
)

// IsServer reports whether this process is the demo web.
func IsServer() bool { return os.Getenv(serverMark) != "" }

// Serve is the child: it reads what to serve from input, serves until the end
// of input, and writes its report.
func Serve(input io.Reader, output io.Writer) error {
	signal.Ignore(unix.SIGINT, unix.SIGTERM, unix.SIGHUP) // the parent decides
	var web demoweb.Web
	if err := json.NewDecoder(input).Decode(&web); err != nil {
		return fmt.Errorf("demo web: %w", err)
	}
	pages, err := net.Listen("tcp4", ":"+strconv.Itoa(int(web.Port)))
	if err != nil {
		return fmt.Errorf("demo web: %w", err)
	}
	names, err := net.Listen("tcp4", Resolver.String())
	if err != nil {
		return fmt.Errorf("demo web: %w", err)
	}
	packets, err := net.ListenPacket("udp4", Resolver.String())
	if err != nil {
		return fmt.Errorf("demo web: %w", err)
	}
	server := demoweb.NewServer(&web)
	go server.Serve(pages)
	go web.ServeDNS(names)
	go web.ServeDNSPackets(packets)
	if _, err := io.WriteString(output, ready); err != nil {
		return fmt.Errorf("demo web: %w", err)
	}
	_, _ = io.Copy(io.Discard, input) // until the parent ends, or says so
	if err := server.Close(); err != nil {
		return fmt.Errorf("demo web: %w", err)
	}
	return json.NewEncoder(output).Encode(server.Report())
}
