package iterate

import (
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"

	"golang.org/x/net/dns/dnsmessage"
)

var (
	errNameLength = errors.New("name longer than 255 bytes")
	errMismatch   = errors.New("reply to another question")
	errCase       = errors.New("reply with another letter case")
	errRecords    = errors.New("too many records")
)

// recordsMax is how many records one section may have; 64 KiB hold 4,000 A
// records.
const recordsMax = 8192

// record is one resource record; names are in lower case, since those of a
// reply repeat the mixed case of our question.
type record struct {
	name   span
	data   span // as text, as in a zone file
	target span // the name that a CNAME or NS leads to
	addr   netip.Addr
	ttl    uint32
	kind   dnsmessage.Type
}

// span is a part of reply.text.
type span struct{ at, end uint32 }

// reply is a message that was read; it is reused for the next.
type reply struct {
	text          []byte
	answers       []record
	authority     []record // NS and SOA only
	glue          []record // A only
	rcode         dnsmessage.RCode
	authoritative bool
	truncated     bool
	edns          bool
}

func (r *reply) string(s span) string { return string(r.text[s.at:s.end]) }

// is compares a name without a copy.
func (r *reply) is(s span, name string) bool { return string(r.text[s.at:s.end]) == name }

// read reads the reply to a question: id, and name as it was sent. It returns
// errMismatch, errCase, or what is wrong with the message.
func (r *reply) read(message []byte, id uint16, name *dnsmessage.Name, kind dnsmessage.Type) error {
	r.text, r.answers, r.authority, r.glue = r.text[:0], r.answers[:0], r.authority[:0], r.glue[:0]
	r.edns = false
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil {
		return err
	}
	if h.ID != id || !h.Response || h.OpCode != 0 {
		return errMismatch
	}
	r.rcode, r.authoritative, r.truncated = h.RCode, h.Authoritative, h.Truncated
	q, err := p.Question()
	if err == dnsmessage.ErrSectionDone && h.RCode != dnsmessage.RCodeSuccess && h.RCode != dnsmessage.RCodeNameError {
		return nil // some leave the question out when they complain
	}
	if err != nil {
		return err
	}
	if q.Type != kind || q.Class != dnsmessage.ClassINET || q.Name.Length != name.Length {
		return errMismatch
	}
	sameCase := string(q.Name.Data[:q.Name.Length]) == string(name.Data[:name.Length])
	if !sameCase && !equalFold(&q.Name, name) {
		return errMismatch
	}
	if _, err := p.Question(); err != dnsmessage.ErrSectionDone {
		return errMismatch
	}
	if !sameCase {
		return errCase
	}
	if r.truncated {
		return nil // what is there is not all, and is asked for again
	}
	return r.readSections(&p)
}

