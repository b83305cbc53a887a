package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"time"

	"myriad/iobackend"
	"myriad/iobackend/pcapfile"
	"myriad/iobackend/simlink"
	"myriad/tcpclient"
)

// Result is what became of a world.
type Result struct {
	Hash        uint64 // of every frame and event, with their instants
	Connections int
	Hostile     int // of them, to hostile peers
	Closed      int // ended in order
	Met         int // stood, opened from both ends at once
	Silent      int // given up, since a foreign TCP owed bytes and sent nothing
	Failed      map[tcpclient.Reason]int
	Bytes       int // delivered and acknowledged, both ways
	Frames      uint64
	Span        time.Duration // how long it lasted, in its own time
}

// world is one scenario that runs.
type world struct {
	s      *scenario
	link   *simlink.Link
	client *tcpclient.Client
	net    *network
	app    *app
	trace  *trace
	checks uint
	held   tcpclient.Holdings // as the last check found them
}

// longest is how long a world may last in its own time.
const longest = 48 * time.Hour

// stepsMax is how many turns may pass in one instant.
const stepsMax = 20_000

// Run runs the world of a seed to its end, and says what was wrong with it.
// capture, when not nil, gets everything as a pcap file.
func Run(kind Kind, seed uint64, capture io.Writer) (Result, error) {
	return newScenario(kind, seed).run(capture)
}

// run runs the scenario to its end.
func (s *scenario) run(capture io.Writer) (Result, error) {
	w, err := newWorld(s, capture)
	if err != nil {
		return Result{}, err
	}
	defer w.sayGoodbye()
	if err = w.run(); err == nil {
		err = w.end()
	} else {
		w.shut()
	}
	return w.result(), err
}

func newWorld(s *scenario, capture io.Writer) (*world, error) {
	w := &world{s: s, trace: newTrace()}
	var err error
	w.link, err = simlink.New(simlink.Config{
		Seed: s.seed, Start: s.start, Debug: true,
		Ends: []simlink.EndConfig{
			{Queues: s.queues, Steer: s.steer, ReceiveFrames: 512, SendFrames: 512, Impairments: s.up},
			{ReceiveFrames: 1, SendFrames: 1, Impairments: s.down},
		},
	})
	if err != nil {
		return nil, err
	}
	w.link.Tap(func(f simlink.Sent) {
		who := byte(0)
		if f.From == w.link.End(1) {
			who = 1
		}
		w.trace.frame(w.link.Clock().Now(), who, f.Data)
	})
	w.net = newNetwork(w.link.End(1), w.link.Clock())
	w.net.strict = s.up.Corrupt == 0
	if s.open != nil {
		if err = w.welcome(); err != nil {
			return nil, err
		}
	}
	if err = w.populate(capture); err != nil {
		w.sayGoodbye()
		return nil, err
	}
	for _, c := range s.cuts {
		w.link.Clock().After(c.from, func() { w.link.SetUp(false) })
		w.link.Clock().After(c.to, func() { w.link.SetUp(true) })
	}
	return w, nil
}

// populate makes the client, its application and the peers.
func (w *world) populate(capture io.Writer) error {
	s := w.s
	w.app = &app{random: rand.New(rand.NewPCG(s.seed, 4)), start: s.start, trace: w.trace}
	var device iobackend.Device = w.link.End(0)
	if capture != nil {
		tapped, err := pcapfile.Wrap(device, capture, pcapfile.Options{Epoch: time.Unix(0, 0)})
		if err != nil {
			return err
		}
		device = tapped
	}
	config := s.config
	config.Manual, config.Seed = true, s.seed|1
	config.Interfaces = []tcpclient.Interface{{
		Device: device, Sources: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/30")}, GatewayMAC: farMAC[:],
	}}
	client, err := tcpclient.New(config, func(worker *tcpclient.Worker) tcpclient.Handler {
		w.app.workers = append(w.app.workers, worker)
		return handler{w.app}
	})
	if err != nil {
		return err
	}
	w.client, w.app.client = client, client
	if w.app.request, err = client.Intern(stream(0).at(0, requestBytes)); err != nil {
		return err
	}
	for k := range s.dials {
		d := &s.dials[k]
		d.scarce = s.config.SideRecords/s.queues < len(s.dials)
		switch p := s.servers[k].(type) {
		case *serverPlan:
			d.peer = newReference(w.net, p)
		case *hostilePlan:
			d.peer = newHostile(w.net, p, s.seed+uint64(k))
		case *visitPlan:
			if d.peer, err = newVisit(w.net, p, d.remote.Port()); err != nil {
				return err
			}
		}
		w.net.peers = append(w.net.peers, d.peer)
		w.app.conns = append(w.app.conns, &conn{plan: d})
	}
	w.app.open = len(w.app.conns)
	return client.Start()
}

