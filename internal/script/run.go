package script

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"myriad/internal/wrap"
	"myriad/tcpclient"
)

// Options of a run.
type Options struct {
	// Change may alter the settings, after the script's own.
	Change func(*Settings)
	// CaptureDir is where the capture of a run that failed goes; the system's
	// directory for temporary files when "".
	CaptureDir string
}

// Run runs the script. The error of a script that failed is a *Failure.
func (s *Script) Run(o Options) error {
	r := &runner{script: s, settings: s.Settings}
	if o.Change != nil {
		o.Change(&r.settings)
	}
	line, err := r.all()
	if err == nil {
		return nil
	}
	return r.failure(line, err, o.CaptureDir)
}

// heard is a frame of the client's that no line has asked for yet.
type heard struct {
	at      time.Duration
	segment *segment
	icmp    *icmp
}

// runner is a script being run.
type runner struct {
	script   *Script
	settings Settings
	world    *world
	start    time.Duration // what the clock shows at instant 0
	at       time.Duration // of the last step
	bases    bases
	conn     tcpclient.ID
	opened   bool // and its SYN was not seen yet

	heard     []heard
	events    []event
	reactions []reaction
	said      []byte // what the application gave to be sent
	delivered []byte // what it was given
	consumed  int    // of that, by `* data` lines
	joined    bool   // the next packet goes with the one before
	textual   bool   // the peer sent text, so the pattern does not hold
	lastStamp uint32
	strange   error // found inside a callback
	trace     []traced
}

func (r *runner) clock() time.Duration { return r.world.link.Clock().Now() }
func (r *runner) now() time.Duration   { return r.clock() - r.start }

// all runs every step; the line is that of the step that failed.
func (r *runner) all() (line int, err error) {
	r.start = r.settings.Clock
	if r.settings.ISN != nil && !wrap.Forced {
		if r.start, err = clockFor(&r.settings, *r.settings.ISN); err != nil {
			return 0, err
		}
	}
	if r.world, err = newWorld(&r.settings, r.start); err != nil {
		return 0, err
	}
	r.bases.irs = r.settings.IRS
	r.world.onFrame, r.world.onEvent = r.frame, r.hear
	defer func() {
		if e := r.world.close(); err == nil {
			err = e
		}
	}()
	for k := range r.script.steps {
		if err := r.step(&r.script.steps[k]); err != nil {
			return r.script.steps[k].line, err
		}
	}
	if err := r.world.settle(); err != nil {
		return 0, err
	}
	return 0, r.nothingLeft()
}

// nothingLeft: everything that happened was named.
func (r *runner) nothingLeft() error {
	switch {
	case r.strange != nil:
		return r.strange
	case len(r.heard) > 0:
		return fmt.Errorf("at the end no line names what the client sent: %s", r.describe(r.heard[0]))
	}
	return r.noEvents()
}

// ringHalf is how many packets of one line arrive in one batch: half of what
// the client's device has room for.
const ringHalf = receiveFrames / 2

func (r *runner) step(s *step) error {
	from, to := s.when.from, s.when.to
	if s.when.relative {
		from, to = from+r.at, to+r.at
	}
	var err error
	switch s.verb {
	case verbExpect:
		for n := s.packet.times(); n > 0 && err == nil; n-- {
			err = r.expect(&s.packet, from, to)
		}
	case verbEvent:
		err = r.expectEvent(s, from, to)
	case verbInject:
		if !r.joined {
			err = r.passTo(to)
		}
		for n := s.packet.times(); n > 0 && err == nil; n-- {
			err = r.inject(&s.packet, s.join || n%ringHalf != 1)
		}
		r.joined = s.join
	case verbAction:
		if err = r.passTo(to); err == nil {
			err = r.action(s)
		}
	}
	if err == nil {
		err = r.strange
	}
	r.at = max(r.now(), r.at)
	return err
}

// run lets time pass until an instant of the script, or until stop.
func (r *runner) run(until time.Duration, stop func() bool) error {
	return r.world.run(max(r.start+until, r.clock()), stop)
}

