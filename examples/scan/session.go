package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"myriad/examples/internal/account"
	"myriad/examples/internal/metrics"
	"myriad/examples/internal/monitor"
	"myriad/examples/internal/network"
	"myriad/examples/internal/program"
	"myriad/examples/internal/scan"
	"myriad/examples/internal/scannet"
	"myriad/examples/internal/shards"
	"myriad/examples/internal/state"
	"myriad/tcpclient"
)

// session is one run of the command, from the targets to the summary.
type session struct {
	o       *options
	r       *program.Run
	aim     *aim
	space   *scan.Space
	from    position
	dir     *state.Dir  // nil without -state
	cluster *shards.Run // nil without -cluster
	keep    keeper      // nil without either, and when a cluster's run is over
	out     *output
	world   *scannet.World // of the demo
	check   *checker       // of the demo
	path    *path
	scanner *scan.Scanner
	client  *tcpclient.Client
	began   time.Duration // by the device's clock
	buffers [][]byte      // lines, by worker
	monitor *monitor.Monitor
	holds   holds
	known   atomic.Int64 // targets of the parts that were taken so far
	ended   atomic.Bool  // no more parts are taken
	left    atomic.Bool  // what is left alone is told here
}

// keeper keeps where the run, or a part of it, stands: state.Dir, shards.Part.
type keeper interface {
	Save(position any) error
	Finish(position any) error
}

// run makes a session, runs it and tells how it went.
func (o *options) run(ctx context.Context, r *program.Run) (err error) {
	s := &session{o: o, r: r}
	if err := s.openTargets(); err != nil {
		return err
	}
	if s.dir != nil {
		defer s.dir.Close()
	}
	if o.Cluster != "" {
		if err := s.join(ctx); err != nil {
			return err
		}
		defer s.cluster.Close()
	}
	out, err := r.OpenOut()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	s.out = newOutput(out)
	defer func() {
		if s.world != nil {
			_, stop := s.world.Stop()
			err = errors.Join(err, stop)
		}
	}()
	if err := s.openNetwork(); err != nil {
		return err
	}
	return s.scan(ctx)
}

// stateVersion is that of position.
const stateVersion = 2

// openTargets finds what there is to do, and where it stands.
func (s *session) openTargets() (err error) {
	if s.aim, err = s.o.readTargets(); err != nil {
		return err
	}
	s.from.Seed = s.o.Seed
	if err := s.makeSpace(); err != nil {
		return err
	}
	if s.dir, err = s.r.OpenState(stateVersion, s.o.settings(s.space)); s.dir == nil || err != nil {
		return err
	}
	s.keep = s.dir
	if err := s.dir.Position(&s.from); err != nil {
		s.dir.Close()
		return err
	}
	return s.makeSpace() // in the order of the run that is gone on with
}

func (s *session) makeSpace() (err error) {
	if s.space, err = scan.NewSpace(s.aim.prefixes, s.o.Ports, s.from.Seed); err != nil {
		return program.Fail(program.UsageWrong, err)
	}
	return nil
}

// config is the scan's, but for the way to the network.
func (s *session) config() scan.Config {
	o := s.o
	c := scan.Config{
		Space: s.space, Protocol: o.protocol, Payload: o.payload, Key: [2]uint64{rand.Uint64(), rand.Uint64()},
		Shard: o.Shard, Shards: o.Shards, From: s.from.Progress,
		Rate: o.Rate, Batch: o.Batch, Limits: o.Limits, Retries: o.Retries, Timeout: o.Timeout,
		Canary: o.Canary && o.protocol == scan.TCP, All: o.show[scan.Filtered] || s.check != nil,
		Result: s.result, Turn: s.turn,
	}
	if o.Banner {
		c.Banner = &scan.BannerConfig{
			Request: o.request, Bytes: o.BannerBytes, Timeout: o.BannerTimeout,
			Parallel: max(1, o.BannerParallel/s.path.device.Info().Queues),
		}
	}
	return c
}

// result takes a target's outcome.
func (s *session) result(worker int, r *scan.Result) {
	if s.check != nil {
		s.check.note(r)
	}
	if s.o.show[r.Outcome] {
		s.buffers[worker] = appendLine(s.buffers[worker], r, s.o.protocol, s.began)
	}
}

// turn hands over what the turn has brought.
func (s *session) turn(worker int) {
	if len(s.buffers[worker]) == 0 {
		return
	}
	if s.out.add(s.buffers[worker]) {
		s.holds.set(forOutput, true)
	}
	s.buffers[worker] = s.buffers[worker][:0]
}

// scan runs the scan.
func (s *session) scan(ctx context.Context) error {
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	before, start := network.Process(), time.Now()
	go s.out.run(func() { s.holds.set(forOutput, false) }, func(err error) { cancel(err) })
	s.take()
	s.began = s.path.device.Queue(0).Now()
	s.monitor = s.r.Watch(metrics.Info{Interface: s.path.name, Backend: s.path.backend, Unit: "targets"}, s.account)
	if err := s.client.Start(); err != nil {
		return err
	}
	go s.watch(watched, cancel)
	s.await(watched, cancel)
	s.ended.Store(true)
	took := time.Since(start)
	err := context.Cause(watched)
	if ctx.Err() != nil {
		err = program.ErrInterrupted
	}
	s.scanner.Stop()
	err = s.conclude(err, &summary{took: took, cpu: network.Process().Sub(before)})
	return err
}

