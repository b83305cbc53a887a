package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"myriad/bench/internal/dnsend"
	"myriad/bench/internal/report"
	"myriad/bench/internal/usage"
	"myriad/bench/internal/wire"
)

// dnsOptions are dns's flags.
type dnsOptions struct {
	names, zones, queues int
	parallel             int
	asJSON               bool
}

// dnsRow is a walk.
type dnsRow struct {
	Walk           string  `json:"walk"` // warm: a few zones; cold: a zone for each name
	Names          int     `json:"names"`
	Zones          int     `json:"zones"`
	Seconds        float64 `json:"seconds"` // of the process, start and end included
	NamesPerSecond float64 `json:"names_per_second"`
	Referrals      uint64  `json:"referrals"` // as the far end counted
	Answers        uint64  `json:"answers"`
	Wrong          int     `json:"wrong"` // lines without the answer that there is
	Missing        int     `json:"missing"`
	CPUSeconds     float64 `json:"cpu_seconds"` // of the process, user and system
	Queues         int     `json:"queues"`
	report.Common
}

const dnsHelp = `usage: go run ./bench dns [flags]

Builds examples/dnswalk and has it resolve a list of names against an XDP far end
that is every server of a made-up tree: with few zones, so that it is one query per
name over cached delegations, and with a zone for each name, a cold walk. Each line
that it writes is compared with the answer that there is. Needs root.

`

func parseDNS(args []string, stdout io.Writer) (o dnsOptions, err error) {
	f := flag.NewFlagSet("dns", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.IntVar(&o.names, "names", 4_000_000, "`number` of names; a cold walk has an eighth of them")
	f.IntVar(&o.zones, "zones", 64, "`number` of zones that they are in")
	f.IntVar(&o.queues, "queues", queuesDefault, "`number` of queues, each with a worker")
	f.IntVar(&o.parallel, "parallel", 4096, "`names` in hand at a time, per worker")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	if err := parseFlags(f, args, stdout, dnsHelp); err != nil {
		return o, err
	}
	if o.names < 8 || o.zones < 1 || o.queues < 1 || o.parallel < 1 {
		return o, usageErrorf("dns: -names %d must be 8 or more, -zones %d, -queues %d and -parallel %d above 0", o.names, o.zones, o.queues, o.parallel)
	}
	return o, nil
}

// dnsCommand is `bench dns`.
func dnsCommand(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parseDNS(args, stdout)
	if err != nil {
		return err
	}
	return printRows(ctx, o.asJSON, stdout, stderr, o.runAll, asPart(dnsPart))
}

// runAll does the walks, and hands each over as soon as it is there.
func (o *dnsOptions) runAll(ctx context.Context, each func(r *dnsRow) error) (rows []dnsRow, err error) {
	if err := needRoot(); err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	dir, binary, err := buildExample(ctx, "dnswalk")
	if ctx.Err() != nil {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, row := range []dnsRow{
		{Walk: "warm", Names: o.names, Zones: min(o.zones, o.names)},
		{Walk: "cold", Names: o.names / 8, Zones: o.names / 8},
	} {
		row.Queues = o.queues
		err := o.walk(ctx, binary, dir, &row)
		if ctx.Err() != nil {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
		if err := each(&row); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// dnsRoot is the root's address.
var dnsRoot = wire.Targets.Addr().Next()

// walk resolves a list of names, and compares.
func (o *dnsOptions) walk(ctx context.Context, binary, dir string, row *dnsRow) (err error) {
	world, err := wire.New(wire.Config{Queues: o.queues, Bare: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, world.Close()) }()
	var end *dnsend.FarEnd
	err = world.EnterFar(func() (err error) {
		end, err = dnsend.Attach(dnsend.Config{Interface: wire.FarInterface, Target: wire.Targets, Root: dnsRoot})
		return err
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end.Close()) }()
	list, out := filepath.Join(dir, "names"), filepath.Join(dir, "out-"+row.Walk)
	if err := row.writeList(list); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, binary, "-interface", wire.Interface, "-source", wire.Sources.String(), "-gateway-mac", world.Gateway.String(),
		"-allow", wire.Targets.String(), "-root", dnsRoot.String(), "-names", list, "-rate", "0", "-per-server-rate", "0", "-per-server", "60000",
		"-parallel", fmt.Sprint(o.parallel), "-timeout", "500ms", "-out", out, "-q")
	var notes bytes.Buffer
	cmd.Stderr = &notes
	before, _, err := world.Counters()
	if err != nil {
		return err
	}
	began, machine := time.Now(), usage.Machine()
	if err := world.Start(cmd); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("dns: %w: %s", err, notes.String())
	}
	took := time.Since(began)
	machine = usage.Machine().Since(machine)
	after, _, failed := world.Counters()
	counts, err := end.Counters()
	row.Seconds, row.NamesPerSecond = took.Seconds(), perSecond(uint64(row.Names), took)
	row.Referrals, row.Answers = counts.Referrals, counts.Answers
	used := usage.CPU{User: cmd.ProcessState.UserTime(), System: cmd.ProcessState.SystemTime()}
	row.CPUSeconds = (used.User + used.System).Seconds()
	err = errors.Join(err, failed, row.compare(out))
	row.columns(report.TrafficOfDevice(after.Since(before)), took, machine, used)
	return err
}

// columns are those that all rows have.
func (r *dnsRow) columns(t report.Traffic, took time.Duration, machine usage.Whole, used usage.CPU) {
	r.Interfaces, r.Destinations = 1, "unique"
	r.Rates(t, 0, took)
	r.CPU(machine, used, r.Queues)
	if r.Wrong+r.Missing > 0 {
		r.Disturb("wrong %d, missing %d", r.Wrong, r.Missing)
	}
}

func (r *dnsRow) writeList(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	for k := range r.Names {
		fmt.Fprintf(w, "n%07d.z%d\n", k, k%r.Zones)
	}
	return errors.Join(w.Flush(), f.Close())
}

// compare reads every line that was written.
func (r *dnsRow) compare(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(make([]byte, 1<<16), 1<<16)
	seen := make([]bool, r.Names)
	for lines.Scan() {
		var line struct {
			Name    string
			Answers []struct{ Data string }
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("dns: %w: %q", err, lines.Text())
		}
		var k, zone int
		if n, _ := fmt.Sscanf(line.Name, "n%d.z%d.", &k, &zone); n != 2 || k >= r.Names || seen[k] ||
			len(line.Answers) != 1 || line.Answers[0].Data != dnsend.Answer(line.Name).String() {
			r.Wrong++
			continue
		}
		seen[k] = true
	}
	for _, yes := range seen {
		if !yes {
			r.Missing++
		}
	}
	return lines.Err()
}
