package monitor

import (
	"encoding/json"
	"math"
	"time"

	"myriad/examples/internal/account"
	"myriad/examples/internal/schema"
)

// Status is the schema of the lines of -status json.
var Status = schema.Schema{
	Name: "status", Version: 1,
	Doc: "How a run stands, a line a second on standard error, and a last one with end. " +
		"Messages are lines of their own there, with level and msg.",
	Fields: []schema.Field{
		{Name: "schema", Type: schema.String, Always: true, Words: []string{"status/1"}, Doc: "this schema"},
		{Name: "program", Type: schema.String, Always: true, Doc: "the program"},
		{Name: "time", Type: schema.String, Always: true, Doc: "RFC 3339"},
		{Name: "elapsed_s", Type: schema.Number, Always: true, Doc: "seconds since the start"},
		{Name: "unit", Type: schema.String, Always: true, Doc: "what a target is, in the plural"},
		{Name: "done", Type: schema.Integer, Always: true, Doc: "targets with an outcome; the sum of outcomes"},
		{Name: "known", Type: schema.Integer, Always: true, Doc: "targets known so far"},
		{Name: "percent", Type: schema.Number, Always: true, Doc: "of known, done"},
		{Name: "rate", Type: schema.Number, Always: true, Doc: "targets a second, since the start"},
		{Name: "left_s", Type: schema.Number, Doc: "seconds left at that rate, where all targets are known"},
		{Name: "found", Type: schema.Integer, Always: true, Doc: "targets with a result"},
		{Name: "not_looked", Type: schema.Integer, Always: true, Doc: "targets not looked at: excluded, or our own failure"},
		{Name: "open", Type: schema.Integer, Always: true, Doc: "connections open now"},
		{Name: "outcomes", Type: schema.Object, Always: true, Doc: "targets by what became of them"},
		{Name: "end", Type: schema.String, Doc: "in the last line: finished, interrupted, or failed: why"},
	},
}

type status struct {
	Schema    string           `json:"schema"`
	Program   string           `json:"program"`
	Time      time.Time        `json:"time"`
	Elapsed   float64          `json:"elapsed_s"`
	Unit      string           `json:"unit"`
	Done      int64            `json:"done"`
	Known     int64            `json:"known"`
	Percent   float64          `json:"percent"`
	Rate      float64          `json:"rate"`
	Left      *float64         `json:"left_s,omitempty"`
	Found     int64            `json:"found"`
	NotLooked int64            `json:"not_looked"`
	Open      uint64           `json:"open"`
	Outcomes  map[string]int64 `json:"outcomes"`
	End       string           `json:"end,omitempty"`
}

// status writes a line, in one write.
func (m *Monitor) status(a account.Account, at time.Duration, end string) {
	if m.cfg.Status == nil {
		return
	}
	s := status{
		Schema: Status.ID(), Program: m.cfg.Info.Program, Time: time.Now(), Elapsed: round(at.Seconds()), Unit: m.cfg.Info.Unit,
		Done: a.Done, Known: max(a.Known, a.Done), Percent: round(100 * a.Share()), Found: a.Found, NotLooked: a.NotLooked(),
		Open: a.Stack.ConnectionsOpen, Outcomes: a.Outcomes, End: end,
	}
	if s.Outcomes == nil {
		s.Outcomes = map[string]int64{}
	}
	if at > 0 {
		s.Rate = round(float64(a.Done) / at.Seconds())
	}
	if left := float64(s.Known - s.Done); !a.Growing && s.Rate > 0 {
		left = round(left / s.Rate)
		s.Left = &left
	}
	line, err := json.Marshal(s)
	if err == nil {
		_, _ = m.cfg.Status.Write(append(line, '\n'))
	}
}

// round leaves two digits behind the point.
func round(v float64) float64 { return math.Round(v*100) / 100 }
