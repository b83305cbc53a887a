package monitor

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/examples/internal/account"
	"myriad/examples/internal/metrics"
	"myriad/examples/internal/report"
)

// shared is a buffer that is read while it is written to.
type shared struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *shared) read() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}

func TestShowsARun(t *testing.T) {
	l, err := metrics.Listen("0")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "report.html")
	var out shared
	var done atomic.Int64
	m := Start(Config{
		Info: metrics.Info{Program: "scan", Unit: "targets"}, Command: "scan -x", Status: &out, Metrics: l, Report: path,
		Read: func() account.Account {
			n := done.Add(1)
			return account.Account{Done: n, Known: 1000, Found: n, Outcomes: map[string]int64{"open": n}}
		},
	})
	reply, err := http.Get("http://" + l.Addr().String() + "/metrics")
	require.NoError(t, err)
	body, err := io.ReadAll(reply.Body)
	require.NoError(t, err)
	require.NoError(t, reply.Body.Close())
	require.Contains(t, string(body), "myriad_targets_known 1000\n")
	require.Eventually(t, func() bool { return len(out.read()) > 0 }, time.Minute, tick/10, "one line in between")
	require.NoError(t, m.End("interrupted", report.Fact{Name: "Colour", Value: "blue"}))

	lines := bytes.Split(bytes.TrimSpace(out.read()), []byte("\n"))
	require.GreaterOrEqual(t, len(lines), 2)
	var last status
	for _, line := range lines {
		require.NoError(t, Status.Check(line))
		last = status{}
		require.NoError(t, json.Unmarshal(line, &last))
		require.Equal(t, last.Done, last.Outcomes["open"])
		require.NotNil(t, last.Left)
	}
	require.Equal(t, "interrupted", last.End)
	require.Equal(t, done.Load(), last.Done, "the last account is shown")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, string(content), "interrupted")
	require.Contains(t, string(content), "blue")
	_, err = http.Get("http://" + l.Addr().String() + "/metrics")
	require.Error(t, err, "the server has ended")
}

// A run of any length keeps a bounded number of samples, evenly apart.
func TestSamplesAreBounded(t *testing.T) {
	m := &Monitor{every: tick}
	const seconds = 100_000
	for k := range seconds {
		m.sample(account.Account{Done: int64(k)}, time.Duration(k)*time.Second)
	}
	require.Less(t, len(m.samples), samplesMax)
	require.Greater(t, len(m.samples), samplesMax/3)
	require.Zero(t, m.samples[0].At)
	for k := 1; k < len(m.samples); k++ {
		require.InDelta(t, m.every.Seconds(), (m.samples[k].At - m.samples[k-1].At).Seconds(), 1.01*m.every.Seconds())
	}
}
