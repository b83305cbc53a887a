package tcpclient

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"

	"myriad/conntable"
	"myriad/handshake"
	"myriad/iobackend"
	"myriad/linklayer"
	"myriad/timers"
)

func ownerOf(port uint16, shards int) int { return conntable.Owner(port, shards) }

// openLinks opens every interface.
func (c *Client) openLinks() error {
	workers := 0
	for k := range c.cfg.Interfaces {
		in := &c.cfg.Interfaces[k]
		if len(in.Sources) > 0 || in.Device != nil {
			if _, err := newSources(in.Sources); err != nil {
				return err
			}
		}
		if err := c.overlaps(k); err != nil {
			return err
		}
		o, err := c.cfg.openInterface(in)
		if err != nil {
			return err
		}
		l, err := newLink(in, o, c.cfg.TTL)
		if err != nil {
			if in.Device == nil {
				_ = o.device.Close()
			}
			return err
		}
		c.links = append(c.links, l)
		if limit := o.device.Info().BatchMax; c.cfg.Batch > limit {
			return fmt.Errorf("tcpclient: Config.Batch %d exceeds the %d frames that %q moves at once: lower it, or raise Interface.ReceiveFrames and SendFrames", c.cfg.Batch, limit, l.name)
		}
		l.first = workers
		if workers += l.workers; workers > workersLimit {
			return fmt.Errorf("tcpclient: Config.Interfaces: more than %d queues altogether: limit Interface.Queues", workersLimit)
		}
	}
	return nil
}

// overlaps refuses a source that stands on two interfaces.
func (c *Client) overlaps(k int) error {
	for _, p := range c.cfg.Interfaces[k].Sources {
		for j := range k {
			for _, o := range c.cfg.Interfaces[j].Sources {
				if p.Overlaps(o) {
					return fmt.Errorf("tcpclient: Interface.Sources: %v of %q overlaps %v of %q: give each address once", p, c.cfg.Interfaces[k].Name, o, c.cfg.Interfaces[j].Name)
				}
			}
		}
	}
	return nil
}

// seeds derives every worker's secrets.
func (c *Client) seeds() *mathrand.ChaCha8 {
	var seed [32]byte
	if c.cfg.Seed != 0 {
		binary.LittleEndian.PutUint64(seed[:], c.cfg.Seed)
	} else {
		rand.Read(seed[:])
	}
	return mathrand.NewChaCha8(seed)
}

func pair(r *mathrand.ChaCha8) [2]uint64 { return [2]uint64{r.Uint64(), r.Uint64()} }

func (c *Client) makeWorkers() error {
	total, random := 0, c.seeds()
	for _, l := range c.links {
		total += l.workers
	}
	secret := pair(random) // one for all: a 4-tuple that moves keeps its ISN clock
	for _, l := range c.links {
		l.active.Store(int32(l.workers))
		for shard := range l.workers {
			w := &Worker{client: c, index: len(c.workers), shard: shard, link: l, queue: l.device.Queue(shard), roomy: !l.parks && c.cfg.Seed == 0 && spareProcessor(total)}
			if l.parks && !c.cfg.Manual {
				w.sharer, _ = w.queue.(iobackend.Sharer)
			}
			if err := w.takeMemory(&c.cfg, total, secret, random); err != nil {
				return err
			}
			c.workers = append(c.workers, w)
		}
	}
	return nil
}

// share is one worker's part of a bound over all, rounded up.
func share(all, workers int) int { return (all + workers - 1) / workers }

// takeMemory makes everything that the worker will ever need.
func (w *Worker) takeMemory(cfg *Config, workers int, secret [2]uint64, random *mathrand.ChaCha8) (err error) {
	capacity := share(cfg.ConnectionsMax, workers)
	w.now, w.inHand = w.queue.Now(), conntable.None
	w.state = iobackend.LinkState{Up: true, MTU: w.link.mtu}
	if w.table, err = conntable.New(capacity, uint8(w.index), pair(random)); err != nil {
		return err
	}
	w.ports, err = conntable.NewAllocator(conntable.AllocatorConfig{
		Sources: w.link.sources.count, PortMin: cfg.PortMin, PortMax: cfg.PortMax,
		Shard: w.shard, Shards: w.link.workers, Seed: pair(random), Steering: w.link.steering,
	})
	if err != nil {
		return err
	}
	if w.resting, err = conntable.NewQuarantine(capacity, max(cfg.Rest, 0)); err != nil {
		return err
	}
	if w.wheel, err = timers.NewWheel(capacity, w.now); err != nil {
		return err
	}
	if w.machine, err = handshake.New(w.protocol(cfg, workers, secret), w.table, &w.client.requests); err != nil {
		return err
	}
	if cfg.QueriesMax > 0 {
		if w.datagrams, err = newDatagrams(cfg, w, share(cfg.QueriesMax, workers), random); err != nil {
			return err
		}
	}
	w.takeBuffers(cfg, workers, random)
	if w.tap, err = newTrace(w.index, w.queue.Now()); err != nil {
		return err
	}
	w.startBursts()
	return nil
}

// protocol is what the worker's state machine is told.
func (w *Worker) protocol(cfg *Config, workers int, secret [2]uint64) handshake.Config {
	return handshake.Config{
		MSS:              w.segmentSize(cfg, w.link.mtu),
		ReceiveBuffer:    cfg.ReceiveBuffer,
		ReceiveBufferMax: cfg.ReceiveBufferMax,
		SendBuffer:       cfg.SendBuffer,
		BufferMemory:     share(cfg.BufferMemory, workers),
		SYNRetries:       cfg.SYNRetries,
		DataRetries:      cfg.DataRetries,
		RTOMin:           cfg.RTOMin,
		TimeWait:         cfg.TimeWait,
		Sides:            share(cfg.SideRecords, workers),
		HolesMax:         cfg.HolesMax,
		Timestamps:       cfg.Timestamps,
		NewReno:          cfg.CongestionControl == "newreno",
		Secret:           secret,
	}
}

// segmentSize is the MSS that an MTU and the device's frames allow.
func (w *Worker) segmentSize(cfg *Config, mtu int) int {
	mss := mtu - frameHeaders
	if cfg.MSS > 0 {
		mss = min(mss, cfg.MSS)
	}
	return min(mss, w.link.device.Info().FrameBytes-ethernetBytes-frameHeaders)
}

const ethernetBytes = 14

func (w *Worker) takeBuffers(cfg *Config, workers int, random *mathrand.ChaCha8) {
	batch := cfg.Batch
	w.rx = make([]iobackend.Frame, batch)
	w.packets = make([]linklayer.Packet, batch)
	w.owners = make([]int32, batch)
	w.keys = make([]conntable.Key, 0, batch)
	w.hashes = make([]uint64, 0, batch)
	w.guessed = make([]uint32, batch)
	w.opening = make([]opening, 2*together)
	w.ends = make([]uint32, 0, together)
	w.events = make([]Event, 0, 2*batch)
	w.spare = make([]Event, 0, 2*batch)
	w.output = make([]uint32, 0, 2*batch)
	w.fired = make([]uint32, batch)
	w.transmit.frames = make([]iobackend.Frame, batch)
	w.mail.limit = cfg.Calls
	w.fragments = &linklayer.Reassembler{}
	var seed [32]byte
	random.Read(seed[:])
	w.ipIDs = linklayer.NewIDs(seed)
	if cfg.Rate > 0 {
		w.starts.every = rateInterval(cfg.Rate, workers)
	}
}
