package script

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// bases are what numbers in a script count from.
type bases struct {
	iss, irs uint32
	stamp    uint32 // the client's first timestamp
}

// format writes a segment as a script would have it.
func (b *bases) format(s *segment, ours bool) string {
	seqBase, ackBase := b.iss, b.irs
	if !ours {
		seqBase, ackBase = b.irs, b.iss
	}
	first := int(int32(s.seq - seqBase))
	var out strings.Builder
	fmt.Fprintf(&out, "%s %d:%d(%d)", formatFlags(s.flags), first, first+len(s.payload), len(s.payload))
	if s.flags&flagACK != 0 {
		fmt.Fprintf(&out, " ack %d", int32(s.ack-ackBase))
	}
	fmt.Fprintf(&out, " win %d", s.window)
	if s.flags&flagURG != 0 {
		fmt.Fprintf(&out, " urg %d", s.urgent)
	}
	if len(s.options) > 0 {
		fmt.Fprintf(&out, " <%s>", b.formatOptions(s, ours))
	}
	return out.String()
}

func (b *bases) formatOptions(s *segment, ours bool) string {
	var list []string
	for _, o := range s.options {
		list = append(list, b.formatOption(o, ours))
	}
	return strings.Join(list, ",")
}

func (b *bases) formatOption(o rawOption, ours bool) string {
	switch {
	case o.kind == kindEOL:
		return "eol"
	case o.kind == kindNOP:
		return "nop"
	case o.kind == kindMSS && len(o.body) == 2:
		return fmt.Sprintf("mss %d", binary.BigEndian.Uint16(o.body))
	case o.kind == kindScale && len(o.body) == 1:
		return fmt.Sprintf("wscale %d", o.body[0])
	case o.kind == kindSACKOK && len(o.body) == 0:
		return "sackOK"
	case o.kind == kindTS && len(o.body) == 8:
		value, echo := binary.BigEndian.Uint32(o.body), binary.BigEndian.Uint32(o.body[4:])
		if ours {
			return fmt.Sprintf("TS val %d ecr %d", int32(value-b.stamp), echo)
		}
		return fmt.Sprintf("TS val %d ecr %d", value, int32(echo-b.stamp))
	case o.kind == kindSACK && len(o.body)%8 == 0:
		base := b.irs
		if !ours {
			base = b.iss
		}
		text := "sack"
		for k := 0; k < len(o.body); k += 8 {
			first, last := binary.BigEndian.Uint32(o.body[k:]), binary.BigEndian.Uint32(o.body[k+4:])
			text += fmt.Sprintf(" %d:%d", int32(first-base), int32(last-base))
		}
		return text
	}
	return fmt.Sprintf("raw %02x%02x%x", o.kind, len(o.body)+2, o.body)
}

func formatInstant(at time.Duration) string { return fmt.Sprintf("%.6f", at.Seconds()) }
