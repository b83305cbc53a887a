package tcpclient_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/netip"
	"time"

	"myriad/tcpclient"
)

// A web page over a Dialer: it needs an interface, addresses of our own on it
// where its own shall not be shared with the kernel, and a name server where
// names are used.
func ExampleDialer() {
	d := &tcpclient.Dialer{
		Interface: "eth0",
		Sources:   []netip.Prefix{netip.MustParsePrefix("192.0.2.128/25")},
		Timeout:   10 * time.Second,
	}
	defer d.Close()
	d.Resolver = d.NewResolver(netip.MustParseAddrPort("192.0.2.53:53"))

	web := &http.Client{Transport: &http.Transport{DialContext: d.DialContext}}
	page, err := web.Get("https://www.example.com/")
	if err != nil {
		log.Fatal(err)
	}
	defer page.Body.Close()
	text, err := io.ReadAll(page.Body)
	fmt.Println(page.Status, len(text), err)
}

// grabber asks each host for its first page and hangs up on the first answer.
type grabber struct {
	closes []tcpclient.Close
}

func (g *grabber) Events(w *tcpclient.Worker, events []tcpclient.Event) {
	g.closes = g.closes[:0]
	for _, e := range events {
		switch e.Kind {
		case tcpclient.Data, tcpclient.EndOfStream: // e.Data is ours until Events returns
			fmt.Printf("host %d: %.20q\n", e.User, e.Data)
			g.closes = append(g.closes, tcpclient.Close{Conn: e.Conn, How: tcpclient.Reset})
		case tcpclient.Failed:
			fmt.Printf("host %d: %v\n", e.User, e.Reason)
		}
	}
	w.Close(g.closes, make([]error, len(g.closes)))
}

// Many hosts over the Handler face: no goroutine and no buffer per connection.
func ExampleHandler() {
	cfg := tcpclient.Config{Interfaces: []tcpclient.Interface{{
		Name:    "eth0",
		Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.128/25")},
	}}, Rate: 100, Timeout: 10 * time.Second}
	client, err := tcpclient.New(cfg, func(*tcpclient.Worker) tcpclient.Handler { return &grabber{} })
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(context.Background())
	request, err := client.Intern([]byte("GET / HTTP/1.0\r\n\r\n"))
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Start(); err != nil {
		log.Fatal(err)
	}
	var opens []tcpclient.Open
	for host := range 100 {
		remote := netip.AddrFrom4([4]byte{198, 51, 100, byte(host)})
		opens = append(opens, tcpclient.Open{
			Remote: netip.AddrPortFrom(remote, 80), User: uint64(host), Request: request,
		})
	}
	client.Open(opens, make([]error, len(opens)))
	for time.Sleep(time.Second); client.Stats().ConnectionsOpen > 0; {
		time.Sleep(time.Second)
	}
}
