package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/endtest"
	"myriad/examples/internal/program"
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
		append(part, "-backend", "live"),
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
	code, stderr = scanIn(t, near, "-source", "10.83.0.0/28", "-allow", "10.84.0.0/16", "-exclude", never, "-targets", list, "-show", "all", "-rate", "500", "-timeout", "5s", "-out", out)
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

// capture has tcpdump listen at the far end; stop returns what it heard.
func capture(t *testing.T, far *testbed.Namespace, filter string) (stop func() []pcapfile.Frame) {
	path := filepath.Join(t.TempDir(), "capture")
	cmd := far.Command("tcpdump", "-i", "far0", "-w", path, "-s", "64", "-B", "65536", "--immediate-mode", "-U", "--time-stamp-precision=nano", filter)
	notes, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, far.Start(cmd))
	_, err = notes.Read(make([]byte, 1)) // it listens
	require.NoError(t, err)
	time.Sleep(300 * time.Millisecond)
	return func() (frames []pcapfile.Frame) {
		for size, same := int64(-1), 0; same < 5; time.Sleep(200 * time.Millisecond) { // it reads what lies in its buffer
			info, err := os.Stat(path)
			require.NoError(t, err)
			if same++; info.Size() != size {
				size, same = info.Size(), 0
			}
		}
		require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
		_ = cmd.Wait()
		f, err := os.Open(path)
		require.NoError(t, err)
		defer f.Close()
		r, err := pcapfile.NewReader(f)
		require.NoError(t, err)
		for {
			frame, err := r.Next()
			if err != nil {
				return frames
			}
			frame.Data = bytes.Clone(frame.Data)
			frames = append(frames, frame)
		}
	}
}

// crowd counts connections at a time, as the far end's log has them.
type crowd struct {
	mu        sync.Mutex
	now, most map[string]int
}

func (c *crowd) change(by int, keys ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, key := range keys {
		c.now[key] += by
		c.most[key] = max(c.most[key], c.now[key])
	}
}

// What the far end sees: no address and no /24 more probes a second than the
// limits say, nor more connections at a time.
func TestLimitsHoldOnTheWire(t *testing.T) {
	near, far := world(t)
	c := &crowd{now: map[string]int{}, most: map[string]int{}}
	l, err := far.Listen("tcp4", ":2222")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				host := conn.LocalAddr().(*net.TCPAddr).AddrPort().Addr()
				keys := []string{host.String(), netip.PrefixFrom(host, 24).Masked().String()}
				c.change(1, keys...)
				time.Sleep(200 * time.Millisecond)
				c.change(-1, keys...)
				fmt.Fprint(conn, "late")
				conn.Close()
			}()
		}
	}()
	const addressRate, prefixRate = 4.0, 30.0
	stop := capture(t, far, "tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn and src net 10.83.0.0/28")
	path, report := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "report.html")
	code, stderr := scanIn(t, near, "-source", "10.83.0.0/28", "-allow", "10.0.0.0/8", "-ports", "2222,9,10", "-rate", "2000", "-timeout", "2s", "-banner-timeout", "20s",
		"-per-address-rate", fmt.Sprint(addressRate), "-per-prefix-rate", fmt.Sprint(prefixRate), "-banner", "-per-address", "1", "-per-prefix", "3",
		"-show", "all", "-out", path, "-report", report, "10.84.0.0/27", "10.84.3.0/27")
	require.Equal(t, 0, code, stderr)
	found := readLines(t, path)
	require.Len(t, found, 3*64)
	for _, l := range found {
		require.Equal(t, l.Port == 2222, l.Outcome == "open", "%+v", l)
		require.True(t, l.Port != 2222 || l.Banner == "late", "%+v", l)
	}
	at := map[string][]time.Time{}
	for _, frame := range stop() {
		host := netip.AddrFrom4([4]byte(frame.Data[30:34]))
		for _, key := range []string{host.String(), netip.PrefixFrom(host, 24).Masked().String()} {
			at[key] = append(at[key], frame.At)
		}
	}
	require.Len(t, at, 64+2)
	for key, times := range at {
		rate, limit, connections := addressRate, 1, 1
		if strings.HasSuffix(key, "/24") {
			rate, connections = prefixRate, 3
		}
		// Within two seconds; a machine that is busy may hand over late.
		const seconds = 2
		limit += int(rate*seconds*1.2) + 1
		first := 0
		for k := range times {
			for times[k].Sub(times[first]) >= seconds*time.Second {
				first++
			}
			require.LessOrEqual(t, k-first+1, limit, key)
		}
		require.LessOrEqual(t, c.most[key], connections, key)
	}
	page, err := os.ReadFile(report)
	require.NoError(t, err)
	for _, part := range []string{"probes a second to one address", "probes a second to one /24", "connections at a time to one /24", "Latency of answers"} {
		require.Contains(t, string(page), part)
	}
}

