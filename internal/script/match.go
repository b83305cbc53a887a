package script

import (
	"encoding/binary"
	"fmt"
)

// stampSlack is how far a timestamp may be off, in its milliseconds.
const stampSlack = 3

// match tells in what the client's segment differs from what the line
// expects; nil when in nothing that the line names.
func (b *bases) match(p *packet, s *segment) error {
	flags := s.flags
	if p.eitherPSH {
		flags &^= flagPSH
	}
	switch first := int(int32(s.seq - b.iss)); {
	case flags != p.flags:
		return fmt.Errorf("flags %s, not %s", formatFlags(s.flags), formatFlags(p.flags))
	case first != p.seq:
		return fmt.Errorf("it begins at %d, not %d", first, p.seq)
	case len(s.payload) != p.length:
		return fmt.Errorf("it is %d bytes long, not %d", len(s.payload), p.length)
	case p.ack != nil && int(int32(s.ack-b.irs)) != *p.ack:
		return fmt.Errorf("ack %d, not %d", int32(s.ack-b.irs), *p.ack)
	case p.window != nil && int(s.window) != *p.window:
		return fmt.Errorf("win %d, not %d", s.window, *p.window)
	case p.text != nil && string(p.text) != string(s.payload):
		return fmt.Errorf("payload %q, not %q", s.payload, p.text)
	}
	if err := p.matchIP(s); err != nil {
		return err
	}
	if p.anyOptions {
		return nil
	}
	return b.matchOptions(p, s)
}

func (p *packet) matchIP(s *segment) error {
	if n, ok := p.has["ttl"]; ok && n != int(s.ttl) {
		return fmt.Errorf("ttl %d, not %d", s.ttl, n)
	}
	if n, ok := p.has["tos"]; ok && n != int(s.tos) {
		return fmt.Errorf("tos %d, not %d", s.tos, n)
	}
	return nil
}

func (b *bases) matchOptions(p *packet, s *segment) error {
	if len(p.options) != len(s.options) {
		return fmt.Errorf("options <%s>", b.formatOptions(s, true))
	}
	for k := range p.options {
		if want, got := &p.options[k], s.options[k]; !b.matchOption(want, got) {
			return fmt.Errorf("option %q, not %s %v", b.formatOption(got, true), want.name, want.values)
		}
	}
	return nil
}

func (b *bases) matchOption(want *option, got rawOption) bool {
	if want.name == "TS" && got.kind == kindTS && len(got.body) == 8 {
		if want.any {
			return true
		}
		value := int(int32(binary.BigEndian.Uint32(got.body) - b.stamp))
		echo := binary.BigEndian.Uint32(got.body[4:])
		return value >= want.values[0]-stampSlack && value <= want.values[0]+stampSlack && echo == uint32(want.values[1])
	}
	return b.formatOption(got, true) == b.formatOption(b.raw(want, true, 0)[0], true)
}

// raw makes an option's bytes; a `raw` one may be several.
func (b *bases) raw(o *option, ours bool, lastStamp uint32) []rawOption {
	switch o.name {
	case "eol":
		return []rawOption{{kind: kindEOL}}
	case "nop":
		return []rawOption{{kind: kindNOP}}
	case "mss":
		return []rawOption{{kindMSS, binary.BigEndian.AppendUint16(nil, uint16(o.values[0]))}}
	case "wscale":
		return []rawOption{{kindScale, []byte{byte(o.values[0])}}}
	case "sackOK":
		return []rawOption{{kind: kindSACKOK}}
	case "TS":
		return []rawOption{{kindTS, b.rawTS(o, lastStamp)}}
	}
	base := b.iss
	if ours {
		base = b.irs
	}
	var body []byte
	for _, v := range o.values {
		body = binary.BigEndian.AppendUint32(body, base+uint32(v))
	}
	return []rawOption{{kindSACK, body}}
}

// rawTS is the peer's timestamp, which echoes the client's.
func (b *bases) rawTS(o *option, lastStamp uint32) []byte {
	if o.any {
		return make([]byte, 8)
	}
	echo := b.stamp + uint32(o.values[1])
	if o.last {
		echo = lastStamp
	}
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(o.values[0])), echo)
}
