package demonet

import (
	"fmt"
	"io"
	"net"
	"os"
	"strconv"

	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/farside"
)

// serverMark is in the environment of the child.
const serverMark = "MYRIAD_DEMO_SERVER"

// IsServer reports whether this process is the demo web.
func IsServer() bool { return os.Getenv(serverMark) != "" }

// Serve is the child: it reads what to serve from input, serves until the end
// of input, and writes its report.
func Serve(input io.Reader, output io.Writer) error {
	var web demoweb.Web
	err := farside.Serve(input, output, &web, func() (func() (any, error), error) { return serve(&web) })
	if err != nil {
		return fmt.Errorf("demo web: %w", err)
	}
	return nil
}

// serve begins to serve pages and names, and returns what ends it.
func serve(web *demoweb.Web) (end func() (report any, err error), err error) {
	pages, err := net.Listen("tcp4", ":"+strconv.Itoa(int(web.Port)))
	if err != nil {
		return nil, err
	}
	names, err := net.Listen("tcp4", Resolver.String())
	if err != nil {
		return nil, err
	}
	packets, err := net.ListenPacket("udp4", Resolver.String())
	if err != nil {
		return nil, err
	}
	server := demoweb.NewServer(web)
	go server.Serve(pages)
	go web.ServeDNS(names)
	go web.ServeDNSPackets(packets)
	return func() (any, error) {
		err := server.Close()
		return server.Report(), err
	}, nil
}
