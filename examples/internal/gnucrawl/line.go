package gnucrawl

import (
	"strconv"
	"time"

	"myriad/examples/internal/gnutella"
)

// lineMax is more than any line takes: an agent and a phrase, each byte of
// them written as six.
const lineMax = 6*(agentBytesMax+phraseMax) + 512

const phraseMax = 128

// kindOf words what a node is.
func kindOf(r *record) string {
	switch {
	case r.ultrapeer:
		return "ultrapeer"
	case r.reason == OK:
		return "leaf"
	}
	return "unknown"
}

// appendLine writes the line of a node that was contacted.
func appendLine(b []byte, a gnutella.Address, r *record, agent, phrase []byte, rtt time.Duration, began int64) []byte {
	b = append(b, `{"address":"`...)
	b = a.Append(b)
	b = append(b, `","kind":"`...)
	b = append(b, kindOf(r)...)
	b = append(b, '"')
	if r.status != 0 {
		b = appendNumber(b, `,"status":`, int64(r.status))
	}
	if agent != nil {
		b = append(b, `,"user_agent":`...)
		b = append(b, agent...)
	}
	if r.liveSince != 0 {
		b = append(b, `,"live_since":"`...)
		b = time.Unix(r.liveSince, 0).UTC().AppendFormat(b, time.RFC3339)
		b = appendNumber(b, `","uptime_s":`, max(began-r.liveSince, 0))
	}
	if r.reason == OK {
		b = appendNumber(b, `,"peers":`, int64(r.peers))
		b = appendNumber(b, `,"leaves":`, int64(r.leaves))
	}
	if r.bad > 0 {
		b = appendNumber(b, `,"bad_entries":`, int64(r.bad))
	}
	if r.itself {
		b = append(b, `,"names_itself":true`...)
	}
	if rtt > 0 {
		b = appendNumber(b, `,"rtt_us":`, rtt.Microseconds())
	}
	b = appendNumber(b, `,"attempts":`, int64(r.attempts))
	if r.reason != OK {
		b = append(b, `,"error":"`...)
		b = append(b, r.reason.String()...)
		b = append(b, '"')
		if len(phrase) > 0 {
			b = append(b, `,"detail":`...)
			b = appendQuoted(b, phrase[:min(len(phrase), phraseMax)])
		}
	}
	return append(b, '}', '\n')
}

// appendLeaf writes the line of a node that was named as a leaf only.
func appendLeaf(b []byte, a gnutella.Address, parents uint64) []byte {
	b = append(b, `{"address":"`...)
	b = a.Append(b)
	b = appendNumber(b, `","kind":"leaf","parents":`, int64(parents))
	return append(b, '}', '\n')
}

func appendNumber(b []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(b, name...), n, 10)
}
