package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/endtest"
	"myriad/internal/testbed"
	"myriad/iobackend/pcapfile"
)

func TestMain(m *testing.M) { endtest.Main(m, main) }

// line is one JSON line of the output.
type line struct {
	Address     string
	Port        int
	Outcome     string
	Reason      string
	Attempts    int
	Canary      string
	Banner      string
	BannerError string `json:"banner_error"`
	Reply       string
}

// readLines reads whole lines, each as the schema says.
func readLines(t *testing.T, path string) (all []line) {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, len(content) == 0 || content[len(content)-1] == '\n', "the last line is whole")
	for text := range bytes.Lines(content) {
		require.NoError(t, lines.Check(text), string(text))
		var l line
		require.NoError(t, json.Unmarshal(text, &l))
		all = append(all, l)
	}
	return all
}

func TestDemo(t *testing.T) {
	testbed.Require(t)
	part := []string{"-rate", "80000", "-shards", "8", "-shard", "3", "-seed", "5"}
	for _, args := range [][]string{
		{"-rate", "150000", "-ports", "80", "-show", "all"},
		append(part, "-protocol", "udp", "-payload", `a\x00b`, "-ports", "53"),
		append(part, "-protocol", "icmp"),
		append(part, "-banner", "-banner-request", "hello"),
		append(part, "-backend", "afpacket"),
	} {
		path := filepath.Join(t.TempDir(), "out")
		cmd, stderr := endtest.Command(t, append(args, "-out", path)...)
		require.Equal(t, 0, endtest.ExitCode(cmd.Run()), "%v: %s", args, stderr)
		require.Contains(t, stderr.String(), "Every target of the demo came to what it must")
		require.Contains(t, stderr.String(), "3.3 billion")
		found := readLines(t, path)
		require.NotEmpty(t, found)
		if args[len(args)-1] == "all" {
			require.Len(t, found, 1<<18, "a line for every target")
		}
		seen := map[string]bool{}
		for _, l := range found {
			key := fmt.Sprint(l.Address, l.Port)
			require.False(t, seen[key], "%s twice", key)
			seen[key] = true
		}
	}
}

// world is a near namespace for the command and a far one with the kernel's own
// TCP behind 10.84.0.0/16.
func world(t *testing.T) (near, far *testbed.Namespace) {
	nears, far := worlds(t, 1)
	return nears[0], far
}

// worlds has several near ones; the one with number k has 10.83.k.0/28.
func worlds(t *testing.T, count int) (nears []*testbed.Namespace, far *testbed.Namespace) {
	testbed.Require(t)
	far, err := testbed.NewNamespace()
	require.NoError(t, err)
	t.Cleanup(func() { far.Close() })
	for k := range count {
		near, err := testbed.NewNamespace()
		require.NoError(t, err)
		t.Cleanup(func() { near.Close() })
		gateway := fmt.Sprintf("10.77.%d.2", k)
		_, err = testbed.Veth(near, far, testbed.VethConfig{
			NearName: "near0", FarName: fmt.Sprint("far", k), Queues: 2, DisableOffloads: true,
			NearAddr: netip.MustParsePrefix(fmt.Sprintf("10.77.%d.1/24", k)), FarAddr: netip.MustParsePrefix(gateway + "/24"),
			Sources: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.83.%d.0/28", k))},
		})
		require.NoError(t, err)
		require.NoError(t, near.AddRoute(netip.MustParsePrefix("10.84.0.0/16"), netip.MustParseAddr(gateway), "near0"))
		nears = append(nears, near)
	}
	require.NoError(t, far.AddLocalRoute(netip.MustParsePrefix("10.84.0.0/16")))
	return nears, far
}

// scanIn runs the command in a namespace.
func scanIn(t *testing.T, near *testbed.Namespace, args ...string) (code int, stderr string) {
	cmd, text := endtest.Command(t, append([]string{"-interface", "near0"}, args...)...)
	require.NoError(t, near.Start(cmd))
	return endtest.ExitCode(cmd.Wait()), text.String()
}

// serve has far's kernel listen on an address and greet whoever connects.
func serve(t *testing.T, far *testbed.Namespace, address, greeting string) {
	l, err := far.Listen("tcp4", address)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprint(c, greeting)
				var request [64]byte
				n, _ := c.Read(request[:])
				fmt.Fprintf(c, "you said %q", request[:n])
			}()
		}
	}()
}

