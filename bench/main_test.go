package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// bench runs the command and returns its exit code and what it wrote.
func bench(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestHelpListsSubcommands(t *testing.T) {
	for _, args := range [][]string{{"help"}, {"-h"}, {"--help"}} {
		code, stdout, stderr := bench(t.Context(), args...)
		require.Equal(t, exitOK, code)
		require.Empty(t, stderr)
		for _, c := range commands {
			require.Contains(t, stdout, "\n  "+c.name+" ")
		}
	}
}

func TestEverySubcommandHelps(t *testing.T) {
	for _, c := range commands {
		code, stdout, stderr := bench(t.Context(), c.name, "-h")
		require.Equal(t, exitOK, code)
		require.Empty(t, stderr)
		require.Contains(t, stdout, "usage: go run ./bench "+c.name)
	}
}

// Each mistake is one sentence that names the flag and what it may be.
func TestBadFlags(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"nosuch", `no subcommand "nosuch"`},
		{"-nosuch", "-nosuch"},
		{"-only dance", `no part "dance"`},
		{"-quick connect", `unexpected argument "connect"`},
		{"transfer -loss many", `-loss "many" is not within 0 to 50`},
		{"transfer -loss 51", "-loss"},
		{"transfer -seconds 0", "-seconds 0 is not within"},
		{"transfer -rounds 0", "-rounds 0 is not within"},
		{"transact -connections 30K", "-connections 30000 is above 20000"},
		{"transact -replies 65537", "-replies 65537 is above"},
		{"transact -tls maybe", `-tls: "maybe" is none of no, yes`},
		{"transact -rounds 0", "-rounds 0 is not within"},
		{"transact -duration 0s", "-duration 0s"},
		{"transfer extra", `unexpected argument "extra"`},
		{"connect -nosuch", "-nosuch"},
		{"connect extra", `unexpected argument "extra"`},
		{"connect -backend dpdk", `-backend "dpdk" is none of `},
		{"connect -threads 0", "-threads 0 is not within"},
		{"send -source 10.0.0.1", "need -interface"},
		{"send -interface x -target 10.0.0.0/8", "needs -source"},
		{"send -interface x -source 10.0.0.1 -target many", `"many" is not an IPv4 prefix`},
		{"send -interface x -source 10.0.0.1 -target 10.0.0.2 -gateway-mac x", `-gateway-mac "x"`},
		{"send -interface x -source 10.0.0.1 -target 10.0.0.2", "-gateway-mac: none"},
		{"send -interface x -source 10.0.0.1 -target 10.0.0.2 -methods raw -tables firewall", "set up yours"},
		{"send -interface x -source 10.0.0.1 -target 10.0.0.2 -methods raw -tables stack", "leave -interface or stack out"},
		{"connect -queues -1", `-queues: "-1" is not a number from 1`},
		{"connect -queues 257", "-queues 257 is not within"},
		{"connect -jobs dance", `-jobs: "dance" is none of rst, request`},
		{"connect -jobs fin -close fin", "leave -close"},
		{"connect -destinations many", `-destinations: "many" is none of one, unique`},
		{"connect -destinations one -interface eth0 -source 10.0.0.1 -target 10.1.0.0/16:80", "it is -target that says"},
		{"connect -connections 5 -queues 1,2", "-connections is one run"},
		{"connect -tune -1s", "-tune -1s is below 0"},
		{"bare -batch -32", "-batch -32 and -window 0: neither"},
		{"bare -tune 0s", "-tune 0s must be above 0"},
		{"connect -queues two", `"two"`},
		{"connect -batch 0", "-batch 0"},
		{"connect -close half", `-close "half" is neither rst nor fin`},
		{"connect -window 0", "-window 0"},
		{"connect -duration -1s", "-duration -1s"},
		{"connect -rate -5", "-rate -5"},
		{"connect -rate NaN", "-rate NaN"},
		{"connect -request -1", "-request -1"},
		{"connect -reply 0", "-reply 0 is below 1"},
		{"connect -reply 1461", "-reply 1461 exceeds"},
		{"connect -request 10 -reply 1000", "use a longer -request"},
		{"bare -queues 0", `-queues: "0"`},
		{"bare -window 1", "-window 1"},
		{"bare -backend x", `-backend "x"`},
		{"hold -connections 0", `-connections: "0" is not a number`},
		{"hold -connections 1K,x", `"x"`},
		{"hold -connections 11M", "-connections 11000000 is not within"},
		{"hold -targets two", `-targets "two"`},
		{"hold -queues 0", "-queues 0"},
		{"hold -window 0", "-window 0"},
		{"hold -exchanges -1", "-exchanges -1"},
		{"hold -timeout 0s", "-timeout 0s"},
		{"hold -reply 2000", "-reply 2000 exceeds"},
		{"hold more", `unexpected argument "more"`},
		{"connect -methods myriad,dpdk", `-methods: "dpdk" is none of myriad`},
		{"connect -methods bare,bare", `"bare" is there twice`},
		{"connect -methods epoll -rounds 0", "-rounds 0"},
		{"connect -methods epoll -connections 5", "leave -connections out"},
		{"connect -methods bare -count 1", "-count 1 is below one connection"},
		{"connect -rounds 2", "-rounds needs -methods"},
		{"send -methods carrier-pigeon", `-methods: "carrier-pigeon" is none of raw`},
		{"send -sizes 63", "-sizes 63 is below 64"},
		{"send -sizes 1519", "-sizes 1519 is above 1518"},
		{"send -queues 0", `-queues: "0"`},
		{"send -batches 5000", "-batches 5000 is above 4096"},
		{"send -batch 0", "-batch 0"},
		{"send -tables x", `-tables: "x"`},
		{"send -count -1", "-count -1"},
		{"send -duration 0s", "-duration 0s"},
		{"receive -tables x", `-tables: "x"`},
		{"receive -backends dpdk", `-backends: "dpdk" is none of afxdp, afpacket`},
		{"receive -pools 1000", "-pools 1000 is not a power of two"},
		{"receive -thresholds 5000", "-thresholds 5000 is not below"},
		{"receive -thresholds sometimes", "or never"},
		{"receive -rates 0", `-rates: "0"`},
		{"receive -capacity 0", "-capacity 0"},
		{"receive -duration 2m", "-duration 2m0s"},
		{"connect -connections -1", "-connections -1"},
		{"connect -connections 10 -duration 1s", "leave -duration"},
		{"connect -count 10 -duration 1s", "give one of them"},
		{"connect -source 10.0.0.0/24", "need -interface"},
		{"connect -interface eth0", "-interface eth0 needs -source"},
		{"connect -interface eth0 -source 10.0.0.0/33 -target 10.1.0.0/16:80", `-source: "10.0.0.0/33"`},
		{"connect -interface eth0 -source 2001:db8::/64 -target 10.1.0.0/16:80", "not an IPv4 prefix"},
		{"connect -interface eth0 -source 10.0.0.1 -target 10.1.0.0/16", "has no port"},
		{"connect -interface eth0 -source 10.0.0.1 -target 10.1.0.0/16:0", `port "0"`},
		{"connect -interface eth0 -source 10.0.0.1 -target 10.1.0.0:80 -gateway-mac 1:2", `-gateway-mac "1:2"`},
	} {
		code, stdout, stderr := bench(t.Context(), strings.Fields(c.args)...)
		require.Equal(t, exitUsage, code, c.args)
		require.Empty(t, stdout, c.args)
		require.Contains(t, stderr, c.says)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "%s: %s", c.args, stderr)
	}
}

