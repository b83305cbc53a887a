package tcpclient

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
	"myriad/internal/seq"
	"myriad/iobackend/simlink"
	"myriad/linklayer"
)

// fuzzed is a whole client that a string of bytes drives: frames of any kind,
// alone and in batches, time that passes, calls of the application. After each
// step everything that must be true of the client is looked at.
type fuzzed struct {
	*script
	input   []byte
	request RequestID
	conns   []ID
	peers   []linklayer.Packet // the last segment that the client sent, by connection's port
}

func newFuzzed(t *testing.T, input []byte) *fuzzed {
	f := &fuzzed{input: input}
	f.script = newScript(t, Config{
		ConnectionsMax: 8, SideRecords: 3, HolesMax: 6, Batch: 16, BufferMemory: 1 << 18, SendBuffer: 20000,
		QueriesMax: 4, SYNRetries: 2, DataRetries: 3, TimeWait: 5 * time.Second, Timestamps: len(input)%2 == 1,
	}, func(c *simlink.Config) {
		c.Ends = []simlink.EndConfig{{ReceiveFrames: 64, SendFrames: 64}, {ReceiveFrames: 8, SendFrames: 8}}
	})
	var err error
	f.request, err = f.client.Intern(make([]byte, 3000))
	require.NoError(t, err)
	f.log.do = func(w *Worker, e *Event) {
		if e.Data = nil; f.byte() > 250 && len(f.conns) > 0 {
			f.call(f.byte()) // inside the event
		}
	}
	return f
}

func (f *fuzzed) byte() byte {
	if len(f.input) == 0 {
		return 0
	}
	b := f.input[0]
	f.input = f.input[1:]
	return b
}

func (f *fuzzed) bytes(n int) []byte {
	n = min(n, len(f.input))
	b := f.input[:n]
	f.input = f.input[n:]
	return b
}

// near is a number close to one that matters, or any.
func (f *fuzzed) near(to seq.Number) seq.Number {
	switch b := f.byte(); {
	case b < 160:
		return to
	case b < 230:
		return to.Add(int(int8(f.byte())) * 29)
	}
	var word [4]byte
	copy(word[:], f.bytes(4))
	return seq.Number(binary.LittleEndian.Uint32(word[:]))
}

// listen keeps, of what the client has sent, the last segment of each of its
// ports.
func (f *fuzzed) listen() {
	for _, p := range f.heard {
		if p.Kind != linklayer.KindTCP && p.Kind != linklayer.KindUDP {
			continue
		}
		known := false
		for k := range f.peers {
			if known = f.peers[k].SourcePort == p.SourcePort; known {
				f.peers[k] = p
				break
			}
		}
		if !known && len(f.peers) < 16 {
			f.peers = append(f.peers, p)
		}
	}
	f.heard = f.heard[:0]
}

// peer is one that the client has spoken to, or nil.
func (f *fuzzed) peer() *linklayer.Packet {
	if len(f.peers) == 0 {
		return nil
	}
	return &f.peers[int(f.byte())%len(f.peers)]
}

// answer is a segment, or a datagram, to what the client sent last.
func (f *fuzzed) answer() (frame []byte) {
	p := f.peer()
	if p == nil {
		return nil
	}
	frame = make([]byte, 2048)
	path := linklayer.NewPath(scriptMAC, ourMAC, 64, 0)
	if p.Kind == linklayer.KindUDP {
		n := linklayer.EmitUDP(frame, &path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 1, f.bytes(int(f.byte())), 0)
		return frame[:n]
	}
	g := linklayer.Segment{
		Flags: linklayer.Flags(f.byte()), Seq: f.near(p.Segment.Ack), Ack: f.near(p.Segment.Seq.Add(p.Segment.Len())),
		Window: uint16(f.byte()) << (f.byte() & 7),
	}
	if g.Flags&linklayer.SYN != 0 && p.Segment.Flags&linklayer.SYN != 0 {
		g.Seq = f.near(0xffffff00)
	}
	f.options(&g.Options)
	g.Payload = make([]byte, min(int(f.byte())*8, 1400))
	n := linklayer.EmitTCP(frame, &path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 1, &g, 0)
	return frame[:n]
}

func (f *fuzzed) options(o *linklayer.Options) {
	o.Has = linklayer.OptionSet(f.byte())
	o.MSS, o.WindowScale = uint16(f.byte())*10, f.byte()
	o.TSVal, o.TSEcr = uint32(f.byte()), uint32(f.byte())
	o.Has &^= linklayer.HasSACK
	if p := f.peer(); p != nil && f.byte() > 128 {
		o.Has |= linklayer.HasSACK
		o.SACKCount = 1 + int(f.byte()%3)
		for k := range o.SACKCount {
			o.SACK[k] = seq.Range{Start: f.near(p.Segment.Seq), End: f.near(p.Segment.Seq.Add(p.Segment.Len()))}
		}
	}
}

