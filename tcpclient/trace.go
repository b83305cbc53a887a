package tcpclient

import (
	"encoding/json"
	"fmt"
	"log"
	"net/netip"
	"os"
	"strings"
	"time"

	"myriad/linklayer"
)

// TraceVariable is the environment variable that turns tracing on. When it
// names a directory, every connection of every Client made afterwards writes
// two files into it: NAME.jsonl with one line for each segment and each event,
// and NAME.pcap with the frames, for tcpdump and Wireshark. NAME tells when
// the Client began, the process, the worker, and the connection's number and
// generation. If the process is killed, both are whole up to the last second.
// Workers wait for the disk meanwhile: this is for finding faults, not for full
// speed.
const TraceVariable = "MYRIAD_TRACE"

// frameTap sees what happens to a worker's connections, on the worker's
// goroutine. It is nil unless somebody asked for a trace, and then costs
// nothing.
type frameTap interface {
	// frame is called for each frame that is sent or received for a
	// connection; at is the worker's clock.
	frame(id ID, out bool, frame []byte, at time.Duration)
	// event is called for each event before the Handler gets it.
	event(ev *Event, at time.Duration)
	// close writes out what is left.
	close()
}

// newTrace returns what TraceVariable asks for, for one worker whose clock
// shows now; nil when that is nothing.
func newTrace(worker int, now time.Duration) (frameTap, error) {
	dir := os.Getenv(TraceVariable)
	if dir == "" {
		return nil, nil
	}
	t := &connTrace{
		prefix: fmt.Sprintf("%s-%d-w%d", time.Now().UTC().Format("20060102T150405.000"), os.Getpid(), worker),
		epoch:  time.Now().Add(-now),
	}
	if err := t.files.init(dir); err != nil {
		return nil, fmt.Errorf("tcpclient: %s=%s: %w", TraceVariable, dir, err)
	}
	return t, nil
}

// connTrace is the frameTap behind TraceVariable.
type connTrace struct {
	prefix string
	files  traceFiles
	epoch  time.Time // when the worker's clock showed 0
	failed bool      // a file could not be written: no more is
	packet linklayer.Packet
}

// traceLine is one line of a trace. Times are UTC, lengths bytes, sequence
// numbers as they stand in the header.
type traceLine struct {
	Time   string      `json:"time"`
	Conn   string      `json:"conn"`
	Event  string      `json:"event"`
	Peer   string      `json:"peer,omitempty"`
	Flags  string      `json:"flags,omitempty"`
	Seq    uint32      `json:"seq,omitempty"`
	Ack    uint32      `json:"ack,omitempty"`
	Window uint16      `json:"window,omitempty"`
	Bytes  int         `json:"bytes,omitempty"`
	SACK   [][2]uint32 `json:"sack,omitempty"`
	// HandshakeUS is the time from SYN to SYN-ACK in microseconds.
	HandshakeUS float64 `json:"handshake_us,omitempty"`
	Reason      string  `json:"reason,omitempty"`
}

var traceEvents = [...]string{
	Connected: "connected", Data: "data", EndOfStream: "end of stream",
	Writable: "writable", Closed: "closed", Failed: "failed",
}

func (t *connTrace) frame(id ID, out bool, frame []byte, at time.Duration) {
	if t.failed {
		return
	}
	when := t.epoch.Add(at)
	line := traceLine{Event: "received"}
	if out {
		line.Event = "sent"
	}
	known := linklayer.Parse(frame, true, &t.packet) == linklayer.DropNone && t.packet.Kind == linklayer.KindTCP
	if known {
		line.Peer = tracePeer(&t.packet, out)
		line.segment(&t.packet.Segment)
	}
	f, err := t.files.get(id, t.name(id))
	if err == nil {
		err = t.write(f, id, when, &line)
	}
	if err == nil {
		err = f.capture.WriteFrame(when, frame)
	}
	if err == nil && known && t.packet.Segment.Flags&(linklayer.FIN|linklayer.RST) != 0 {
		err = f.capture.Flush() // there may be no later occasion
	}
	t.check(err)
}

func (t *connTrace) event(ev *Event, at time.Duration) {
	if t.failed {
		return
	}
	line := traceLine{Event: traceEvents[ev.Kind], Bytes: len(ev.Data),
		HandshakeUS: float64(ev.Elapsed) / float64(time.Microsecond)}
	if ev.Kind == Failed {
		line.Reason = ev.Reason.String()
	}
	f, err := t.files.get(ev.Conn, t.name(ev.Conn))
	if err == nil {
		err = t.write(f, ev.Conn, t.epoch.Add(at), &line)
	}
	if err == nil && (ev.Kind == Closed || ev.Kind == Failed) {
		err = f.capture.Flush()
	}
	t.check(err)
}

func (t *connTrace) close() { t.check(t.files.close()) }

// name is a connection's file name, the same whenever it is opened again.
func (t *connTrace) name(id ID) string { return t.prefix + "-" + traceID(id) }

func traceID(id ID) string { return fmt.Sprintf("%d.%d", id.Index(), id.Generation()) }

func tracePeer(p *linklayer.Packet, out bool) string {
	addr, port := p.Source, p.SourcePort
	if out {
		addr, port = p.Destination, p.DestinationPort
	}
	return netip.AddrPortFrom(netip.AddrFrom16(addr).Unmap(), port).String()
}

func (l *traceLine) segment(s *linklayer.Segment) {
	l.Flags = traceFlags(s.Flags)
	l.Seq, l.Ack, l.Window, l.Bytes = uint32(s.Seq), uint32(s.Ack), s.Window, len(s.Payload)
	if s.Options.Has&linklayer.HasSACK != 0 {
		for _, r := range s.Options.SACK[:s.Options.SACKCount] {
			l.SACK = append(l.SACK, [2]uint32{uint32(r.Start), uint32(r.End)})
		}
	}
}

func traceFlags(f linklayer.Flags) string {
	names := [...]string{"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"}
	var set []string
	for bit, name := range names {
		if f&(1<<bit) != 0 {
			set = append(set, name)
		}
	}
	return strings.Join(set, " ")
}

func (t *connTrace) write(f *traceFile, id ID, when time.Time, line *traceLine) error {
	line.Time = when.UTC().Format(time.RFC3339Nano)
	line.Conn = traceID(id)
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	_, err = f.lines.Write(append(text, '\n'))
	return err
}

// check ends tracing at the first error: a full disk must not end the crawl.
func (t *connTrace) check(err error) {
	if err != nil && !t.failed {
		t.failed = true
		t.files.close()
		log.Printf("tcpclient: %s: %v; no more is traced", TraceVariable, err)
	}
}