// take takes note of the targets that have come in hand. Who has the very first
// also tells of the blocks that are left alone.
func (s *session) take() {
	s.known.Add(int64(s.scanner.Targets() - s.from.Count()))
	if s.o.Shard > 0 && s.cluster != nil {
		return
	}
	s.known.Add(int64(s.aim.leftCount))
	s.left.Store(true)
	if !s.o.show[excluded] || s.from.Count() > 0 {
		return
	}
	var text []byte
	for _, l := range s.aim.left {
		text = appendExcluded(text, l.prefix.String(), l.why, s.o.protocol)
	}
	s.out.add(text)
}

const (
	watchEvery      = 200 * time.Millisecond
	checkpointEvery = time.Second
)

// watch keeps an eye on the device.
func (s *session) watch(ctx context.Context, cancel func(error)) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ticker.C:
			if err := s.client.Err(); err != nil {
				cancel(err)
			}
		case <-ctx.Done():
		}
	}
}

// await returns when the scan has come to its end, or the context has. Meanwhile
// it keeps checkpoints.
func (s *session) await(ctx context.Context, cancel func(error)) {
	checkpoint := time.NewTicker(checkpointEvery)
	defer checkpoint.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.scanner.Done():
			more, err := s.goOn(ctx)
			if err != nil {
				cancel(err)
			}
			if !more {
				return
			}
		case <-checkpoint.C:
			if err := s.save(ctx); err != nil {
				cancel(err)
			}
		}
	}
}

// save keeps a checkpoint: everything in it has been written.
func (s *session) save(ctx context.Context) error {
	if s.keep == nil {
		return nil
	}
	progress, err := s.scanner.Progress(ctx)
	if err != nil {
		return nil // the run ends, and keeps another
	}
	if err := s.out.sync(); err != nil {
		return err
	}
	return s.put(progress, false)
}

// put writes a checkpoint. What is longer than the keeper takes is forgotten, and
// done again.
func (s *session) put(progress scan.Progress, finished bool) error {
	most := stateMost
	if s.cluster != nil {
		most = clusterMost
	}
	progress.Trim(most)
	p := position{Progress: progress, Seed: s.from.Seed}
	if finished {
		return s.keep.Finish(p)
	}
	return s.keep.Save(p)
}

// The bytes of a checkpoint, at most: four seconds of 4 million targets each take
// 2.7 MB. A NATS server takes messages of 1 MB.
const stateMost, clusterMost = 16 << 20, 768 << 10

// closeGrace is how long banner connections have to end in order.
const closeGrace = time.Second

// conclude ends everything and sums up.
func (s *session) conclude(err error, sum *summary) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	sum.device = s.deviceCounters()
	sum.stack = s.client.Stats()
	if closing := s.client.Close(ctx); closing != nil && !errors.Is(closing, context.DeadlineExceeded) {
		err = errors.Join(err, closing)
	}
	for k := range s.buffers {
		s.turn(k)
	}
	rest := s.scanner.Rest()
	sum.counts, sum.delays = s.scanner.Counts(), s.scanner.Latency()
	if err == nil && sum.counts.Outcomes[scan.Unsent] > 0 {
		err = program.Fail(program.Failed, fmt.Errorf("%d targets could not be looked at: %s", sum.counts.Outcomes[scan.Unsent], unsentWhy(&sum.counts)))
	}
	finished := err == nil || rest.Low() == s.scanner.Targets()
	writing := s.out.end()
	if writing == nil && s.keep != nil {
		writing = s.put(rest, finished)
	}
	err = errors.Join(err, writing)
	if s.world != nil {
		far, stop := s.world.Stop()
		s.world, sum.far = nil, &far
		err = errors.Join(err, stop)
	}
	if s.check != nil && err == nil {
		err = s.check.verdict(sum)
		sum.checked, sum.missedCount = err == nil, s.check.missed.Load()
	}
	sum.word(s)
	report := s.monitor.End(program.How(err), sum.facts()...) // and the last progress line
	sum.print(s, err)
	return errors.Join(err, report)
}

// unsentWhy says why targets could not be looked at.
func unsentWhy(c *scan.Counts) string {
	if c.Reasons[scan.NoGateway] > 0 {
		return "the gateway does not answer ARP; see -gateway and -gateway-mac"
	}
	return "the interface has no route to them; see -gateway"
}

// account is how the run stands.
func (s *session) account() (a account.Account) {
	c := s.scanner.Counts()
	a = account.Account{
		Known: s.known.Load(), Growing: s.cluster != nil && !s.ended.Load(),
		Found: int64(c.Outcomes[scan.Open]), Outcomes: map[string]int64{}, Counters: counters(&c),
	}
	for o := scan.Open; o < scan.OutcomeCount; o++ {
		if n := int64(c.Outcomes[o]); n > 0 {
			a.Outcomes[outcomeWord(o)] = n
			a.Done += n
		}
	}
	if n := int64(s.aim.leftCount); n > 0 && s.left.Load() {
		a.Outcomes["excluded"] = n
		a.Done += n
	}
	a.Stack = s.client.Stats()
	a.Latency, a.Bounds = s.scanner.Latency(), s.bounds()
	return a
}

// bounds are what is promised to others, and what they have seen.
func (s *session) bounds() []account.Bound {
	l, seen := &s.o.Limits, s.scanner.Seen()
	all := []account.Bound{
		{Name: "probes a second to one address", Limit: l.AddressRate, Peak: seen.AddressRate},
		{Name: "probes a second to one /24", Limit: l.PrefixRate, Peak: seen.PrefixRate},
	}
	if s.o.Banner {
		all = append(all,
			account.Bound{Name: "connections at a time to one address", Limit: float64(l.Address), Peak: float64(seen.Address)},
			account.Bound{Name: "connections at a time to one /24", Limit: float64(l.Prefix), Peak: float64(seen.Prefix)})
	}
	return all
}
