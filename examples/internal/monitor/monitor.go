package monitor

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"myriad/examples/internal/account"
	"myriad/examples/internal/metrics"
	"myriad/examples/internal/progress"
	"myriad/examples/internal/report"
)

// Config says what is shown, and where.
type Config struct {
	Info     metrics.Info
	Command  string       // for the report
	Terminal *os.File     // for the progress line, where it is a terminal; nil for none
	Status   io.Writer    // for lines of JSON; nil for none
	Metrics  net.Listener // nil for none; closed by End
	Report   string       // the file; empty for none
	Log      *slog.Logger // takes the counters at the end; nil for none
	// Read gives the account. It may be called from several goroutines, one
	// at a time.
	Read func() account.Account
}

const (
	// tick is the time between two looks at first.
	tick = time.Second
	// samplesMax is how many are kept: with more, every other one is dropped
	// and the time between two doubles.
	samplesMax = 720
)

// Monitor is one run's.
type Monitor struct {
	cfg     Config
	mu      sync.Mutex // of cfg.Read
	started time.Time
	bar     *progress.Bar
	server  *metrics.Server
	samples []report.Sample
	every   time.Duration
	next    time.Duration // when the next sample is due
	quit    chan struct{}
	done    chan struct{}
}

// Start begins to show a run.
func Start(c Config) *Monitor {
	m := &Monitor{cfg: c, started: time.Now(), every: tick, quit: make(chan struct{}), done: make(chan struct{})}
	m.sample(m.read(), 0)
	if c.Metrics != nil {
		m.server = metrics.Serve(c.Metrics, metrics.NewCollector(c.Info, m.read))
	}
	if c.Terminal != nil {
		m.bar = progress.Start(c.Terminal, c.Info.Unit, func() progress.State { return barState(m.read()) })
	}
	go m.run()
	return m
}

func (m *Monitor) read() account.Account {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.cfg.Read()
}

func barState(a account.Account) progress.State {
	s := progress.State{
		Done: int(a.Done), Known: int(max(a.Known, a.Done)), Growing: a.Growing,
		Connections: int(a.Stack.ConnectionsOpen), Failures: map[string]int{},
	}
	for word, n := range a.Outcomes {
		s.Failures[word] = int(n)
	}
	return s
}

func (m *Monitor) run() {
	defer close(m.done)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			a, at := m.read(), time.Since(m.started)
			m.sample(a, at)
			m.status(a, at, "")
		case <-m.quit:
			return
		}
	}
}

// sample keeps what the charts over time are made of.
func (m *Monitor) sample(a account.Account, at time.Duration) {
	if at < m.next-tick/2 {
		return
	}
	m.next = at + m.every
	m.samples = append(m.samples, report.Sample{
		At: at, Done: a.Done, Found: a.Found,
		Opened: int64(a.Stack.Opened + a.Stack.Queries), Open: int64(a.Stack.ConnectionsOpen),
	})
	if len(m.samples) < samplesMax {
		return
	}
	kept := m.samples[:0]
	for i := 0; i < len(m.samples); i += 2 {
		kept = append(kept, m.samples[i])
	}
	m.samples, m.every = kept, 2*m.every
}

// End shows how the run came out, with facts for the report, and ends the
// rest. how is finished, interrupted, or failed: why. The account is asked for
// once more, and is as the run's counts are at the end.
func (m *Monitor) End(how string, facts ...report.Fact) error {
	close(m.quit)
	<-m.done
	a, took := m.read(), time.Since(m.started)
	m.next = 0
	m.sample(a, took)
	m.bar.Finish(barState(a))
	m.status(a, took, how)
	if m.cfg.Log != nil {
		tell(m.cfg.Log, "counters", a.Counters)
		tell(m.cfg.Log, "the stack's counters", a.Stack.Counters)
		tell(m.cfg.Log, "frames and segments dropped", a.Stack.Drops)
		tell(m.cfg.Log, "connections failed", a.Stack.FailedBy)
	}
	if m.server != nil {
		_ = m.server.Close()
	}
	if m.cfg.Report == "" {
		return nil
	}
	r := report.Report{
		Program: m.cfg.Info.Program, Unit: m.cfg.Info.Unit, Command: m.cfg.Command, Started: m.started,
		Took: took, End: how, Facts: facts, Samples: m.samples, Account: a,
	}
	return r.Write(m.cfg.Report)
}

// tell tells the counts that are not 0, if there are any.
func tell[V int64 | uint64](log *slog.Logger, what string, counts map[string]V) {
	var all []slog.Attr
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if counts[name] != 0 {
			all = append(all, slog.Any(name, counts[name]))
		}
	}
	if len(all) > 0 {
		log.LogAttrs(context.Background(), slog.LevelDebug, what, all...)
	}
}