// The kernel's own TCP is found for what it is, its banners are grabbed whole, and
// no RST of the near kernel comes between: on addresses of our own, and sharing
// the interface's.
func TestBannersOfARealServer(t *testing.T) {
	near, far := world(t)
	serve(t, far, "10.84.0.7:2222", "SSH-2.0-here\r\n")
	for name, source := range map[string][]string{"own": {"-source", "10.83.0.0/28"}, "shared": nil} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			code, stderr := scanIn(t, near, append(source, "-allow", "10.0.0.0/8", "-ports", "2221-2223", "-show", "all", "-rate", "500", "-banner",
				"-banner-request", `hi\n`, "-banner-timeout", "10s", "-out", path, "10.84.0.4/30")...)
			require.Equal(t, 0, code, stderr)
			found := readLines(t, path)
			require.Len(t, found, 12)
			for _, l := range found {
				if l.Address == "10.84.0.7" && l.Port == 2222 {
					require.Equal(t, "open", l.Outcome)
					require.Equal(t, "quiet", l.Canary)
					require.Equal(t, "SSH-2.0-here\r\nyou said \"hi\\n\"", l.Banner, "%+v", l)
				} else {
					require.Equal(t, "closed", l.Outcome, "%+v", l)
				}
			}
		})
	}
}

// What is excluded is refused by the names of the block and the flag; in a list it
// is told in the output.
func TestExclusions(t *testing.T) {
	near, _ := world(t)
	code, stderr := scanIn(t, near, "-source", "10.83.0.0/28", "10.84.0.0/24")
	require.Equal(t, 2, code)
	for _, part := range []string{"10.84.0.0/24", "10.0.0.0/8", "Private-Use", "-allow 10.84.0.0/24"} {
		require.Contains(t, stderr, part)
	}
	dir := t.TempDir()
	list, never, out := filepath.Join(dir, "list"), filepath.Join(dir, "never"), filepath.Join(dir, "out")
	require.NoError(t, os.WriteFile(list, []byte("10.84.0.0/28 # ours\n192.168.7.0/24\n\n10.84.0.3\n"), 0o600))
	require.NoError(t, os.WriteFile(never, []byte("10.84.0.8/29 # asked us not to\n"), 0o600))
	code, stderr = scanIn(t, near, "-source", "10.83.0.0/28", "-allow", "10.84.0.0/16", "-exclude", never, "-targets", list, "-show", "all", "-rate", "500", "-timeout", "300ms", "-out", out)
	require.Equal(t, 0, code, stderr)
	outcomes := map[string]int{}
	for _, l := range readLines(t, out) {
		outcomes[l.Outcome]++
		if l.Outcome == "excluded" {
			require.Contains(t, []string{"10.84.0.8/29", "192.168.7.0/24"}, l.Address)
		}
	}
	require.Equal(t, map[string]int{"closed": 8, "excluded": 2}, outcomes)
	require.Contains(t, stderr, "excluded: 264")
}

// The far end's capture: in no 100 ms do more frames come than a tenth of the rate
// and one batch, and no host sees its second probe before all others have seen their
// first.
func TestRateHoldsOnTheWire(t *testing.T) {
	near, far := world(t)
	const rate, targets, batch = 20_000.0, 1 << 15, 200
	path := filepath.Join(t.TempDir(), "capture")
	capture := far.Command("tcpdump", "-i", "far0", "-w", path, "-s", "64", "-B", "65536", "--immediate-mode", "--time-stamp-precision=nano", "ip and src net 10.83.0.0/28")
	notes, err := capture.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, far.Start(capture))
	_, err = notes.Read(make([]byte, 1)) // it listens
	require.NoError(t, err)
	time.Sleep(300 * time.Millisecond)
	began := time.Now()
	code, stderr := scanIn(t, near, "-source", "10.83.0.0/28", "-allow", "10.0.0.0/8", "-ports", "9,10", "-rate", fmt.Sprint(rate), "-retries", "0", "-timeout", "500ms", "10.84.0.0/18")
	require.Equal(t, 0, code, stderr)
	took := time.Since(began)
	time.Sleep(time.Second) // it reads what lies in its buffer
	require.NoError(t, capture.Process.Signal(syscall.SIGINT))
	_ = capture.Wait()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r, err := pcapfile.NewReader(f)
	require.NoError(t, err)
	var at []time.Time
	last, soonest := map[[4]byte]time.Time{}, time.Hour
	for {
		frame, err := r.Next()
		if err != nil {
			break
		}
		at = append(at, frame.At)
		host := [4]byte(frame.Data[30:34])
		if before, seen := last[host]; seen {
			soonest = min(soonest, frame.At.Sub(before))
		}
		last[host] = frame.At
	}
	require.Equal(t, targets/2, len(last))
	require.Greater(t, soonest.Seconds(), 0.75*targets/2/rate, "between two probes of one host")
	require.Equal(t, targets, len(at), "each probe, once, and nothing else: %s", stderr)
	most, first := 0, 0
	for k := range at {
		for at[k].Sub(at[first]) >= 100*time.Millisecond {
			first++
		}
		most = max(most, k-first+1)
	}
	t.Logf("at most %d frames in 100 ms; %.0f a second over %v; all took %v", most, float64(targets-1)/at[len(at)-1].Sub(at[0]).Seconds(), at[len(at)-1].Sub(at[0]), took)
	require.LessOrEqual(t, most, int(rate/10)+batch)
}

