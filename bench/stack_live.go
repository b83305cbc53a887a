package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"myriad/bench/internal/farend"
	"myriad/bench/internal/load"
	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/sampling"
	"myriad/bench/internal/stack"
	"myriad/bench/internal/usage"
	"myriad/bench/internal/wire"
)

// liveRow is the live path of one job: where the processors were while `connect`
// ran over the veth pair.
type liveRow struct {
	Table       string         `json:"table"` // live
	Method      string         `json:"method"`
	Queues      int            `json:"queues"`
	Seconds     float64        `json:"seconds"`
	Connections uint64         `json:"connections"`
	Packets     uint64         `json:"packets"` // both ways
	Samples     int            `json:"samples"`
	Lost        uint64         `json:"samples_lost"`
	Idle        float64        `json:"idle_share"`   // of the samples
	Others      float64        `json:"others_share"` // other programs
	Ours        float64        `json:"our_share"`    // of what the path took: the library
	Components  []componentRow `json:"components"`
	// Those of all rows, while it was sampled.
	report.Common
}

// liveWarmUp is before the samples: the first connections touch the tables.
const liveWarmUp = 300 * time.Millisecond

// runLive samples `connect`, with and without request.
func (o *stackOptions) runLive(ctx context.Context) (rows []liveRow, err error) {
	if err := needRoot(); err != nil {
		return nil, err
	}
	for _, request := range []int{0, requestDefault} {
		if ctx.Err() != nil {
			break
		}
		c := connectOptions{
			batch: o.batch, window: windowDefault,
			duration: o.duration + 2*liveWarmUp, reply: replyDefault,
		}
		job := connectJob{queues: o.queues, destinations: "unique", request: request}
		row := liveRow{Table: "live", Method: job.kind(), Queues: o.queues}
		if err := row.measure(ctx, &c, job, o.duration); err != nil {
			return rows, err
		}
		if row.Connections > 0 {
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// measure runs the load, and samples while it runs.
func (r *liveRow) measure(ctx context.Context, c *connectOptions, job connectJob, duration time.Duration) (err error) {
	config := c.load(job)
	world, err := c.world(&config, job)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	running, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { _, err := load.Run(running, config); ended <- err }()
	err = r.sample(ctx, world, duration)
	cancel()
	return errors.Join(err, <-ended)
}

// sample takes the samples, and what the far end saw meanwhile.
func (r *liveRow) sample(ctx context.Context, world *wire.World, duration time.Duration) error {
	pause(ctx, liveWarmUp)
	sampler, err := sampling.Start()
	if err != nil {
		return err
	}
	before, err := world.FarEnd.Counters()
	machine, process := usage.Machine(), usage.Process()
	pause(ctx, duration)
	machine, process = usage.Machine().Since(machine), usage.Process().Since(process)
	after, again := world.FarEnd.Counters()
	r.Seconds = machine.Elapsed.Seconds()
	profile, failed := sampler.Stop()
	if err := errors.Join(err, again, failed); err != nil {
		return err
	}
	r.fill(&profile, &before, &after)
	r.Interfaces, r.Destinations = 1, "unique"
	r.CPU(machine, process, r.Queues)
	earlier, later := report.TrafficOf(&before), report.TrafficOf(&after)
	r.Rates(later.Since(earlier), r.Connections, machine.Elapsed)
	if r.Lost > 0 {
		r.Disturb("samples lost: %s of %s", page.Number(r.Lost), page.Number(uint64(r.Samples)))
	}
	return nil
}

// pause sleeps, for no longer than ctx lives.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// fill computes from the samples what the path cost.
func (r *liveRow) fill(p *sampling.Profile, before, after *farend.Counters) {
	r.Connections = after.SYN - before.SYN
	r.Packets = after.Received() - before.Received() + sentBy(after) - sentBy(before)
	r.Samples, r.Lost = p.Samples, p.Lost
	path := p.Samples - p.Counts[sampling.Idle] - p.Counts[sampling.Others]
	if r.Connections == 0 || path == 0 {
		return
	}
	r.Idle = float64(p.Counts[sampling.Idle]) / float64(p.Samples)
	r.Others = float64(p.Counts[sampling.Others]) / float64(p.Samples)
	ns := float64(path) * float64(sampling.Period.Nanoseconds()) / float64(r.Connections)
	ticks, packets := stack.TicksPerNanosecond(), float64(r.Packets)/float64(r.Connections)
	for name, n := range p.Counts {
		if name == sampling.Idle || name == sampling.Others {
			continue
		}
		c := componentRow{Name: name, Share: float64(n) / float64(path)}
		if stack.IsOurs(name) || name == sampling.Rings {
			c.Name = "ours: " + name
			r.Ours += c.Share
		}
		c.fill(ns, packets, ticks)
		r.Components = append(r.Components, c)
	}
	slices.SortFunc(r.Components, func(a, b componentRow) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Name, b.Name))
	})
}

// sentBy is what the far end has sent: it answers some of what it receives.
func sentBy(c *farend.Counters) uint64 { return c.SYN + c.Data + c.Part + c.FIN + c.ARP }

// livePart shows the rows below the stack's own.
func livePart(rows []liveRow, p *page.Part) {
	if len(rows) == 0 {
		return
	}
	runs := page.Table{
		Title:   "The live path's runs. " + report.Ports + ".",
		Columns: slices.Concat([]string{"", "samples", "idle", "other programs", "ours of the path"}, report.AllColumns),
	}
	for k := range rows {
		r := &rows[k]
		runs.Rows = append(runs.Rows, slices.Concat([]string{
			r.Method, page.Number(uint64(r.Samples)), percent(r.Idle), percent(r.Others), percent(r.Ours),
		}, r.AllCells(r.Queues)))
		t := page.Table{
			Title: fmt.Sprintf("The live path, %s, by samples: where the processors were while %s connections went over the veth pair (%s a second, %d queues), "+
				"the far end and the kernel's side of it included. The library's own share is %.1f %%.",
				r.Method, page.Number(r.Connections), page.Rate(float64(r.Connections)/r.Seconds), r.Queues, 100*r.Ours),
			Columns: componentColumns,
		}
		chart := page.Chart{Name: "stack-live-" + r.Method, Title: "The live path: " + r.Method, X: "component", Y: "ns a connection"}
		for i := range r.Components {
			c := &r.Components[i]
			t.Rows = append(t.Rows, c.cells())
			if i < liveBars {
				chart.Bars = append(chart.Bars, page.Bar{Label: c.Name, Value: c.NsPerConnection})
			}
		}
		p.More, p.Charts = append(p.More, t), append(p.Charts, chart)
	}
	p.More = append(p.More, runs)
}

// liveBars are as many as their labels have room.
const liveBars = 7
