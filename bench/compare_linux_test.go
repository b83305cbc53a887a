package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/bench/internal/kernel"
	"myriad/bench/internal/netstack"
	"myriad/bench/internal/report"
	"myriad/bench/internal/scanner"
	"myriad/bench/internal/transact"
	"myriad/internal/testbed"
)

// TestMain lets the test's own program be started as the client by net.Dial or
// netstack, or as the server over TLS, as bench is.
func TestMain(m *testing.M) {
	commands := []string{kernel.NetDialCommand, netstack.Command, transact.ServeCommand}
	if len(os.Args) > 1 && slices.Contains(commands, os.Args[1]) {
		os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

func needCompiler(t testing.TB) {
	for _, name := range []string{"cc", "gcc", "clang"} {
		if _, err := exec.LookPath(name); err == nil {
			return
		}
	}
	t.Skip("needs a C compiler")
}

// The methods take turns, and each completes what it was asked for, against the
// same far end.
func TestConnectComparesMethods(t *testing.T) {
	needCompiler(t)
	const count = 1500
	for how, jobs := range map[string][2]string{"rst": {"rst", "request"}, "fin": {"fin", "request-fin"}} {
		t.Run(how, func(t *testing.T) {
			rows := measure(t, "-methods myriad,live,afpacket,bare,bare-live,epoll,uring,connect,netdial,netstack -rounds 1 -count 1500 -window 200 -tune 0 -threads 50 -close "+how)
			require.Len(t, rows, 20)
			for i, r := range rows {
				job := jobs[i/10]
				require.Equal(t, []string{job, "live-" + job, "afpacket-" + job, "bare-" + job, "bare-live-" + job, "epoll-" + job, "uring-" + job, "connect-" + job, "netdial-" + job, "netstack-" + job}[i%10], r.Method)
				require.Equal(t, 1, r.Round)
				require.EqualValues(t, count, r.Opened, r.Method)
				require.EqualValues(t, count, r.Completed, "%s: %v", r.Method, r.FailedBy)
				require.Positive(t, r.ConnectionsPerSecond)
				require.GreaterOrEqual(t, r.FarEnd.SYN, uint64(count))
				if r.RequestBytes > 0 {
					require.GreaterOrEqual(t, r.FarEnd.Data, uint64(count), r.Method)
				}
				// The last frame is not sent again where the wire lost it.
				if how == "fin" {
					require.GreaterOrEqual(t, r.FarEnd.FIN+r.LostToFarEnd, uint64(count), r.Method)
				} else {
					require.GreaterOrEqual(t, r.FarEnd.RST+r.LostToFarEnd, uint64(count), r.Method)
				}
			}
		})
	}
}

// A client without state is measured over either way to send, under names of
// their own.
func TestConnectComparesBareClients(t *testing.T) {
	rows := longer(t, 100*time.Millisecond, func(duration string) []report.Row {
		return measure(t, "-methods bare,bare-live -rounds 1 -window 256 -duration "+duration)
	}, completedNone)
	require.Len(t, rows, 4)
	for i, want := range []string{"bare-rst", "bare-live-rst", "bare-request", "bare-live-request"} {
		r := rows[i]
		require.Equal(t, want, r.Method)
		require.Equal(t, i%2 == 1, strings.Contains(r.Backend, "live"), r.Backend)
		require.GreaterOrEqual(t, r.FarEnd.SYN, r.Completed)
	}
	for _, k := range kindsOf(rows) {
		require.Contains(t, []string{"rst", "request"}, k.job)
	}
}

// Ctrl-C ends the kernel's clients too, and nothing of theirs stays.
func TestConnectComparisonInterrupted(t *testing.T) {
	testbed.Require(t)
	needCompiler(t)
	for _, method := range kernel.Programs {
		t.Run(method, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			rows := longer(t, time.Second, func(after string) []report.Row {
				return interruptCompiled(t, after, method+",netdial,netstack")
			}, completedNone)
			require.Len(t, rows, 1)
			require.Less(t, rows[0].Seconds, 600.0)
			left, err := os.ReadDir(os.Getenv("TMPDIR"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

// interruptCompiled has Ctrl-C end a comparison, a while after the first method was
// compiled.
func interruptCompiled(t *testing.T, after, methods string) []report.Row {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil && !compiled(os.Getenv("TMPDIR")) {
			time.Sleep(10 * time.Millisecond)
		}
		d, _ := time.ParseDuration(after)
		time.Sleep(d)
		cancel()
	}()
	code, stdout, stderr := bench(ctx, strings.Fields("connect -json -methods "+methods+" -request 0 -duration 10m -window 64")...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stderr, "interrupted")
	if rows := parseRows(t, stdout); len(rows) > 0 {
		return rows
	}
	return []report.Row{{}}
}

// compiled reports whether there is a program below the directory.
func compiled(directory string) bool {
	files, _ := filepath.Glob(filepath.Join(directory, "*", "*"))
	return slices.ContainsFunc(files, func(name string) bool {
		info, err := os.Stat(name)
		return err == nil && info.Mode().IsRegular() && info.Mode()&0o100 != 0
	})
}

// Scanners take their turn where they apply, and say what they did not see.
func TestConnectComparesScanners(t *testing.T) {
	for _, tool := range scanner.Tools {
		if _, err := scanner.Find(tool); err != nil {
			t.Skipf("needs %s: %v", tool, err)
		}
	}
	rows := measure(t, "-methods myriad,masscan,zmap -rounds 1 -count 2000 -window 200")
	require.Len(t, rows, 4) // requests are Myriad's alone
	require.Equal(t, "masscan-rst", rows[1].Method)
	require.Equal(t, "zmap-rst", rows[2].Method)
	for _, r := range rows[1:3] {
		require.LessOrEqual(t, r.Opened, uint64(2064)) // masscan rounds up
		require.GreaterOrEqual(t, r.Opened+r.LostToFarEnd, uint64(2000-64))
		require.NotZero(t, r.Completed)
		require.Equal(t, r.Opened, r.Completed+r.Failed)
		require.Equal(t, r.Failed, r.FailedBy["answer not seen"])
		require.Zero(t, r.FarEnd.ACK, "no handshake is completed")
	}
	require.NotZero(t, rows[1].FarEnd.RST, "masscan's own")
	require.Zero(t, rows[2].FarEnd.RST)
}

// What is not there is listed with the reason, and the others are measured.
func TestConnectComparisonWithoutTools(t *testing.T) {
	testbed.Require(t)
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CC", "")
	code, stdout, stderr := bench(t.Context(), strings.Fields("connect -json -methods epoll,uring,connect,netdial,masscan -rounds 1 -request 0 -count 100 -window 20")...)
	require.Equal(t, exitOK, code, stderr)
	rows := parseRows(t, stdout)
	require.Len(t, rows, 1)
	require.Equal(t, "netdial-rst", rows[0].Method)
	for _, method := range kernel.Programs {
		require.Contains(t, stderr, "skipped: "+method+": no C compiler")
	}
	require.Contains(t, stderr, "skipped: masscan: not installed")
}

func TestComparisonShowsMedianRangeAndRatio(t *testing.T) {
	var rows []report.Row
	for round, rate := range []float64{100, 300, 200} {
		rows = append(rows,
			report.Row{Method: "rst", ConnectionsPerSecond: 10 * rate, Completed: 1, Round: round + 1},
			report.Row{Method: "epoll-rst", ConnectionsPerSecond: rate, Completed: 1, Round: round + 1})
	}
	rows[len(rows)-1].Disturb("failed reset %d", 2)
	part := comparePart(rows, []string{"netdial: absent"})
	require.Equal(t, []string{"epoll-rst", "3", "200", "100", "300", "10.00 ×"}, part.Rows[1][:6], "its median")
	require.Equal(t, "not measured", part.Rows[1][6], "there was no bare loop")
	require.Contains(t, part.Notes, "skipped: netdial: absent")
	require.Equal(t, "round 3: failed reset 2", part.Rows[1][len(part.Rows[1])-1])
	require.Len(t, part.Charts, 1)
}

// The bare loop finds its best and makes every kind of connection, and all rows
// have the same columns.
func TestConnectBesideTheFloor(t *testing.T) {
	jobs := []string{"rst", "separate", "request-fin"}
	rows := longer(t, 50*time.Millisecond, func(duration string) []report.Row {
		return measure(t, "-methods myriad,bare,epoll -rounds 1 -tune 5ms -window 512 -queues 1 -destinations one -jobs "+strings.Join(jobs, ",")+" -duration "+duration)
	}, completedNone)
	require.Len(t, rows, 3*len(jobs))
	frames := []float64{4, 6, 7}
	for k, r := range rows {
		job := jobs[k/3]
		require.Equal(t, []string{job, "bare-" + job, "epoll-" + job}[k%3], r.Method)
		require.Equal(t, []any{1, 1, 0, "one"}, []any{r.Interfaces, r.ClientCores, r.FarEndCores, r.Destinations}, r.Method)
		// More where something was sent again, or not completed in time; a frame that
		// was lost takes its answer with it.
		lost := 2 * float64(r.LostToFarEnd) / float64(r.Completed)
		require.Greater(t, *r.FramesPerConnection+lost, frames[k/3]-0.1, r.Method)
		require.GreaterOrEqual(t, *r.FrameBytes, 64.0, r.Method)
		require.InEpsilon(t, 10**r.ShareOf10G, *r.ShareOf1G, 1e-9)
		require.Nil(t, r.CPUFarEnd)
	}
	part := comparePart(rows, nil)
	require.Len(t, part.Rows, len(rows))
	require.Len(t, part.Charts, len(jobs))
	for _, cells := range part.Rows {
		require.Len(t, cells, len(part.Columns))
		require.Contains(t, cells[6], "×", "of the floor")
	}
}

// A plain run says what it is of the floor.
func TestConnectPrintsTheFloor(t *testing.T) {
	testbed.Require(t)
	told := regexp.MustCompile(`rst is [0-9.]+ × the bare loop at its best \(batch [0-9]+, window [0-9]+`)
	longer(t, 50*time.Millisecond, func(duration string) []string {
		code, stdout, stderr := bench(t.Context(), strings.Fields("connect -request 0 -tune 5ms -window 512 -duration "+duration)...)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, stdout, "bare-rst")
		return []string{stdout}
	}, func(stdout string) bool { return !told.MatchString(stdout) })
}
