// Package report prints what runs measured: a table for people, or one JSON
// object per line for programs.
package report

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/load"
)

// Row is one run. The JSON keys up to RSSBytes are fixed; more may be added
// after them.
type Row struct {
	Method               string  `json:"method"` // what each connection did
	Queues               int     `json:"queues"`
	Batch                int     `json:"batch"`
	Seconds              float64 `json:"seconds"`
	ConnectionsPerSecond float64 `json:"connections_per_second"`
	Completed            uint64  `json:"completed"`
	Failed               uint64  `json:"failed"`
	FramesSent           uint64  `json:"frames_sent"`
	FramesReceived       uint64  `json:"frames_received"`
	Dropped              uint64  `json:"dropped"`
	UserSeconds          float64 `json:"user_seconds"`
	SystemSeconds        float64 `json:"system_seconds"`
	BytesPerConnection   float64 `json:"bytes_per_connection"` // RSSBytes / Held
	RSSBytes             uint64  `json:"rss_bytes"`

	Backend        string            `json:"backend"`
	Window         int               `json:"window"`
	RequestBytes   int               `json:"request_bytes"`
	ReplyBytes     int               `json:"reply_bytes"`
	Opened         uint64            `json:"opened"`
	Held           uint64            `json:"held"` // most open at one time
	Refused        uint64            `json:"refused"`
	Retransmitted  uint64            `json:"retransmitted"`
	MachineSeconds float64           `json:"machine_seconds"` // of all processors, everybody's
	FailedBy       map[string]uint64 `json:"failed_by"`
	DroppedBy      map[string]uint64 `json:"dropped_by"`
	FarEnd         *farend.Counters  `json:"far_end,omitempty"`
	Round          int               `json:"round,omitempty"` // from 1, when methods take turns
	// What the rings between the two ends had no room for, by the devices' counts.
	LostToFarEnd   uint64   `json:"lost_to_far_end,omitempty"`
	LostFromFarEnd uint64   `json:"lost_from_far_end,omitempty"`
	ShareOfFloor   *float64 `json:"share_of_floor,omitempty"` // of the bare loop's connections a second, at its best
	Common
}

// Fill takes over what a run measured.
func (r *Row) Fill(m *load.Result) {
	r.Queues, r.Backend = m.Workers, m.Method
	r.Seconds = m.Elapsed.Seconds()
	r.ConnectionsPerSecond = m.PerSecond()
	r.Completed, r.Failed = m.Completed, m.Failed()
	r.FramesSent, r.FramesReceived = m.Stats.FramesSent, m.Stats.FramesReceived
	r.Dropped = m.Dropped()
	r.UserSeconds, r.SystemSeconds = m.Process.User.Seconds(), m.Process.System.Seconds()
	r.RSSBytes = m.Resident
	if m.Held > 0 {
		r.BytesPerConnection = float64(m.Resident) / float64(m.Held)
	}
	r.Opened, r.Held, r.Refused = m.Opened, m.Held, m.Refused
	r.Retransmitted = m.Stats.Retransmitted
	r.MachineSeconds = (m.Machine.User + m.Machine.System).Seconds()
	r.FailedBy, r.DroppedBy = positive(m.FailedBy), positive(m.Stats.Drops)
}

// Judge says what makes the row's figures doubtful, once it is complete.
func (r *Row) Judge() {
	r.DisturbCounted("failed:", r.FailedBy)
	r.DisturbCounted("dropped:", r.DroppedBy)
	if lost := r.LostToFarEnd + r.LostFromFarEnd; lost > 0 {
		r.Disturb("lost on the wire: %s", number(lost))
	}
	if r.Retransmitted > 0 {
		r.Disturb("sent again: %s", number(r.Retransmitted))
	}
	if r.FarEnd != nil && r.FarEnd.Dropped() > 0 {
		r.Disturb("the far end dropped %s", number(r.FarEnd.Dropped()))
	}
}

// positive leaves out the counters that counted nothing.
func positive(counts map[string]uint64) map[string]uint64 {
	out := make(map[string]uint64)
	for name, n := range counts {
		if n > 0 {
			out[name] = n
		}
	}
	return out
}

// JSON writes one line.
func JSON(out io.Writer, r *Row) error {
	return json.NewEncoder(out).Encode(r)
}

// Table writes the rows side by side.
func Table(out io.Writer, rows []Row) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, cell func(r *Row) string) {
		fmt.Fprint(t, name, "\t")
		for i := range rows {
			fmt.Fprint(t, cell(&rows[i]), "\t")
		}
		fmt.Fprintln(t)
	}
	line("", func(r *Row) string { return r.Method })
	line("connections per second", func(r *Row) string { return number(uint64(r.ConnectionsPerSecond + 0.5)) })
	line("seconds", func(r *Row) string { return decimal(r.Seconds) })
	line("completed", func(r *Row) string { return number(r.Completed) })
	line("failed", func(r *Row) string { return number(r.Failed) })
	line("frames sent", func(r *Row) string { return number(r.FramesSent) })
	line("frames received", func(r *Row) string { return number(r.FramesReceived) })
	line("dropped", func(r *Row) string { return number(r.Dropped) })
	line("CPU seconds, user", func(r *Row) string { return decimal(r.UserSeconds) })
	line("CPU seconds, system", func(r *Row) string { return decimal(r.SystemSeconds) })
	for k, name := range Columns {
		line(name, func(r *Row) string { return r.Cells(r.Queues)[k] })
	}
	line("CPU seconds, whole machine", func(r *Row) string { return decimal(r.MachineSeconds) })
	line("most open at once", func(r *Row) string { return number(r.Held) })
	line("resident memory, MiB", func(r *Row) string { return decimal(float64(r.RSSBytes) / (1 << 20)) })
	line("bytes per connection", func(r *Row) string { return number(uint64(r.BytesPerConnection + 0.5)) })
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range rows {
		if err := reasons(out, &rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// reasons writes what failed and what was dropped, by name.
func reasons(out io.Writer, r *Row) error {
	for _, list := range []struct {
		what   string
		counts map[string]uint64
	}{{"failed", r.FailedBy}, {"dropped", r.DroppedBy}} {
		if len(list.counts) == 0 {
			continue
		}
		var parts []string
		for _, name := range slices.Sorted(maps.Keys(list.counts)) {
			parts = append(parts, fmt.Sprintf("%s %s", name, number(list.counts[name])))
		}
		if _, err := fmt.Fprintf(out, "%s, %s: %s\n", r.Method, list.what, strings.Join(parts, ", ")); err != nil {
			return err
		}
	}
	return nil
}

// number writes 1234567 as 1,234,567.
func number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }
