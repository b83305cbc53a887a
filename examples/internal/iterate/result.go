package iterate

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Result is what became of a name. It is borrowed.
type Result struct {
	Question Question
	Number   uint64           // as Config.Next gave it
	RCode    dnsmessage.RCode // where Failure is empty
	Failure  Failure
	Servers  []netip.Addr // asked, in order, the first of them; those for name servers' addresses included
	Requests int
	TCP      bool // one of them, at least
	Elapsed  time.Duration

	elements []byte // the answers, as JSON objects
	ends     []uint32
}

// Answers is how many records there are.
func (r *Result) Answers() int { return len(r.ends) }

// Answer is record k as a JSON object.
func (r *Result) Answer(k int) []byte {
	at := uint32(0)
	if k > 0 {
		at = r.ends[k-1]
	}
	return r.elements[at:r.ends[k]]
}

// add keeps a record of the answer.
func (t *task) add(r *reply, rec *record) {
	if t.forZone != nil {
		if rec.kind == typeA && rec.addr.IsGlobalUnicast() {
			t.addrs = append(t.addrs, rec.addr)
		}
		return
	}
	b := append(t.elements, `{"name":`...)
	b = appendJSON(b, r.text[rec.name.at:rec.name.end])
	b = append(b, `,"type":"`...)
	b = append(b, TypeName(rec.kind)...)
	b = append(b, `","ttl":`...)
	b = strconv.AppendUint(b, uint64(rec.ttl), 10)
	b = append(b, `,"data":`...)
	b = appendJSON(b, r.text[rec.data.at:rec.data.end])
	t.elements = append(b, '}')
	t.ends = append(t.ends, uint32(len(t.elements)))
}

// appendJSON appends printable ASCII as a JSON string.
func appendJSON[T []byte | string](dst []byte, text T) []byte {
	dst = append(dst, '"')
	for i := range len(text) {
		if c := text[i]; c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, text[i])
	}
	return append(dst, '"')
}

// AppendLines appends the result as JSON lines: one, or, where that would be
// longer than limit bytes, as many as it takes, each with its share of the
// answers. A single record that is longer stands in text parts of its own.
func (r *Result) AppendLines(dst []byte, limit int) []byte {
	at := len(dst)
	dst = r.appendHead(dst)
	if len(r.ends) > 0 {
		dst = append(dst, `,"answers":[`...)
		for k := range r.ends {
			if k > 0 {
				dst = append(dst, ',')
			}
			dst = append(dst, r.Answer(k)...)
		}
		dst = append(dst, ']')
	}
	if dst = r.appendTail(dst); len(dst)-at <= limit {
		return dst
	}
	return r.appendParts(dst[:at], limit)
}

// appendParts appends a result that is longer than a line.
func (r *Result) appendParts(dst []byte, limit int) []byte {
	head := r.appendHead(nil)
	tail := r.appendTail(nil)
	const partBytes = 40 // of "part" and its numbers
	room := limit - len(head) - len(tail) - partBytes
	pieces := r.pieces(room)
	for k, piece := range pieces {
		dst = append(dst, head...)
		dst = append(dst, `,"part":`...)
		dst = strconv.AppendInt(dst, int64(k+1), 10)
		dst = append(dst, `,"parts":`...)
		dst = strconv.AppendInt(dst, int64(len(pieces)), 10)
		dst = append(dst, `,"answers":[`...)
		dst = append(dst, piece...)
		dst = append(dst, ']')
		dst = append(dst, tail...)
	}
	return dst
}

// pieces are the answers, joined by commas, in as many pieces as the room for
// each asks for.
func (r *Result) pieces(room int) [][]byte {
	var pieces [][]byte
	var now []byte
	for k := range r.ends {
		for _, a := range split(r.Answer(k), room) {
			if len(now) > 0 && len(now)+1+len(a) > room {
				pieces, now = append(pieces, now), nil
			}
			if len(now) > 0 {
				now = append(now, ',')
			}
			now = append(now, a...)
		}
	}
	return append(pieces, now)
}

