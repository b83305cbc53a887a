package sim

import (
	"fmt"
	"io"
	"net/netip"
	"time"

	"myriad/iobackend/simlink"
	"myriad/tcpclient"
)

// Crowd is what became of a crowd of connections, of which some are hostile.
type Crowd struct {
	Honest, Hostile int
	// Goodput is the bytes that one honest connection moved in a second, both
	// ways, from its opening to its end.
	Goodput float64
	Frames  uint64 // on the link, both ways
}

// The size of an honest connection's task, in bytes: what it loads, and sends.
const crowdDown, crowdUp = 200_000, 60_000

// crowdMemory is some 15 KiB for a connection: enough for the honest alone, and
// used up at once by a tenth of hostile ones where nothing bounds those.
const crowdMemory = 1400 << 10

// RunCrowd lets honest connections load and send beside hostile ones that take
// what they can get: memory beyond holes, send buffers that are never
// acknowledged, answers, timers. All draw on one client's memory, which is
// little more than the honest alone need. capture, when not nil, gets everything
// as a pcap file.
func RunCrowd(seed uint64, honest, hostile int, capture io.Writer) (Crowd, error) {
	w, err := newWorld(newCrowd(seed, honest, hostile), capture)
	if err != nil {
		return Crowd{}, err
	}
	if err = w.run(); err == nil {
		err = w.end()
	} else {
		w.shut()
	}
	c := Crowd{Honest: honest, Hostile: hostile, Frames: w.result().Frames}
	took := time.Duration(0)
	for k, one := range w.app.conns {
		if !one.plan.honest {
			continue
		}
		if err == nil && one.end != tcpclient.Closed {
			err = fmt.Errorf("honest connection %d failed: %v", k, one.reason)
		}
		took += one.endedAt - one.openedAt
	}
	c.Goodput = float64(honest) * (crowdDown + crowdUp) / took.Seconds()
	return c, err
}

func newCrowd(seed uint64, honest, hostile int) *scenario {
	s := &scenario{seed: seed, start: time.Hour, queues: 1, endurance: true, steer: simlink.SteerHash}
	s.up = simlink.Impairments{Delay: 10 * time.Millisecond}
	s.down = s.up
	s.config = tcpclient.Config{
		ConnectionsMax: 2 * (honest + hostile), SideRecords: honest + hostile, BufferMemory: crowdMemory,
		SendBuffer: 64 << 10, DataRetries: 60, SYNRetries: 30, TimeWait: time.Second,
	}
	m := newMaker(seed, s)
	for k := range honest + hostile {
		d := dialPlan{
			at: m.ms(100), remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 2, 0, byte(1 + k/8)}), uint16(firstPort+k)),
			up: m.stream(), down: m.stream(), honest: k < honest, resetAt: -1, send: crowdUp, chunk: 8000,
		}
		if d.honest {
			d.expect, d.closeUp = crowdDown, true
			s.servers = append(s.servers, &serverPlan{
				iss: m.number(), up: d.up, expect: d.send, down: d.down, total: crowdDown,
				mss: 1460, scale: 7, window: 65_535, flight: 16,
			})
		} else {
			d.timeout = time.Minute
			s.servers = append(s.servers, &hostilePlan{
				iss: m.number(), down: d.down, total: 1 << 20, answer: greeting{"plain", answerPlain}, every: time.Millisecond, budget: 20_000,
				tricks: greedy,
			})
		}
		s.dials = append(s.dials, d)
	}
	return s
}

// greedy are the tricks that take memory, answers and work, and end nothing.
var greedy = []trick{
	{"", closeWindow}, {"", tarpit}, {"", forgetACK}, {"", sackNonsense}, {"", tiny}, {"", scatter}, {"", overlapAhead},
	{"", beyondWindow}, {"", floodSYN}, {"", floodACKs}, {"", unsentACK}, {"", partialACK}, {"", duplicates}, {"", urgent},
}

// scatter sends bytes all over the window, each of which takes a piece of
// memory.
func scatter(h *hostile) {
	for range 10 {
		h.send(h.data(h.acked+1+h.random.IntN(max(h.edge-h.acked-1, 1)), 1))
	}
}
