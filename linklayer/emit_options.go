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

// emitOptions writes exactly OptionsLen bytes.
func emitOptions(dst []byte, o *Options, syn bool) {
	if syn {
		emitSYNOptions(dst, o)
		return
	}
	if o.Has&HasTimestamps != 0 {
		dst = emitTimestamps(dst, o, optionNOP<<24|optionNOP<<16)
	}
	if blocks := sackBlocks(o); blocks > 0 {
		binary.BigEndian.PutUint32(dst, optionNOP<<24|optionNOP<<16|optionSACK<<8|uint32(2+blocks*sackBlockBytes))
		dst = dst[4:]
		for _, r := range o.SACK[:blocks] {
			binary.BigEndian.PutUint32(dst, uint32(r.Start))
			binary.BigEndian.PutUint32(dst[4:], uint32(r.End))
			dst = dst[sackBlockBytes:]
		}
	}
}

// emitSYNOptions orders the options as widely used systems do, since some
// firewalls know only those SYNs: without timestamps as Windows (MSS, NOP,
// WS, NOP, NOP, SACK-permitted), with them as Linux (MSS, SACK-permitted, TS,
// NOP, WS).
func emitSYNOptions(dst []byte, o *Options) {
	if o.Has&HasMSS != 0 {
		binary.BigEndian.PutUint32(dst, optionMSS<<24|mssBytes<<16|uint32(o.MSS))
		dst = dst[mssBytes:]
	}
	const scale = optionNOP<<24 | optionWindowScale<<16 | windowScaleBytes<<8
	const permitted = optionSACKPermitted<<8 | sackPermittedBytes
	if o.Has&HasTimestamps != 0 {
		lead := uint32(optionNOP<<24 | optionNOP<<16)
		if o.Has&HasSACKPermitted != 0 {
			lead = permitted << 16
		}
		dst = emitTimestamps(dst, o, lead)
		if o.Has&HasWindowScale != 0 {
			binary.BigEndian.PutUint32(dst, scale|uint32(o.WindowScale))
		}
		return
	}
	if o.Has&HasWindowScale != 0 {
		binary.BigEndian.PutUint32(dst, scale|uint32(o.WindowScale))
		dst = dst[windowScaleBytes+1:]
	}
	if o.Has&HasSACKPermitted != 0 {
		binary.BigEndian.PutUint32(dst, optionNOP<<24|optionNOP<<16|permitted)
	}
}

// emitTimestamps writes the option behind two bytes that align it, and returns
// what is left of dst.
func emitTimestamps(dst []byte, o *Options, lead uint32) []byte {
	binary.BigEndian.PutUint32(dst, lead|optionTimestamps<<8|timestampsBytes)
	binary.BigEndian.PutUint32(dst[4:], o.TSVal)
	binary.BigEndian.PutUint32(dst[8:], o.TSEcr)
	return dst[12:]
}
