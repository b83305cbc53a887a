package linklayer

import "encoding/binary"

// OptionsLen returns the bytes that EmitTCP will use for o, a multiple of 4:
// what a full segment's payload has to leave free. On a SYN they are MSS,
// window scale, SACK-permitted and timestamps, on others timestamps and SACK
// blocks; what does not belong there is left out. At most four blocks fit, or
// three beside timestamps (RFC 2018 §3).
func OptionsLen(o *Options, syn bool) int {
	if o.Has == 0 {
		return 0
	}
	if syn {
		return synOptionsLen(o.Has)
	}
	n := 0
	if o.Has&HasTimestamps != 0 {
		n = timestampsBytes + 2
	}
	if blocks := sackBlocks(o); blocks > 0 {
		n += 4 + blocks*sackBlockBytes
	}
	return n
}

func synOptionsLen(has OptionSet) int {
	n := 0
	if has&HasMSS != 0 {
		n += mssBytes
	}
	if has&HasWindowScale != 0 {
		n += windowScaleBytes + 1
	}
	switch {
	case has&HasTimestamps != 0: // its two bytes of padding hold SACK-permitted
		n += timestampsBytes + 2
	case has&HasSACKPermitted != 0:
		n += sackPermittedBytes + 2
	}
	return n
}

// sackBlocks is the number of blocks that are emitted.
func sackBlocks(o *Options) int {
	if o.Has&HasSACK == 0 {
		return 0
	}
	limit := len(o.SACK)
	if o.Has&HasTimestamps != 0 {
		limit = 3
	}
	return min(o.SACKCount, limit)
}

// words writes 32-bit words one behind the other, and adds them up for the
// checksum: to read back what was just written makes the processor wait.
type words struct {
	left []byte
	sum  uint64
}

func (w *words) put(word uint32) {
	binary.BigEndian.PutUint32(w.left, word)
	w.left = w.left[4:]
	w.sum += uint64(word)
}

// emitOptions writes exactly OptionsLen bytes, and returns their sum, not
// folded.
func emitOptions(dst []byte, o *Options, syn bool) uint64 {
	w := words{left: dst}
	if syn {
		w.synOptions(o)
		return w.sum
	}
	if o.Has&HasTimestamps != 0 {
		w.timestamps(o, optionNOP<<24|optionNOP<<16)
	}
	if blocks := sackBlocks(o); blocks > 0 {
		w.put(optionNOP<<24 | optionNOP<<16 | optionSACK<<8 | uint32(2+blocks*sackBlockBytes))
		for _, r := range o.SACK[:blocks] {
			w.put(uint32(r.Start))
			w.put(uint32(r.End))
		}
	}
	return w.sum
}

// synOptions orders the options as widely used systems do, since some
// firewalls know only those SYNs: without timestamps as Windows (MSS, NOP,
// WS, NOP, NOP, SACK-permitted), with them as Linux (MSS, SACK-permitted, TS,
// NOP, WS).
func (w *words) synOptions(o *Options) {
	if o.Has&HasMSS != 0 {
		w.put(optionMSS<<24 | mssBytes<<16 | uint32(o.MSS))
	}
	const scale = optionNOP<<24 | optionWindowScale<<16 | windowScaleBytes<<8
	const permitted = optionSACKPermitted<<8 | sackPermittedBytes
	if o.Has&HasTimestamps != 0 {
		lead := uint32(optionNOP<<24 | optionNOP<<16)
		if o.Has&HasSACKPermitted != 0 {
			lead = permitted << 16
		}
		w.timestamps(o, lead)
		if o.Has&HasWindowScale != 0 {
			w.put(scale | uint32(o.WindowScale))
		}
		return
	}
	if o.Has&HasWindowScale != 0 {
		w.put(scale | uint32(o.WindowScale))
	}
	if o.Has&HasSACKPermitted != 0 {
		w.put(optionNOP<<24 | optionNOP<<16 | permitted)
	}
}

// timestamps writes the option behind two bytes that align it.
func (w *words) timestamps(o *Options, lead uint32) {
	w.put(lead | optionTimestamps<<8 | timestampsBytes)
	w.put(o.TSVal)
	w.put(o.TSEcr)
}
