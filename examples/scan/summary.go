package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"myriad/examples/internal/latency"
	"myriad/examples/internal/network"
	"myriad/examples/internal/outcome"
	"myriad/examples/internal/program"
	"myriad/examples/internal/report"
	"myriad/examples/internal/scan"
	"myriad/examples/internal/scannet"
	words "myriad/examples/internal/summary"
	"myriad/iobackend"
	"myriad/tcpclient"
)

// The sizes of the Internet that scans are reckoned for: the addresses that BGP
// announces, and those that IANA has given out.
const (
	bgpTargets  = 2_100_000_000
	ianaTargets = 3_300_000_000
)

// summary is what is told at the end.
type summary struct {
	counts  scan.Counts
	stack   tcpclient.Stats
	delays  *latency.Distribution
	device  iobackend.Counters
	far     *scannet.Result // of the demo
	took    time.Duration
	cpu     network.Usage
	checked bool // the demo went as it must
	lines   [][2]string
	// missedCount is the demo's targets that answered and were not heard.
	missedCount uint64
}

// print prints the summary.
func (m *summary) print(s *session, err error) {
	out := s.r.Summary()
	how := "Finished"
	switch program.Code(err) {
	case program.Finished:
	case program.Interrupted:
		how = "Interrupted"
	default:
		how = "Ended"
	}
	fmt.Fprintf(out, "%s after %.1f s: %d targets (%.0f a second)\n", how, m.took.Seconds(), m.counts.Targets, m.rate())
	m.table(out)
	if m.checked {
		fmt.Fprintln(out, "Every target of the demo came to what it must"+m.missed()+".")
	}
}

// missed tells of targets whose frames were lost.
func (m *summary) missed() string {
	if m.missedCount == 0 {
		return ""
	}
	return fmt.Sprintf(", but for %d whose frames were lost at this rate", m.missedCount)
}

// rate is the targets settled a second.
func (m *summary) rate() float64 { return float64(m.counts.Targets) / m.took.Seconds() }

func (m *summary) add(name, format string, args ...any) {
	m.lines = append(m.lines, [2]string{name, fmt.Sprintf(format, args...)})
}

func (m *summary) word(s *session) {
	c := &m.counts
	outcomes := map[string]uint64{}
	for o := scan.Open; o < scan.OutcomeCount; o++ {
		outcomes[o.String()] = c.Outcomes[o]
	}
	outcomes["excluded"] = s.aim.leftCount
	reasons := map[string]uint64{}
	for r := scan.SYNACK; r < scan.ReasonCount; r++ {
		reasons[r.String()] = c.Reasons[r]
	}
	m.add("outcomes", "%s", words.Words(outcomes))
	m.add("reasons", "%s", words.Words(reasons))
	if c.AnswersAll > 0 {
		m.add("answer all", "%d open ports of hosts that answer everything", c.AnswersAll)
	}
	if c.Outcomes[scan.Open]+c.Outcomes[scan.Closed] == 0 {
		m.add("found nothing", "%s", m.whyNothing())
	}
	if s.o.Banner {
		m.add("banners", "%d connections", c.Banners)
	}
	m.add("frames", "%d sent (%d probes, %d retries, %d canaries, %d resets), %d received", m.device.FramesSent, c.Probes, c.Retries, c.Canaries, c.Resets, m.device.FramesReceived)
	if odd := words.Words(map[string]uint64{
		"duplicates": c.Duplicate, "late": c.Late, "forged": c.Forged, "of no target": c.Foreign, "stale": c.Stale,
		"not whole": c.Malformed, "redirects and such": c.Ignored, "resets not sent": c.Skipped, "canaries not tried": c.CanaryFull,
		"refused by the device": m.device.DropTransmit, "lost by the device": m.device.DropRingFull + m.device.DropFillEmpty,
	}); odd != "" {
		m.add("besides", "%s", odd)
	}
	if d := m.delays; d.Count > 0 {
		m.add("delays", "half up to %v, 99%% up to %v", d.Quantile(.5), d.Quantile(.99))
	}
	m.add("at this rate", "the 2.1 billion addresses that BGP announces take %s, the 3.3 billion that IANA has given out %s",
		long(scan.Duration(bgpTargets, m.rate())), long(scan.Duration(ianaTargets, m.rate())))
	m.add("process", "%.2f user, %.2f system CPU seconds", m.cpu.User.Seconds(), m.cpu.System.Seconds())
	m.add("seed", "%d", s.from.Seed)
	m.add("output", "%s", s.out.out.Name)
}

// whyNothing tells a network in which nothing is from one that was not seen.
func (m *summary) whyNothing() string {
	switch c := &m.counts; {
	case c.Outcomes[scan.Unsent] > 0 && c.Probes == 0:
		return "no probe left: we could not look"
	case m.device.DropTransmit >= max(1, c.Probes/2):
		return "the device refused most frames: we could hardly look"
	case c.Forged+c.Late > 0:
		return "what came back was not an answer in time"
	case m.device.FramesReceived == 0:
		return "all probes left, and not one frame of any kind came back: see whether answers can reach this interface"
	default:
		return "all probes left, and nobody answered them"
	}
}

func (m *summary) table(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	for _, l := range m.lines {
		fmt.Fprintf(w, "  %s\t%s\n", l[0], l[1])
	}
	_ = w.Flush()
}

// facts are the same for the report.
func (m *summary) facts() (all []report.Fact) {
	for _, l := range m.lines {
		all = append(all, report.Fact{Name: l[0], Value: l[1]})
	}
	return all
}

// outcomeWord is an outcome's word in the account, which says of some that we did
// not look.
func outcomeWord(o scan.Outcome) string {
	if o == scan.Unsent {
		return outcome.NoRoute
	}
	return o.String()
}

// counters are the scan's own.
func counters(c *scan.Counts) map[string]int64 {
	all := map[string]int64{}
	for name, n := range map[string]uint64{
		"probes": c.Probes, "retries": c.Retries, "canaries": c.Canaries, "resets": c.Resets, "resets_skipped": c.Skipped,
		"canaries_skipped": c.CanaryFull, "answers_all": c.AnswersAll, "banners": c.Banners, "frames_looked_at": c.Received,
		"duplicates": c.Duplicate, "late": c.Late, "forged": c.Forged, "foreign": c.Foreign, "stale": c.Stale, "malformed": c.Malformed, "icmp_ignored": c.Ignored,
	} {
		all[name] = int64(n)
	}
	return all
}

// long words a long time.
func long(d time.Duration) string {
	switch {
	case d == 0:
		return "for ever"
	case d < 48*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.1f days", d.Hours()/24)
}
