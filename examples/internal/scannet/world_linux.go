package scannet

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"myriad/examples/internal/network"
	"myriad/internal/testbed"
)

const (
	farInterface = "demo0"
	nearAddr     = "198.18.0.1/24"
	farAddr      = "198.18.0.2/24"
)

// World is the demo's network and its far end.
type World struct {
	far    *testbed.Namespace
	server *exec.Cmd
	input  io.WriteCloser
	output *bufio.Reader
}

// Start makes the far namespace and the veth pair, and starts the far end. It
// returns when that answers.
func Start(c Config) (w *World, err error) {
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
	_, err = testbed.Veth(near, w.far, testbed.VethConfig{
		NearName: Interface, FarName: farInterface, Queues: c.Queues, DisableOffloads: true,
		NearAddr: netip.MustParsePrefix(nearAddr), FarAddr: netip.MustParsePrefix(farAddr),
		Sources: []netip.Prefix{Sources},
	})
	if err != nil {
		return w, err
	}
	gateway := netip.MustParsePrefix(farAddr).Addr()
	if err := near.AddRoute(Prefix, gateway, Interface); err != nil {
		return w, err
	}
	return w, w.startServer(c)
}

// startServer starts the child and tells it what to answer for.
func (w *World) startServer(c Config) error {
	executable, err := os.Executable()
	if err != nil {
		return fmt.Errorf("scannet: start the far end: %w", err)
	}
	w.server = exec.Command(executable)
	w.server.Args[0] = "myriad-demo-hosts"
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
	if err := json.NewEncoder(input).Encode(c); err != nil {
		return fmt.Errorf("scannet: start the far end: %w", err)
	}
	answer, err := w.output.ReadString('\n')
	if err != nil || answer != ready {
		return fmt.Errorf("scannet: start the far end: it says %q: %w", strings.TrimSpace(answer), errors.Join(err, errNotReady))
	}
	return nil
}

var errNotReady = errors.New("not ready")

// Stop ends the far end and its namespace, and returns its account.
func (w *World) Stop() (r Result, err error) {
	if w.server != nil {
		w.input.Close() // the sign to end
		if w.output != nil {
			err = json.NewDecoder(w.output).Decode(&r.Counts)
		}
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
		err = fmt.Errorf("scannet: stop: %w", err)
	}
	return r, err
}
