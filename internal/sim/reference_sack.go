package sim

import (
	"encoding/binary"
	"slices"

	"myriad/linklayer"
)

// span is a run of bytes, by their offsets: [from, to).
type span struct{ from, to int }

// outOfOrder is what a reference that speaks SACK (RFC 2018) has beyond a
// hole, and what its next ACK tells of it.
type outOfOrder struct {
	on     bool
	held   []span // in order, apart
	newest int    // an offset within the one that was added to last
	twice  span   // came again; D-SACK (RFC 2883)
}

// hold keeps bytes beyond a hole.
func (o *outOfOrder) hold(s span) {
	if s.from >= s.to {
		return
	}
	for _, h := range o.held {
		if h.from <= s.from && s.to <= h.to {
			o.twice = s
		}
	}
	o.newest = s.from
	o.held = slices.DeleteFunc(o.held, func(h span) bool {
		if h.to < s.from || s.to < h.from {
			return false
		}
		s.from, s.to = min(s.from, h.from), max(s.to, h.to)
		return true
	})
	at, _ := slices.BinarySearchFunc(o.held, s, func(a, b span) int { return a.from - b.from })
	o.held = slices.Insert(o.held, at, s)
}

// reach returns how far the bytes in order go, now that they go to got.
func (o *outOfOrder) reach(got int) int {
	for len(o.held) > 0 && o.held[0].from <= got {
		got = max(got, o.held[0].to)
		o.held = o.held[1:]
	}
	return got
}

// blocks are what the next ACK reports: what came twice, then the newest, then
// the others.
func (o *outOfOrder) blocks(most int) (b []span) {
	if o.twice.to > 0 {
		b = append(b, o.twice)
		o.twice = span{}
	}
	for _, h := range o.held {
		if h.from <= o.newest && o.newest < h.to {
			b = append(b, h)
		}
	}
	for _, h := range o.held {
		if !(h.from <= o.newest && o.newest < h.to) {
			b = append(b, h)
		}
	}
	return b[:min(len(b), most)]
}

// sackOption is what goes with an ACK.
func (r *reference) sackOption() []byte {
	most := 4
	if r.stampsOn {
		most = 3
	}
	blocks := r.beyond.blocks(most)
	if len(blocks) == 0 {
		return nil
	}
	o := []byte{1, 1, 5, byte(2 + 8*len(blocks))}
	for _, b := range blocks {
		o = binary.BigEndian.AppendUint32(o, uint32(r.irs.Add(1+b.from)))
		o = binary.BigEndian.AppendUint32(o, uint32(r.irs.Add(1+b.to)))
	}
	return o
}

// agreeSACK takes it if it is offered.
func (r *reference) agreeSACK(o *linklayer.Options) {
	r.beyond.on = r.plan.sack && o.Has&linklayer.HasSACKPermitted != 0
}