// run steps the world until every connection has ended, TIME-WAIT included.
func (w *world) run() error {
	clock := w.link.Clock()
	steps, still := 0, time.Duration(-1)
	at, more := still, true // what the application said last
	for limit := w.s.start + longest; clock.Now() < limit; {
		if steps++; clock.Now() != still {
			steps, still = 0, clock.Now()
		} else if steps > stepsMax {
			return fmt.Errorf("at %v: the client is busy for ever", still-w.s.start)
		}
		next, busy := w.client.Step()
		if err := w.faults(busy || more); err != nil {
			return fmt.Errorf("at %v: %w", clock.Now()-w.s.start, err)
		}
		at, more = w.app.tick(clock.Now())
		if busy || more {
			continue
		}
		if w.app.open == 0 && w.held.Connections == 0 && w.heardOut() == nil {
			if w.held != (tcpclient.Holdings{}) {
				return fmt.Errorf("all is closed, and yet held: %+v", w.held)
			}
			return nil
		}
		// What happens at the far end alone is no step of the client's.
		clock.AdvanceToFrame(max(min(next, at), clock.Now()+time.Microsecond), w.link.End(0))
	}
	return w.stuck()
}

// wholeEvery is after how many steps all is checked, whatever was done.
const wholeEvery = 32

// check looks at the client's connections after a step: at those that look
// otherwise than before, if anything was done. did says so.
func (w *world) check(did bool) (err error) {
	switch w.checks++; {
	case w.checks%wholeEvery == 0:
		w.held, err = w.client.Check()
	case did:
		w.held, err = w.client.CheckChanged()
	}
	return err
}

// faults returns the first thing that is wrong after a step. did says whether
// it did anything: one that did not has changed nothing of the client's.
func (w *world) faults(did bool) error {
	switch err := w.check(did); {
	case err != nil:
		return err
	case w.app.wrong != nil:
		return w.app.wrong
	case w.net.wrong != nil:
		return w.net.wrong
	case !did:
		return nil
	case w.client.Err() != nil:
		return w.client.Err()
	}
	if borrowed, err := w.link.Check(); err != nil || borrowed != 0 {
		return errors.Join(err, fmt.Errorf("%d received frames are kept between two turns", borrowed))
	}
	return nil
}

func (w *world) stuck() error {
	for k, c := range w.app.conns {
		if !c.over {
			return fmt.Errorf("connection %d is stuck: %d of %d bytes sent, %d of %d received, FIN sent %v, received %v",
				k, c.sent, c.plan.send, c.got, c.plan.expect, c.finSent, c.fin)
		}
	}
	if err := w.heardOut(); err != nil {
		return err
	}
	return errors.New("the last connections never leave TIME-WAIT")
}

// end judges the whole, and closes it.
func (w *world) end() error {
	for k, c := range w.app.conns {
		if c.end == tcpclient.Closed && c.plan.honest && w.s.harmless && !c.plan.peer.(server).complete() {
			return fmt.Errorf("connection %d closed, and its server never heard so", k)
		}
		if c.end == tcpclient.Failed && c.plan.honest && w.s.endurance && c.hadTime() {
			return errors.Join(fmt.Errorf("connection %d failed as %q after %v, and its peer was there: %d of %d bytes sent, %d of %d received",
				k, c.reason, c.endedAt-c.openedAt, c.sent, c.plan.send, c.got, c.plan.expect), w.shut())
		}
	}
	if err := w.shut(); err != nil {
		return err
	}
	if n := w.link.Leaked(); n != 0 {
		return fmt.Errorf("%d received frames were never given back", n)
	}
	return w.account()
}

// shut closes the client.
func (w *world) shut() error {
	done, cancel := context.WithCancel(context.Background())
	cancel()
	return w.client.Close(done)
}

// account compares the client's counters with what happened.
func (w *world) account() error {
	stats, counted := w.client.Stats(), map[string]uint64{}
	for _, c := range w.app.conns {
		switch c.end {
		case tcpclient.Closed:
			counted["closed"]++
		case tcpclient.Failed:
			counted["failed"]++
		default:
			counted["reset"]++
		}
	}
	for _, n := range []struct {
		name      string
		got, want uint64
	}{
		{"Opened", stats.Opened, uint64(len(w.app.conns))},
		{"Closed", stats.Closed, counted["closed"]},
		{"Failed", stats.Failed, counted["failed"]},
		{"Reset", stats.Reset, counted["reset"]},
		{"ConnectionsOpen", stats.ConnectionsOpen, 0},
		{"FramesSent", stats.FramesSent, w.link.End(0).Fates().Sent},
	} {
		if n.got != n.want {
			return fmt.Errorf("counter Stats.%s is %d, counted %d", n.name, n.got, n.want)
		}
	}
	return nil
}

func (w *world) result() Result {
	r := Result{
		Hash: w.trace.sum, Connections: len(w.app.conns), Silent: w.app.silent, Failed: map[tcpclient.Reason]int{},
		Span: w.link.Clock().Now() - w.s.start, Frames: w.link.End(0).Fates().Sent + w.link.End(1).Fates().Sent,
	}
	for _, c := range w.app.conns {
		r.Bytes += c.got + c.sent
		if !c.plan.honest {
			r.Hostile++
		}
		if v, ok := c.plan.peer.(*visit); ok && v.plan.meets && c.connected {
			r.Met++
		}
		switch c.end {
		case tcpclient.Closed:
			r.Closed++
		case tcpclient.Failed:
			r.Failed[c.reason]++
		}
	}
	return r
}
