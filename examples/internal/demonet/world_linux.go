package demonet

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"myriad/examples/internal/demoweb"
	"myriad/examples/internal/network"
	"myriad/internal/testbed"
)

const (
	nearAddr = "198.18.0.1/24"
	farAddr  = "198.18.0.2/24"
	answered = "198.19.0.0/18"
	silent   = "198.19.128.0/18"
	refused  = "198.19.192.0/18"
	queues   = 2
)

// World is the demo's network and its server.
type World struct {
	far    *testbed.Namespace
	server *exec.Cmd
	input  io.WriteCloser
	output *bufio.Reader
}

// Start makes the far namespace and the veth pair, and starts the demo web. It
// returns when that answers.
func Start(web demoweb.Web) (w *World, err error) {
	w = &World{}
	defer func() {
		if err != nil {
			_, _ = w.Stop()
			w = nil
		}
	}()
	near, err := testbed.Current()
	if err != nil {
		return w, err
	}
	defer near.Close()
	if w.far, err = testbed.NewNamespace(); err != nil {
		return w, err
	}
	if err := connect(near, w.far); err != nil {
		return w, err
	}
	return w, w.startServer(web)
}

// connect lays the cable and the routes.
func connect(near, far *testbed.Namespace) error {
	_, err := testbed.Veth(near, far, testbed.VethConfig{
		NearName: Interface, FarName: "demo0", Queues: queues,
		NearAddr: netip.MustParsePrefix(nearAddr), FarAddr: netip.MustParsePrefix(farAddr),
		Sources: []netip.Prefix{Sources}, DisableOffloads: true,
	})
	if err != nil {
		return err
	}
	gateway := netip.MustParsePrefix(farAddr).Addr()
	if err := near.AddRoute(Targets, gateway, Interface); err != nil {
		return err
	}
	if err := far.AddLocalRoute(netip.MustParsePrefix(answered)); err != nil {
		return err
	}
	// A router that does not forward sends no ICMP errors either; and it
	// limits how many it sends to one address.
	for key, value := range map[string]string{"net/ipv4/ip_forward": "1", "net/ipv4/icmp_ratelimit": "0"} {
		if err := far.Sysctl(key, value); err != nil {
			return err
		}
	}
	if err := addDeadRoute(far, silent, unix.RTN_BLACKHOLE); err != nil {
		return err
	}
	return addDeadRoute(far, refused, unix.RTN_UNREACHABLE)
}

func addDeadRoute(far *testbed.Namespace, prefix string, kind int) error {
	_, dst, err := net.ParseCIDR(prefix)
	if err != nil {
		return err
	}
	err = far.Do(func() error { return netlink.RouteAdd(&netlink.Route{Dst: dst, Type: kind}) })
	if err != nil {
		return fmt.Errorf("demonet: add route to %s: %w", prefix, err)
	}
	return nil
}

// startServer starts the child and tells it what to serve.
func (w *World) startServer(web demoweb.Web) error {
	w.server = exec.Command(executable())
	w.server.Args[0] = "myriad-demo-web"
	w.server.Env = append(os.Environ(), serverMark+"=1")
	w.server.Stderr = os.Stderr
	output, err := w.server.StdoutPipe()
	if err != nil {
		return err
	}
	input, err := w.server.StdinPipe()
	if err != nil {
		return err
	}
	if err := w.far.Start(w.server); err != nil {
		w.server = nil
		return err
	}
	w.input, w.output = input, bufio.NewReader(output)
	if err := json.NewEncoder(input).Encode(web); err != nil {
		return fmt.Errorf("demonet: start the demo web: %w", err)
	}
	answer, err := w.output.ReadString('\n')
	if err != nil || answer != ready {
		return fmt.Errorf("demonet: start the demo web: it says %q: %w", strings.TrimSpace(answer), errors.Join(err, errNotReady))
	}
	return nil
}

var errNotReady = errors.New("not ready")

// Stop ends the server and the far namespace, and returns the server's
// account.
func (w *World) Stop() (r Result, err error) {
	if w.server != nil {
		w.input.Close() // the sign to end
		err = json.NewDecoder(w.output).Decode(&r.Report)
		if wait := w.server.Wait(); err == nil {
			err = wait
		}
		state := w.server.ProcessState
		r.Usage = network.Usage{User: state.UserTime(), System: state.SystemTime()}
		w.server = nil
	}
	if w.far != nil {
		err = errors.Join(err, w.far.Close())
		w.far = nil
	}
	if err != nil {
		err = fmt.Errorf("demonet: stop: %w", err)
	}
	return r, err
}