func equalFold(a, b *dnsmessage.Name) bool {
	for i := range int(a.Length) {
		if lower(a.Data[i]) != lower(b.Data[i]) {
			return false
		}
	}
	return a.Length == b.Length
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

func (r *reply) readSections(p *dnsmessage.Parser) error {
	for {
		h, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone {
			break
		}
		if err != nil {
			return err
		}
		if h.Class != dnsmessage.ClassINET {
			err = p.SkipAnswer()
		} else if len(r.answers) == recordsMax {
			err = errRecords
		} else {
			err = r.readRecord(p, &h, &r.answers)
		}
		if err != nil {
			return err
		}
	}
	if err := r.readAuthority(p); err != nil {
		return err
	}
	return r.readAdditional(p)
}

func (r *reply) readAuthority(p *dnsmessage.Parser) error {
	for {
		h, err := p.AuthorityHeader()
		if err == dnsmessage.ErrSectionDone {
			return nil
		}
		if err != nil {
			return err
		}
		wanted := h.Class == dnsmessage.ClassINET && (h.Type == dnsmessage.TypeNS || h.Type == dnsmessage.TypeSOA)
		if wanted && len(r.authority) < recordsMax {
			err = r.readRecord(p, &h, &r.authority)
		} else {
			err = p.SkipAuthority()
		}
		if err != nil {
			return err
		}
	}
}

func (r *reply) readAdditional(p *dnsmessage.Parser) error {
	for {
		h, err := p.AdditionalHeader()
		if err == dnsmessage.ErrSectionDone {
			return nil
		}
		if err != nil {
			return err
		}
		r.edns = r.edns || h.Type == dnsmessage.TypeOPT
		if h.Class == dnsmessage.ClassINET && h.Type == dnsmessage.TypeA && len(r.glue) < recordsMax {
			err = r.readRecord(p, &h, &r.glue)
		} else {
			err = p.SkipAdditional()
		}
		if err != nil {
			return err
		}
	}
}

// readRecord reads the record that h begins, of any section.
func (r *reply) readRecord(p *dnsmessage.Parser, h *dnsmessage.ResourceHeader, to *[]record) error {
	rec := record{kind: h.Type, ttl: h.TTL, name: r.addName(&h.Name)}
	at := uint32(len(r.text))
	err := r.readData(p, &rec)
	rec.data = span{at, uint32(len(r.text))}
	*to = append(*to, rec)
	return err
}

func (r *reply) readData(p *dnsmessage.Parser, rec *record) error {
	switch rec.kind {
	case dnsmessage.TypeA:
		v, err := p.AResource()
		rec.addr = netip.AddrFrom4(v.A)
		r.text = rec.addr.AppendTo(r.text)
		return err
	case dnsmessage.TypeAAAA:
		v, err := p.AAAAResource()
		r.text = netip.AddrFrom16(v.AAAA).AppendTo(r.text)
		return err
	case dnsmessage.TypeCNAME:
		v, err := p.CNAMEResource()
		rec.target = r.addName(&v.CNAME)
		return err
	case dnsmessage.TypeNS:
		v, err := p.NSResource()
		rec.target = r.addName(&v.NS)
		return err
	case dnsmessage.TypePTR:
		v, err := p.PTRResource()
		r.addName(&v.PTR)
		return err
	case dnsmessage.TypeMX:
		v, err := p.MXResource()
		r.addNumbers(uint32(v.Pref))
		r.addName(&v.MX)
		return err
	case dnsmessage.TypeSRV:
		v, err := p.SRVResource()
		r.addNumbers(uint32(v.Priority), uint32(v.Weight), uint32(v.Port))
		r.addName(&v.Target)
		return err
	case dnsmessage.TypeSOA:
		v, err := p.SOAResource()
		r.addName(&v.NS)
		r.text = append(r.text, ' ')
		r.addName(&v.MBox)
		r.text = append(r.text, ' ')
		r.addNumbers(v.Serial, v.Refresh, v.Retry, v.Expire, v.MinTTL)
		r.text = r.text[:len(r.text)-1]
		return err
	}
	return r.readOther(p, rec)
}

func (r *reply) readOther(p *dnsmessage.Parser, rec *record) error {
	if rec.kind == dnsmessage.TypeTXT {
		v, err := p.TXTResource()
		for k, s := range v.TXT {
			if k > 0 {
				r.text = append(r.text, ' ')
			}
			r.text = append(r.text, '"')
			r.addEscaped(s, '"')
			r.text = append(r.text, '"')
		}
		return err
	}
	v, err := p.UnknownResource()
	if err != nil {
		return err
	}
	r.text = append(r.text, `\# `...) // RFC 3597 §5
	r.text = strconv.AppendInt(r.text, int64(len(v.Data)), 10)
	r.text = append(r.text, ' ')
	r.text = hex.AppendEncode(r.text, v.Data)
	return nil
}

// addNumbers appends numbers with a space after each.
func (r *reply) addNumbers(numbers ...uint32) {
	for _, n := range numbers {
		r.text = append(strconv.AppendUint(r.text, uint64(n), 10), ' ')
	}
}

// addName appends a name in lower case.
func (r *reply) addName(n *dnsmessage.Name) span {
	at := uint32(len(r.text))
	for _, c := range n.Data[:n.Length] {
		if c <= ' ' || c > '~' || c == '\\' {
			r.addByte(c)
		} else {
			r.text = append(r.text, lower(c))
		}
	}
	return span{at, uint32(len(r.text))}
}

// addEscaped appends text as in a zone file.
func (r *reply) addEscaped(text string, quote byte) {
	for i := range len(text) {
		c := text[i]
		switch {
		case c == quote || c == '\\':
			r.text = append(r.text, '\\', c)
		case c < ' ' || c > '~':
			r.addByte(c)
		default:
			r.text = append(r.text, c)
		}
	}
}

// addByte appends \DDD (RFC 1035 §5.1).
func (r *reply) addByte(c byte) {
	r.text = append(r.text, '\\', '0'+c/100, '0'+c/10%10, '0'+c%10)
}
