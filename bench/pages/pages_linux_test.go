package pages

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"myriad/internal/testbed"
)

const (
	pageBytes = 8 << 10
	// turnTime is one method's turn, once it is open.
	turnTime = time.Second
	request  = "GET /page HTTP/1.1\r\nHost: pages.test\r\nConnection: close\r\n\r\n"
	// clientMark makes the test binary the client; it names the world.
	clientMark = "MYRIAD_PAGES_WORLD"
	// farMark has the client know nginx's processes.
	farMark = "MYRIAD_PAGES_FAR"
	// onlyMark chooses methods, by their names with commas between.
	onlyMark = "MYRIAD_PAGES_ONLY"
)

// fetcher fetches pages until it is time.
type fetcher func(until time.Time) (pages uint64, err error)

// methods are in the order of a round. What they open is no part of their turn:
// the kernel is open already.
var methods = []struct {
	name   string
	device int
	open   func(*world) (fetch fetcher, end func(), err error)
}{
	{"net.Dial", passed, openDial},
	{"net.Dial-bare", plain, openDial},
	{"Handler", ours, openHandler},
	{"net/http", passed, openHTTP},
	{"net/http-bare", plain, openHTTP},
	{"Dialer", ours, openDialer},
}

// turn is what came of one method's turn.
type turn struct {
	Method string
	Pages  float64
	Took   float64 // seconds
	CPU    float64 // seconds of this process
	Far    float64 // seconds of nginx
	// Of the whole Client, by name: "in" and "out" are frames.
	Counted map[string]uint64
}

func TestMain(m *testing.M) {
	if name := os.Getenv(clientMark); name != "" {
		w := worlds[slices.IndexFunc(worlds, func(w world) bool { return w.Name == name })]
		if err := client(&w); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// client is the process that fetches, one round: it prints a turn a line.
func client(w *world) error {
	out := json.NewEncoder(os.Stdout)
	for _, m := range methods {
		if only := os.Getenv(onlyMark); only != "" && !slices.Contains(strings.Split(only, ","), m.name) {
			continue
		}
		w.device = m.device
		fetch, end, err := m.open(w)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		start, before, far := time.Now(), processor(), farProcessor()
		n, err := fetch(start.Add(turnTime))
		t := turn{Method: m.name, Pages: float64(n), Took: time.Since(start).Seconds(),
			CPU: (processor() - before).Seconds(), Far: farProcessor() - far}
		end()
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		t.Counted = map[string]uint64{"in": w.stats.FramesReceived, "out": w.stats.FramesSent,
			"kicks": w.stats.Counters["kicks"], "waits": w.stats.Counters["waits"]}
		if err := out.Encode(t); err != nil {
			return err
		}
	}
	return nil
}

func processor() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// farProcessor is the processor time that nginx has used, in seconds.
func farProcessor() (seconds float64) {
	for pid := range strings.FieldsSeq(os.Getenv(farMark)) {
		text, err := os.ReadFile("/proc/" + pid + "/schedstat") // ns run, ns waited, turns
		if err != nil {
			continue
		}
		var ns float64
		_, _ = fmt.Sscan(string(text), &ns)
		seconds += ns / 1e9
	}
	return seconds
}

// BenchmarkPages runs a round of all methods per iteration.
func BenchmarkPages(b *testing.B) {
	testbed.Require(b)
	for _, w := range worlds {
		b.Run(w.Name, func(b *testing.B) { run(b, w) })
	}
}

func run(b *testing.B, w world) {
	near, far := w.build(b)
	all := turns{}
	for b.Loop() {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprint(clientMark, "=", w.Name), farMark+"="+strings.Trim(fmt.Sprint(far), "[]"))
		cmd.Stderr = os.Stderr
		var out bytes.Buffer
		cmd.Stdout = &out
		require.NoError(b, near.Start(cmd))
		require.NoError(b, cmd.Wait())
		for line := range bytes.Lines(out.Bytes()) {
			var t turn
			require.NoError(b, json.Unmarshal(line, &t))
			all[t.Method] = append(all[t.Method], t)
		}
	}
	report(b, all)
}
