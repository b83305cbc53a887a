package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"myriad/bench/internal/page"
	"myriad/bench/internal/report"
	"myriad/bench/internal/transact"
	"myriad/internal/testbed"
)

const transactHelp = `usage: go run ./bench transact [flags]

Exchanges requests of 64 bytes and replies on connections that stay open, one
under way on each, and prints how many a second, and how long they take: plain,
by Myriad and by an epoll client in C, from an epoll server in C; and over TLS,
by Myriad's net.Conn and by the kernel's, from a server in Go. Needs root.

`

// transactOptions are transact's flags.
type transactOptions struct {
	connections, replies []int
	tls                  []string
	rounds               int
	duration             time.Duration
	asJSON               bool
	cpuProfile           string
}

// transactCommand is `bench transact`.
func transactCommand(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	o, err := parseTransact(args, stdout)
	if err != nil {
		return err
	}
	stop, err := profile(o.cpuProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return printRows(ctx, o.asJSON, stdout, stderr, o.runAll, asPart(transactPart))
}

func parseTransact(args []string, stdout io.Writer) (o transactOptions, err error) {
	var connections, replies, secure string
	f := flag.NewFlagSet("transact", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.StringVar(&connections, "connections", "1,100,10K", "`numbers` of connections open at once")
	f.StringVar(&replies, "replies", "64,4096,65536", "`bytes` of a reply")
	f.StringVar(&secure, "tls", "no,yes", "no, yes or both")
	f.IntVar(&o.rounds, "rounds", 1, "`number` of turns that each client takes")
	f.DurationVar(&o.duration, "duration", time.Second, "how long each is measured at least once all connections stand; where all of them have long replies, until each can have had one (10K of 65536 bytes: 4 s)")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object per line")
	f.StringVar(&o.cpuProfile, "cpuprofile", "", "write a CPU profile of the runs to this `file`")
	if err := parseFlags(f, args, stdout, transactHelp); err != nil {
		return o, err
	}
	for _, list := range []struct {
		name, text string
		to         *[]int
		max        int
	}{{"-connections", connections, &o.connections, transact.ConnectionsMax}, {"-replies", replies, &o.replies, transact.ReplyMax}} {
		if *list.to, err = counts(list.text); err != nil {
			return o, usageErrorf("transact: %s: %w", list.name, err)
		}
		if n := slices.Max(*list.to); n > list.max {
			return o, usageErrorf("transact: %s %d is above %d", list.name, n, list.max)
		}
	}
	if o.tls, err = names("-tls", secure, []string{"no", "yes"}); err != nil {
		return o, usageErrorf("transact: %w", err)
	}
	switch {
	case o.rounds < 1 || o.rounds > 100:
		return o, usageErrorf("transact: -rounds %d is not within 1 to 100", o.rounds)
	case o.duration <= 0 || o.duration > 10*time.Minute:
		return o, usageErrorf("transact: -duration %v is not above 0 and at most 10m", o.duration)
	}
	return o, nil
}

// runAll measures everything; the clients take turns.
func (o *transactOptions) runAll(ctx context.Context, each func(*transact.Result) error) (rows []transact.Result, err error) {
	if !testbed.Privileged() {
		return nil, fmt.Errorf("transact: %w", errNotRoot)
	}
	for _, c := range o.cases() {
		for round := range o.rounds {
			pair, err := o.runPair(ctx, c, round+1)
			for k := range pair {
				if err := each(&pair[k]); err != nil {
					return rows, err
				}
			}
			rows = append(rows, pair...)
			if ctx.Err() != nil {
				return rows, nil
			}
			if err != nil {
				return rows, err
			}
		}
	}
	return rows, nil
}

// cases are what both clients do: the largest last, should the time be over.
func (o *transactOptions) cases() (cases []transact.Case) {
	for _, connections := range o.connections {
		for _, reply := range o.replies {
			for _, secure := range o.tls {
				cases = append(cases, transact.Case{
					TLS: secure == "yes", Connections: connections, ReplyBytes: reply,
					Duration: max(o.duration, firstReplies(connections, reply)),
				})
			}
		}
	}
	return cases
}

// firstReplies is how long a slow client takes until each connection had a reply.
// Where it serves all alike nothing has ended before.
func firstReplies(connections, reply int) time.Duration {
	const bytesPerSecond = 160 << 20
	return time.Duration(float64(connections) * float64(reply) / bytesPerSecond * float64(time.Second))
}

// runPair measures both clients, one after the other.
func (o *transactOptions) runPair(ctx context.Context, c transact.Case, round int) (rows []transact.Result, err error) {
	for _, c.Client = range []string{transact.Kernel, transact.Myriad} {
		r, err := transact.Run(ctx, c)
		if err != nil {
			return rows, err
		}
		r.Round = round
		rows = append(rows, r)
	}
	if rows[0].ExchangesPerSecond > 0 {
		rows[1].RatioToKernel = rows[1].ExchangesPerSecond / rows[0].ExchangesPerSecond
	}
	return rows, nil
}

// transactPart shows the runs.
func transactPart(rows []transact.Result) page.Part {
	p := page.Part{
		Name: "transact", Title: "Requests and replies on open connections", Command: "go run ./bench transact",
		Text: "Requests of 64 bytes, one under way on each connection. Plain: Myriad's Handler beside an epoll client in C, one thread each, " +
			"served by epoll in C. TLS: Myriad's net.Conn beside the kernel's, in Go at both ends. StackMap's question, from the client's side. " +
			"Client and server share all cores; the far end is the server's process. The connections stay open. " + report.Ports + ".",
		Columns: slices.Concat([]string{"client", "TLS", "connections", "reply B", "round", "exchanges/s", "to kernel", "p50 µs", "p99 µs", "failed"}, report.AllColumns),
	}
	charts := make(map[string]*page.Chart)
	var order []string
	for k := range rows {
		r := &rows[k]
		p.Rows = append(p.Rows, slices.Concat([]string{
			r.Client, yesNo(r.TLS), strconv.Itoa(r.Connections), strconv.Itoa(r.ReplyBytes), strconv.Itoa(r.Round),
			page.Rate(r.ExchangesPerSecond), ratio(r.RatioToKernel), page.Decimal(r.P50Microseconds), page.Decimal(r.P99Microseconds), page.Number(r.Failed),
		}, r.AllCells(r.Queues)))
		name := "transact-" + strings.ReplaceAll(yesNo(r.TLS), "no", "plain") + "-" + strconv.Itoa(r.ReplyBytes)
		if charts[name] == nil {
			charts[name] = &page.Chart{Name: name, Title: fmt.Sprintf("Replies of %d bytes, TLS: %s", r.ReplyBytes, yesNo(r.TLS)), X: "client, connections", Y: "exchanges/s"}
			order = append(order, name)
		}
		charts[name].Bars = append(charts[name].Bars, page.Bar{Label: fmt.Sprintf("%s %d", r.Client, r.Connections), Value: r.ExchangesPerSecond})
	}
	for _, name := range order {
		p.Charts = append(p.Charts, *charts[name])
	}
	return p
}
