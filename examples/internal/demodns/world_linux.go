package demodns

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"myriad/internal/testbed"
)

// serverMark holds, in the environment of the tiny server, what it serves.
const serverMark = "MYRIAD_DEMO_DNS"

// World is the network and its servers.
type World struct {
	Far     *testbed.Namespace
	Program string // "NSD", or what answers instead
	servers []*exec.Cmd
	dir     string
}

// Start makes the far namespace, joins it to near, or to the present one when
// near is nil, and starts the servers: NSD where it is installed and tiny is
// false. It returns when all levels answer.
func Start(near *testbed.Namespace, t Tree, tiny bool) (w *World, err error) {
	w = &World{Program: "a tiny server of the demo's own"}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("demodns: start: %w", err), w.Stop())
			w = nil
		}
	}()
	if near == nil {
		if near, err = testbed.Current(); err != nil {
			return w, err
		}
		defer near.Close()
	}
	if w.Far, err = testbed.NewNamespace(); err != nil {
		return w, err
	}
	_, err = testbed.Veth(near, w.Far, testbed.VethConfig{
		NearName: Interface, FarName: "demo0", Queues: 2, DisableOffloads: true,
		NearAddr: netip.MustParsePrefix("198.18.0.1/24"), FarAddr: netip.MustParsePrefix("198.18.0.2/24"),
		Sources: []netip.Prefix{Sources},
	})
	if err != nil {
		return w, err
	}
	if err := near.AddRoute(Targets, netip.MustParseAddr("198.18.0.2"), Interface); err != nil {
		return w, err
	}
	if err := w.Far.AddLocalRoute(netip.MustParsePrefix("198.19.0.0/18")); err != nil {
		return w, err
	}
	if nsd, err := exec.LookPath("nsd"); err == nil && !tiny {
		w.Program = "NSD"
		err = w.startNSD(nsd, t)
		if err != nil {
			return w, err
		}
	} else if err := w.startTiny(t); err != nil {
		return w, err
	}
	if err := w.await(t); err != nil {
		return w, err
	}
	return w, w.removeFiles()
}

// removeFiles removes what NSD has read by now: nobody could after a kill.
func (w *World) removeFiles() error {
	dir := w.dir
	if w.dir = ""; dir == "" {
		return nil
	}
	return os.RemoveAll(dir)
}

func (w *World) startNSD(nsd string, t Tree) (err error) {
	if w.dir, err = os.MkdirTemp("", "myriad-dns-"); err != nil {
		return err
	}
	configs, err := t.WriteNSD(w.dir)
	if err != nil {
		return err
	}
	for _, c := range configs {
		cmd := exec.Command(nsd, "-d", "-c", c)
		if err := w.start(cmd); err != nil {
			return err
		}
	}
	return nil
}

// start starts a server in a process namespace: its own children end with it.
func (w *World) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if err := w.Far.Start(cmd); err != nil {
		return err
	}
	w.servers = append(w.servers, cmd)
	return nil
}

func (w *World) startTiny(t Tree) error {
	what, err := json.Marshal(t)
	if err != nil {
		return err
	}
	path, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(path)
	cmd.Args[0] = "myriad-demo-dns"
	cmd.Env = append(os.Environ(), serverMark+"="+string(what))
	cmd.Stderr = os.Stderr
	return w.start(cmd)
}

// IsServer reports whether this process is the tiny server.
func IsServer() bool { return os.Getenv(serverMark) != "" }

// ServeForever is the tiny server; it ends when it is killed.
func ServeForever() error {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP) // the parent decides
	var t Tree
	if err := json.Unmarshal([]byte(os.Getenv(serverMark)), &t); err != nil {
		return fmt.Errorf("demo DNS: %w", err)
	}
	if err := t.Serve(); err != nil {
		return fmt.Errorf("demo DNS: %w", err)
	}
	select {}
}

// patience is how long servers may take to answer.
const patience = 30 * time.Second

// await returns when every level answers.
func (w *World) await(t Tree) error {
	for l := range Levels {
		if err := w.awaitAddr(t.Addrs(l)[0]); err != nil {
			return err
		}
	}
	return nil
}

func (w *World) awaitAddr(addr string) error {
	m := dnsmessage.Message{Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName("."), Type: dnsmessage.TypeSOA, Class: dnsmessage.ClassINET}}}
	query, err := m.Pack()
	if err != nil {
		return err
	}
	c, err := w.Far.ListenPacket("udp4", "198.18.0.2:0")
	if err != nil {
		return err
	}
	defer c.Close()
	to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 53))
	var buffer [1500]byte
	for begin := time.Now(); time.Since(begin) < patience; {
		if _, err := c.WriteTo(query, to); err == nil {
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if _, _, err := c.ReadFrom(buffer[:]); err == nil {
				return nil
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s, which is to serve the demo at %s, does not answer", w.Program, addr)
}

// Stop ends the servers and the far namespace.
func (w *World) Stop() (err error) {
	for _, cmd := range w.servers {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	w.servers = nil
	if w.Far != nil {
		err = w.Far.Close()
		w.Far = nil
	}
	return errors.Join(err, w.removeFiles())
}
