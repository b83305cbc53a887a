package testbed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestMain lets the test binary play the child of the tests below.
func TestMain(m *testing.M) {
	switch os.Getenv("TESTBED_ROLE") {
	case "unprivileged":
		os.Exit(unprivilegedWorld())
	case "hold":
		os.Exit(holdWorld())
	}
	os.Exit(m.Run())
}

func newNamespaces(t *testing.T, n int) []*Namespace {
	t.Helper()
	Require(t)
	all := make([]*Namespace, n)
	for i := range all {
		ns, err := NewNamespace()
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, ns.Close()) })
		all[i] = ns
	}
	return all
}

func threadNamespaceID(t *testing.T) uint64 {
	t.Helper()
	var st unix.Stat_t
	require.NoError(t, unix.Stat(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()), &st))
	return st.Ino
}

func TestDoEntersAndLeaves(t *testing.T) {
	ns := newNamespaces(t, 2)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home := threadNamespaceID(t)
	require.NoError(t, ns[0].Do(func() error {
		a := threadNamespaceID(t)
		require.NotEqual(t, home, a)
		require.NoError(t, ns[1].Do(func() error {
			require.NotEqual(t, a, threadNamespaceID(t))
			return nil
		}))
		require.Equal(t, a, threadNamespaceID(t))
		return nil
	}))
	require.Equal(t, home, threadNamespaceID(t))
	failure := errors.New("x")
	require.ErrorIs(t, ns[0].Do(func() error { return failure }), failure)
}

