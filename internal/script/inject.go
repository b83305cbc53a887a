package script

import (
	"bytes"
	"fmt"
)

// windowDefault is what the peer offers where a line does not say.
const windowDefault = 65535

// inject sends a packet of the peer's; join leaves it on the wire, for the
// client to find together with the next.
func (r *runner) inject(p *packet, join bool) error {
	g := &segment{
		source: remoteAddress.As4(), dest: localAddress.As4(), sport: remotePort, dport: localPort,
		ethernetTo: localMAC, from: remoteMAC, identification: uint16(len(r.trace)),
	}
	if n, ok := p.has["sport"]; ok && p.icmp == nil {
		g.sport = uint16(n)
	}
	if n, ok := p.has["dport"]; ok && p.icmp == nil {
		g.dport = uint16(n)
	}
	if n, ok := p.has["from"]; ok {
		g.source = [4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}
	}
	if p.has["group"] != 0 {
		g.ethernetTo = [6]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	}
	var frame []byte
	if p.icmp != nil {
		frame = g.message(p.icmp, r.bases.iss+uint32(p.icmp.seq), p.has)
		r.trace = append(r.trace, traced{at: r.now(), frame: frame, text: fmt.Sprintf("< icmp type %d code %d", p.icmp.kind, p.icmp.code)})
	} else {
		frame = r.fill(g, p).encodeWith(r.optionBytes(p), p.has)
		r.trace = append(r.trace, traced{at: r.now(), segment: g, frame: frame})
	}
	if len(frame) > ethernetLen+r.settings.MTU {
		return fmt.Errorf("the packet is larger than the link's MTU of %d", r.settings.MTU)
	}
	pieces := [][]byte{frame}
	if n := p.has["fragment"]; n > 0 {
		pieces = fragments(frame, n)
		if p.has["overlap"] != 0 {
			pieces = append(pieces[:1:1], append([][]byte{overlapping(pieces[0])}, pieces[1:]...)...)
		}
	}
	for _, piece := range pieces {
		r.world.link.End(1).Inject(piece)
	}
	if join {
		return nil
	}
	if err := r.world.settle(); err != nil {
		return err
	}
	return r.checkDelivered()
}

// overlapping is the fragment again with other bytes and one block later.
func overlapping(piece []byte) []byte {
	again := bytes.Clone(piece)
	ip := again[ethernetLen:]
	ip[7]++
	ip[len(ip)-1] ^= 0xff
	ip[10], ip[11] = 0, 0
	sum := checksum(ip[:ipLen])
	ip[10], ip[11] = byte(sum>>8), byte(sum)
	return again
}

// fill makes the line's numbers absolute.
func (r *runner) fill(g *segment, p *packet) *segment {
	g.seq, g.flags, g.urgent = r.bases.irs+uint32(p.seq), p.flags, uint16(p.urgent)
	if p.urgent != 0 {
		g.flags |= flagURG
	}
	if p.ack != nil {
		g.ack = r.bases.iss + uint32(*p.ack)
	}
	g.window = windowDefault
	if p.window != nil {
		g.window = uint16(*p.window)
	}
	g.payload = pattern(p.seq, p.length)
	if p.text != nil {
		g.payload, r.textual = p.text, true
	}
	for k := range p.options {
		if p.options[k].raw == nil {
			g.options = append(g.options, r.bases.raw(&p.options[k], false, r.lastStamp)...)
		}
	}
	return g
}

func (r *runner) optionBytes(p *packet) (all []byte) {
	for k := range p.options {
		o := &p.options[k]
		if o.raw != nil {
			all = append(all, o.raw...)
			continue
		}
		for _, raw := range r.bases.raw(o, false, r.lastStamp) {
			all = append(all, raw.kind)
			if raw.kind > kindNOP {
				all = append(all, byte(2+len(raw.body)))
			}
			all = append(all, raw.body...)
		}
	}
	return all
}

// checkDelivered: each byte that the application was given is the peer's byte
// of that place, once.
func (r *runner) checkDelivered() error {
	if r.textual || bytes.Equal(r.delivered, pattern(1, len(r.delivered))) {
		return nil
	}
	return fmt.Errorf("the bytes delivered are not those that the peer sent")
}