// Killed and begun again, the same command goes on: no target is lost, and few are
// told of twice.
func TestKillAndGoOn(t *testing.T) {
	near, _ := world(t)
	dir := t.TempDir()
	out, state := filepath.Join(dir, "out"), filepath.Join(dir, "state")
	args := []string{"-source", "10.83.0.0/28", "-allow", "10.0.0.0/8", "-ports", "9,10", "-rate", "3000", "-timeout", "200ms", "-state", state, "-show", "all", "-out", out, "10.84.0.0/19"}
	for run := 0; ; run++ {
		require.Less(t, run, 30)
		cmd, stderr := endtest.Command(t, append([]string{"-interface", "near0"}, args...)...)
		require.NoError(t, near.Start(cmd))
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		signal := []os.Signal{os.Kill, syscall.SIGINT}[run%2]
		select {
		case err := <-done:
			require.Equal(t, 0, endtest.ExitCode(err), stderr)
		case <-time.After(2500 * time.Millisecond):
			_ = cmd.Process.Signal(signal)
			if err := <-done; signal == syscall.SIGINT && endtest.ExitCode(err) != 0 {
				require.Equal(t, 3, endtest.ExitCode(err), stderr)
			}
			continue
		}
		require.GreaterOrEqual(t, run, 2, "it was cut short more than once")
		break
	}
	count := map[string]int{}
	twice := 0
	for _, l := range readLines(t, out) {
		key := fmt.Sprint(l.Address, ":", l.Port)
		if count[key]++; count[key] > 1 {
			twice++
		}
	}
	require.Len(t, count, 1<<14, "no target is lost")
	t.Logf("%d of %d told twice", twice, len(count))
	require.Less(t, twice, 1<<14)
	code, stderr := scanIn(t, near, args...)
	require.Equal(t, 0, code)
	require.Contains(t, stderr, "has come to its end")
	code, stderr = scanIn(t, near, append([]string{"-protocol", "udp"}, args...)...)
	require.Equal(t, 5, code)
	require.Contains(t, stderr, "-protocol was")
}

// Nothing found is not the same as could not look.
func TestCouldNotLook(t *testing.T) {
	near, far := world(t)
	args := []string{"-source", "10.83.0.0/28", "-allow", "10.0.0.0/8", "-timeout", "100ms", "-rate", "1000", "-retries", "0"}
	code, stderr := scanIn(t, near, append(args, "10.84.9.0/28")...)
	require.Equal(t, 0, code, stderr)
	require.NoError(t, far.SetDown("far0"))
	code, stderr = scanIn(t, near, append(args, "10.84.9.0/28")...)
	require.NotEqual(t, 0, code, stderr)
	require.NoError(t, far.SetUp("far0"))
	require.NoError(t, near.AddRoute(netip.MustParsePrefix("10.85.0.0/16"), netip.MustParseAddr("10.77.0.99"), "near0"))
	code, stderr = scanIn(t, near, append(args, "10.85.9.0/28")...)
	require.Equal(t, 1, code, stderr)
	require.Contains(t, stderr, "16 targets could not be looked at: the gateway does not answer ARP")
	require.Contains(t, stderr, "no probe left: we could not look")
	code, stderr = scanIn(t, near, append(args, "10.77.0.2/31")...)
	require.Equal(t, 0, code, stderr)
	require.True(t, strings.Contains(stderr, "no neighbour: 1"), stderr)
}
