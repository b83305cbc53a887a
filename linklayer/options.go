package linklayer

import (
	"encoding/binary"

	"myriad/internal/seq"
)

// TCP option kinds and lengths (RFC 9293 §3.2, RFC 7323, RFC 2018).
const (
	optionEnd           = 0
	optionNOP           = 1
	optionMSS           = 2
	optionWindowScale   = 3
	optionSACKPermitted = 4
	optionSACK          = 5
	optionTimestamps    = 8

	mssBytes           = 4
	windowScaleBytes   = 3
	sackPermittedBytes = 2
	timestampsBytes    = 10
	sackBlockBytes     = 8

	// OptionsBytesMax is what a TCP header has room for.
	OptionsBytesMax = 40
)

// parseOptions reads a header's options. Has and SACKCount must be zero. The
// cursor moves on in every step; a length that is illegal (below 2, or past
// the header) ends it, since nothing after it can be trusted. A known option
// of the wrong length is passed over like an unknown one. Options that belong
// on a SYN count only there, SACK blocks only elsewhere.
func parseOptions(b []byte, syn bool, o *Options) {
	if syn {
		b = parseAligned(b, o)
	}
	for len(b) > 0 {
		kind := b[0]
		if kind == optionNOP {
			b = b[1:]
			continue
		}
		if kind == optionEnd || len(b) < 2 {
			return
		}
		length := int(b[1])
		if length < 2 || length > len(b) {
			return
		}
		body := b[2:length]
		switch {
		case kind == optionTimestamps && length == timestampsBytes:
			o.TSVal = binary.BigEndian.Uint32(body)
			o.TSEcr = binary.BigEndian.Uint32(body[4:])
			o.Has |= HasTimestamps
		case syn:
			parseSYNOption(kind, body, o)
		case kind == optionSACK:
			parseSACK(body, o)
		}
		b = b[length:]
	}
}

// parseAligned reads, word by word, what a SYN's options mostly are, and returns
// the rest: each word is an option, or one that padding fills up to a word.
func parseAligned(b []byte, o *Options) []byte {
	const (
		mss       = optionMSS<<8 | mssBytes
		scale     = optionNOP<<16 | optionWindowScale<<8 | windowScaleBytes
		permitted = optionNOP<<24 | optionNOP<<16 | optionSACKPermitted<<8 | sackPermittedBytes
	)
	for len(b) >= 4 {
		switch word := binary.BigEndian.Uint32(b); {
		case word>>16 == mss:
			o.MSS = uint16(word)
			o.Has |= HasMSS
		case word == permitted:
			o.Has |= HasSACKPermitted
		case word>>8 == scale:
			o.WindowScale = uint8(word)
			o.Has |= HasWindowScale
		default:
			return b
		}
		b = b[4:]
	}
	return b
}

// parseSYNOption reads one of the options that only a SYN carries.
func parseSYNOption(kind byte, body []byte, o *Options) {
	switch {
	case kind == optionMSS && len(body) == mssBytes-2:
		o.MSS = binary.BigEndian.Uint16(body)
		o.Has |= HasMSS
	case kind == optionWindowScale && len(body) == windowScaleBytes-2:
		o.WindowScale = body[0]
		o.Has |= HasWindowScale
	case kind == optionSACKPermitted && len(body) == sackPermittedBytes-2:
		o.Has |= HasSACKPermitted
	}
}

// parseSACK reads up to four blocks. Blocks that are empty or end before they
// begin are left out. Of two SACK options the last one counts.
func parseSACK(body []byte, o *Options) {
	if len(body)%sackBlockBytes != 0 {
		return
	}
	count := 0
	for len(body) >= sackBlockBytes && count < len(o.SACK) {
		r := seq.Range{
			Start: seq.Number(binary.BigEndian.Uint32(body)),
			End:   seq.Number(binary.BigEndian.Uint32(body[4:])),
		}
		if r.Len() > 0 { // not Before, which holds both ways at 2³¹ bytes
			o.SACK[count] = r
			count++
		}
		body = body[sackBlockBytes:]
	}
	o.SACKCount = count
	if count == 0 {
		o.Has &^= HasSACK
		return
	}
	o.Has |= HasSACK
}