// The far end's capture: in no 100 ms do more frames come than a tenth of the rate
// and one batch, and no host sees its second probe before all others have seen their
// first.
func TestRateHoldsOnTheWire(t *testing.T) {
	near, far := world(t)
	const rate, targets, batch = 20_000.0, 1 << 15, 200
	stop := capture(t, far, "ip and src net 10.83.0.0/28")
	began := time.Now()
	code, stderr := scanIn(t, near, "-source", "10.83.0.0/28", "-allow", "10.0.0.0/8", "-ports", "9,10", "-rate", fmt.Sprint(rate), "-per-address-rate", "0", "-per-prefix-rate", "0", "-retries", "0", "-timeout", "500ms", "10.84.0.0/18")
	require.Equal(t, 0, code, stderr)
	took := time.Since(began)
	var at []time.Time
	last, soonest := map[[4]byte]time.Time{}, time.Hour
	for _, frame := range stop() {
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

// A disk that is full, and a state of another scan, have codes of their own.
func TestExitCodes(t *testing.T) {
	testbed.Require(t)
	state := filepath.Join(t.TempDir(), "state")
	small := []string{"-seed", "5", "-shards", "64", "-shard", "3", "-state", state}
	endtest.Run(t, program.Finished, small...)
	for _, test := range []struct {
		code int
		args []string
		want []string
	}{
		{program.Finished, small, []string{"has come to its end", "remove the directory"}},
		{program.StateRefused, append(small, "-ports", "99"), []string{"-state " + state, "another run", "targets"}},
		{program.WriteFailed, []string{"-seed", "5", "-shards", "64", "-shard", "3", "-out", "/dev/full"}, []string{"no space left"}},
	} {
		_, stderr := endtest.Run(t, test.code, test.args...)
		for _, part := range test.want {
			require.Contains(t, stderr, part)
		}
	}
}

// A disk that fills while the scan runs ends it with the code for that; the lines
// on it are whole, and the same command goes on where there is room again.
func TestFullDisk(t *testing.T) {
	testbed.Require(t)
	state := filepath.Join(t.TempDir(), "state")
	args := []string{"-seed", "5", "-shards", "32", "-shard", "3", "-ports", "22,80", "-show", "all", "-rate", "10000", "-state", state}
	cmd, stderr := endtest.Command(t, append(args, "-out", "lines")...)
	_, kept := endtest.SmallDisk(t, cmd, "1000")
	require.Equal(t, program.WriteFailed, endtest.ExitCode(cmd.Run()), stderr)
	require.Contains(t, stderr.String(), "no space left on device; make room")
	path := filepath.Join(kept, "lines")
	before := len(readLines(t, path))
	require.NotZero(t, before)
	endtest.Run(t, program.Finished, append(args, "-out", path)...)
	seen := map[string]bool{}
	for _, l := range readLines(t, path) {
		seen[fmt.Sprint(l.Address, ":", l.Port)] = true
	}
	require.Equal(t, 2<<18/32, len(seen), "no target is lost")
	require.Less(t, before, len(seen))
}

// On a terminal the last line has all targets, and their outcomes.
func TestProgress(t *testing.T) {
	testbed.Require(t)
	shown := endtest.OnTerminal(t, program.Finished, "-seed", "5", "-shards", "32", "-shard", "3", "-ports", "22,80", "-rate", "5000", "-out", filepath.Join(t.TempDir(), "out"))
	pictures := endtest.Pictures(shown)
	require.Greater(t, len(pictures), 1)
	last := pictures[len(pictures)-1]
	for _, part := range []string{" 100% |", "(16384/16384, ", "targets/s", " open"} {
		require.Contains(t, last, part)
	}
	require.Less(t, strings.LastIndex(shown, " 100% |"), strings.Index(shown, "Finished"), "before the summary")
}

// checkpoint is what a state directory says.
type checkpoint struct {
	Version  int
	Saved    time.Time
	Finished bool
	Position position
}

func readCheckpoint(dir string) (c checkpoint, err error) {
	content, err := os.ReadFile(filepath.Join(dir, "run.json"))
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	return c, err
}

// savedAfter waits for a checkpoint that is younger than an instant.
func savedAfter(dir string, at time.Time) {
	for {
		if c, err := readCheckpoint(dir); err == nil && c.Saved.After(at) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Killed and begun again, the same command goes on: no target is lost, what was
// told of between the last checkpoint and the kill is told of again, and nothing
// else; after Ctrl-C nothing is. Half of the targets never answer, so that many
// are awaited at each end.
func TestKillAndGoOn(t *testing.T) {
	near, far := world(t)
	rules := far.Command("nft", "-f", "-")
	rules.Stdin = strings.NewReader("table ip quiet { chain in { type filter hook prerouting priority 0; ip saddr 10.83.0.0/28 tcp dport 10 drop; }; }")
	require.NoError(t, far.Start(rules))
	require.NoError(t, rules.Wait())
	dir := t.TempDir()
	out, state := filepath.Join(dir, "out"), filepath.Join(dir, "state")
	const rate, targets, cuts = 3000, 1 << 13, 4
	args := []string{"-source", "10.83.0.0/28", "-allow", "10.0.0.0/8", "-ports", "9,10", "-rate", fmt.Sprint(rate), "-retries", "2", "-timeout", "300ms",
		"-per-address-rate", "0", "-per-prefix-rate", "0", "-state", state, "-show", "all", "-out", out, "10.84.0.0/20"}
	count, most := map[string]int{}, 0
	for run := 0; ; run++ {
		began := time.Now()
		cmd, stderr := endtest.Command(t, append([]string{"-interface", "near0"}, args...)...)
		require.NoError(t, near.Start(cmd))
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		signal, killed, over := []os.Signal{os.Kill, syscall.SIGINT}[run%2], time.Time{}, false
		cut := make(chan struct{})
		if run < cuts {
			go func() {
				savedAfter(state, began)
				time.Sleep(700 * time.Millisecond)
				close(cut)
			}()
		}
		select {
		case err := <-done:
			require.Equal(t, 0, endtest.ExitCode(err), stderr)
			over = true
		case <-cut:
			killed = time.Now()
			_ = cmd.Process.Signal(signal)
			if err := <-done; signal == syscall.SIGINT {
				require.Contains(t, []int{0, 3}, endtest.ExitCode(err), stderr)
			}
		}
		clear(count)
		twice := 0
		for _, l := range readLines(t, out) {
			key := fmt.Sprint(l.Address, ":", l.Port)
			if count[key]++; count[key] > 1 {
				twice++
			}
		}
		require.LessOrEqual(t, twice, most, "after %d runs", run+1)
		c, err := readCheckpoint(state)
		require.NoError(t, err)
		require.Equal(t, stateVersion, c.Version)
		// Told of by this run, and not in the checkpoint.
		since := len(count) - int(c.Position.Count()) - (most - twice)
		require.GreaterOrEqual(t, since, 0, "nothing is in the checkpoint that was not told of")
		t.Logf("%d told of, %d twice, %d since the checkpoint", len(count), twice, since)
		if over {
			require.Equal(t, most, twice)
			break
		}
		if signal == syscall.SIGINT {
			require.Zero(t, since, "told of after Ctrl-C's checkpoint")
		} else { // each of two ports' outcomes comes at the rate of its probes, some later
			require.LessOrEqual(t, float64(since), rate*(killed.Sub(c.Saved).Seconds()+3), "at most what came since the checkpoint")
		}
		most += since
	}
	require.Len(t, count, targets, "no target is lost")
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
