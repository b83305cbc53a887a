package scan

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"myriad/iobackend"
	"myriad/linklayer"
)

// icmpAbout makes an ICMP message that quotes so many bytes of a probe.
func icmpAbout(p *linklayer.Packet, kind, code byte, quoted int, change func(probe []byte)) []byte {
	probe := reply(&linklayer.Packet{Source: p.Destination, Destination: p.Source, SourcePort: p.DestinationPort, DestinationPort: p.SourcePort},
		linklayer.Segment{Flags: linklayer.SYN, Seq: p.Segment.Seq})
	if change != nil {
		change(probe)
	}
	path := linklayer.NewPath(theirMAC, ourMAC, 57, 0)
	frame := make([]byte, 200)
	frame = frame[:linklayer.EmitICMPEcho(frame, &path, p.Destination, p.Source, 1, 0, probe[14:14+quoted])]
	unreachable(frame, code)
	sum := uint64(^binary.BigEndian.Uint16(frame[36:])) - uint64(linklayer.ICMPUnreachable)<<8 + uint64(kind)<<8
	frame[34] = kind
	binary.BigEndian.PutUint16(frame[36:], ^fold(sum))
	return frame
}

// A million ICMP messages between the probes and their answers: of true errors the
// first counts, and everything else has a counter of its own, whose sum is what came.
// Nothing waits, nothing is sent for them, nothing is allocated, and the scan
// comes to its end.
func TestStormOfICMP(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Canary = true })
	probes := b.turn(0)
	require.Len(t, probes, 128)
	target := &probes[0]
	canary := b.turn(time.Millisecond, synAck(&probes[9]))[1] // after the RST
	require.Equal(t, linklayer.SYN, canary.Segment.Flags)
	const ports = transportAt
	kinds := [][]byte{
		icmpAbout(target, linklayer.ICMPUnreachable, 1, 28, nil),
		icmpAbout(target, linklayer.ICMPTimeExceeded, 0, 28, nil),
		icmpAbout(target, linklayer.ICMPUnreachable, 1, 28, func(p []byte) { p[ports+7]++ }),
		icmpAbout(target, linklayer.ICMPUnreachable, 1, 28, func(p []byte) { p[ports+1] ^= 1 }),
		icmpAbout(target, linklayer.ICMPUnreachable, 1, 28, func(p []byte) { p[ipAt+19]++ }),
		icmpAbout(target, linklayer.ICMPRedirect, 1, 28, nil),
		icmpAbout(target, linklayer.ICMPSourceQuench, 0, 28, nil),
		icmpAbout(target, linklayer.ICMPUnreachable, 1, 22, nil), // a quote cut short
		icmpAbout(&canary, linklayer.ICMPUnreachable, 1, 28, nil),
		icmpAbout(target, linklayer.ICMPUnreachable, 1, 28, func(p []byte) { p[ports] = 0xff }), // a port of the client's
	}
	before := b.s.Counts()
	const batch, each = 50, 100_000
	storm, frames := make([][]byte, 0, batch), [64]iobackend.Frame{}
	for len(storm) < batch {
		storm = append(storm, kinds...)
	}
	sentBefore := len(b.sent)
	for n := 0; n < each*len(kinds); n += batch {
		b.in = storm
		count, _, err := b.queue.Receive(frames[:])
		require.NoError(t, err)
		require.Equal(t, batch/len(kinds)*4, count, "the client has those that it has a counter for")
	}
	require.Equal(t, sentBefore, len(b.sent), "nothing leaves for them")
	c := b.s.Counts()
	require.EqualValues(t, 1, c.Outcomes[Filtered])
	require.EqualValues(t, 2*each-1, c.Duplicate, "true ones, again")
	require.EqualValues(t, 3*each, c.Forged-before.Forged)
	require.EqualValues(t, 2*each, c.Ignored)
	require.EqualValues(t, each, c.Malformed)
	require.EqualValues(t, each*len(kinds), c.Received-before.Received)
	require.Equal(t, HostUnreachable, b.results[targetOf(target)].Reason)
	for k := range probes[1:] {
		if p := &probes[1+k]; k+1 != 9 {
			b.turn(0, refusal(p))
		}
	}
	b.turn(2 * time.Second)
	b.turn(2 * time.Second)
	require.Len(t, b.results, 128)
	require.EqualValues(t, 126, b.s.Counts().Outcomes[Closed])
	<-b.s.Done()
	require.Zero(t, testing.AllocsPerRun(10, func() {
		b.in = storm
		_, _, _ = b.queue.Receive(frames[:])
	}))
}

func targetOf(p *linklayer.Packet) target { return target{ip16(&p.Destination), p.DestinationPort} }