// call is one call of the application.
func (f *fuzzed) call(b byte) {
	w := f.log.w
	if b%9 == 0 || len(f.conns) == 0 {
		o := Open{Remote: scriptRemote, Separate: b&16 != 0, Timeout: time.Duration(f.byte()) * time.Second, Idle: time.Duration(f.byte()) * time.Second}
		if b&32 != 0 {
			o.Request = f.request
		}
		var opened [1]Opened
		if w.Open([]Open{o}, opened[:]); opened[0].Err == nil && len(f.conns) < 32 {
			f.conns = append(f.conns, opened[0].Conn)
		}
		return
	}
	id := f.conns[int(f.byte())%len(f.conns)] // which may have ended
	switch b % 9 {
	case 1, 2:
		w.Send([]Send{{Conn: id, Data: make([]byte, int(f.byte())*100)}}, make([]Sent, 1))
	case 3:
		w.Send([]Send{{Conn: id, Request: f.request}}, make([]Sent, 1))
	case 4, 5:
		w.Close([]Close{{id, Reset + CloseHow(f.byte()%3)}}, make([]error, 1))
	case 6:
		_ = w.Pause(id)
	case 7:
		_ = w.Resume(id)
	case 8:
		w.Query([]Query{{Remote: queryRemote, Data: f.bytes(int(f.byte() % 64)), Retries: int(f.byte() % 4)}}, make([]Opened, 1))
	}
}

// step is a frame, a call, or a while.
func (f *fuzzed) step() {
	switch b := f.byte(); {
	case b < 100: // several of them are one batch
		f.link.End(1).Inject(f.answer())
		if b < 30 {
			return
		}
	case b < 120:
		f.link.End(1).Inject(append([]byte(nil), f.bytes(int(f.byte()))...))
	case b < 130:
		if p := f.peer(); p != nil {
			about := *p
			about.Segment.Seq = f.near(about.Segment.Seq)
			f.icmpAbout(&about, f.byte()%13, f.byte()%16, uint16(f.byte())*8)
		}
	case b < 190:
		f.call(f.byte())
	case b < 230:
		next, _ := f.client.Step()
		f.pass(min(max(next-f.link.Clock().Now(), 0), time.Hour))
	default:
		f.pass(time.Duration(f.byte()) * 3 * time.Millisecond)
	}
	f.settle()
	f.listen()
	_, err := f.client.Check()
	require.NoError(f.t, err)
}

// FuzzClient: whatever comes over the wire and is asked for, nothing panics or
// hangs, the client's invariants hold after each step, and at the end nothing
// is left.
func FuzzClient(f *testing.F) {
	synACK := []byte{50, 0, 0x12, 0, 0, 0, 255, 7, 7, 146, 7, 0, 0, 0, 0, 0}
	open := []byte{150, 0, 0, 0}
	data := []byte{50, 0, 0x18, 0, 0, 255, 7, 0, 0, 0, 0, 0, 0, 0, 20}
	f.Add(append(append(append([]byte{}, open...), synACK...), data...))
	f.Add(append(append(append([]byte{}, 150, 36, 0, 0), synACK...), 150, 4, 0, 1, 50, 0, 0x11, 0, 0, 255, 7, 0, 0, 0, 0, 0, 0, 0, 0, 200, 200))
	f.Add(append(append(append([]byte{}, open...), synACK...), 150, 1, 0, 100, 125, 0, 0, 3, 4, 100, 200, 200, 200, 200, 200))
	f.Add([]byte{150, 0, 0, 0, 150, 8, 0, 3, 1, 2, 3, 2, 50, 1, 3, 1, 2, 3, 200, 200, 110, 3, 1, 2, 3})
	f.Fuzz(func(t *testing.T, input []byte) {
		if len(input) > 4096 {
			return
		}
		bounded.Input(t, 64<<20, func() {
			f := newFuzzed(t, input)
			for len(f.input) > 0 {
				f.step()
			}
			f.end()
		})
	})
}

// end closes everything at once.
func (f *fuzzed) end() {
	f.log.do = nil
	for _, id := range f.conns {
		_ = f.close(id, Reset)
	}
	f.pass(2 * time.Minute) // queries, and TIME-WAIT
	holdings, err := f.client.Check()
	require.NoError(f.t, err)
	require.Zero(f.t, holdings)
}
