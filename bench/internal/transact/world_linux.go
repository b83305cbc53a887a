package transact

import (
	_ "embed"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"

	"myriad/bench/internal/kernel"
	"myriad/internal/testbed"
)

// Addresses and names of the world; they exist in its namespaces only.
var (
	nearPrefix = netip.MustParsePrefix("10.88.0.1/24") // the near kernel's
	farPrefix  = netip.MustParsePrefix("10.88.0.2/24") // the server's
	sources    = netip.MustParsePrefix("10.89.0.0/28") // Myriad's
	server     = netip.AddrPortFrom(farPrefix.Addr(), 9000)
)

const nearName = "near0"

//go:embed transact.c
var source string

// world is two namespaces with a veth pair between.
type world struct {
	near, far *testbed.Namespace
	pair      *testbed.Pair
	directory string // with the compiled program
	server    *exec.Cmd
}

// newWorld makes the namespaces. Both ends have an XDP program, and frames are
// of one MTU: what a backend brings no program for gets one.
func newWorld(c *Case) (w *world, err error) {
	w = &world{}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.close())
		}
	}()
	if w.near, err = testbed.NewNamespace(); err != nil {
		return nil, err
	}
	if w.far, err = testbed.NewNamespace(); err != nil {
		return nil, err
	}
	w.pair, err = testbed.Veth(w.near, w.far, testbed.VethConfig{
		NearName: nearName, FarName: "far0", Queues: 1, NearAddr: nearPrefix, FarAddr: farPrefix,
		Sources: []netip.Prefix{sources}, DisableOffloads: true, XDPPassNear: c.Client == Kernel, XDPPassFar: true,
	})
	if err != nil {
		return nil, err
	}
	return w, w.far.Sysctl("net/core/somaxconn", "65535")
}

// program is the C program with its first arguments and the lengths.
func (w *world) program(c *Case, args ...string) (*exec.Cmd, error) {
	if w.directory == "" {
		var err error
		if w.directory, err = kernel.Compile("transact", source); err != nil {
			return nil, err
		}
	}
	args = append(args, strconv.Itoa(RequestBytes), strconv.Itoa(c.ReplyBytes))
	return exec.Command(filepath.Join(w.directory, "transact"), args...), nil
}

// serve starts the plain server.
func (w *world) serve(c *Case) error {
	cmd, err := w.program(c, "server", strconv.Itoa(int(server.Port())))
	if err != nil {
		return err
	}
	_, err = w.startServer(cmd)
	return err
}

func (w *world) close() error {
	var errs []error
	if w.server != nil {
		errs = append(errs, w.server.Process.Kill())
		_ = w.server.Wait() // killed: by us
	}
	if w.directory != "" {
		errs = append(errs, os.RemoveAll(w.directory))
	}
	for _, ns := range []*testbed.Namespace{w.near, w.far} {
		if ns != nil {
			errs = append(errs, ns.Close())
		}
	}
	return errors.Join(errs...)
}

// raiseFiles lets this process have so many sockets.
func raiseFiles(count int) {
	want := uint64(count)
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Cur < want {
		// Where it may not, sockets fail, which is told.
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: want, Max: max(want, limit.Max)})
	}
}
