package tcpclient

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/wrap"
	"myriad/iobackend"
	"myriad/iobackend/pcapfile"
	"myriad/iobackend/simlink"
)

// Two clients that open to each other at once are joined by one connection
// (RFC 9293 §3.5, simultaneous open): each is the other's peer, so sender and
// receiver both run against a real TCP, in virtual time and from one seed.

// simPeer is one end: it sends its bytes, checks the other's, closes.
type simPeer struct {
	w        *Worker
	id       ID
	send     []byte // not yet taken
	want     []byte // not yet received
	closing  bool
	end      EventKind
	reason   Reason
	wrong    error
	pauses   *rand.Rand // nil: never
	resumeAt time.Duration
}

func (p *simPeer) Events(w *Worker, events []Event) {
	for k := range events {
		e := &events[k]
		switch e.Kind {
		case Data:
			if len(e.Data) > len(p.want) || !bytes.Equal(e.Data, p.want[:len(e.Data)]) {
				p.wrong = fmt.Errorf("%d bytes before the end: wrong data", len(p.want))
				return
			}
			p.want = p.want[len(e.Data):]
			if p.pauses != nil && p.resumeAt == 0 && p.pauses.IntN(20) == 0 {
				if w.Pause(e.Conn) == nil { // Closed may follow in this very batch
					p.resumeAt = w.Now() + time.Duration(p.pauses.IntN(1000))*time.Millisecond
				}
			}
		case Closed, Failed:
			p.end, p.reason = e.Kind, e.Reason
		}
		if p.end == 0 {
			p.pump()
		}
	}
}

// pump offers what is left to be sent, and then FIN.
func (p *simPeer) pump() {
	if p.closing {
		return
	}
	var r [1]Sent
	p.w.Send([]Send{{Conn: p.id, Data: p.send}}, r[:])
	p.send = p.send[r[0].Count:]
	if r[0].Err == nil && len(p.send) == 0 {
		p.closing = true
		var errs [1]error
		p.w.Close([]Close{{p.id, Fin}}, errs[:])
		p.wrong = errs[0]
	}
}

func (p *simPeer) tick() {
	if p.resumeAt != 0 && p.w.Now() >= p.resumeAt && p.end == 0 {
		p.resumeAt = 0
		p.wrong = p.w.Resume(p.id)
	}
}

type simCase struct {
	impair simlink.Impairments
	bytes  int
	pause  bool
	stamps bool
}

// simulate runs one world to its end and reports what was wrong.
func simulate(t *testing.T, seed uint64, c simCase) (err error) {
	sim := simlink.Config{Seed: seed, Debug: true, Start: wrap.Clock(time.Hour)}
	sim.Ends = []simlink.EndConfig{{Impairments: c.impair}, {Impairments: c.impair}}
	link, err := simlink.New(sim)
	require.NoError(t, err)
	var capture bytes.Buffer
	random := rand.New(rand.NewPCG(seed, 1))
	data := [2][]byte{randomBytes(random, c.bytes), randomBytes(random, c.bytes/3)}
	addresses := [2]netip.AddrPort{netip.MustParseAddrPort("10.1.0.1:1111"), netip.MustParseAddrPort("10.2.0.1:2222")}
	var peers [2]*simPeer
	var clients [2]*Client
	for k := range clients {
		peers[k] = &simPeer{send: data[k], want: data[1-k]}
		if c.pause {
			peers[k].pauses = random
		}
		var device iobackend.Device = link.End(k)
		if k == 0 {
			device, err = pcapfile.Wrap(device, &capture, pcapfile.Options{})
			require.NoError(t, err)
		}
		clients[k], err = New(Config{
			Manual: true, Seed: seed + uint64(k), ConnectionsMax: 4, SYNRetries: 20, DataRetries: 30,
			TimeWait: 200 * time.Second, Timestamps: c.stamps,
			Interfaces: []Interface{{
				Device: device, Sources: []netip.Prefix{netip.PrefixFrom(addresses[k].Addr(), 32)},
				GatewayMAC: link.End(1 - k).Info().HardwareAddr,
			}},
		}, func(w *Worker) Handler { peers[k].w = w; return peers[k] })
		require.NoError(t, err)
		require.NoError(t, clients[k].Start())
		var r [1]Opened
		peers[k].w.Open([]Open{{Remote: addresses[1-k], Local: addresses[k]}}, r[:])
		require.NoError(t, r[0].Err)
		peers[k].id = r[0].Conn
	}
	err = runWorld(link, clients, peers)
	for k, client := range clients {
		done, cancel := context.WithCancel(context.Background())
		cancel()
		client.Close(done)
		w := client.workers[0]
		if err == nil && (w.machine.SidesInUse() > 1 || w.machine.BufferBytes() > 0) && peers[k].end == Closed {
			err = fmt.Errorf("end %d: %d side records, %d bytes of buffers left", k, w.machine.SidesInUse(), w.machine.BufferBytes())
		}
	}
	if err == nil && link.Leaked() != 0 {
		err = fmt.Errorf("%d frames leaked", link.Leaked())
	}
	if err != nil {
		name := filepath.Join(os.TempDir(), fmt.Sprintf("myriad-sim-%d.pcap", seed))
		if os.WriteFile(name, capture.Bytes(), 0o644) == nil {
			err = fmt.Errorf("%w (capture: %s)", err, name)
		}
	}
	return err
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for k := range b {
		b[k] = byte(r.Uint32())
	}
	return b
}

