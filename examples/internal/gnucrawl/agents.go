package gnucrawl

import (
	"strconv"
	"unicode/utf8"
)

const (
	agentsMax     = 1 << 15 // different ones that are kept
	agentBytesMax = 256
)

// agents numbers user agents; number 0 stands for none, and for those beyond
// agentsMax.
type agents struct {
	numbers map[string]uint16
	quoted  [][]byte // as JSON strings
}

func newAgents() *agents {
	return &agents{numbers: make(map[string]uint16), quoted: [][]byte{nil}}
}

// number allocates for an agent that is new only.
func (a *agents) number(text []byte) uint16 {
	if len(text) == 0 {
		return 0
	}
	text = text[:min(len(text), agentBytesMax)]
	n, ok := a.numbers[string(text)]
	if !ok && len(a.quoted) < agentsMax {
		n = uint16(len(a.quoted))
		a.numbers[string(text)] = n
		a.quoted = append(a.quoted, appendQuoted(nil, text))
	}
	return n
}

// appendQuoted writes text from the network as a JSON string. What is not
// UTF-8 becomes U+FFFD.
func appendQuoted(b, text []byte) []byte {
	b = append(b, '"')
	for len(text) > 0 {
		c, size := utf8.DecodeRune(text)
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', byte(c))
		case c < ' ' || c == 0x7f:
			b = append(b, `\u00`...)
			if c < 0x10 {
				b = append(b, '0')
			}
			b = strconv.AppendUint(b, uint64(c), 16)
		default:
			b = utf8.AppendRune(b, c)
		}
		text = text[size:]
	}
	return append(b, '"')
}