func TestJobs(t *testing.T) {
	for args, want := range map[string][]int{
		"":                  {0, 200},
		"-request 0":        {0},
		"-request 100":      {100},
		"-connections 1000": {200},
	} {
		o, err := parseConnect(strings.Fields(args), nil)
		require.NoError(t, err)
		var requests []int
		for _, job := range o.jobs() {
			requests = append(requests, job.request)
		}
		require.Equal(t, want, requests, args)
	}
}

// Each kind, to each destinations, on each number of queues.
func TestJobsOfEachKind(t *testing.T) {
	o, err := parseConnect(strings.Fields("-jobs "+strings.Join(connectKinds, ",")+" -destinations one,unique -queues 1,2"), nil)
	require.NoError(t, err)
	jobs := o.jobs()
	require.Len(t, jobs, 2*2*len(connectKinds))
	for k, job := range jobs {
		require.Equal(t, connectKinds[k%5], job.kind())
		require.Equal(t, 1+k/10, job.queues)
		require.Equal(t, []string{"one", "unique"}[k/5%2], job.destinations)
		require.Equal(t, job.destinations == "one", job.targets().IsSingleIP())
	}
}

func TestPrefix(t *testing.T) {
	p, err := prefix("10.1.2.3")
	require.NoError(t, err)
	require.Equal(t, "10.1.2.3/32", p.String())
	p, err = prefix("10.1.2.3/8")
	require.NoError(t, err)
	require.Equal(t, "10.0.0.0/8", p.String())
}

// decodeRows reads JSON lines that know no other keys than T's.
func decodeRows[T any](t testing.TB, stdout string) (rows []T) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var r T
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&r), line)
		rows = append(rows, r)
	}
	return rows
}