// runWorld steps both ends until both connections have ended.
func runWorld(link *simlink.Link, clients [2]*Client, peers [2]*simPeer) error {
	clock := link.Clock()
	limit := clock.Now() + 2*time.Hour
	for clock.Now() < limit {
		next := limit
		busy := false
		for k, client := range clients {
			at, b := client.Step()
			next, busy = min(next, at), busy || b
			peers[k].tick()
			if peers[k].resumeAt != 0 {
				next = min(next, peers[k].resumeAt)
			}
			if peers[k].wrong != nil {
				return fmt.Errorf("end %d: %w", k, peers[k].wrong)
			}
		}
		if peers[0].end != 0 && peers[1].end != 0 {
			break
		}
		if busy {
			continue
		}
		if at, ok := link.Clock().NextEvent(); ok {
			next = min(next, at)
		}
		clock.AdvanceTo(max(next, clock.Now()+time.Microsecond))
	}
	for k, p := range peers {
		switch {
		case p.end == 0:
			return fmt.Errorf("end %d is stuck: %d bytes not sent, %d not received", k, len(p.send), len(p.want))
		case p.end == Failed:
			return fmt.Errorf("end %d failed: %v, %d bytes not received", k, p.reason, len(p.want))
		case len(p.want) != 0:
			return fmt.Errorf("end %d: closed with %d bytes not received", k, len(p.want))
		}
	}
	return nil
}

// TestSimulatedTransfers runs worlds with every fault; MYRIAD_SEED names the
// one to run again.
func TestSimulatedTransfers(t *testing.T) {
	worlds := uint64(300)
	if testing.Short() {
		worlds = 30
	}
	first := uint64(1)
	if s, err := strconv.ParseUint(os.Getenv("MYRIAD_SEED"), 10, 64); err == nil {
		first, worlds = s, 1
	}
	for seed := first; seed < first+worlds; seed++ {
		r := rand.New(rand.NewPCG(seed, 2))
		c := simCase{bytes: r.IntN(100_000), pause: r.IntN(3) == 0, stamps: r.IntN(3) == 0}
		c.impair = simlink.Impairments{
			Loss: float64(r.IntN(4)) * 0.06, Reorder: float64(r.IntN(3)) * 0.1, Duplicate: float64(r.IntN(2)) * 0.1,
			Corrupt: float64(r.IntN(2)) * 0.05, Delay: time.Duration(r.IntN(50)) * time.Millisecond,
			Jitter: time.Duration(r.IntN(10)) * time.Millisecond, ReorderDelay: time.Duration(1+r.IntN(30)) * time.Millisecond,
		}
		if r.IntN(2) == 0 {
			c.impair.RateBPS = uint64(1+r.IntN(50)) * 1_000_000
		}
		require.NoError(t, simulate(t, seed, c), "seed %d, %+v", seed, c)
	}
}