// passTo lets time pass; what the client sends meanwhile ought to have been
// named.
func (r *runner) passTo(to time.Duration) error {
	if err := r.run(to, func() bool { return len(r.heard) > 0 }); err != nil {
		return err
	}
	if len(r.heard) > 0 {
		return fmt.Errorf("before this, the client sent what no line names: %s", r.describe(r.heard[0]))
	}
	return nil
}

func (r *runner) action(s *step) error {
	if s.reaction != nil {
		r.reactions = append(r.reactions, *s.reaction)
		return nil
	}
	r.note(s.text)
	if handled, err := r.check(s.words); handled {
		return err
	}
	var failure error
	if err := r.world.do(func(w *tcpclient.Worker) { failure = r.act(w, s.words) }); err != nil {
		return err
	}
	if failure != nil {
		return failure
	}
	return r.world.settle()
}

// expect waits for the client's next packet and compares it.
func (r *runner) expect(p *packet, from, to time.Duration) error {
	late := to + r.settings.Tolerance
	if err := r.run(late, func() bool { return len(r.heard) > 0 }); err != nil {
		return err
	}
	if len(r.heard) == 0 {
		return fmt.Errorf("the client sent nothing until %s", formatInstant(late))
	}
	h := r.heard[0]
	r.heard = r.heard[1:]
	if h.at < from-r.settings.Tolerance || h.at > late {
		return fmt.Errorf("expected within %s and %s, got %s", formatInstant(from), formatInstant(to), r.describe(h))
	}
	if (p.icmp != nil) != (h.icmp != nil) || p.icmp != nil && *p.icmp != *h.icmp {
		return fmt.Errorf("got %s", r.describe(h))
	}
	if p.icmp != nil {
		return nil
	}
	if err := r.bases.match(p, h.segment); err != nil {
		return fmt.Errorf("%w\n  got: %s", err, r.describe(h))
	}
	return nil
}

func (r *runner) describe(h heard) string {
	if h.icmp != nil {
		return fmt.Sprintf("%s > icmp type %d code %d", formatInstant(h.at), h.icmp.kind, h.icmp.code)
	}
	return fmt.Sprintf("%s > %s", formatInstant(h.at), r.bases.format(h.segment, true))
}

// frame takes what the client sends.
func (r *runner) frame(at time.Duration, frame []byte) {
	at -= r.start
	if len(frame) > ethernetLen+ipLen+8 && frame[ethernetLen+9] == 1 {
		r.heard = append(r.heard, heard{at: at, icmp: &icmp{kind: frame[ethernetLen+ipLen], code: frame[ethernetLen+ipLen+1]}})
		r.trace = append(r.trace, traced{at: at, frame: frame, text: "> icmp"})
		return
	}
	g, err := decode(frame)
	if err != nil {
		r.trace = append(r.trace, traced{at: at, frame: frame, text: "> what cannot be read"})
		r.strange = fmt.Errorf("the client's frame: %w", err)
		return
	}
	if g.flags&flagSYN != 0 && r.opened {
		r.opened = false
		r.bases.iss, r.bases.stamp = g.seq, stampOf(g)
		r.textual = false
	}
	if s := stampOf(g); s != 0 {
		r.lastStamp = s
	}
	r.trace = append(r.trace, traced{at: at, ours: true, segment: g, frame: frame})
	r.heard = append(r.heard, heard{at: at, segment: g})
	r.checkPayload(g)
}

// checkPayload: what the client sends is what the application gave it.
func (r *runner) checkPayload(g *segment) {
	first := int(int32(g.seq-r.bases.iss)) - 1
	if len(g.payload) == 0 || r.strange != nil {
		return
	}
	if first < 0 || first+len(g.payload) > len(r.said) || !bytes.Equal(g.payload, r.said[first:first+len(g.payload)]) {
		r.strange = fmt.Errorf("bytes %d to %d are not those that were given to be sent", first+1, first+1+len(g.payload))
	}
}

// stampOf is the segment's timestamp, 0 without.
func stampOf(g *segment) uint32 {
	for _, o := range g.options {
		if o.kind == kindTS && len(o.body) == 8 {
			return binary.BigEndian.Uint32(o.body)
		}
	}
	return 0
}
