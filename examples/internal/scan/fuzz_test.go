package scan

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/internal/bounded"
	"myriad/iobackend"
	"myriad/linklayer"
)

var fuzzed = []Protocol{TCP, UDP, ICMP}

// scanned is a scanner that looks at the same targets again and again, with the
// same probes: to make one takes 60 MB, too much for each input.
type scanned struct {
	*bench
	probes  [][]byte
	reasons map[target][]Reason
}

func newScanned(f *testing.F, protocol Protocol) *scanned {
	s := &scanned{reasons: map[target][]Reason{}}
	s.bench = newBench(f, func(c *Config) {
		c.Protocol, c.Canary, c.Key, c.Retries = protocol, protocol == TCP, [2]uint64{1, 2}, 0
		if protocol == ICMP {
			c.Space, _ = NewSpace(prefixes("198.18.0.0/26"), nil, 3)
		}
		c.Result = func(_ int, r *Result) {
			key := target{r.Address, r.Port}
			s.reasons[key] = append(s.reasons[key], r.Reason)
		}
	})
	s.turn(0)
	s.probes = s.sent
	return s
}

// pass has the scanner take turns until everything is settled, the canary's time
// included.
func (s *scanned) pass(t testing.TB) {
	var frames [1]iobackend.Frame
	for range 4 {
		s.now += time.Second
		s.sent = nil
		_, _, err := s.queue.Receive(frames[:])
		require.NoError(t, err)
	}
}

// again begins the scan once more.
func (s *scanned) again(t testing.TB) {
	require.NoError(t, s.s.Begin(0, Progress{}))
	clear(s.reasons)
	var frames [1]iobackend.Frame
	_, _, err := s.queue.Receive(frames[:])
	require.NoError(t, err)
}

// FuzzAnswer: whatever one frame says, twice, nothing panics, each target comes
// to one outcome, and only what a target's probe can have brought about counts
// as its answer. With repair, checksums are made good, so that the fuzzer gets
// past them.
func FuzzAnswer(f *testing.F) {
	var scans []*scanned
	for k, protocol := range fuzzed {
		s := newScanned(f, protocol)
		s.pass(f)
		scans = append(scans, s)
		for _, frame := range seedAnswers(f, protocol, s.probes[0]) {
			f.Add(uint8(k), true, frame)
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, repair bool, data []byte) {
		bounded.Input(t, 16<<20, func() {
			k, frame := int(which)%len(fuzzed), bytes.Clone(data)
			s := scans[k]
			if repair {
				repairSums(frame)
			}
			s.again(t)
			for range 2 {
				s.s.workers[0].take(&iobackend.Frame{Data: frame, ChecksumOK: repair})
			}
			s.pass(t)
			require.Len(t, s.reasons, int(s.s.Targets()))
			answers := 0
			for key, why := range s.reasons {
				require.Len(t, why, 1)
				if why[0] != NoAnswer {
					answers++
					requireAnswer(t, fuzzed[k], probeTo(t, s.probes, key), frame, repair, why[0])
				}
			}
			require.LessOrEqual(t, answers, 1)
		})
	})
}

// seedAnswers are good answers to a probe, and other frames that are looked at.
func seedAnswers(t testing.TB, protocol Protocol, probe []byte) [][]byte {
	var p linklayer.Packet
	require.Equal(t, linklayer.DropNone, linklayer.Parse(probe, false, &p))
	path, buffer := linklayer.NewPath(theirMAC, ourMAC, 57, 0), make([]byte, 200)
	emitted := func(n int) []byte { return bytes.Clone(buffer[:n]) }
	frames := [][]byte{
		emitted(linklayer.EmitARPRequest(buffer, theirMAC, p.Destination, p.Source, [6]byte{})),
		unreachable(emitted(linklayer.EmitICMPEcho(buffer, &path, p.Destination, p.Source, 1, 0, probe[ipAt:transportAt+8])), 1),
	}
	switch protocol {
	case TCP:
		stale := reply(&p, linklayer.Segment{Flags: linklayer.ACK, Ack: 12345})
		forged := p
		forged.Segment.Seq++
		both := reply(&p, linklayer.Segment{Flags: linklayer.SYN | linklayer.RST | linklayer.ACK, Ack: p.Segment.Seq + 1})
		return append(frames, synAck(&p), refusal(&p), both, stale, synAck(&forged), refusal(&forged))
	case UDP:
		return append(frames, emitted(linklayer.EmitUDP(buffer, &path, p.Destination, p.Source, p.DestinationPort, p.SourcePort, 1, []byte("hello"), 0)))
	}
	return append(frames, emitted(linklayer.EmitICMPEchoReply(buffer, probe)))
}

// repairSums makes the sums of an IPv4 header and of ICMP good, where there are
// such.
func repairSums(frame []byte) {
	if len(frame) < transportAt || frame[ipAt]&15 < 5 || len(frame) < ipAt+int(frame[ipAt]&15)*4 {
		return
	}
	ip := frame[ipAt:]
	header := int(ip[0]&15) * 4
	putSum(ip[:header], 10)
	if whole := int(binary.BigEndian.Uint16(ip[2:])); ip[9] == linklayer.ProtocolICMP && whole >= header+4 && whole <= len(ip) {
		putSum(ip[header:whole], 2)
	}
}

func putSum(b []byte, at int) {
	b[at], b[at+1] = 0, 0
	sum := uint64(0)
	for k, v := range b {
		sum += uint64(v) << (8 * (1 - k&1))
	}
	binary.BigEndian.PutUint16(b[at:], ^fold(sum))
}

// probeTo finds the probe that went to a target.
func probeTo(t *testing.T, probes [][]byte, key target) *linklayer.Packet {
	for _, frame := range probes {
		var p linklayer.Packet
		if require.Equal(t, linklayer.DropNone, linklayer.Parse(frame, false, &p)); targetOf(&p) == key {
			return &p
		}
	}
	require.Fail(t, "an outcome of what was never probed")
	return nil
}

// requireAnswer: whoever made the frame has seen the probe.
func requireAnswer(t *testing.T, protocol Protocol, probe *linklayer.Packet, frame []byte, checked bool, why Reason) {
	var p linklayer.Packet
	require.Equal(t, linklayer.DropNone, linklayer.Parse(frame, checked, &p))
	if p.Kind == linklayer.KindICMPError {
		q := &p.ICMP.Quoted
		require.Equal(t, []any{probe.Source, probe.Destination, uint8(protocol)}, []any{q.Source, q.Destination, q.Protocol})
		if protocol != ICMP {
			require.Equal(t, []uint16{probe.SourcePort, probe.DestinationPort}, []uint16{q.SourcePort, q.DestinationPort})
		}
		if protocol == TCP {
			require.Equal(t, probe.Segment.Seq, q.Seq)
		}
		return
	}
	require.Equal(t, [][16]byte{probe.Destination, probe.Source}, [][16]byte{p.Source, p.Destination})
	require.Equal(t, []uint16{probe.DestinationPort, probe.SourcePort}, []uint16{p.SourcePort, p.DestinationPort})
	switch protocol {
	case TCP:
		require.Equal(t, probe.Segment.Seq+1, p.Segment.Ack)
		require.Equal(t, why == Refused, p.Segment.Flags&linklayer.RST != 0) // with SYN, too (RFC 9293 §3.10.7.3)
		require.True(t, why == Refused || why == SYNACK && p.Segment.Flags&linklayer.SYN != 0)
	case ICMP:
		require.Equal(t, uint8(linklayer.ICMPEchoReply), p.ICMP.Type)
	}
}
