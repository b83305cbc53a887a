package gnutella

import (
	"bytes"
	"errors"
)

// ErrNotGnutella: the first line is not that of a Gnutella 0.6 reply.
var ErrNotGnutella = errors.New("gnutella: not a Gnutella reply")

// Reply is what a servent says. Its lists are used again by the next Parse.
type Reply struct {
	Status    int
	Phrase    []byte // borrowed from the head
	UserAgent []byte // borrowed from the head
	LiveSince int64  // seconds since 1970 when the servent was started; 0 when it does not say
	HasLeaves bool   // an ultrapeer; a leaf names no leaves
	Peers     []Address
	Leaves    []Address
	Bad       int // entries of the lists that were no address of a host
}

// header is a header line whose value may go on in the next lines.
type header uint8

const (
	otherHeader header = iota
	peersHeader
	leavesHeader
)

// Parse reads a whole head, as HeadEnd found it. Lines may end without CR. It
// allocates only where a list is longer than any before.
func (r *Reply) Parse(head []byte) error {
	*r = Reply{Peers: r.Peers[:0], Leaves: r.Leaves[:0]}
	line, rest := nextLine(head)
	if !r.statusLine(line) {
		return ErrNotGnutella
	}
	current := otherHeader
	for len(rest) > 0 {
		line, rest = nextLine(rest)
		switch {
		case len(line) == 0:
			return nil
		case line[0] == ' ' || line[0] == '\t':
			r.list(current, line)
		default:
			current = r.headerLine(line)
		}
	}
	return nil
}

func nextLine(b []byte) (line, rest []byte) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		line = b
	} else {
		line, rest = b[:i], b[i+1:]
	}
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, rest
}

var protocol = []byte("GNUTELLA/0.6 ")

// statusLine reads GNUTELLA/0.6, three digits, and a phrase or nothing.
func (r *Reply) statusLine(line []byte) bool {
	text, ok := bytes.CutPrefix(line, protocol)
	if !ok || len(text) < 3 || len(text) > 3 && text[3] != ' ' {
		return false
	}
	for _, c := range text[:3] {
		if c-'0' > 9 {
			return false
		}
		r.Status = r.Status*10 + int(c-'0')
	}
	r.Phrase = bytes.TrimSpace(text[3:])
	return r.Status >= 100
}

// Names as they are compared: without regard to case.
var (
	peersName     = []byte("Peers")
	leavesName    = []byte("Leaves")
	userAgentName = []byte("User-Agent")
	liveSinceName = []byte("X-Live-Since")
)

// headerLine reads the first line of a header; what is no header is passed
// over.
func (r *Reply) headerLine(line []byte) header {
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return otherHeader
	}
	name, value := line[:colon], line[colon+1:]
	switch {
	case bytes.EqualFold(name, peersName):
		r.list(peersHeader, value)
		return peersHeader
	case bytes.EqualFold(name, leavesName):
		r.HasLeaves = true
		r.list(leavesHeader, value)
		return leavesHeader
	case bytes.EqualFold(name, userAgentName):
		r.UserAgent = bytes.TrimSpace(value)
	case bytes.EqualFold(name, liveSinceName):
		r.LiveSince, _ = parseDate(bytes.TrimSpace(value))
	}
	return otherHeader
}

// list adds the entries of a line to the list that it belongs to.
func (r *Reply) list(h header, line []byte) {
	var into *[]Address
	switch h {
	case peersHeader:
		into = &r.Peers
	case leavesHeader:
		into = &r.Leaves
	default:
		return
	}
	for len(line) > 0 {
		if line[0] == ' ' || line[0] == '\t' || line[0] == ',' {
			line = line[1:]
			continue
		}
		if a, n := parsePrefix(line); n > 0 && (n == len(line) || line[n] == ',') && a.Host() {
			*into = append(*into, a)
			line = line[n:]
			continue
		}
		line = r.entry(into, line)
	}
}

// entry takes an entry that is followed by blanks, or is no address of a host.
func (r *Reply) entry(into *[]Address, line []byte) (rest []byte) {
	entry := line
	if i := bytes.IndexByte(line, ','); i >= 0 {
		entry, rest = line[:i], line[i:]
	}
	if a, ok := ParseAddress(trim(entry)); ok && a.Host() {
		*into = append(*into, a)
	} else {
		r.Bad++
	}
	return rest
}

// trim takes blanks off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t') {
		b = b[1:]
	}
	for len(b) > 0 && (b[len(b)-1] == ' ' || b[len(b)-1] == '\t') {
		b = b[:len(b)-1]
	}
	return b
}