// exchange sends a payload from one namespace to a listener in another and
// returns what came back.
func exchange(t *testing.T, from, to *Namespace, address string, size int) {
	t.Helper()
	l, err := to.Listen("tcp4", address)
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := from.DialContext(ctx, "tcp4", l.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	sent := bytes.Repeat([]byte("myriad"), size/6)
	go func() {
		_, _ = c.Write(sent)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	require.NoError(t, c.SetDeadline(time.Now().Add(30*time.Second)))
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	require.True(t, bytes.Equal(sent, got))
}

func TestVethCarriesTrafficToEveryTarget(t *testing.T) {
	ns := newNamespaces(t, 2)
	p, err := Veth(ns[0], ns[1], VethConfig{
		NearName: "near0", FarName: "far0", Queues: 2,
		NearAddr: netip.MustParsePrefix("10.77.0.1/24"),
		FarAddr:  netip.MustParsePrefix("10.77.0.2/24"),
		Sources:  []netip.Prefix{netip.MustParsePrefix("10.78.0.0/16")},
		Targets:  []netip.Prefix{netip.MustParsePrefix("10.79.0.0/16")},

		XDPPassFar: true, DisableOffloads: true,
	})
	require.NoError(t, err)
	require.Len(t, p.NearMAC, 6)
	exchange(t, ns[0], ns[1], "10.77.0.2:0", 6000)
	exchange(t, ns[0], ns[1], "10.79.200.3:0", 600000)
	out, err := ns[1].Run("ip", "route")
	require.NoError(t, err)
	require.Contains(t, out, "10.78.0.0/16 dev far0")
	out, err = ns[1].Run("ethtool", "-k", "far0")
	require.NoError(t, err)
	require.Contains(t, out, "tx-checksumming: off")
	require.Contains(t, out, "generic-receive-offload: off")
}

func TestLossyPathLosesAndRecovers(t *testing.T) {
	ns := newNamespaces(t, 3)
	path, err := LossyPath(ns[0], ns[1], ns[2], PathConfig{
		NearName: "near0", FarName: "far0",
		NearAddr:   netip.MustParsePrefix("10.76.0.1/24"),
		FarAddr:    netip.MustParsePrefix("10.77.0.1/24"),
		Targets:    []netip.Prefix{netip.MustParsePrefix("10.79.0.0/16")},
		TowardNear: []string{DropTCP(20)},
	})
	require.NoError(t, err)
	require.Equal(t, "10.76.0.254", path.Gateway.String())
	exchange(t, ns[0], ns[2], "10.79.1.2:0", 3<<20)
	c, err := ns[2].Counters()
	require.NoError(t, err)
	require.NotZero(t, c["TcpRetransSegs"])
	require.NotZero(t, c["TcpExtTCPSackRecovery"])
	require.NoError(t, SetImpairment(ns[1], nil, nil))
	before := c["TcpRetransSegs"]
	exchange(t, ns[0], ns[2], "10.79.1.2:0", 60000)
	c, err = ns[2].Counters()
	require.NoError(t, err)
	require.LessOrEqual(t, c["TcpRetransSegs"]-before, uint64(3))
}

func TestFailuresSayWhat(t *testing.T) {
	ns := newNamespaces(t, 1)
	require.ErrorContains(t, ns[0].SetUp("nosuch0"), "nosuch0")
	_, err := Veth(ns[0], ns[0], VethConfig{NearName: "a"})
	require.ErrorContains(t, err, "FarName")
	_, err = ns[0].Run("sh", "-c", "echo reason; exit 3")
	require.ErrorContains(t, err, "reason")
}

func TestParseCountersRefusesNonsense(t *testing.T) {
	m := map[string]uint64{}
	require.NoError(t, parseCounters(m, "Tcp: A MaxConn\nTcp: 7 -1\n"))
	require.Equal(t, uint64(7), m["TcpA"])
	require.Error(t, parseCounters(m, "Tcp: A\nUdp: 7\n"))
	require.Error(t, parseCounters(m, "Tcp: A\n"))
	require.Error(t, parseCounters(m, "Tcp: A\nTcp: x\n"))
}

// unprivilegedWorld runs in the child: a veth pair between two namespaces.
func unprivilegedWorld() int {
	near, err := Current()
	if err != nil {
		fmt.Println(err)
		return 3
	}
	far, err := NewNamespace()
	if err != nil {
		fmt.Println(err)
		return 4
	}
	_, err = Veth(near, far, VethConfig{
		NearName: "near0", FarName: "far0", DisableOffloads: true,
		NearAddr: netip.MustParsePrefix("10.77.0.1/24"),
		FarAddr:  netip.MustParsePrefix("10.77.0.2/24"),
	})
	if err != nil {
		fmt.Println(err)
		return 5
	}
	fmt.Printf("world made, privileged %v, reexecuted %v\n", Privileged(), Reexecuted())
	return 7
}

func TestReexecUnprivileged(t *testing.T) {
	if _, err := os.Stat("/proc/self/ns/user"); err != nil {
		t.Skip("the kernel has no user namespaces")
	}
	var out bytes.Buffer
	cmd := exec.Command("/proc/self/exe")
	cmd.Stdout, cmd.Stderr = &out, &out
	code, err := runUnprivileged(cmd, []string{"TESTBED_ROLE=unprivileged"})
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		t.Skip("the system allows no user namespaces: ", err)
	}
	require.NoError(t, err)
	require.Equal(t, 7, code, out.String())
	require.Contains(t, out.String(), "world made, privileged false, reexecuted true")
}

// holdWorld makes a world with a command in it and waits to be killed.
func holdWorld() int {
	ns, err := NewNamespace()
	if err != nil {
		return 3
	}
	cmd := ns.Command("sleep", "300")
	if ns.Start(cmd) != nil {
		return 4
	}
	var st unix.Stat_t
	if unix.Fstat(ns.FD(), &st) != nil {
		return 5
	}
	fmt.Printf("%d %d\n", cmd.Process.Pid, st.Ino)
	time.Sleep(time.Minute)
	return 0
}

func TestKilledProcessLeavesNothing(t *testing.T) {
	Require(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "TESTBED_ROLE=hold")
	pipe, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var pid int
	var inode uint64
	_, err = fmt.Fscan(pipe, &pid, &inode)
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	require.Eventually(t, func() bool { return !inUse(pid, inode) }, 10*time.Second, 10*time.Millisecond)
}

// inUse reports whether the process is alive in the namespace.
func inUse(pid int, inode uint64) bool {
	l, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	return err == nil && strings.Contains(l, fmt.Sprint(inode))
}