// split cuts the data of one record that is longer than room into records that
// say "more": true, but for the last; their data is to be joined.
func split(element []byte, room int) [][]byte {
	if len(element) <= room {
		return [][]byte{element}
	}
	const mark = `,"data":"`
	at := dataIndex(element, mark) + len(mark)
	head, data := element[:at], element[at:len(element)-2]
	var parts [][]byte
	for len(data) > 0 {
		n := min(len(data), room-len(head)-len(`","more":true}`))
		last := n == len(data)
		// Not in the middle of an escape, which is one or more backslashes.
		for slashes := trailing(data[:n]); !last && slashes%2 == 1; slashes = trailing(data[:n]) {
			n--
		}
		part := append(append([]byte(nil), head...), data[:n]...)
		if data = data[n:]; !last {
			part = append(part, `","more":true}`...)
		} else {
			part = append(part, `"}`...)
		}
		parts = append(parts, part)
	}
	return parts
}

// dataIndex finds the data of an element: the first mark after the name, which
// holds none.
func dataIndex(element []byte, mark string) int {
	for k := 0; k+len(mark) <= len(element); k++ {
		if string(element[k:k+len(mark)]) == mark {
			return k
		}
	}
	return -1
}

func trailing(b []byte) (slashes int) {
	for slashes < len(b) && b[len(b)-1-slashes] == '\\' {
		slashes++
	}
	return slashes
}

func (r *Result) appendHead(b []byte) []byte {
	b = append(b, `{"name":`...)
	b = appendJSON(b, r.Question.Name)
	b = append(b, `,"type":"`...)
	b = append(b, TypeName(r.Question.Type)...)
	b = append(b, '"')
	if r.Failure != "" {
		b = append(b, `,"error":`...)
		return appendJSON(b, string(r.Failure))
	}
	b = append(b, `,"rcode":"`...)
	b = append(b, RCodeName(r.RCode)...)
	return append(b, '"')
}

func (r *Result) appendTail(b []byte) []byte {
	b = append(b, `,"servers":[`...)
	for k, s := range r.Servers {
		if k > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = s.AppendTo(b)
		b = append(b, '"')
	}
	b = append(b, `],"requests":`...)
	b = strconv.AppendInt(b, int64(r.Requests), 10)
	if r.TCP {
		b = append(b, `,"tcp":true`...)
	}
	b = append(b, `,"us":`...)
	b = strconv.AppendInt(b, r.Elapsed.Microseconds(), 10)
	return append(b, '}', '\n')
}

// RCodeName is NOERROR or NXDOMAIN; no others end a task.
func RCodeName(c dnsmessage.RCode) string {
	if c == dnsmessage.RCodeNameError {
		return "NXDOMAIN"
	}
	return "NOERROR"
}

var typeNames = map[dnsmessage.Type]string{
	1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 13: "HINFO", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
	35: "NAPTR", 39: "DNAME", 43: "DS", 46: "RRSIG", 47: "NSEC", 48: "DNSKEY", 50: "NSEC3", 51: "NSEC3PARAM",
	52: "TLSA", 64: "SVCB", 65: "HTTPS", 99: "SPF", 255: "ANY", 257: "CAA",
}

// TypeName is the name of a record type; TYPE123 for one without (RFC 3597).
func TypeName(t dnsmessage.Type) string {
	if n, ok := typeNames[t]; ok {
		return n
	}
	return "TYPE" + strconv.Itoa(int(t))
}

// ParseType reads the name of a record type.
func ParseType(text string) (dnsmessage.Type, bool) {
	for t, n := range typeNames {
		if strings.EqualFold(n, text) {
			return t, true
		}
	}
	if len(text) > 4 && strings.EqualFold(text[:4], "TYPE") {
		if n, err := strconv.ParseUint(text[4:], 10, 16); err == nil && n > 0 {
			return dnsmessage.Type(n), true
		}
	}
	return 0, false
}

// LastData is the data of the last answer.
func (r *Result) LastData() string {
	if r.Answers() == 0 {
		return ""
	}
	const mark = `,"data":"`
	a := r.Answer(r.Answers() - 1)
	return string(a[dataIndex(a, mark)+len(mark) : len(a)-2])
}
