package metrics

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"myriad/examples/internal/account"
	"myriad/examples/internal/latency"
	"myriad/tcpclient"
)

func example() account.Account {
	a := account.Account{
		Done: 10, Known: 40, Found: 6, Outcomes: map[string]int64{"open": 6, "excluded": 3, "timed out": 1},
		Counters: map[string]int64{"referrals": 5},
		Bounds:   []account.Bound{{Name: "connections per host", Limit: 4, Peak: 3}},
		Stack:    tcpclient.Stats{Opened: 11, FailedBy: map[string]uint64{"refused": 2}, Drops: map[string]uint64{"bad_checksum": 1}},
	}
	var h latency.Histogram
	h.Observe(time.Millisecond)
	h.Observe(50 * time.Millisecond)
	a.Latency = h.Distribution()
	return a
}

// What Prometheus sees is the account.
func TestTheCountsAgree(t *testing.T) {
	l, err := Listen("0")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(l.Addr().String(), "127.0.0.1:"), "loopback unless asked otherwise")
	s := Serve(l, NewCollector(Info{Program: "scan", Unit: "targets", Rate: 100}, example))
	defer s.Close()
	reply, err := http.Get("http://" + l.Addr().String() + "/metrics")
	require.NoError(t, err)
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	for _, want := range []string{
		"myriad_targets_done_total 10\n", "myriad_targets_known 40\n", "myriad_targets_found_total 6\n",
		"myriad_targets_not_looked_total 3\n", `myriad_outcomes_total{outcome="timed out"} 1`,
		`myriad_program_total{name="referrals"} 5`, `myriad_politeness_peak{bound="connections per host"} 3`,
		`myriad_latency_seconds_bucket{le="0.001024"} 1`, `myriad_latency_seconds_count 2`,
		"myriad_stack_connections_opened_total 11\n", `myriad_stack_connections_failed_total{reason="refused"} 2`,
		`myriad_stack_drops_total{drop="bad_checksum"} 1`, "myriad_rate_limit 100\n", "go_goroutines",
	} {
		require.Contains(t, string(body), want)
	}
}

func TestLint(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewCollector(Info{}, example))
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"9188": "127.0.0.1:9188", ":9188": "127.0.0.1:9188", "0.0.0.0:9188": "0.0.0.0:9188", "[::]:1": "[::]:1", "localhost:1": "localhost:1",
	} {
		got, err := Address(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	for _, text := range []string{"", "x", "1.2.3.4", "1.2.3.4:x", "70000"} {
		_, err := Address(text)
		require.ErrorContains(t, err, "-metrics")
	}
}

// Every metric that the dashboard shows is there.
func TestDashboard(t *testing.T) {
	content, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var d struct {
		Title  string
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(content, &d))
	require.NotEmpty(t, d.Title)
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewCollector(Info{}, example))
	families, err := registry.Gather()
	require.NoError(t, err)
	known := map[string]bool{}
	for _, f := range families {
		known[f.GetName()] = true
	}
	names := regexp.MustCompile(`myriad_[a-z_]+`)
	used := 0
	for _, p := range d.Panels {
		require.NotEmpty(t, p.Title)
		for _, target := range p.Targets {
			for _, name := range names.FindAllString(target.Expr, -1) {
				require.True(t, known[strings.TrimSuffix(name, "_bucket")], name)
				used++
			}
		}
	}
	require.Greater(t, used, 10)
}
